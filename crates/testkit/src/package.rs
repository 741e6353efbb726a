//! Writers of app packages for tests: archives, binary XML, resources, bytecode, signatures.

pub mod dex;
pub mod resources;
pub mod signature;
pub mod xml;
pub mod zip;
