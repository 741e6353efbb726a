//! Packages as the scan reads them: archive, manifest, signatures.

use testudo_package::manifest::Manifest;
use testudo_package::signature::{Demands, Options, Verification, verify_package};
use testudo_package::xml::Document;
use testudo_package::zip::{Archive, Limits};

/// Verifies the signatures of a package; `None` if the bytes are no archive.
pub fn verification(package: &[u8], options: &Options<'_>) -> Option<Verification> {
    let archive = Archive::read(package, Limits::PACKAGE).ok()?;
    Some(verify_package(&archive, options))
}

/// What a package's manifest demands of the signature.
pub fn demands(package: &[u8]) -> Option<Demands> {
    let archive = Archive::read(package, Limits::PACKAGE).ok()?;
    let contents = archive.contents(archive.find("AndroidManifest.xml")?).ok()?;
    let document = Document::read(&contents.bytes).ok()?;
    Some(Demands::of(&Manifest::read(&document, None).ok()?))
}
