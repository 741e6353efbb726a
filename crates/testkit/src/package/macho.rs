//! A writer of Mach-O programs with what is looked at in them: flags, libraries, symbols, selectors, a code signature.

use aws_lc_rs::digest::{SHA256, digest};

/// A program to write.
#[derive(Clone, Debug)]
pub struct MachO {
    /// The processor.
    pub processor: u32,
    /// 2 for a program, 6 for a library.
    pub kind: u32,
    /// The header's flags.
    pub flags: u32,
    /// The libraries that it is linked with.
    pub libraries: Vec<String>,
    /// The folders in which libraries are sought.
    pub rpaths: Vec<String>,
    /// The names of what it takes from libraries.
    pub imports: Vec<String>,
    /// The names of what debuggers see in it.
    pub debug: Vec<String>,
    /// The selectors of Objective-C that it has or sends.
    pub selectors: Vec<String>,
    /// The number of a store's encryption.
    pub encryption: Option<u32>,
    /// What it says it is.
    pub signature: Option<Signature>,
}

/// A code signature to write.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The identifier.
    pub identifier: String,
    /// The team.
    pub team: Option<String>,
    /// The flags of the directory.
    pub flags: u32,
    /// The version of the directory's form.
    pub version: u32,
    /// The entitlements, as a list in XML.
    pub entitlements: Option<Vec<u8>>,
    /// Whether the entitlements are there in DER, too.
    pub der: bool,
    /// The `Info.plist` beside the program.
    pub info: Option<Vec<u8>>,
    /// The list of resources beside the program.
    pub resources: Option<Vec<u8>>,
}

impl Default for Signature {
    fn default() -> Signature {
        Signature {
            identifier: "com.example.app".into(),
            team: Some("TEAM123456".into()),
            flags: 0,
            version: 0x2_0400,
            entitlements: None,
            der: true,
            info: None,
            resources: None,
        }
    }
}

impl Default for MachO {
    fn default() -> MachO {
        MachO {
            processor: 0x0100_000c,
            kind: 2,
            flags: 0x20_0085,
            libraries: vec!["/usr/lib/libSystem.B.dylib".into(), "/usr/lib/libobjc.A.dylib".into()],
            rpaths: vec!["@executable_path/Frameworks".into()],
            imports: ["___stack_chk_fail", "_objc_msgSend", "_objc_release"].map(String::from).to_vec(),
            debug: Vec::new(),
            selectors: vec!["viewDidLoad".into()],
            encryption: Some(0),
            signature: Some(Signature::default()),
        }
    }
}

const PAGE: usize = 4096;

impl MachO {
    /// The same, taking these from libraries.
    #[must_use]
    pub fn importing(self, imports: &[&str]) -> MachO {
        MachO { imports: imports.iter().map(|name| (*name).to_owned()).collect(), ..self }
    }

    /// The same with these selectors.
    #[must_use]
    pub fn selecting(self, selectors: &[&str]) -> MachO {
        MachO { selectors: selectors.iter().map(|name| (*name).to_owned()).collect(), ..self }
    }

    /// The same with these entitlements, a list in XML.
    #[must_use]
    pub fn entitled(self, entitlements: Vec<u8>) -> MachO {
        let signature = Signature { entitlements: Some(entitlements), ..self.signature.unwrap_or_default() };
        MachO { signature: Some(signature), ..self }
    }

    /// Writes the file.
    pub fn write(&self) -> Vec<u8> {
        // Places depend on how long the commands are, which does not depend on the places.
        let size = self.commands(&Places::default()).0.len();
        let methods: Vec<u8> = self.selectors.iter().flat_map(|name| [name.as_bytes(), &[0]].concat()).collect();
        let mut body = vec![0; 32 + size];
        let mut places = Places { methods: (body.len(), methods.len()), ..Places::default() };
        body.extend_from_slice(&methods);
        body.resize(body.len().next_multiple_of(8), 0);

        let mut strings = vec![0];
        places.symbols = (body.len(), self.imports.len() + self.debug.len());
        let imports = self.imports.iter().map(|name| (name, 1, 0x100_u16));
        for (name, kind, notes) in imports.chain(self.debug.iter().map(|name| (name, 0x24, 0))) {
            u32s(&mut body, &[len(&strings)]);
            body.extend_from_slice(&[kind, 0]);
            body.extend_from_slice(&notes.to_le_bytes());
            body.extend_from_slice(&[0; 8]);
            strings.extend_from_slice(name.as_bytes());
            strings.push(0);
        }
        places.strings = (body.len(), strings.len());
        body.extend_from_slice(&strings);
        body.resize(body.len().next_multiple_of(16), 0);
        places.signature.0 = body.len();
        places.signature.1 = self.signature.as_ref().map_or(0, |signature| signature.blob(&body).len());
        let (commands, count) = self.commands(&places);
        let mut head = Vec::new();
        u32s(&mut head, &[0xfeed_facf, self.processor, 0, self.kind, count, len(&commands), self.flags, 0]);
        head.extend_from_slice(&commands);
        body.splice(0..head.len(), head);
        if let Some(signature) = &self.signature {
            let blob = signature.blob(&body);
            body.extend_from_slice(&blob);
        }
        body
    }

