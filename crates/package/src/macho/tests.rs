//! Mach-O files made by hand, and broken ones.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
use super::*;
use testudo_testkit::package::macho::{MachO as Writer, Signature, fat};
use testudo_testkit::package::plist::{dictionary, xml};

fn entitlements() -> Vec<u8> {
    xml(&dictionary([("get-task-allow", true.into())]))
}

#[test]
fn a_program_is_read() {
    let writer = Writer { debug: vec!["/src/secret.swift".into()], ..Writer::default() }
        .selecting(&["uptime", "setValue:forKey:"])
        .entitled(entitlements());
    let bytes = writer.write();
    assert!(is_macho(&bytes));
    let programs = read(&bytes).unwrap();
    let [program] = programs.as_slice() else { panic!() };
    assert_eq!((program.architecture(), program.kind, program.platform), ("arm64", PROGRAM, Some(2)));
    assert!(program.is_64() && program.is_position_independent() && !program.has_executable_stack());
    assert!(!program.is_encrypted() && program.is_signed());
    assert_eq!(program.libraries[0], Library { path: b"/usr/lib/libSystem.B.dylib", link: Link::Needed });
    assert_eq!(program.rpaths, [b"@executable_path/Frameworks"]);
    assert_eq!(program.imports().collect::<Vec<_>>(), [&b"___stack_chk_fail"[..], b"_objc_msgSend", b"_objc_release"]);
    assert_eq!(program.symbols().filter(|symbol| symbol.debug).count(), 1);
    assert_eq!(program.selectors().collect::<Vec<_>>(), [&b"uptime"[..], b"setValue:forKey:"]);
    assert_eq!(program.uuid, Some([0x11; 16].as_slice()));
}

#[test]
fn pages_are_compared_with_their_digests() {
    let mut bytes = Writer::default().entitled(entitlements()).write();
    let check = |bytes: &[u8]| {
        let programs = read(bytes).unwrap();
        let signature = programs[0].code_signature().unwrap();
        let directory = signature.directory().unwrap();
        assert_eq!((directory.identifier, directory.team), (&b"com.example.app"[..], Some(&b"TEAM123456"[..])));
        assert_eq!((directory.hash, directory.version, directory.is_ad_hoc()), (2, 0x2_0400, false));
        assert_eq!(signature.entitlements, Some(entitlements().as_slice()));
        (signature.pages(directory).unwrap(), signature.blobs_match(directory))
    };
    let (pages, blobs) = check(&bytes);
    assert_eq!((pages.wrong, pages.complete, blobs), (0, true, Some(true)));
    let at = memchr::memmem::find(&bytes, b"@executable_path").unwrap();
    bytes[at] = b'/';
    let (pages, _) = check(&bytes);
    assert_eq!((pages.wrong, pages.first_wrong), (1, vec![0]));
}

#[test]
fn entitlements_are_compared_with_their_digest() {
    let mut bytes = Writer::default().entitled(entitlements()).write();
    let at = memchr::memmem::find(&bytes, b"get-task-allow").unwrap();
    bytes[at] = b'G';
    let programs = read(&bytes).unwrap();
    let signature = programs[0].code_signature().unwrap();
    assert_eq!(signature.blobs_match(signature.directory().unwrap()), Some(false));
}

#[test]
fn programs_for_several_processors_are_told_apart() {
    let old = Writer { processor: 0x0100_0007, flags: 0, signature: None, encryption: Some(1), ..Writer::default() };
    let bytes = fat(&[
        old.write(),
        Writer { signature: Some(Signature { flags: 2, ..Signature::default() }), ..Writer::default() }.write(),
    ]);
    assert!(is_macho(&bytes));
    let programs = read(&bytes).unwrap();
    let [old, new] = programs.as_slice() else { panic!() };
    assert_eq!((old.architecture(), old.is_encrypted(), old.is_position_independent()), ("x86_64", true, false));
    assert!(old.code_signature().is_none() && new.code_signature().unwrap().directory().unwrap().is_ad_hoc());
}

#[test]
fn what_is_no_program_is_refused() {
    assert_eq!(read(b"\x7fELF").unwrap_err(), MachError::Magic);
    // A class of Java.
    assert!(!is_macho(b"\xca\xfe\xba\xbe\0\0\0\x3d\0\0"));
    let bytes = Writer::default().write();
    assert_eq!(read(&bytes[..40]).unwrap_err(), MachError::Truncated("load commands"));
    assert_eq!(read(&fat(&[b"none".to_vec()])).unwrap_err(), MachError::Magic);
}
