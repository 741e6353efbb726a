//! A writer of ELF libraries: a hardened one by default, and each protection can be taken away.
//!
//! All of the file is one segment at address 0, so that places in the file and addresses are the same.

/// A library to write.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of the file by itself")]
pub struct Elf {
    /// 64 bits.
    pub wide: bool,
    /// The most significant byte first.
    pub big: bool,
    /// The processor.
    pub machine: u16,
    /// 3 for a file that is loaded anywhere, 2 for a program at a fixed place.
    pub kind: u16,
    /// To what the loaded segment is aligned.
    pub align: u64,
    /// What may be done with the loaded segment.
    pub flags: u32,
    /// Whether the linker's tables are made read-only.
    pub relro: bool,
    /// Whether all is bound at the start.
    pub bind_now: bool,
    /// What may be done with the stack; `None` says nothing about it.
    pub stack: Option<u32>,
    /// Whether code is changed when it is loaded.
    pub text_relocations: bool,
    /// The libraries that it needs.
    pub needed: Vec<String>,
    /// Its own name.
    pub soname: Option<String>,
    /// Folders of libraries, the old way.
    pub rpath: Option<String>,
    /// Folders of libraries.
    pub runpath: Option<String>,
    /// The names of what it takes from libraries.
    pub imports: Vec<String>,
    /// The names of what it offers.
    pub exports: Vec<String>,
    /// The id of the build.
    pub build_id: Option<Vec<u8>>,
    /// Whether symbols are found by a GNU hash table, rather than by the old one.
    pub gnu_hash: bool,
    /// Whether all symbols are kept.
    pub symbol_table: bool,
    /// Whether there is debug information.
    pub debug_info: bool,
    /// Bytes in a section of constants.
    pub constants: Vec<u8>,
}

impl Default for Elf {
    fn default() -> Elf {
        Elf {
            wide: true,
            big: false,
            machine: 183,
            kind: 3,
            align: 16384,
            flags: 5,
            relro: true,
            bind_now: true,
            stack: Some(6),
            text_relocations: false,
            needed: vec!["libc.so".into()],
            soname: Some("libnative.so".into()),
            rpath: None,
            runpath: None,
            imports: ["__stack_chk_fail", "__memcpy_chk", "malloc"].map(String::from).to_vec(),
            exports: vec!["JNI_OnLoad".into()],
            build_id: Some(vec![0xab; 20]),
            gnu_hash: false,
            symbol_table: false,
            debug_info: false,
            constants: Vec::new(),
        }
    }
}