    fn commands(&self, places: &Places) -> (Vec<u8>, u32) {
        let mut out = Vec::new();
        let mut count = 0;
        let mut put = |kind: u32, body: &[u8]| {
            count += 1;
            let size = (8 + body.len()).next_multiple_of(8);
            u32s(&mut out, &[kind, u32::try_from(size).unwrap_or(0)]);
            out.extend_from_slice(body);
            out.resize(out.len() + size - 8 - body.len(), 0);
        };
        let mut segment =
            [name("__TEXT"), [0_u64, 1 << 20, 0, 1 << 20].iter().flat_map(|n| n.to_le_bytes()).collect()].concat();
        u32s(&mut segment, &[5, 5, 1, 0]);
        segment.extend_from_slice(&[name("__objc_methname"), name("__TEXT")].concat());
        segment.extend_from_slice(&[0_u64, places.methods.1 as u64].map(u64::to_le_bytes).concat());
        u32s(&mut segment, &[place(places.methods.0), 0, 0, 0, 2, 0, 0, 0]);
        put(0x19, &segment);
        let (symbols, strings) = (places.symbols, places.strings);
        put(2, &words(&[place(symbols.0), place(symbols.1), place(strings.0), place(strings.1)]));
        for library in &self.libraries {
            put(0xc, &[words(&[24, 0, 0, 0]), library.as_bytes().to_vec(), vec![0]].concat());
        }
        for rpath in &self.rpaths {
            put(0x8000_001c, &[words(&[12]), rpath.as_bytes().to_vec(), vec![0]].concat());
        }
        put(0x1b, &[0x11; 16]);
        put(0x32, &words(&[2, 15 << 16, 18 << 16, 0]));
        if let Some(id) = self.encryption {
            put(0x2c, &words(&[0, 4096, id, 0]));
        }
        if self.signature.is_some() {
            put(0x1d, &words(&[place(places.signature.0), place(places.signature.1)]));
        }
        (out, count)
    }
}

/// Files for several processors in one.
pub fn fat(programs: &[Vec<u8>]) -> Vec<u8> {
    let mut out = [0xcafe_babe_u32, len(programs)].map(u32::to_be_bytes).concat();
    let mut offset = 4096_usize;
    for program in programs {
        let processor =
            program.get(4..8).map_or(0, |bytes| bytes.iter().rev().fold(0, |n, byte| n << 8 | u32::from(*byte)));
        out.extend_from_slice(&[processor, 0, place(offset), len(program), 12].map(u32::to_be_bytes).concat());
        offset += program.len().next_multiple_of(4096);
    }
    for program in programs {
        out.resize(out.len().next_multiple_of(4096), 0);
        out.extend_from_slice(program);
    }
    out
}

/// Places and sizes of what the commands name.
#[derive(Default)]
struct Places {
    methods: (usize, usize),
    symbols: (usize, usize),
    strings: (usize, usize),
    signature: (usize, usize),
}

impl Signature {
    /// The signature over the bytes before it.
    fn blob(&self, covered: &[u8]) -> Vec<u8> {
        let requirements = blob(0xfade_0c01, &[0; 4]);
        let entitlements = self.entitlements.as_ref().map(|list| blob(0xfade_7171, list));
        let der = self.entitlements.as_ref().filter(|_| self.der).map(|_| blob(0xfade_7172, &[0x70, 0]));
        // Slots 7 to 1: those that are not there are zero.
        let digest_of =
            |blob: Option<&Vec<u8>>| blob.map_or([0; 32].to_vec(), |blob| digest(&SHA256, blob).as_ref().to_vec());
        let special = [
            digest_of(der.as_ref()),
            vec![0; 32],
            digest_of(entitlements.as_ref()),
            vec![0; 32],
            digest_of(self.resources.as_ref()),
            digest_of(Some(&requirements)),
            digest_of(self.info.as_ref()),
        ]
        .concat();
        let head = 88;
        let identifier = [self.identifier.as_bytes(), &[0]].concat();
        let team = self.team.as_ref().map(|team| [team.as_bytes(), &[0]].concat());
        let start = head + identifier.len() + team.as_ref().map_or(0, Vec::len) + special.len();
        let pages = covered.chunks(PAGE);
        let mut body: Vec<u8> =
            [self.version, self.flags, place(start), place(head), 7, place(pages.len()), len(covered)]
                .map(u32::to_be_bytes)
                .concat();
        body.extend_from_slice(&[32, 2, 0, 12]);
        let team_at = if team.is_some() { place(head + identifier.len()) } else { 0 };
        body.extend_from_slice(&[0, 0, team_at].map(u32::to_be_bytes).concat());
        body.resize(head - 8, 0);
        body.extend_from_slice(&identifier);
        body.extend_from_slice(&team.unwrap_or_default());
        body.extend_from_slice(&special);
        pages.for_each(|page| body.extend_from_slice(digest(&SHA256, page).as_ref()));
        let directory = blob(0xfade_0c02, &body);
        let parts = [(0, Some(directory)), (2, Some(requirements)), (5, entitlements), (7, der)];
        let parts: Vec<(u32, Vec<u8>)> = parts.into_iter().filter_map(|(slot, part)| Some((slot, part?))).collect();
        let mut index = u32::to_be_bytes(len(&parts)).to_vec();
        let mut at = 12 + parts.len() * 8;
        for (slot, part) in &parts {
            index.extend_from_slice(&[*slot, place(at)].map(u32::to_be_bytes).concat());
            at += part.len();
        }
        for (_, part) in parts {
            index.extend_from_slice(&part);
        }
        blob(0xfade_0cc0, &index)
    }
}

fn blob(magic: u32, body: &[u8]) -> Vec<u8> {
    [magic.to_be_bytes().as_slice(), &place(body.len() + 8).to_be_bytes(), body].concat()
}

/// A name in 16 bytes.
fn name(text: &str) -> Vec<u8> {
    let mut name = text.as_bytes().to_vec();
    name.resize(16, 0);
    name
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn u32s(to: &mut Vec<u8>, numbers: &[u32]) {
    to.extend_from_slice(&words(numbers));
}

fn place(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn len<T>(items: &[T]) -> u32 {
    place(items.len())
}
