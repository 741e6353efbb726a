//! Rules about native libraries: each finds a library that lacks something, and leaves a hardened one alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod rules_support;

use rules_support::{Case, assert_declared, pack, prove};
use testudo_package::elf::Elf as Reader;
use testudo_package::zip::{Archive, Limits};
use testudo_scan::facts::{self, Facts, Value, native};
use testudo_scan::report::Finding;
use testudo_testkit::package::elf::Elf;
use testudo_testkit::package::zip::{Entry, Zip};

const FILES: &[(&str, &str)] = &[("native.toml", include_str!("../rules/native.toml"))];

/// Enough of the C library that nobody takes it for assembler.
const IMPORTS: [&str; 9] = ["malloc", "free", "memcpy", "strlen", "open", "close", "read", "write", "abort"];

fn hardened() -> Elf {
    Elf::default().importing(&[&IMPORTS[..], &["__stack_chk_fail", "__memcpy_chk"]].concat())
}

/// The facts of a library in a package, where it is stored at a multiple of `align`.
fn package(elf: &Elf, align: usize) -> Facts {
    let path = "lib/arm64-v8a/libnative.so";
    let bytes = Zip::new().entry(Entry { align, ..Entry::stored(path, &elf.write()) }).write();
    let archive = Archive::read(&bytes, Limits::PACKAGE).unwrap();
    let entry = archive.find(path).unwrap();
    let contents = archive.contents(entry).unwrap();
    let mut facts = Facts::default();
    native::rows(path, &Reader::read(&contents.bytes).unwrap(), &contents.bytes, Some(entry), &mut facts);
    assert_declared(&facts);
    facts
}

#[test]
fn every_rule_finds_and_leaves_alone() {
    let pack = pack(FILES);
    let find = |elf: Elf| -> Vec<Finding> { facts::check(&package(&elf, 16384), &pack) };
    let found = find(hardened());
    assert!(found.is_empty(), "{found:#?}");
    let case = |rule, bad: Elf, good: Elf| Case::new(rule, find(bad), find(good));
    let path = |path: &str| Some(path.to_owned());
    let uses = |more: &[&str]| hardened().importing(&[&IMPORTS[..], more].concat());
    let mut cases = vec![
        case("native-no-position-independence", Elf { kind: 2, ..hardened() }, hardened()),
        case("native-no-full-relro", Elf { relro: false, ..hardened() }, hardened()),
        case("native-no-full-relro", Elf { bind_now: false, ..hardened() }, hardened()),
        // What Dart compiles has no tables that the linker fills.
        case(
            "native-no-full-relro",
            Elf { relro: false, ..hardened() },
            Elf { relro: false, exports: vec!["_kDartVmSnapshotData".into()], ..hardened() },
        ),
        case("native-no-stack-canary", uses(&["__memcpy_chk"]), hardened()),
        // So little code may have no array on the stack.
        case("native-no-stack-canary", uses(&["__memcpy_chk"]), hardened().importing(&["malloc", "memcpy"])),
        case("native-no-fortify", uses(&["__stack_chk_fail"]), hardened()),
        case("native-executable-stack", Elf { stack: Some(7), ..hardened() }, Elf { stack: None, ..hardened() }),
        case("native-writable-code", Elf { flags: 7, ..hardened() }, hardened()),
        case("native-text-relocations", Elf { text_relocations: true, ..hardened() }, hardened()),
        case(
            "native-library-path",
            Elf { rpath: path("/home/build/lib"), ..hardened() },
            Elf { rpath: path("$ORIGIN"), ..hardened() },
        ),
        case(
            "native-library-path",
            Elf { runpath: path("/data/local/tmp"), ..hardened() },
            Elf { runpath: path("$ORIGIN/../lib"), ..hardened() },
        ),
        case("native-symbols-left", Elf { symbol_table: true, ..hardened() }, hardened()),
        case("native-symbols-left", Elf { debug_info: true, symbol_table: true, ..hardened() }, hardened()),
        case(
            "native-unbounded-copy",
            uses(&["__stack_chk_fail", "__memcpy_chk", "strcpy"]),
            uses(&["__stack_chk_fail", "__memcpy_chk", "__strcpy_chk"]),
        ),
    ];
    let placed = |align| facts::check(&package(&hardened(), align), &pack);
    cases.push(Case::new("native-unaligned-in-package", placed(4096), placed(16384)));
    prove(&pack, cases);
}

#[test]
fn a_row_tells_what_a_library_is() {
    let facts = package(&Elf { constants: b"/rustc/abc/library/std".to_vec(), ..hardened() }, 4096);
    let row = facts.of("native-library").next().unwrap();
    let expected = [
        ("name", Value::Text("libnative.so".into())),
        ("abi", Value::Text("arm64-v8a".into())),
        ("machine", Value::Text("aarch64".into())),
        ("bits", Value::Number(64)),
        ("jni", Value::Flag(true)),
        ("toolchain", Value::Text("rust".into())),
        ("relro", Value::Text("full".into())),
        ("page-alignment", Value::Number(16384)),
        ("zip-alignment", Value::Number(4096)),
        ("needed", Value::List(vec!["libc.so".into()])),
    ];
    for (name, value) in expected {
        assert_eq!(row.get(name), Some(&value), "{name}");
    }
}
