#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]
//! What foreign libraries are, equal to what `readelf` says: kind, segments, dynamic entries, symbols, build id.
//!
//! `TESTUDO_LIBRARIES` names a folder with libraries, at any depth.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use testudo_package::elf::Elf;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

fn readelf(path: &Path) -> Option<String> {
    let output = Command::new("readelf").args(["-W", "-h", "-l", "-d", "-n", "--dyn-syms"]).arg(path).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// One line for each thing that both say.
fn ours(elf: &Elf<'_>) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for segment in elf.loads() {
        lines.insert(format!("load {:x} {:x} {:x}", segment.offset, segment.file_size, segment.align));
    }
    let dynamic = &elf.dynamic;
    lines.extend(dynamic.needed.iter().map(|name| format!("needed {name}")));
    lines.extend(dynamic.soname.iter().map(|name| format!("soname {name}")));
    lines.extend(dynamic.rpath.iter().map(|name| format!("rpath {name}")));
    lines.extend(dynamic.runpath.iter().map(|name| format!("runpath {name}")));
    lines.extend(dynamic.bind_now.then(|| "now".to_owned()));
    lines.extend(dynamic.text_relocations.then(|| "textrel".to_owned()));
    lines.insert(format!("relro {}", elf.relro() != testudo_package::elf::Relro::None));
    lines.insert(format!("stack {:?}", elf.stack()));
    let id = |id: &[u8]| id.iter().fold(String::from("id "), |text, byte| text + &format!("{byte:02x}"));
    lines.extend(elf.build_id().map(id));
    lines.extend(elf.imports().map(|name| format!("import {name}")));
    lines.extend(elf.exports().map(|name| format!("export {name}")));
    lines
}

fn theirs(text: &str) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let (mut relro, mut stack) = (false, "Unstated");
    let hex = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or(u64::MAX);
    // Where the file does not say that its symbols are those of GNU, the tool has no name for a unique one.
    for line in text.replace("<OS specific>: 10", "UNIQUE").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let bracketed =
            || line.split_once('[').and_then(|(_, rest)| rest.rsplit_once(']')).map_or("", |(text, _)| text);
        match words.as_slice() {
            ["LOAD", offset, _, _, size, _, .., align] => {
                _ = lines.insert(format!("load {:x} {:x} {:x}", hex(offset), hex(size), hex(align)));
            }
            ["GNU_RELRO", ..] => relro = true,
            ["GNU_STACK", _, _, _, _, _, flags, ..] => {
                stack = if flags.contains('E') { "Executable" } else { "Protected" };
            }
            [.., "Build", "ID:", id] => _ = lines.insert(format!("id {id}")),
            [_, "(NEEDED)", ..] => _ = lines.insert(format!("needed {}", bracketed())),
            [_, "(SONAME)", ..] => _ = lines.insert(format!("soname {}", bracketed())),
            [_, "(RPATH)", ..] => _ = lines.insert(format!("rpath {}", bracketed())),
            [_, "(RUNPATH)", ..] => _ = lines.insert(format!("runpath {}", bracketed())),
            [_, "(BIND_NOW)", ..] => _ = lines.insert("now".into()),
            [_, "(TEXTREL)", ..] => _ = lines.insert("textrel".into()),
            [_, "(FLAGS)" | "(FLAGS_1)", flags @ ..] => {
                lines.extend(flags.iter().any(|flag| matches!(*flag, "BIND_NOW" | "NOW")).then(|| "now".to_owned()));
                lines.extend(flags.contains(&"TEXTREL").then(|| "textrel".to_owned()));
            }
            [number, _, _, _, binding, _, section, name, ..]
                if number.strip_suffix(':').is_some_and(|number| number.parse::<u32>().is_ok()) =>
            {
                let name = name.split('@').next().unwrap_or(name);
                if *section == "UND" {
                    lines.insert(format!("import {name}"));
                } else if *binding != "LOCAL" {
                    lines.insert(format!("export {name}"));
                }
            }
            _ => {}
        }
    }
    lines.insert(format!("relro {relro}"));
    lines.insert(format!("stack {stack}"));
    lines
}

#[test]
fn libraries_are_what_readelf_says() {
    let Some(folder) = std::env::var_os("TESTUDO_LIBRARIES") else {
        eprintln!("SKIPPED: TESTUDO_LIBRARIES names no folder with native libraries");
        return;
    };
    let mut paths = Vec::new();
    files(Path::new(&folder), &mut paths);
    paths.sort();
    let (mut compared, mut symbols) = (0, 0);
    let mut differences = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        let Ok(elf) = Elf::read(&bytes) else { continue };
        let Some(text) = readelf(&path) else {
            eprintln!("SKIPPED: `readelf` is not installed");
            return;
        };
        let (own, other) = (ours(&elf), theirs(&text));
        compared += 1;
        symbols += own.len();
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).take(4).cloned().collect::<Vec<_>>();
        if own != other {
            let (own, other) = (only(&own, &other), only(&other, &own));
            differences.push(format!("{}: only we {own:?}, only readelf {other:?}", path.display()));
        }
    }
    eprintln!("{compared} files with {symbols} lines compared, {} differ", differences.len());
    assert!(compared > 0 && differences.is_empty(), "{}", differences.join("\n"));
}
