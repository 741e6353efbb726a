//! Android's binary XML: compiled manifests, layouts, configurations.
//!
//! The format has no specification but `ResourceTypes.h` and `ResourceTypes.cpp` of Android (`ResXMLTree`); what is read,
//! skipped or refused here is what that code reads, skips or refuses. Tricks that make other readers stumble are told as
//! [anomalies](AnomalyKind). Attributes are found as Android finds them: by the resource id of their name, and never behind
//! an attribute with a larger id.

mod anomaly;
mod builder;
mod document;
mod reader;
#[cfg(test)]
mod tests;

pub use anomaly::{Anomaly, AnomalyKind};
pub use builder::{Builder, DEPTH};
pub use document::{ANDROID, Attr, Document, Node};
pub use reader::XmlError;
