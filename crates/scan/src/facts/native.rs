//! Native libraries of Android as rows: which protections the compiler and the linker gave them, and how they lie in the
//! package.

use std::collections::BTreeSet;

use testudo_package::elf::{Elf, Relro, Stack, Symbol};
use testudo_package::zip::Entry;

use super::declared::{Kind, Type};
use super::{Facts, Row};
use crate::report::Place;

/// The kinds of rows.
pub(super) const KINDS: &[Kind] = &[Kind {
    name: "native-library",
    what: "a native library or program (ELF)",
    attributes: &[
        // The name of the file; its folder below `lib/`; the processor; how wide addresses are.
        ("name", Type::Text),
        ("abi", Type::Text),
        ("machine", Type::Text),
        ("bits", Type::Number),
        // Whether it is a program rather than a library, and whether Java calls it.
        ("program", Type::Flag),
        ("jni", Type::Flag),
        // What made it: `native` for C and C++, `rust`, `go`, `dart`.
        ("toolchain", Type::Text),
        ("pie", Type::Flag),
        // `none`, `partial`, `full`.
        ("relro", Type::Text),
        // `protected`, `executable`, `unstated`.
        ("stack", Type::Text),
        ("writable-code", Type::Flag),
        ("text-relocations", Type::Flag),
        ("canary", Type::Flag),
        // Whether functions of the C library are called that can be checked, and whether some calls are.
        ("fortifiable", Type::Flag),
        ("fortify", Type::Flag),
        // Functions of the C library that write without a bound.
        ("unbounded", Type::List),
        ("imports", Type::Number),
        ("rpath", Type::Text),
        ("runpath", Type::Text),
        ("stripped", Type::Flag),
        ("debug-info", Type::Flag),
        ("soname", Type::Text),
        ("needed", Type::List),
        ("build-id", Type::Text),
        // To what loaded segments are aligned; whether it is stored as it is; to what it is then aligned in the archive.
        ("page-alignment", Type::Number),
        ("stored", Type::Flag),
        ("zip-alignment", Type::Number),
    ],
}];

/// Functions that write as much as they are given.
const UNBOUNDED: [&str; 7] = ["gets", "strcpy", "strcat", "stpcpy", "sprintf", "vsprintf", "wcscpy"];

/// Functions that a compiler replaces by ones that check how large the target is.
const FORTIFIABLE: [&str; 24] = [
    "memcpy",
    "memmove",
    "memset",
    "strcpy",
    "strncpy",
    "strcat",
    "strncat",
    "strlcpy",
    "strlcat",
    "stpcpy",
    "sprintf",
    "snprintf",
    "vsprintf",
    "vsnprintf",
    "read",
    "pread",
    "recv",
    "recvfrom",
    "readlink",
    "getcwd",
    "fgets",
    "strlen",
    "strchr",
    "write",
];

/// The row of a library: the file's path, what is in it, and its entry if it lies in an archive.
pub fn rows(file: &str, elf: &Elf<'_>, bytes: &[u8], entry: Option<&Entry<'_>>, facts: &mut Facts) {
    let mut found = Symbols::default();
    elf.symbols().for_each(|symbol| found.take(&symbol));
    let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let abi = folder.rsplit_once("lib/").map(|(_, abi)| abi.split('/').next().unwrap_or(abi));
    let place = entry.filter(|entry| !entry.is_deflated()).and_then(Entry::data).map(|data| data.start);
    facts.push(
        Row::new("native-library", Place::Native { file: file.to_owned(), symbol: None })
            .text("name", name)
            .text_of("abi", abi.filter(|abi| !abi.is_empty()))
            .text("machine", machine(elf.machine))
            .number("bits", if elf.is_64() { 64 } else { 32 })
            .flag("program", elf.is_program())
            .flag("jni", found.jni)
            .text("toolchain", toolchain(elf, found.dart, bytes))
            .flag("pie", elf.is_position_independent())
            .text(
                "relro",
                match elf.relro() {
                    Relro::None => "none",
                    Relro::Partial => "partial",
                    Relro::Full => "full",
                },
            )
            .text(
                "stack",
                match elf.stack() {
                    Stack::Protected => "protected",
                    Stack::Executable => "executable",
                    Stack::Unstated => "unstated",
                },
            )
            .flag("writable-code", elf.is_writable_code())
            .flag("text-relocations", elf.dynamic.text_relocations)
            .flag("canary", found.canary)
            .flag("fortifiable", found.fortifiable || found.fortify)
            .flag("fortify", found.fortify)
            .list("unbounded", found.unbounded)
            .number("imports", found.imports)
            .text_of("rpath", text(&elf.dynamic.rpath))
            .text_of("runpath", text(&elf.dynamic.runpath))
            .flag("stripped", elf.is_stripped())
            .flag("debug-info", elf.has_debug_info())
            .text_of("soname", text(&elf.dynamic.soname))
            .list("needed", elf.dynamic.needed.iter().map(|name| name.clone().into_owned()))
            .text_of("build-id", elf.build_id().map(|id| data_encoding::HEXLOWER.encode(id)))
            .number("page-alignment", elf.page_alignment().map(number))
            .flag("stored", entry.map(|entry| !entry.is_deflated()))
            .number("zip-alignment", place.map(alignment)),
    );
}

/// What the symbols say.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an attribute of the row")]
struct Symbols {
    imports: i64,
    canary: bool,
    fortify: bool,
    fortifiable: bool,
    jni: bool,
    dart: bool,
    unbounded: BTreeSet<&'static str>,
}

impl Symbols {
    fn take(&mut self, symbol: &Symbol<'_>) {
        let name = symbol.name;
        if symbol.is_export() {
            self.jni |= name == b"JNI_OnLoad" || name.starts_with(b"Java_");
            self.dart |= name.starts_with(b"_kDart");
        } else if symbol.is_import() {
            let one_of = |list: &[&'static str]| list.iter().copied().find(|own| own.as_bytes() == name);
            self.imports += 1;
            self.canary |= matches!(name, b"__stack_chk_fail" | b"__stack_chk_guard");
            self.fortify |= name.starts_with(b"__") && name.ends_with(b"_chk");
            self.fortifiable |= one_of(&FORTIFIABLE).is_some();
            self.unbounded.extend(one_of(&UNBOUNDED));
        }
    }
}

/// The largest power of two, up to a page of 16 KB, that a place is a multiple of.
fn alignment(place: usize) -> i64 {
    1 << place.trailing_zeros().min(14)
}

fn machine(number: u16) -> String {
    match number {
        3 => "x86".to_owned(),
        8 => "mips".to_owned(),
        40 => "arm".to_owned(),
        62 => "x86_64".to_owned(),
        183 => "aarch64".to_owned(),
        243 => "riscv".to_owned(),
        other => other.to_string(),
    }
}

/// What made a library. What is not told by names or sections is taken for C or C++.
fn toolchain(elf: &Elf<'_>, dart: bool, bytes: &[u8]) -> &'static str {
    if elf.section(".gopclntab").is_some() || elf.section(".note.go.buildid").is_some() {
        "go"
    } else if dart {
        "dart"
    } else if memchr::memmem::find(bytes, b"/rustc/").is_some() {
        "rust"
    } else {
        "native"
    }
}
