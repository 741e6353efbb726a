//! Android App Bundles: their documents and resources, which are Protocol Buffers (`aapt.pb`, `Resources.proto`), given as
//! what the readers of packages read, so that a bundle's manifest and an APK's are one type.

mod config;
mod item;
mod table;
#[cfg(test)]
mod tests;
mod wire;
mod xml;

pub use table::table;
pub use xml::{BundleXmlError, document};
