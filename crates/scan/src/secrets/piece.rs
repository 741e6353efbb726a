//! What is scanned: bytes with their form and, if they are the value of something, its name.

/// Bytes to scan. The caller knows the place; spans of matches count from the first byte.
#[derive(Clone, Copy)]
pub struct Piece<'a> {
    /// UTF-8, MUTF-8, Latin-1, or any bytes.
    pub bytes: &'a [u8],
    /// The name that the bytes are the value of: of a resource, a field, a JSON or property key.
    pub name: Option<&'a str>,
    /// What the bytes are.
    pub form: Form,
}

/// What the bytes of a piece are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// One whole string: of a DEX file, a resource table, a property list.
    Value,
    /// A file of text: source, JSON, properties, a JavaScript bundle.
    Text,
    /// A file or section of bytes: a native library, a string storage without separators, a key store.
    Binary,
}

impl std::fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Piece")
            .field("len", &self.bytes.len())
            .field("name", &self.name)
            .field("form", &self.form)
            .finish()
    }
}
