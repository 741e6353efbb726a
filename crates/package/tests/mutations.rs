//! Thousands of packages with bytes changed: no reader panics, runs away, or answers twice in two ways.
//!
//! `TESTUDO_MUTATIONS` sets how many; `TESTUDO_PACKAGES`, a folder, adds its packages to what is changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

#[path = "mutations/targets.rs"]
mod targets;

use std::time::{Duration, Instant};

use testudo_testkit::package::elf::Elf;
use testudo_testkit::package::macho::{MachO, fat};
use testudo_testkit::package::plist;
use testudo_testkit::package::resources::{Form, Table, config};
use testudo_testkit::package::xml::{Element, Value, Xml};
use testudo_testkit::package::zip::{Entry, Zip};

/// Numbers that hardly deserve the name (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below.max(1) as u64).unwrap()
    }
}

/// A few changes: bytes, numbers at their edges, parts cut out, doubled or swapped, an end cut off.
fn mutate(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    const EDGES: [u32; 10] = [0, 1, 7, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_fff0, u32::MAX];
    let mut bytes = bytes.to_vec();
    for _ in 0..=numbers.next(4) {
        if bytes.is_empty() {
            break;
        }
        let at = numbers.next(bytes.len());
        let length = numbers.next(64).min(bytes.len() - at);
        match numbers.next(8) {
            0 => bytes[at] = numbers.next(256).to_le_bytes()[0],
            1 => bytes[at] ^= 1 << numbers.next(8),
            2 | 3 => {
                let edge = EDGES[numbers.next(EDGES.len())].to_le_bytes();
                let size = [1, 2, 4][numbers.next(3)].min(bytes.len() - at);
                let at = if numbers.next(2) == 0 { at } else { at & !3 };
                bytes[at..at + size].copy_from_slice(&edge[..size]);
            }
            4 => drop(bytes.drain(at..at + length)),
            5 => {
                let part = bytes[at..at + length].to_vec();
                bytes.splice(at..at, part);
            }
            6 => {
                let other = numbers.next(bytes.len() - length + 1);
                let part = bytes[at..at + length].to_vec();
                bytes[other..other + length].copy_from_slice(&part);
            }
            _ if numbers.next(8) == 0 => bytes.truncate(at),
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
    bytes
}

fn manifest() -> Vec<u8> {
    let filter = Element::new("intent-filter")
        .child(Element::new("action").android(0x0101_0003, "name", "android.intent.action.VIEW"))
        .child(Element::new("data").android(0x0101_0027, "scheme", "https").android(0x0101_0028, "host", "a.example"));
    let activity = Element::new("activity").android(0x0101_0003, "name", ".A").android(0x0101_0010, "exported", true);
    let application = Element::new("application")
        .android(0x0101_0001, "label", Value::Reference(0x7f01_0000))
        .android(0x0101_000f, "debuggable", Value::Reference(0x7f02_0000))
        .child(activity.child(filter))
        .child(Element::new("provider").android(0x0101_0003, "name", ".P").android(0x0101_0018, "authorities", "a;b"));
    let root = Element::new("manifest").plain("package", "com.example").android(0x0101_021b, "versionCode", 7);
    Xml::new(root.child(application)).write()
}

fn network() -> Vec<u8> {
    let inner =
        Element::new("domain-config").child(Element::new("domain").plain("includeSubdomains", true).text("a.b"));
    let outer = Element::new("domain-config").plain("cleartextTrafficPermitted", true).child(inner);
    Xml { utf8: true, ..Xml::new(Element::new("network-security-config").child(outer)) }.write()
}

fn table(form: Form) -> Vec<u8> {
    let table = Table::new("com.example")
        .add("string", "app_name", "Demo")
        .add("bool", "debug", false)
        .add_for(config(&[(8, b"fr"), (24, &[21])]), "bool", "debug", true)
        .add("string", "alias", Value::Reference(0x7f01_0000))
        .add("string", "loop", Value::Reference(0x7f01_0002))
        .bag("style", "Theme", 0, vec![(1, "x".into()), (2, Value::Reference(0x7f01_0001))]);
    Table { form, utf8: form == Form::Compact, ..table }.write()
}

fn packages() -> Vec<Vec<u8>> {
    let zip = |form| {
        Zip::new()
            .file("AndroidManifest.xml", manifest())
            .stored("resources.arsc", table(form))
            .stored("res/xml/network.xml", network())
            .entry(Entry::deflated("assets/a", b"aaaaaaaaaaaaaaaaaaaaaaaaaa").with_descriptor())
    };
    let stored = |form| Zip {
        zip64: true,
        ..Zip::new().stored("AndroidManifest.xml", manifest()).stored("resources.arsc", table(form))
    };
    vec![
        zip(Form::Dense).write(),
        zip(Form::Sparse).write(),
        stored(Form::Short).write(),
        stored(Form::Compact).write(),
    ]
}

fn run(what: &str, seeds: &[Vec<u8>], count: usize, target: impl Fn(&[u8]) -> usize) {
    assert!(seeds.iter().any(|seed| target(seed) > 0), "the unchanged {what} is read");
    let mut slowest = Duration::ZERO;
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for nth in 0..count {
        let changed = mutate(&seeds[nth % seeds.len()], &mut numbers);
        let (seen, mut took) = timed(&target, &changed);
        // A busy machine makes any reader slow once, but not three times.
        for _ in 0..2 {
            if took > Duration::from_secs(1) {
                took = took.min(timed(&target, &changed).1);
            }
        }
        assert!(took < Duration::from_secs(2), "{what} {nth} took {took:?}");
        slowest = slowest.max(took);
        if nth % 64 == 0 {
            assert_eq!(seen, target(&changed), "{what} {nth} was read in two ways");
        }
    }
    eprintln!("{what}: {count} changed, the slowest took {slowest:?}");
}

fn timed(target: impl Fn(&[u8]) -> usize, bytes: &[u8]) -> (usize, Duration) {
    let start = Instant::now();
    (target(bytes), start.elapsed())
}

/// How many; fewer without a word, so that all take about two seconds.
fn count() -> usize {
    std::env::var("TESTUDO_MUTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(3000)
}

#[test]
fn changed_archives_are_read_without_harm() {
    run("archives", &packages(), count(), targets::archive);
}

#[test]
fn changed_documents_are_read_without_harm() {
    run("documents", &[manifest(), network()], count(), |bytes| targets::document(bytes, None));
}

#[test]
fn changed_tables_are_read_without_harm() {
    let seeds = [Form::Dense, Form::Sparse, Form::Short, Form::Compact].map(table);
    run("tables", &seeds, count(), targets::table);
}

#[test]
fn changed_libraries_are_read_without_harm() {
    let seeds = [(true, false, true), (true, true, false), (false, false, true), (false, true, false)]
        .map(|(wide, big, gnu_hash)| Elf { wide, big, gnu_hash, symbol_table: big, debug_info: big, ..Elf::default() });
    run("libraries", &seeds.map(|elf| elf.write()), count(), targets::elf);
}

fn list() -> plist::Value {
    plist::dictionary([
        ("CFBundleExecutable", "App".into()),
        ("Wide", "Größe".into()),
        ("Inner", plist::dictionary([("Texts", plist::texts(&["x", "y"])), ("Data", plist::Value::Data(vec![1; 20]))])),
        ("Number", 7.into()),
        ("Yes", true.into()),
    ])
}

fn program() -> Vec<u8> {
    MachO { debug: vec!["/src/a.m".into()], ..MachO::default() }.entitled(plist::xml(&list())).write()
}

#[test]
fn changed_programs_are_read_without_harm() {
    run("programs", &[program(), fat(&[program(), MachO::default().write()])], count(), targets::macho);
}

#[test]
fn changed_lists_are_read_without_harm() {
    let seeds = [plist::xml(&list()), plist::binary(&list()), plist::profile(&list())];
    run("lists", &seeds, count(), targets::plist);
}

#[test]
fn changed_apps_are_read_without_harm() {
    let sealed = plist::dictionary([("hash2", plist::Value::Data(vec![7; 32]))]);
    let sealed = plist::dictionary([("files2", plist::dictionary([("App", sealed)]))]);
    let app = Zip::new()
        .stored("Payload/App.app/App", program())
        .stored("Payload/App.app/Info.plist", plist::binary(&list()))
        .stored("Payload/App.app/_CodeSignature/CodeResources", plist::xml(&sealed))
        .stored("Payload/App.app/PrivacyInfo.xcprivacy", plist::xml(&list()))
        .stored("Payload/App.app/embedded.mobileprovision", plist::profile(&list()))
        .stored("Payload/App.app/Frameworks/A.framework/A", MachO::default().write());
    run("apps", &[app.write()], count(), targets::ipa);
}

#[test]
fn changed_foreign_packages_are_read_without_harm() {
    let Some(folder) = std::env::var_os("TESTUDO_PACKAGES") else {
        eprintln!("SKIPPED: TESTUDO_PACKAGES names no folder with packages");
        return;
    };
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> =
        paths.iter().filter_map(|path| std::fs::read(path).ok()).filter(|bytes| bytes.len() < 200_000).collect();
    run("foreign packages", &seeds, count() / 4, targets::archive);
}
