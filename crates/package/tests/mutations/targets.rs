//! What each reader is asked about bytes that may be anything: everything that it offers, so that nothing hides.

use std::io::Read as _;

use testudo_package::elf::Elf;
use testudo_package::ipa::{Ipa, Profile};
use testudo_package::macho;
use testudo_package::manifest::Manifest;
use testudo_package::netconfig::NetworkConfig;
use testudo_package::plist::Plist;
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

/// A native library, with every symbol and section.
pub fn elf(bytes: &[u8]) -> usize {
    let Ok(elf) = Elf::read(bytes) else { return 0 };
    let mut seen = elf.imports().chain(elf.exports()).map(|name| name.len()).sum::<usize>();
    seen += elf.sections.iter().filter_map(|section| elf.data(section)).map(<[u8]>::len).sum::<usize>();
    seen += elf.build_id().map_or(0, <[u8]>::len) + elf.dynamic.needed.len();
    seen + usize::from(elf.is_stripped()) + usize::from(elf.has_debug_info()) + elf.relro() as usize
}

/// A program of Apple's platforms, with its symbols and its code signature.
pub fn macho(bytes: &[u8]) -> usize {
    let Ok(programs) = macho::read(bytes) else { return 0 };
    let mut seen = 0;
    for program in &programs {
        seen += program.symbols().map(|symbol| symbol.name.len()).sum::<usize>() + program.selectors().count();
        seen += program.libraries.iter().map(|library| library.path.len()).sum::<usize>();
        let Some(signature) = program.code_signature() else { continue };
        for directory in &signature.directories {
            seen += signature.pages(directory).map_or(0, |pages| pages.compared);
            seen += usize::from(signature.blobs_match(directory) == Some(true)) + directory.identifier.len();
        }
    }
    seen
}

/// A property list, or a profile around one.
pub fn plist(bytes: &[u8]) -> usize {
    fn weight(list: &Plist) -> usize {
        let inner = list.entries().iter().map(|(key, value)| key.len() + weight(value)).sum::<usize>();
        1 + inner + list.items().iter().map(weight).sum::<usize>() + list.text().map_or(0, str::len)
    }
    let list = Plist::read(bytes).ok().or_else(|| Profile::read(bytes).ok().map(|profile| profile.list));
    list.as_ref().map_or(0, weight)
}

/// An app for iOS, with what stands beside its programs.
pub fn ipa(bytes: &[u8]) -> usize {
    let Ok(archive) = Archive::read(bytes, LIMITS) else { return 0 };
    let Ok(ipa) = Ipa::read(&archive) else { return 0 };
    let file = |file: Option<Result<Vec<u8>, _>>| file.and_then(Result::ok).map_or(0, |bytes| plist(&bytes));
    let of = |bundle| {
        let program = ipa.program(bundle).and_then(|entry| archive.contents(entry).ok());
        file(ipa.privacy_manifest(bundle))
            + file(ipa.profile(bundle))
            + program.map_or(0, |program| macho(&program.bytes))
    };
    let sealed = |bundle| ipa.seal(bundle).and_then(Result::ok).map_or(0, |seal| seal.compared + seal.changed);
    ipa.bundles.iter().map(|bundle| bundle.name().len() + of(bundle) + sealed(bundle)).sum()
}
