//! Writers of app packages for tests: archives, binary XML, resources, bytecode, native programs, property lists, signatures.

pub mod bundle;
pub mod dex;
pub mod elf;
pub mod macho;
pub mod plist;
pub mod resources;
pub mod signature;
pub mod xml;
pub mod zip;
