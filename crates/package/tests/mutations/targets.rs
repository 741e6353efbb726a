//! What each reader is asked about bytes that may be anything: everything that it offers, so that nothing hides.

use std::io::Read as _;

use testudo_package::manifest::Manifest;
use testudo_package::netconfig::NetworkConfig;
use testudo_package::resources::Table;
use testudo_package::xml::Document;
use testudo_package::zip::{Archive, Limits};

/// Small enough that a hostile size costs little.
const LIMITS: Limits = Limits { entries: 10_000, entry_bytes: 16 << 20, total_bytes: 32 << 20, depth: 2 };

/// An archive, and what Android's readers make of its entries.
pub fn archive(bytes: &[u8]) -> usize {
    let Ok(archive) = Archive::read(bytes, LIMITS) else { return 0 };
    let mut seen = archive.anomalies().iter().map(|anomaly| anomaly.kind.to_string().len()).sum::<usize>();
    for entry in archive.entries() {
        seen += entry.text().len() + usize::from(archive.find(entry.name).is_none());
        let Ok(contents) = archive.contents(entry) else { continue };
        assert!(contents.bytes.len() as u64 <= entry.size, "no more than is declared");
        if contents.complete {
            let mut streamed = Vec::new();
            let read = archive.stream(entry).map(|mut stream| stream.read_to_end(&mut streamed));
            assert!(matches!(read, Ok(Ok(_))) && streamed == *contents.bytes, "as a stream the same");
        }
        if entry.name.ends_with(b".arsc") {
            seen += table(&contents.bytes);
        } else if entry.name.ends_with(b".xml") {
            seen += document(&contents.bytes, None);
        }
    }
    if let (Some(manifest), Some(arsc)) = (archive.find("AndroidManifest.xml"), archive.find("resources.arsc"))
        && let (Ok(manifest), Ok(arsc)) = (archive.contents(manifest), archive.contents(arsc))
        && let Ok(arsc) = Table::read(&arsc.bytes)
    {
        seen += document(&manifest.bytes, Some(&arsc));
    }
    seen
}

/// A document, and what it says if it is a manifest or a configuration.
pub fn document(bytes: &[u8], table: Option<&Table<'_>>) -> usize {
    let Ok(document) = Document::read(bytes) else { return 0 };
    let mut seen = document.anomalies().iter().map(|anomaly| anomaly.kind.to_string().len()).sum::<usize>();
    for node in document.elements() {
        assert!(node.parent().is_none_or(|parent| parent.index() < node.index()), "parents come first");
        seen += node.children().count() + node.text().count() + node.name().len();
        seen += node.attributes().filter(|attr| attr.text().is_some_and(|text| !text.is_empty())).count();
    }
    if let Ok(manifest) = Manifest::read(&document, table) {
        seen += manifest.components().filter(|component| component.is_exported(manifest.target_sdk())).count();
        seen += manifest.notes.len();
    }
    if let Ok(config) = NetworkConfig::read(&document) {
        seen += (0..config.domains.len()).filter(|index| config.effective(Some(*index), 30).cleartext).count();
    }
    seen
}

/// A table, with every value and every name.
pub fn table(bytes: &[u8]) -> usize {
    let Ok(table) = Table::read(bytes) else { return 0 };
    let mut seen = table.anomalies().len() + table.strings().iter().map(|(_, string)| string.len()).sum::<usize>();
    for resource in table.resources().take(20_000) {
        seen += table.named(&resource).map_or(0, |name| name.to_string().len());
        seen += usize::from(table.text(resource.id).is_some()) + resource.config.to_string().len();
    }
    seen + table.values().count()
}
