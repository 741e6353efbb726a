//! What can be wrong with a Dalvik executable: what stops a reading, and what is only worth a word.

use super::ids::{ClassDefIndex, FieldIndex, MethodIndex, ProtoIndex, StringIndex, TypeIndex};

/// Why something could not be read out of a Dalvik executable. Offsets are in bytes from the start of the bytes given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DexError {
    /// The bytes don't begin with the magic of a Dalvik executable.
    #[error("no Dalvik executable begins at {offset:#x}")]
    NotDex {
        /// Where one was looked for.
        offset: u32,
    },
    /// The magic names a version that is none of 035 to 041.
    #[error("the Dalvik executable at {offset:#x} is of version `{version}`, which is none of 035 to 041", version = version.escape_ascii())]
    Version {
        /// Where the executable begins.
        offset: u32,
        /// The three bytes of its version.
        version: [u8; 3],
    },
    /// The bytes are in the order that the platform refuses.
    #[error("the Dalvik executable at {offset:#x} has the byte order tag {tag:#010x}, not 0x12345678")]
    ByteOrder {
        /// Where the executable begins.
        offset: u32,
        /// The tag that stands there.
        tag: u32,
    },
    /// More bytes than offsets of 32 bits can name.
    #[error("a Dalvik executable of {length} bytes is larger than offsets of 32 bits reach")]
    TooLarge {
        /// How many bytes were given.
        length: usize,
    },
    /// A thing ends after the bytes do.
    #[error("the {what} at {offset:#x} runs past the end")]
    Truncated {
        /// The thing.
        what: &'static str,
        /// Where it begins, or where reading it stopped.
        offset: u32,
    },
    /// An index names nothing in its table.
    #[error("{what} {index} is not among the {count} of this executable")]
    Index {
        /// The kind of thing.
        what: &'static str,
        /// The index.
        index: u32,
        /// How many there are.
        count: u32,
    },
    /// A class declares a method that is another class's, or declares it twice.
    #[error("method {method} is declared by a class that it is not of, or twice")]
    Foreign {
        /// The method.
        method: u32,
    },
    /// A thing has a form that the format does not know.
    #[error("the {what} at {offset:#x} is malformed")]
    Malformed {
        /// The thing.
        what: &'static str,
        /// Where it begins, or where reading it stopped.
        offset: u32,
    },
    /// Values nested deeper than any compiler nests them.
    #[error("the value at {offset:#x} is nested deeper than {limit} levels")]
    TooDeep {
        /// Where reading stopped.
        offset: u32,
        /// The deepest level that is read.
        limit: u8,
    },
}

/// What is odd about an executable that can be read all the same. A well-built one has none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Anomaly {
    /// The Adler-32 over the file differs from the header's.
    #[error("the checksum is {stated:#010x} in the header and {actual:#010x} over the file")]
    Checksum {
        /// What the header says.
        stated: u32,
        /// What the bytes give.
        actual: u32,
    },
    /// The SHA-1 over the file differs from the header's.
    #[error("the SHA-1 in the header is not that of the file")]
    Signature,
    /// The header's size of the file differs from what was given.
    #[error("the header says {stated} bytes where {actual} are")]
    FileSize {
        /// What the header says.
        stated: u32,
        /// What was given.
        actual: u32,
    },
    /// The header has another size than its version prescribes.
    #[error("the header says that it has {stated} bytes, not {usual}")]
    HeaderSize {
        /// What the header says.
        stated: u32,
        /// What the version prescribes.
        usual: u32,
    },
    /// A table runs past the end, so its last items are lost.
    #[error("of the {stated} {table} at {offset:#x} only {present} lie in the file")]
    TableCut {
        /// The table.
        table: &'static str,
        /// Where it begins.
        offset: u32,
        /// How many items the header states.
        stated: u32,
        /// How many are there.
        present: u32,
    },
    /// Two tables share bytes.
    #[error("the {first} and the {second} share bytes from {offset:#x} on")]
    Overlap {
        /// The one that begins first.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// Where the other begins.
        offset: u32,
    },
    /// The list of sections is missing, unsorted or cut.
    #[error("the map at {offset:#x} is missing, unsorted or cut")]
    Map {
        /// Where the header says that it is.
        offset: u32,
    },
    /// A string can't be read; it counts as empty.
    #[error("string {}: {error}", index.0)]
    String {
        /// The string.
        index: StringIndex,
        /// Why.
        error: DexError,
    },
    /// A type names no string.
    #[error("type {}: {error}", index.0)]
    Type {
        /// The type.
        index: TypeIndex,
        /// Why.
        error: DexError,
    },
    /// A prototype names what is not there.
    #[error("prototype {}: {error}", index.0)]
    Proto {
        /// The prototype.
        index: ProtoIndex,
        /// Why.
        error: DexError,
    },
    /// A method reference names what is not there.
    #[error("method {}: {error}", index.0)]
    Method {
        /// The method.
        index: MethodIndex,
        /// Why.
        error: DexError,
    },
    /// A field reference names what is not there.
    #[error("field {}: {error}", index.0)]
    Field {
        /// The field.
        index: FieldIndex,
        /// Why.
        error: DexError,
    },
    /// A class can't be read, or only in part.
    #[error("class definition {}: {error}", index.0)]
    Class {
        /// The definition.
        index: ClassDefIndex,
        /// Why.
        error: DexError,
    },
    /// A type is defined twice; the platform uses the first.
    #[error("class definition {} defines a type that is defined already", index.0)]
    Duplicate {
        /// The later definition.
        index: ClassDefIndex,
    },
    /// The code of a method can't be read, or only in part.
    #[error("code of method {}: {error}", index.0)]
    Code {
        /// The method.
        index: MethodIndex,
        /// Why.
        error: DexError,
    },
    /// Things that share bytes would make more work than the file is long; the rest is not read.
    #[error("the {what} share so many bytes that not all are read")]
    Shared {
        /// The things.
        what: &'static str,
    },
}