/// A section to write: name, kind, place, size, size of a record.
type Section = (&'static str, u32, usize, usize, u64);

impl Elf {
    /// Without what the compiler and the C library add to code.
    #[must_use]
    pub fn importing(self, imports: &[&str]) -> Elf {
        Elf { imports: imports.iter().map(|name| (*name).to_owned()).collect(), ..self }
    }

    /// Writes the file.
    pub fn write(&self) -> Vec<u8> {
        let width = if self.wide { 8 } else { 4 };
        let (header, segment) = if self.wide { (64, 56) } else { (52, 32) };
        let count =
            2 + usize::from(self.relro) + usize::from(self.stack.is_some()) + usize::from(self.build_id.is_some());
        let mut body = vec![0; header + count * segment];

        let mut strings = vec![0];
        let mut name = |text: &str| {
            let at = strings.len();
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at as u64
        };
        let mut dynamic: Vec<(u64, u64)> = self.needed.iter().map(|needed| (1, name(needed))).collect();
        let texts = [(14, &self.soname), (15, &self.rpath), (29, &self.runpath)];
        dynamic.extend(texts.into_iter().filter_map(|(tag, text)| Some((tag, name(text.as_ref()?)))));
        let imports = self.imports.iter().map(|import| (name(import), 0u16)).collect::<Vec<_>>();
        let exports = self.exports.iter().map(|export| (name(export), 1u16)).collect::<Vec<_>>();

        let symbols = body.len().next_multiple_of(8);
        body.resize(symbols, 0);
        for (name, section) in std::iter::once((0, 0)).chain(imports.clone()).chain(exports.clone()) {
            self.u32(&mut body, name);
            let info = if name == 0 { 0 } else { 0x12 };
            if self.wide {
                body.extend_from_slice(&[info, 0]);
                self.u16(&mut body, section);
                self.word(&mut body, u64::from(section) * 0x1000);
                self.word(&mut body, 0);
            } else {
                self.word(&mut body, u64::from(section) * 0x1000);
                self.word(&mut body, 0);
                body.extend_from_slice(&[info, 0]);
                self.u16(&mut body, section);
            }
        }
        let symbols_end = body.len();
        let total = 1 + imports.len() + exports.len();
        let hash = body.len().next_multiple_of(8);
        body.resize(hash, 0);
        if self.gnu_hash {
            // One bucket with all exports, a filter of one word, and chains whose last has its lowest bit set.
            let first = 1 + imports.len();
            let bucket = if exports.is_empty() { 0 } else { first };
            for number in [1, first, 1, 0] {
                self.u32(&mut body, number as u64);
            }
            self.word(&mut body, u64::MAX);
            self.u32(&mut body, bucket as u64);
            for nth in 0..exports.len() {
                self.u32(&mut body, u64::from(nth + 1 == exports.len()));
            }
        } else {
            for number in [1, total].into_iter().chain(std::iter::repeat_n(0, total + 1)) {
                self.u32(&mut body, number as u64);
            }
        }
        let text = body.len();
        body.extend_from_slice(&strings);
        let constants = body.len();
        body.extend_from_slice(&self.constants);

        let hash_tag = if self.gnu_hash { 0x6fff_fef5 } else { 4 };
        dynamic.extend([(5, text as u64), (6, symbols as u64), (10, strings.len() as u64), (hash_tag, hash as u64)]);
        dynamic.extend(self.bind_now.then_some((30, 8)));
        dynamic.extend(self.text_relocations.then_some((22, 0)));
        dynamic.push((0, 0));
        let start = body.len().next_multiple_of(8);
        body.resize(start, 0);
        for (tag, value) in &dynamic {
            self.word(&mut body, *tag);
            self.word(&mut body, *value);
        }
        let dynamic_size = dynamic.len() * 2 * width;
        let note = body.len();
        if let Some(id) = &self.build_id {
            for number in [4, id.len() as u64, 3] {
                self.u32(&mut body, number);
            }
            body.extend_from_slice(b"GNU\0");
            body.extend_from_slice(id);
        }
        let note_size = body.len() - note;

        let mut sections: Vec<Section> = vec![("", 0, 0, 0, 0), (".rodata", 1, constants, self.constants.len(), 0)];
        if self.symbol_table {
            sections.push((".symtab", 2, symbols, symbols_end - symbols, if self.wide { 24 } else { 16 }));
        }
        if self.debug_info {
            sections.push((".debug_info", 1, text, strings.len(), 0));
        }
        let (table, names) = self.sections(&mut body, &mut sections);

        let size = body.len();
        let mut segments = vec![(1, self.flags, 0, size, self.align), (2, 6, start, dynamic_size, 8)];
        segments.extend(self.relro.then_some((0x6474_e552, 4, start, dynamic_size, 1)));
        segments.extend(self.stack.map(|flags| (0x6474_e551, flags, 0, 0, 16)));
        segments.extend(self.build_id.is_some().then_some((4, 4, note, note_size, 4)));
        let head = self.head(&segments, table, sections.len(), names);
        body.splice(0..head.len(), head);
        body
    }

    /// Appends names and table of the sections; where the table is, and which section has the names.
    fn sections(&self, body: &mut Vec<u8>, sections: &mut Vec<Section>) -> (usize, usize) {
        let at = body.len();
        let mut places = Vec::new();
        sections.push((".shstrtab", 3, at, 0, 0));
        for section in sections.iter() {
            places.push(body.len() - at);
            body.extend_from_slice(section.0.as_bytes());
            body.push(0);
        }
        if let Some(last) = sections.last_mut() {
            last.3 = body.len() - at;
        }
        let table = body.len().next_multiple_of(8);
        body.resize(table, 0);
        for (section, name) in sections.iter().zip(places) {
            self.u32(body, name as u64);
            self.u32(body, section.1.into());
            for number in [0, 0, section.2 as u64, section.3 as u64] {
                self.word(body, number);
            }
            self.u32(body, 0);
            self.u32(body, 0);
            self.word(body, 1);
            self.word(body, section.4);
        }
        (table, sections.len() - 1)
    }

    fn head(&self, segments: &[(u32, u32, usize, usize, u64)], table: usize, sections: usize, names: usize) -> Vec<u8> {
        let mut head = vec![0x7f, b'E', b'L', b'F', if self.wide { 2 } else { 1 }, if self.big { 2 } else { 1 }, 1];
        head.resize(16, 0);
        self.u16(&mut head, self.kind);
        self.u16(&mut head, self.machine);
        self.u32(&mut head, 1);
        let (size, segment, section) = if self.wide { (64, 56, 64) } else { (52, 32, 40) };
        for number in [0, size as u64, table as u64] {
            self.word(&mut head, number);
        }
        self.u32(&mut head, 0);
        for number in [size, segment, segments.len(), section, sections, names] {
            self.u16(&mut head, u16::try_from(number).unwrap_or(u16::MAX));
        }
        for (kind, flags, offset, size, align) in segments {
            self.u32(&mut head, (*kind).into());
            let (offset, size) = (*offset as u64, *size as u64);
            if self.wide {
                self.u32(&mut head, (*flags).into());
            }
            for number in [offset, offset, offset, size, size] {
                self.word(&mut head, number);
            }
            if !self.wide {
                self.u32(&mut head, (*flags).into());
            }
            self.word(&mut head, *align);
        }
        head
    }

    fn u16(&self, to: &mut Vec<u8>, number: u16) {
        to.extend_from_slice(&if self.big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn u32(&self, to: &mut Vec<u8>, number: u64) {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        to.extend_from_slice(&if self.big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn word(&self, to: &mut Vec<u8>, number: u64) {
        if !self.wide {
            return self.u32(to, number);
        }
        to.extend_from_slice(&if self.big { number.to_be_bytes() } else { number.to_le_bytes() });
    }
}
