//! ELF files made by hand, and broken ones.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use testudo_testkit::package::elf::Elf as Writer;

#[test]
fn a_hardened_library_is_read_in_every_form() {
    for (wide, big, gnu_hash) in [(true, false, false), (true, false, true), (false, false, true), (false, true, false)]
    {
        let writer = Writer { wide, big, gnu_hash, runpath: Some("$ORIGIN".into()), ..Writer::default() };
        let bytes = writer.write();
        let elf = Elf::read(&bytes).unwrap();
        assert_eq!((elf.is_64(), elf.is_big_endian(), elf.machine), (wide, big, 183));
        assert!(elf.is_position_independent() && !elf.is_program() && elf.is_stripped() && !elf.has_debug_info());
        assert_eq!((elf.relro(), elf.stack(), elf.page_alignment()), (Relro::Full, Stack::Protected, Some(16384)));
        assert_eq!(elf.dynamic.needed, ["libc.so"]);
        assert_eq!(elf.dynamic.soname.as_deref(), Some("libnative.so"));
        assert_eq!((elf.dynamic.runpath.as_deref(), elf.dynamic.rpath.as_deref()), (Some("$ORIGIN"), None));
        assert!(elf.dynamic.present && !elf.dynamic.text_relocations && !elf.is_writable_code());
        assert_eq!(elf.imports().collect::<Vec<_>>(), ["__stack_chk_fail", "__memcpy_chk", "malloc"]);
        assert_eq!(elf.exports().collect::<Vec<_>>(), ["JNI_OnLoad"]);
        assert_eq!(elf.build_id(), Some([0xab; 20].as_slice()));
    }
}

#[test]
fn what_is_taken_away_is_missed() {
    let read = |writer: Writer| {
        let bytes = writer.write();
        let elf = Elf::read(&bytes).unwrap();
        (elf.relro(), elf.stack(), elf.is_stripped(), elf.has_debug_info(), elf.dynamic.text_relocations)
    };
    let bare = Writer {
        relro: false,
        bind_now: false,
        stack: None,
        symbol_table: true,
        debug_info: true,
        text_relocations: true,
        ..Writer::default()
    };
    assert_eq!(read(bare.clone()), (Relro::None, Stack::Unstated, false, true, true));
    let (relro, stack, ..) = read(Writer { relro: true, stack: Some(7), ..bare });
    assert_eq!((relro, stack), (Relro::Partial, Stack::Executable));
    let bytes = Writer { flags: 7, kind: 2, align: 4096, ..Writer::default() }.write();
    let elf = Elf::read(&bytes).unwrap();
    assert!(elf.is_writable_code() && elf.is_program() && !elf.is_position_independent());
    assert_eq!(elf.page_alignment(), Some(4096));
}

#[test]
fn sections_are_only_a_hint() {
    let mut bytes = Writer { constants: b"hello".to_vec(), ..Writer::default() }.write();
    let elf = Elf::read(&bytes).unwrap();
    assert_eq!(elf.section(".rodata").and_then(|section| elf.data(section)), Some(b"hello".as_slice()));
    bytes[40..48].copy_from_slice(&u64::MAX.to_le_bytes());
    let elf = Elf::read(&bytes).unwrap();
    assert!(elf.sections.is_empty());
    assert_eq!(elf.imports().count(), 3);
}

#[test]
fn what_is_no_library_is_refused() {
    assert_eq!(Elf::read(b"MZ").unwrap_err(), ElfError::Magic);
    assert_eq!(Elf::read(b"\x7fELF").unwrap_err(), ElfError::Truncated("header"));
    assert_eq!(Elf::read(b"\x7fELF\x03\x01").unwrap_err(), ElfError::Class { class: 3, order: 1 });
    let bytes = Writer::default().write();
    assert_eq!(Elf::read(&bytes[..100]).unwrap_err(), ElfError::Truncated("program header"));
}
