//! Dalvik executables, versions 035 to 041: a zero-copy reader of the file format ("Dalvik executable format").
//!
//! [`Dex::parse`] checks the header and cuts the tables; everything else is read on demand, borrows from the bytes, and
//! answers with a [`DexError`] that names the place. What a well-built file never has, but can be read over, is an
//! [`Anomaly`]. One broken item never hides its neighbours.
//!
//! The parts: [`ids`](self) for the tables, [`ClassDef`] and [`ClassData`] for classes, [`Code`] and [`Instructions`] for bytecode,
//! [`Lines`] for debug information, [`EncodedValue`] and [`Annotations`] for values.
//! To add an opcode: one row in `opcode.rs`. To add a format: one arm in `instruction.rs` and one in `Format::units`.

mod annotation;
mod class;
mod code;
mod debug;
mod error;
mod ids;
mod instruction;
mod integrity;
mod mutf8;
mod opcode;
mod payload;
mod read;
mod value;

#[cfg(test)]
mod tests;

pub use annotation::{AnnotationItem, AnnotationSet, Annotations, Visibility};
pub use class::{Access, ClassData, ClassDef, Member, MemberField, MemberMethod};
pub use code::{Code, Handler, Try};
pub use debug::{Line, Lines};
pub use error::{Anomaly, DexError};
pub use ids::{
    CallSiteIndex, ClassDefIndex, FieldIndex, FieldRef, MethodHandle, MethodHandleIndex, MethodIndex, MethodRef, Proto,
    ProtoIndex, StringIndex, TypeIndex, TypeList,
};
pub use instruction::{Arguments, Instruction, Instructions, Reference, References};
pub use mutf8::Mutf8;
pub use opcode::{Format, Opcode, ReferenceKind};
pub use payload::{ArrayData, Payload, Switch};
pub use value::{EncodedAnnotation, EncodedArray, EncodedValue};

use ids::{count, item};
use read::{Cursor, u32_at};

/// Bytes of the header up to version 040.
const HEADER: u32 = 0x70;
/// Bytes of the header from version 041 on.
const CONTAINER_HEADER: u32 = 0x78;
/// More executables than any container holds.
const MAX_IN_CONTAINER: usize = 1024;

/// One executable, borrowed.
#[derive(Debug, Clone)]
pub struct Dex<'a> {
    /// What all offsets count from: the file, or from version 041 on the container.
    bytes: &'a [u8],
    version: u32,
    start: u32,
    end: u32,
    strings: &'a [[u8; 4]],
    types: &'a [[u8; 4]],
    protos: &'a [[u8; 12]],
    fields: &'a [[u8; 8]],
    methods: &'a [[u8; 8]],
    classes: &'a [[u8; 32]],
    call_sites: &'a [[u8; 4]],
    method_handles: &'a [[u8; 8]],
    anomalies: Vec<Anomaly>,
}

