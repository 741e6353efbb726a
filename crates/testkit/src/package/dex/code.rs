//! Bytecode in the making: code units with places that are filled in once labels and indexes are known.

use std::collections::BTreeMap;

use super::pool::Pool;

/// The code of a method. The operations stand in `operations.rs`; each appends one instruction.
#[derive(Debug, Clone)]
pub struct Code {
    pub(super) registers: u16,
    pub(super) outs: u16,
    pub(super) units: Vec<u16>,
    fixes: Vec<(usize, Fix)>,
    labels: BTreeMap<String, usize>,
    tables: Vec<(usize, Table)>,
    pub(super) lines: Vec<(u32, u32)>,
    pub(super) tries: Vec<Protected>,
}

/// What is filled in at a place.
#[derive(Debug, Clone)]
pub(super) enum Fix {
    /// A string in 16 bits.
    String(String),
    /// A string in 32 bits.
    Jumbo(String),
    Type(String),
    Field(String, String, String),
    Method(String, String, String),
    Proto(String),
    /// A distance in the high byte of the unit, from the instruction at `from`.
    Near {
        from: usize,
        label: String,
    },
    /// A distance in 16 bits.
    Far {
        from: usize,
        label: String,
    },
    /// A distance in 32 bits.
    Farther {
        from: usize,
        label: String,
    },
}

/// A table that is put behind the code.
#[derive(Debug, Clone)]
pub(super) enum Table {
    Packed { first: i32, labels: Vec<String> },
    Sparse(Vec<(i32, String)>),
    Data { width: u16, bytes: Vec<u8> },
}

/// A protected range.
#[derive(Debug, Clone)]
pub(super) struct Protected {
    pub(super) start: u32,
    pub(super) units: u16,
    /// Exception types with the labels of their handlers; `*` for everything.
    pub(super) handlers: Vec<(String, String)>,
}

impl Code {
    pub(super) fn new(registers: u16) -> Code {
        Code {
            registers,
            outs: 0,
            units: Vec::new(),
            fixes: Vec::new(),
            labels: BTreeMap::new(),
            tables: Vec::new(),
            lines: Vec::new(),
            tries: Vec::new(),
        }
    }

    /// Names the place of the next instruction.
    pub fn label(&mut self, name: &str) -> &mut Code {
        let before = self.labels.insert(name.to_owned(), self.units.len());
        assert!(before.is_none(), "the label `{name}` is there twice");
        self
    }

    /// Says that the next instructions come from `line` of the source.
    pub fn line(&mut self, line: u32) -> &mut Code {
        self.lines.push((self.units.len() as u32, line));
        self
    }

    /// Protects what `write` adds: exceptions go to the labels given with their types, in this order. `*` catches everything
    /// and stands last.
    pub fn protect(&mut self, handlers: &[(&str, &str)], write: impl FnOnce(&mut Code)) -> &mut Code {
        let start = self.units.len();
        write(self);
        self.tries.push(Protected {
            start: start as u32,
            units: (self.units.len() - start) as u16,
            handlers: handlers.iter().map(|(of, label)| ((*of).to_owned(), (*label).to_owned())).collect(),
        });
        self
    }

    /// Appends code units as they are.
    pub fn raw(&mut self, units: &[u16]) -> &mut Code {
        self.units.extend(units);
        self
    }

    pub(super) fn fix(&mut self, at: usize, fix: Fix) {
        self.fixes.push((at, fix));
    }

    /// A `31t` instruction with a table.
    pub(super) fn with_table(&mut self, opcode: u8, register: u16, table: Table) -> &mut Code {
        let at = self.units.len();
        self.units.extend([unit(opcode, register, 8), 0, 0]);
        self.tables.push((at, table));
        self
    }

    /// Where a label is.
    pub(super) fn place(&self, label: &str) -> usize {
        *self.labels.get(label).unwrap_or_else(|| panic!("there is no label `{label}`"))
    }

