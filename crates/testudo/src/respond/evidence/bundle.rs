//! The file: a ZIP archive of few files with known names, read within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The names of all files that may be in a bundle.
pub const NAMES: [&str; 9] = [
    "actions.json",
    "alerts.jsonl",
    "checkpoint.txt",
    "events.jsonl",
    "incident.json",
    "manifest.json",
    "manifest.sig",
    "personal.jsonl",
    "playbooks.json",
];

/// The largest bundle in bytes.
pub const MOST_BYTES: u64 = 128 * 1024 * 1024;
/// The largest file in it.
const MOST_FILE: u64 = 256 * 1024 * 1024;

/// Writes the files in order of name. The same files give the same bytes.
pub fn write(files: &BTreeMap<&str, Vec<u8>>) -> Result<Vec<u8>, String> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o600);
    for (name, bytes) in files {
        writer.start_file(*name, options).map_err(|error| error.to_string())?;
        writer.write_all(bytes).map_err(|error| error.to_string())?;
    }
    Ok(writer.finish().map_err(|error| error.to_string())?.into_inner())
}

/// Reads the files. What is not a bundle, or has more than a bundle has, is an error.
pub fn read(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("it is no ZIP archive: {error}"))?;
    if archive.len() > NAMES.len() {
        return Err(format!("it has {} files, and a bundle has at most {}", archive.len(), NAMES.len()));
    }
    let mut files = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| format!("a file in it can't be read: {error}"))?;
        let name = file.name().map_err(|error| format!("a file in it has no name: {error}"))?.into_owned();
        if !NAMES.contains(&name.as_str()) {
            let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(format!("`{name}` is no file of a bundle"));
        }
        if !seen.insert(name.clone()) {
            return Err(format!("`{name}` is in it twice"));
        }
        let mut content = Vec::new();
        file.take(MOST_FILE + 1)
            .read_to_end(&mut content)
            .map_err(|error| format!("`{name}` can't be read: {error}"))?;
        if content.len() as u64 > MOST_FILE {
            return Err(format!("`{name}` is larger than {MOST_FILE} bytes"));
        }
        files.insert(name, content);
    }
    Ok(files)
}
