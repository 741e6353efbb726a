//! Every instruction, source line and protected range of foreign executables, as Debian's `dexdump` has them.
//!
//! `TESTUDO_PACKAGES` names a folder that is searched for `*.dex` files; they stay outside the repository.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testudo_package::dex::{Code, Dex, Format, Instruction, Opcode, ReferenceKind};
use testudo_testkit::package::dex as kit;

#[test]
fn foreign_executables_read_as_dexdump_reads_them() {
    let Some(folder) = std::env::var_os("TESTUDO_PACKAGES") else {
        return eprintln!("SKIPPED: TESTUDO_PACKAGES names no folder with Dalvik executables");
    };
    if !has_dexdump() {
        return eprintln!("SKIPPED: dexdump is not installed");
    }
    let mut files = Vec::new();
    find(Path::new(&folder), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no *.dex below {}", folder.display());
    for file in &files {
        let (lines, classes) = compare(file);
        eprintln!("{}: {classes} classes, {lines} lines equal", file.display());
    }
}

#[test]
fn what_the_test_kit_writes_is_accepted_by_dexdump() {
    if !has_dexdump() {
        return eprintln!("SKIPPED: dexdump is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("classes.dex");
    std::fs::write(&file, everything().build()).unwrap();
    let checked = Command::new("dexdump").arg("-c").arg(&file).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let (lines, classes) = compare(&file);
    assert_eq!(classes, 2);
    assert!(lines > 30, "{lines}");
}

fn everything() -> kit::Dex {
    const MAIN: &str = "La/Main;";
    kit::Dex::new()
        .class("La/Shape;", |class| {
            class.interface_type().abstract_method("area", "(IJ[D)D");
        })
        .class(MAIN, |class| {
            class.source("Main.java").implements("La/Shape;");
            class.annotate(kit::Annotation::runtime("La/Mark;").with("of", kit::Value::class(MAIN)));
            class.constant("TEXT", "Ljava/lang/String;", kit::Value::string("a\u{0}é😀"));
            class.constant("FLAG", "Z", kit::Value::Boolean(true));
            class.constant("LETTER", "C", kit::Value::Char(0xfffe));
            class.constant("SMALL", "B", kit::Value::Byte(-1)).annotate(kit::Annotation::runtime("La/Mark;"));
            class.constant("RATE", "F", kit::Value::Float(1.5));
            class.field("count", "J");
            class.default_constructor();
            class.native_method("raw", "()V");
            class.method("area", "(IJ[D)D", 12, |code| {
                code.line(5).const_long(0, 1 << 40).const_long(2, -7).const_high16(4, 0x4000).const_class(5, MAIN);
                code.iput(0, 7, MAIN, "count", "J").iget(2, 7, MAIN, "count", "J");
                code.line(9).protect(&[("Ljava/lang/Error;", "error"), ("*", "rest")], |code| {
                    code.const_string(5, "in range").const_string_jumbo(6, "jumbo").instance_of(4, 5, MAIN);
                });
                code.label("next")
                    .packed_switch(4, -1, &["next", "end"])
                    .sparse_switch(4, &[(70_000, "end"), (1, "next")]);
                code.filled_new_array("[I", &[4, 4, 4])
                    .move_result_object(6)
                    .array_length(4, 6)
                    .fill_ints(6, &[1, -1, 9]);
                code.invoke_interface("La/Shape;", "area", "(IJ[D)D", &[7, 8, 9, 10, 11]).move_result_wide(0);
                code.invoke_static(MAIN, "many", "(IIIIIII)V", &[0, 1, 2, 3, 4, 5, 6]);
                code.binary(0xab, 0, 0, 2)
                    .literal(0xd8, 4, 4, -3)
                    .unary(0x81, 2, 4)
                    .if_ne(4, 8, "next")
                    .goto_near("end");
                code.label("error").line(2).move_exception(5).throw(5);
                code.label("rest").move_exception(5).monitor_enter(5).monitor_exit(5).goto_far("next");
                code.label("end").return_wide(0);
            });
            class.static_method("many", "(IIIIIII)V", 7, |code| {
                code.return_void();
            });
        })
}

fn has_dexdump() -> bool {
    Command::new("dexdump").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "dex") {
            files.push(path);
        }
    }
}

/// Compares line by line, and says how many lines and classes there were.
fn compare(file: &Path) -> (usize, u32) {
    let bytes = std::fs::read(file).unwrap();
    let dex = Dex::parse(&bytes).unwrap();
    assert_eq!(dex.anomalies(), [], "{}", file.display());
    let mut ours = Vec::new();
    for (_, class) in dex.classes() {
        ours.push(format!("class {}", dex.descriptor(class.class).unwrap()));
        for method in dex.class_data(&class).unwrap().methods().filter(|method| method.code != 0) {
            show(&dex, &dex.code(method.code).unwrap(), &mut ours);
        }
    }
    let mut child =
        Command::new("dexdump").arg("-d").arg(file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut place = 0;
    let mut begun = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
        // A string with line breaks is shown with them.
        begun.push_str(&String::from_utf8_lossy(&line.unwrap()));
        if begun.contains('|') && begun.contains(": const-string") && !ends_with_index(&begun) {
            continue;
        }
        let line = std::mem::take(&mut begun);
        let Some(theirs) = shown(&line) else { continue };
        assert_eq!(ours.get(place), Some(&theirs), "line {place} of {}", file.display());
        place += 1;
    }
    child.wait().unwrap();
    assert_eq!(place, ours.len(), "dexdump has fewer lines of {}", file.display());
    (place, dex.class_count())
}

fn ends_with_index(line: &str) -> bool {
    let index = line.rsplit_once(" // string@").map_or("", |(_, index)| index);
    !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A method as the lines of `dexdump` that are compared.
fn show(dex: &Dex<'_>, code: &Code<'_>, out: &mut Vec<String>) {
    for instruction in code.instructions() {
        let one = instruction.unwrap();
        let address = code.offset() + 16 + one.pc * 2;
        let mut text = format!("{address:06x} {:04x} {}", one.pc, name(&one));
        for register in registers(&one) {
            write!(text, " v{register}").unwrap();
        }
        if one.opcode.reference() != ReferenceKind::None {
            let digits = if one.format == Format::F31c { 8 } else { 4 };
            write!(text, " @{:0digits$x}", one.index).unwrap();
        }
        if matches!(one.format, Format::F45cc | Format::F4rcc) {
            write!(text, ", proto@{:04x}", one.literal).unwrap();
        }
        out.push(text);
    }
    for range in code.tries() {
        out.push(format!("range {:04x} {:04x}", range.start, range.end));
        for handler in code.handlers(range) {
            let of = handler.catches.map_or("<any>".to_owned(), |of| dex.descriptor(of).unwrap().to_string());
            out.push(format!("{of} -> {:04x}", handler.target));
        }
    }
    for line in dex.lines(code.debug).unwrap() {
        out.push(format!("line {:04x} {}", line.pc, line.line));
    }
}

fn name(one: &Instruction) -> String {
    match one.format {
        Format::PackedSwitch => "packed-switch-data".to_owned(),
        Format::SparseSwitch => "sparse-switch-data".to_owned(),
        Format::ArrayData => "array-data".to_owned(),
        _ if one.opcode == Opcode::NOP => "nop".to_owned(),
        _ => one.opcode.mnemonic().to_owned(),
    }
}

fn registers(one: &Instruction) -> Vec<u16> {
    match one.format {
        Format::F35c | Format::F3rc | Format::F45cc | Format::F4rcc => one.arguments().collect(),
        Format::F12x | Format::F22x | Format::F22b | Format::F22t | Format::F22s | Format::F22c | Format::F32x => {
            vec![one.a, one.b]
        }
        Format::F23x => vec![one.a, one.b, one.c],
        Format::F10x
        | Format::F10t
        | Format::F20t
        | Format::F30t
        | Format::PackedSwitch
        | Format::SparseSwitch
        | Format::ArrayData => Vec::new(),
        _ => vec![one.a],
    }
}

/// A line of `dexdump` in the same form, if it is one of those that are compared.
fn shown(line: &str) -> Option<String> {
    if let Some(class) = line.strip_prefix("  Class descriptor  : '") {
        return Some(format!("class {}", class.trim_end_matches('\'')));
    }
    if let Some(rest) = line.strip_prefix("        0x") {
        if let Some((pc, number)) = rest.split_once(" line=") {
            return Some(format!("line {pc} {number}"));
        }
        let (start, end) = rest.split_once(" - 0x")?;
        return (!end.contains(' ')).then(|| format!("range {start} {end}"));
    }
    if let Some((of, target)) = line.strip_prefix("          ").and_then(|rest| rest.split_once(" -> 0x")) {
        return Some(format!("{of} -> {target}"));
    }
    let (address, rest) = line.split_once(": ").filter(|(address, _)| address.len() == 6)?;
    let (pc, text) = rest.split_once('|')?.1.split_once(": ")?;
    let (mnemonic, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut shown = format!("{address} {pc} {mnemonic}");
    // What follows the registers is a string, a name or a number, and what follows the last `//` is the index.
    let listed = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let listed = listed.map_or_else(|| rest, |(inside, _)| inside);
    for part in
        listed.split(", ").map_while(|part| part.strip_prefix('v').filter(|number| number.parse::<u16>().is_ok()))
    {
        write!(shown, " v{part}").unwrap();
    }
    if let Some((_, index)) = rest.rsplit_once(" // ").and_then(|(_, comment)| comment.split_once('@')) {
        write!(shown, " @{index}").unwrap();
    }
    Some(shown)
}
