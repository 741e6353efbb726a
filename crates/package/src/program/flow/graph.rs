//! The control flow of one method, and which instructions a register's value comes from ("reaching definitions").

use crate::dex::{Code, Instruction, Opcode, Payload};

/// More instructions than a method that a person wrote has; larger ones are not looked into.
const MAX_INSTRUCTIONS: usize = 65_536;
/// More places than a value that means something comes from.
const MAX_ORIGINS: usize = 24;

/// A method's instructions in blocks that are entered only at their start.
#[derive(Debug)]
pub struct Graph {
    instructions: Vec<Instruction>,
    blocks: Vec<Block>,
    first_argument: u16,
}

/// Instructions that run one after another.
#[derive(Debug, Default)]
pub struct Block {
    /// The first instruction.
    pub start: usize,
    /// The instruction after the last.
    pub end: usize,
    /// The blocks from which it is entered.
    pub from: Vec<usize>,
    /// The blocks whose exceptions it handles.
    pub thrown_from: Vec<usize>,
    /// The blocks that it goes on to.
    pub to: Vec<usize>,
}

/// Where the value of a register comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The method's start: an argument, or nothing.
    Start,
    /// The instruction at this place of [`Graph::instructions`].
    At(usize),
}

impl Graph {
    /// The graph of a method; nothing where its code is broken or larger than is looked into.
    pub fn new(code: &Code<'_>) -> Option<Graph> {
        let instructions: Vec<Instruction> =
            code.instructions().take(MAX_INSTRUCTIONS + 1).collect::<Result<_, _>>().ok()?;
        if instructions.is_empty() || instructions.len() > MAX_INSTRUCTIONS {
            return None;
        }
        let mut graph =
            Graph { instructions, blocks: Vec::new(), first_argument: code.registers.saturating_sub(code.ins) };
        graph.cut(code);
        Some(graph)
    }

    /// All instructions in order.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// All blocks in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The first register that holds an argument.
    pub fn first_argument(&self) -> u16 {
        self.first_argument
    }

    /// The place of the instruction at `pc`.
    pub fn find(&self, pc: u32) -> Option<usize> {
        self.instructions.binary_search_by_key(&pc, |instruction| instruction.pc).ok()
    }

    /// The block that an instruction is in.
    pub fn block_of(&self, at: usize) -> usize {
        self.blocks.partition_point(|block| block.start <= at).saturating_sub(1)
    }

    fn cut(&mut self, code: &Code<'_>) {
        let mut leads = vec![false; self.instructions.len() + 1];
        let mut jumps: Vec<(usize, usize)> = Vec::new();
        for (at, instruction) in self.instructions.iter().enumerate() {
            let targets = targets(code, instruction);
            if targets.is_empty() && !instruction.opcode.ends_block() {
                continue;
            }
            mark(&mut leads, at + 1);
            for target in targets.iter().filter_map(|pc| self.find(*pc)) {
                mark(&mut leads, target);
                jumps.push((at, target));
            }
        }
        // Ranges are cut at their ends, so that a block is protected as a whole or not at all.
        let mut catches: Vec<(usize, usize, usize)> = Vec::new();
        for range in code.tries().take(4096) {
            let place = |pc: u32| self.instructions.partition_point(|instruction| instruction.pc < pc);
            let (start, end) = (place(range.start), place(range.end));
            mark(&mut leads, start);
            mark(&mut leads, end);
            for handler in code.handlers(range).take(64).filter_map(|handler| self.find(handler.target)) {
                mark(&mut leads, handler);
                catches.push((start, end, handler));
            }
        }
        let starts = (0..self.instructions.len()).filter(|at| *at == 0 || leads.get(*at).copied().unwrap_or_default());
        let starts: Vec<usize> = starts.collect();
        let ends = starts.iter().copied().skip(1).chain([self.instructions.len()]);
        self.blocks =
            starts.iter().copied().zip(ends).map(|(start, end)| Block { start, end, ..Block::default() }).collect();
        for (at, target) in jumps {
            self.connect(self.block_of(at), self.block_of(target));
        }
        for at in 1..self.blocks.len() {
            let last = self.blocks.get(at - 1).and_then(|block| self.instructions.get(block.end - 1));
            if last.is_some_and(|last| !last.opcode.ends_block()) {
                self.connect(at - 1, at);
            }
        }
        for (start, end, handler) in catches {
            let handler = self.block_of(handler);
            let first = self.block_of(start);
            let protected = self.blocks.iter().skip(first).take_while(|block| block.start < end).count();
            if let Some(block) = self.blocks.get_mut(handler) {
                block.thrown_from.extend(first..first + protected);
            }
        }
    }