impl<'a> Dex<'a> {
    /// Reads the executable that begins at the first byte.
    pub fn parse(bytes: &'a [u8]) -> Result<Dex<'a>, DexError> {
        Dex::parse_at(bytes, 0)
    }

    /// Reads every executable of a file: one up to version 040, from 041 on as many as the container holds. The error
    /// is that of the first executable that can't be read; those before it are still given.
    pub fn parse_all(bytes: &'a [u8]) -> (Vec<Dex<'a>>, Option<DexError>) {
        let mut all = Vec::new();
        let mut start = 0;
        loop {
            match Dex::parse_at(bytes, start) {
                Ok(dex) => {
                    let (version, end) = (dex.version, dex.end);
                    all.push(dex);
                    if version < 41 || end as usize >= bytes.len() || end <= start || all.len() >= MAX_IN_CONTAINER {
                        return (all, None);
                    }
                    start = end;
                }
                Err(error) => return (all, Some(error)),
            }
        }
    }

    fn parse_at(bytes: &'a [u8], start: u32) -> Result<Dex<'a>, DexError> {
        let whole = u32::try_from(bytes.len()).map_err(|_| DexError::TooLarge { length: bytes.len() })?;
        let file = bytes.get(start as usize..).unwrap_or_default();
        let [b'd', b'e', b'x', b'\n', v0, v1, v2, 0, ..] = *file else {
            return Err(DexError::NotDex { offset: start });
        };
        let version = match [v0, v1, v2] {
            [b'0', b'3', digit @ b'5'..=b'9'] => 30 + u32::from(digit - b'0'),
            [b'0', b'4', digit @ b'0'..=b'1'] => 40 + u32::from(digit - b'0'),
            version => return Err(DexError::Version { offset: start, version }),
        };
        let usual = if version >= 41 { CONTAINER_HEADER } else { HEADER };
        let header = file.get(..usual as usize).ok_or(DexError::Truncated { what: "header", offset: start })?;
        let word = |at: usize| u32_at(header, at).unwrap_or_default();
        if word(40) != 0x1234_5678 {
            return Err(DexError::ByteOrder { offset: start, tag: word(40) });
        }
        let mut anomalies = Vec::new();
        if word(36) != usual {
            anomalies.push(Anomaly::HeaderSize { stated: word(36), usual });
        }
        let (stated, actual) = (word(32), whole.saturating_sub(start));
        if stated > actual || stated < usual || (version < 41 && stated != actual) {
            anomalies.push(Anomaly::FileSize { stated, actual });
        }
        let end = if version >= 41 && stated >= usual { start.saturating_add(stated).min(whole) } else { whole };
        let mut dex = Dex {
            bytes,
            version,
            start,
            end,
            strings: table(bytes, "strings", word(56), word(60), &mut anomalies),
            types: table(bytes, "types", word(64), word(68), &mut anomalies),
            protos: table(bytes, "prototypes", word(72), word(76), &mut anomalies),
            fields: table(bytes, "fields", word(80), word(84), &mut anomalies),
            methods: table(bytes, "methods", word(88), word(92), &mut anomalies),
            classes: table(bytes, "class definitions", word(96), word(100), &mut anomalies),
            call_sites: &[],
            method_handles: &[],
            anomalies: Vec::new(),
        };
        dex.read_map(word(52), &mut anomalies);
        dex.find_overlaps(start, usual, &mut anomalies);
        dex.anomalies = anomalies;
        Ok(dex)
    }

    /// The version, 35 to 41.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What is odd about header and tables. [`Dex::integrity`] says more, at the price of reading every byte.
    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }

    /// How many bytes the executable has, without its neighbours in a container.
    pub fn length(&self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// How many bytes it may share with its neighbours in a container: those that offsets count from.
    pub(crate) fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// How many call sites of `invoke-custom` there are.
    pub fn call_site_count(&self) -> u32 {
        count(self.call_sites)
    }

    /// A call site: its bootstrap method handle, a name, a method type, and further arguments.
    pub fn call_site(&self, index: CallSiteIndex) -> Result<EncodedArray<'a>, DexError> {
        let offset = u32::from_le_bytes(*item(self.call_sites, "call site", index.0)?);
        self.encoded_array(offset)
    }

    /// Finds the two tables that only the map names.
    fn read_map(&mut self, offset: u32, anomalies: &mut Vec<Anomaly>) {
        const CALL_SITES: u16 = 7;
        const METHOD_HANDLES: u16 = 8;
        let mut cursor = Cursor::new(self.bytes, offset);
        let mut last = 0;
        let entries = if offset == 0 { 0 } else { cursor.u32().unwrap_or_default() };
        let mut sound = entries != 0;
        for _ in 0..entries {
            let (Some(kind), Some(_), Some(size), Some(at)) = (cursor.u16(), cursor.u16(), cursor.u32(), cursor.u32())
            else {
                sound = false;
                break;
            };
            sound &= at >= last;
            last = at;
            match kind {
                CALL_SITES => self.call_sites = table(self.bytes, "call sites", size, at, anomalies),
                METHOD_HANDLES => self.method_handles = table(self.bytes, "method handles", size, at, anomalies),
                _ => {}
            }
        }
        if !sound {
            anomalies.push(Anomaly::Map { offset });
        }
    }

    /// Says which of the tables share bytes.
    fn find_overlaps(&self, start: u32, header: u32, anomalies: &mut Vec<Anomaly>) {
        let mut spans = vec![("header", start as usize, header as usize)];
        let base = self.bytes.as_ptr().addr();
        for (name, bytes) in [
            ("strings", self.strings.as_flattened()),
            ("types", self.types.as_flattened()),
            ("prototypes", self.protos.as_flattened()),
            ("fields", self.fields.as_flattened()),
            ("methods", self.methods.as_flattened()),
            ("class definitions", self.classes.as_flattened()),
            ("call sites", self.call_sites.as_flattened()),
            ("method handles", self.method_handles.as_flattened()),
        ] {
            if !bytes.is_empty() {
                spans.push((name, bytes.as_ptr().addr().saturating_sub(base), bytes.len()));
            }
        }
        spans.sort_by_key(|span| span.1);
        for (one, other) in spans.iter().zip(spans.iter().skip(1)) {
            if one.1 + one.2 > other.1 {
                let offset = u32::try_from(other.1).unwrap_or(u32::MAX);
                anomalies.push(Anomaly::Overlap { first: one.0, second: other.0, offset });
            }
        }
    }
}

/// The `stated` items of `N` bytes at `offset`, or as many as lie in the file.
fn table<'a, const N: usize>(
    bytes: &'a [u8],
    table: &'static str,
    stated: u32,
    offset: u32,
    anomalies: &mut Vec<Anomaly>,
) -> &'a [[u8; N]] {
    let there = bytes.get(offset as usize..).unwrap_or_default().as_chunks::<N>().0;
    there.get(..stated as usize).unwrap_or_else(|| {
        anomalies.push(Anomaly::TableCut { table, offset, stated, present: count(there) });
        there
    })
}
