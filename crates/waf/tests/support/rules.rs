//! Rule files from disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use testudo_waf::seclang::{Loader, Program, Sources};
use testudo_waf::{Options, Waf};

/// Reads files by their paths.
pub struct Disk;

impl Sources for Disk {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn list(&self, pattern: &str) -> std::io::Result<Vec<String>> {
        let Some((before, after)) = pattern.split_once('*') else { return Ok(vec![pattern.to_owned()]) };
        let (folder, head) = before.rsplit_once('/').unwrap_or((".", before));
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with(head) && name.ends_with(after) && name.len() >= head.len() + after.len() {
                found.push(format!("{folder}/{name}"));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// A folder of the corpora, if it is there.
pub fn corpus(name: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let folder = std::env::var_os("TESTUDO_CORPORA").map_or(here, PathBuf::from).join(name);
    found(folder, "TESTUDO_CORPORA", "TESTUDO_REQUIRE_CORPORA")
}

/// The folder of the rule set, if it is there.
pub fn crs() -> Option<PathBuf> {
    let folder = std::env::var_os("TESTUDO_CRS").map_or_else(|| PathBuf::from("crs"), PathBuf::from);
    found(folder, "TESTUDO_CRS", "TESTUDO_REQUIRE_CRS")
}

fn found(folder: PathBuf, variable: &str, required: &str) -> Option<PathBuf> {
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: nothing at {}; set {variable}", folder.display());
    assert!(std::env::var_os(required).is_none(), "{} is required", folder.display());
    None
}

/// The base configuration that the rule set expects, with the numbers that its tests know.
pub const BASE: &str = include_str!("base.conf");

/// The run configuration of the rule set's tests.
pub const SUITE: &str = include_str!("suite.conf");

/// The methods and content types of the apps of `corpora/benign`.
pub const ALLOWED: &str = include_str!("allowed.conf");

/// Loads the rule set between a base configuration and settings of our own.
pub fn program(crs: &Path, base: &str, settings: &str) -> Program {
    let disk = Disk;
    let mut loader = Loader::new(&disk);
    let map = corpus("crs/base").map(|base| format!("\nSecUnicodeMapFile {}/unicode.mapping 20127\n", base.display()));
    loader.text("base.conf", &format!("{base}{}", map.unwrap_or_default()));
    loader.file(&format!("{}/crs-setup.conf.example", crs.display()));
    loader.text("settings.conf", settings);
    loader.file(&format!("{}/rules/*.conf", crs.display()));
    loader.finish().unwrap_or_else(|errors| {
        for error in &errors {
            eprintln!("{error}");
        }
        panic!("{} constructs are refused", errors.len())
    })
}

/// Compiles a program.
pub fn waf(program: Program, options: Options) -> Arc<Waf> {
    Waf::new(program, options).unwrap_or_else(|problem| panic!("{problem}"))
}