    fn connect(&mut self, from: usize, to: usize) {
        if let Some(block) = self.blocks.get_mut(to) {
            block.from.push(from);
        }
        if let Some(block) = self.blocks.get_mut(from) {
            block.to.push(to);
        }
    }

    /// Where the value of `register` before the instruction at `at` can come from. Nothing where these are too many, or
    /// where `work` ends, from which every instruction that is looked at is taken.
    pub fn origins(&self, register: u16, at: usize, work: &mut u32) -> Option<Vec<Origin>> {
        let mut found = Vec::new();
        let mut seen = vec![false; self.blocks.len()];
        let mut seen_thrown = vec![false; self.blocks.len()];
        let mut waiting = vec![(self.block_of(at), at)];
        while let Some((number, end)) = waiting.pop() {
            let block = self.blocks.get(number)?;
            let looked_at = u32::try_from(end.saturating_sub(block.start)).unwrap_or(u32::MAX);
            *work = work.checked_sub(looked_at.saturating_add(1))?;
            if let Some(writer) = self.writers(register, block.start, end).next() {
                add(&mut found, Origin::At(writer));
            } else {
                if number == 0 {
                    add(&mut found, Origin::Start);
                }
                let whole = |from: &usize| self.blocks.get(*from).map(|block| (*from, block.end));
                for entry in block.from.iter().filter_map(whole) {
                    if let Some(seen) = seen.get_mut(entry.0).filter(|seen| !**seen) {
                        *seen = true;
                        waiting.push(entry);
                    }
                }
                // An exception may come before or after any write of the block that throws it.
                for (from, end) in block.thrown_from.iter().filter_map(whole) {
                    let start = self.blocks.get(from)?.start;
                    *work = work.checked_sub(u32::try_from(end - start).unwrap_or(u32::MAX))?;
                    self.writers(register, start, end).for_each(|writer| add(&mut found, Origin::At(writer)));
                    if let Some(seen) = seen_thrown.get_mut(from).filter(|seen| !**seen) {
                        *seen = true;
                        waiting.push((from, start));
                    }
                }
            }
            if found.len() > MAX_ORIGINS {
                return None;
            }
        }
        Some(found)
    }

    /// The instructions between two places that write a register, last first.
    fn writers(&self, register: u16, start: usize, end: usize) -> impl Iterator<Item = usize> + '_ {
        (start..end).rev().filter(move |at| {
            self.instructions.get(*at).is_some_and(|instruction| {
                instruction.opcode.writes_register()
                    && (instruction.a == register
                        || (instruction.opcode.writes_pair() && instruction.a.wrapping_add(1) == register))
            })
        })
    }
}

fn add(found: &mut Vec<Origin>, origin: Origin) {
    if !found.contains(&origin) {
        found.push(origin);
    }
}

fn mark(leads: &mut [bool], at: usize) {
    if let Some(lead) = leads.get_mut(at) {
        *lead = true;
    }
}

/// Where an instruction may jump.
fn targets(code: &Code<'_>, instruction: &Instruction) -> Vec<u32> {
    match instruction.opcode {
        Opcode::PACKED_SWITCH | Opcode::SPARSE_SWITCH => match code.payload(instruction.target()) {
            Some(Payload::Switch(switch)) => {
                switch.cases().map(|(_, distance)| instruction.pc.wrapping_add_signed(distance)).collect()
            }
            _ => Vec::new(),
        },
        Opcode::GOTO | Opcode::GOTO_16 | Opcode::GOTO_32 => vec![instruction.target()],
        opcode if opcode.is_conditional() => vec![instruction.target()],
        _ => Vec::new(),
    }
}
