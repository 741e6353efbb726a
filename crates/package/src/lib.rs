//! What an app package is made of: archives, binary XML, resources, bytecode, native libraries, signatures. No rules.
//!
//! Every reader takes bytes that may be hostile and borrows from them: it checks each offset, bounds each count and depth,
//! and answers with an error that names the place. Nothing here reads files, starts threads or judges.

mod be;
pub mod bundle;
pub mod chunk;
pub mod dex;
pub mod elf;
pub mod ipa;
mod le;
pub mod macho;
pub mod manifest;
pub mod netconfig;
pub mod plist;
pub mod program;
pub mod resources;
pub mod signature;
pub mod xml;
pub mod zip;