    /// Names everything that the code names.
    pub(super) fn collect(&self, pool: &mut Pool) {
        for (_, fix) in &self.fixes {
            match fix {
                Fix::String(text) | Fix::Jumbo(text) => pool.add_string(text),
                Fix::Type(descriptor) => pool.add_type(descriptor),
                Fix::Field(class, name, of) => pool.add_field(class, name, of),
                Fix::Method(class, name, signature) => pool.add_method(class, name, signature),
                Fix::Proto(signature) => pool.add_proto(signature),
                Fix::Near { .. } | Fix::Far { .. } | Fix::Farther { .. } => {}
            }
        }
        for (of, _) in self.tries.iter().flat_map(|range| &range.handlers).filter(|(of, _)| of != "*") {
            pool.add_type(of);
        }
    }

    /// The code units with everything filled in and the tables behind.
    pub(super) fn finish(&self, pool: &Pool) -> Vec<u16> {
        let mut units = self.units.clone();
        for (from, table) in &self.tables {
            if !units.len().is_multiple_of(2) {
                units.push(0);
            }
            let distance = (units.len() - from) as u32;
            (units[from + 1], units[from + 2]) = (distance as u16, (distance >> 16) as u16);
            self.append(*from, table, &mut units);
        }
        for (at, fix) in &self.fixes {
            let index = match fix {
                Fix::String(text) | Fix::Jumbo(text) => pool.string(text),
                Fix::Type(descriptor) => pool.type_of(descriptor),
                Fix::Field(class, name, of) => pool.field(class, name, of),
                Fix::Method(class, name, signature) => pool.method(class, name, signature),
                Fix::Proto(signature) => pool.proto(signature),
                Fix::Near { from, label } | Fix::Far { from, label } | Fix::Farther { from, label } => {
                    self.distance(*from, label).cast_unsigned()
                }
            };
            match fix {
                Fix::Near { label, .. } => {
                    let near = i8::try_from(index.cast_signed()).unwrap_or_else(|_| panic!("`{label}` is too far"));
                    units[*at] |= u16::from(near.cast_unsigned()) << 8;
                }
                Fix::Far { label, .. } => {
                    let far = i16::try_from(index.cast_signed()).unwrap_or_else(|_| panic!("`{label}` is too far"));
                    units[*at] = far.cast_unsigned();
                }
                Fix::Jumbo(_) | Fix::Farther { .. } => {
                    (units[*at], units[at + 1]) = (index as u16, (index >> 16) as u16);
                }
                _ => units[*at] = u16::try_from(index).unwrap_or_else(|_| panic!("{fix:?} has an index over 65535")),
            }
        }
        units
    }

    fn distance(&self, from: usize, label: &str) -> i32 {
        self.place(label) as i32 - from as i32
    }

    fn append(&self, from: usize, table: &Table, units: &mut Vec<u16>) {
        let long = |value: i32| [value as u16, (value >> 16) as u16];
        match table {
            Table::Packed { first, labels } => {
                units.extend([0x0100, labels.len() as u16]);
                units.extend(long(*first));
                units.extend(labels.iter().flat_map(|label| long(self.distance(from, label))));
            }
            Table::Sparse(cases) => {
                let mut cases = cases.clone();
                cases.sort_by_key(|case| case.0);
                units.extend([0x0200, cases.len() as u16]);
                units.extend(cases.iter().flat_map(|case| long(case.0)));
                units.extend(cases.iter().flat_map(|case| long(self.distance(from, &case.1))));
            }
            Table::Data { width, bytes } => {
                units.extend([0x0300, *width]);
                units.extend(long((bytes.len() / usize::from(*width)) as i32));
                units.extend(
                    bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])),
                );
            }
        }
    }
}

/// An opcode with what stands in the high byte, which has to fit into `bits`.
pub(super) fn unit(opcode: u8, high: u16, bits: u32) -> u16 {
    assert!(high < 1 << bits, "{high} does not fit into the {bits} bits that opcode {opcode:#04x} has for it");
    high << 8 | u16::from(opcode)
}
