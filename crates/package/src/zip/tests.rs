//! Archives with each oddity, and what Android makes of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Read as _;

use testudo_testkit::package::zip::{Entry as Made, Zip, deflate};

use super::*;

fn read(bytes: &[u8]) -> Archive<'_> {
    Archive::read(bytes, Limits::PACKAGE).unwrap()
}

fn kinds(zip: &Zip) -> Vec<AnomalyKind> {
    read(&zip.write()).anomalies().iter().map(|anomaly| anomaly.kind.clone()).collect()
}

fn text(archive: &Archive<'_>, name: &str) -> String {
    let contents = archive.contents(archive.find(name).unwrap()).unwrap();
    assert!(contents.complete);
    String::from_utf8(contents.bytes.into_owned()).unwrap()
}

#[test]
fn an_honest_archive_has_no_oddity() {
    let bytes = Zip::new()
        .file("AndroidManifest.xml", "manifest")
        .stored("resources.arsc", "table")
        .entry(Made::deflated("classes.dex", b"code").with_descriptor())
        .file("empty", "")
        .write();
    let archive = read(&bytes);
    assert_eq!(archive.anomalies(), []);
    assert_eq!(archive.effect(), Effect::None);
    assert_eq!(archive.entries().len(), 4);
    for (name, data) in
        [("AndroidManifest.xml", "manifest"), ("resources.arsc", "table"), ("classes.dex", "code"), ("empty", "")]
    {
        let contents = archive.contents(archive.find(name).unwrap()).unwrap();
        assert_eq!(contents.bytes, data.as_bytes());
        assert!(contents.checksum_matches && contents.complete && contents.unread == 0, "{name}");
        let mut streamed = String::new();
        archive.stream(archive.find(name).unwrap()).unwrap().read_to_string(&mut streamed).unwrap();
        assert_eq!(streamed, data);
    }
    assert_eq!(archive.find("resources.arsc").unwrap().local.as_ref().unwrap().data % 4, 0);
    assert!(archive.find("absent").is_none());
}

#[test]
fn a_directory_in_a_zip64_record_is_found() {
    let bytes = Zip { zip64: true, ..Zip::new().file("a", "data") }.write();
    let archive = read(&bytes);
    assert!(archive.end().zip64.is_some());
    assert_eq!(archive.anomalies(), []);
    assert_eq!(text(&archive, "a"), "data");
}

#[test]
fn sizes_in_a_zip64_field_are_taken() {
    let wide = |header: &mut testudo_testkit::package::zip::Header| {
        header.extra = [&[1, 0, 16, 0][..], &4u64.to_le_bytes(), &4u64.to_le_bytes()].concat();
        (header.compressed, header.size) = (u32::MAX, u32::MAX);
    };
    let bytes = Zip::new().entry(Made::stored("a", b"data").both(wide)).write();
    assert_eq!(read(&bytes).anomalies(), []);
    assert_eq!(text(&read(&bytes), "a"), "data");
    let broken = Zip::new().entry(Made::stored("a", b"data").both(wide).central(|header| header.extra.clear()));
    assert!(kinds(&broken).contains(&AnomalyKind::Zip64Broken));
}

#[test]
fn an_unknown_method_is_read_as_it_is() {
    let zip = Zip::new().entry(Made::stored("a", b"data").central(|header| header.method = 0x3c5b));
    let bytes = zip.write();
    assert_eq!(text(&read(&bytes), "a"), "data");
    assert_eq!(
        kinds(&zip),
        [AnomalyKind::MethodDiffers { central: 0x3c5b, local: 0 }, AnomalyKind::UnknownMethod { method: 0x3c5b }]
    );
    assert_eq!(read(&bytes).effect(), Effect::Differs);
}

#[test]
fn the_directorys_method_decides() {
    let bytes = Zip::new().entry(Made::deflated("a", b"data").local(|header| header.method = 0)).write();
    assert_eq!(text(&read(&bytes), "a"), "data");
}

#[test]
fn the_flag_for_encryption_is_not_looked_at() {
    let zip = Zip::new().entry(Made::deflated("a", b"data").both(|header| header.flags = ENCRYPTED));
    assert_eq!(kinds(&zip), [AnomalyKind::Encrypted]);
    assert_eq!(text(&read(&zip.write()), "a"), "data");
}

#[test]
fn a_wrong_checksum_is_told_but_not_refused() {
    let bytes = Zip::new().entry(Made::deflated("a", b"data").both(|header| header.crc ^= 1)).write();
    let archive = read(&bytes);
    let contents = archive.contents(&archive.entries()[0]).unwrap();
    assert_eq!(contents.bytes.as_ref(), b"data");
    assert!(!contents.checksum_matches && contents.complete);
}

#[test]
fn a_wrong_size_is_not_complete() {
    for size in [2, 9] {
        let bytes = Zip::new().entry(Made::deflated("a", b"data").both(|header| header.size = size)).write();
        let archive = read(&bytes);
        let contents = archive.contents(&archive.entries()[0]).unwrap();
        assert_eq!(contents.bytes.as_ref(), &b"data"[..4.min(size as usize)]);
        assert!(!contents.complete);
    }
}

#[test]
fn each_oddity_of_an_entry_is_told_with_its_effect() {
    let a = || Made::stored("a", b"data");
    let named = |name: &[u8]| a().both(|header| header.name = name.to_vec());
    let cases = [
        (named(b"/etc/x"), AnomalyKind::NameAbsolute, Effect::Differs),
        (named(b"C:x"), AnomalyKind::NameAbsolute, Effect::Differs),
        (named(b"x/../../y"), AnomalyKind::NameParent, Effect::Differs),
        (named(b"x\\y"), AnomalyKind::NameBackslash, Effect::Differs),
        (named(b""), AnomalyKind::NameEmpty, Effect::Differs),
        (named(b"x\0y"), AnomalyKind::NameNul, Effect::ArchiveRefused),
        (named(b"x\xff"), AnomalyKind::NameNotUtf8, Effect::ArchiveRefused),
        (
            a().local(|h| h.name = b"b".to_vec()),
            AnomalyKind::NameDiffers { local: b"b".to_vec() },
            Effect::EntryRefused,
        ),
        (
            a().local(|header| header.size = 5),
            AnomalyKind::SizesDiffer { central: (4, 4), local: (4, 5), descriptor: false },
            Effect::EntryRefused,
        ),
        (
            a().with_descriptor().local(|header| header.size = 5),
            AnomalyKind::SizesDiffer { central: (4, 4), local: (0, 5), descriptor: true },
            Effect::Differs,
        ),
        (
            a().both(|header| header.crc = 1).local(|header| header.crc = 2),
            AnomalyKind::ChecksumDiffers { central: 1, local: 2, descriptor: false },
            Effect::EntryRefused,
        ),
        (a().local(|header| header.flags = 8), AnomalyKind::FlagsDiffer { central: 0, local: 8 }, Effect::Differs),
        (
            Made { after: b"PK\x07\x08junkjunkjunk".to_vec(), ..a().with_descriptor() },
            AnomalyKind::DescriptorDiffers,
            Effect::Differs,
        ),
        (a().both(|header| header.size = 3), AnomalyKind::StoredSizes { compressed: 4, size: 3 }, Effect::Differs),
        (
            a().both(|header| (header.size, header.compressed) = (4000, 4000)),
            AnomalyKind::DataOutside,
            Effect::EntryRefused,
        ),
        (Made { place: Some(1), ..a() }, AnomalyKind::NoLocalHeader, Effect::EntryRefused),
        (Made { place: Some(70_000), ..a() }, AnomalyKind::Outside, Effect::ArchiveRefused),
        (Made { unix_mode: Some(0o120_777), ..a() }, AnomalyKind::Link, Effect::None),
        (Made { gap: vec![0; 7], ..a() }, AnomalyKind::Gap { bytes: 7, zero: true }, Effect::None),
        (Made::stored("secret", b"").hidden(), AnomalyKind::Unlisted { name: b"secret".to_vec() }, Effect::Differs),
    ];
    for (entry, kind, effect) in cases {
        let zip = Zip::new().file("first", "1").entry(entry);
        assert!(kinds(&zip).contains(&kind), "{kind}: {:?}", kinds(&zip));
        assert_eq!(kind.effect(), effect, "{kind}");
    }
}

#[test]
fn each_oddity_of_the_archive_is_told_with_its_effect() {
    let zip = || Zip::new().file("first", "1").file("second", "2");
    let directory = read(&zip().write()).end().directory.start;
    let cases = [
        (Zip { trailing: b"xyz".to_vec(), ..zip() }, AnomalyKind::TrailingBytes { bytes: 3 }, Effect::ArchiveRefused),
        (Zip { prefix: b"dex\n".to_vec(), ..zip() }, AnomalyKind::LeadingBytes, Effect::ArchiveRefused),
        (Zip { prefix: b"dex\n".to_vec(), ..zip() }, AnomalyKind::Shifted { bytes: 4 }, Effect::ArchiveRefused),
        (Zip { declared: Some(1), ..zip() }, AnomalyKind::CountDiffers { declared: 1, found: 2 }, Effect::Differs),
        (
            Zip { declared: Some(3), ..zip() },
            AnomalyKind::CountDiffers { declared: 3, found: 2 },
            Effect::ArchiveRefused,
        ),
        (zip().file("first", "3"), AnomalyKind::Duplicate { first: 0 }, Effect::ArchiveRefused),
        (Zip::new(), AnomalyKind::Empty, Effect::ArchiveRefused),
        (Zip { comment: Zip::new().write(), ..zip() }, AnomalyKind::AnotherEnd { directory }, Effect::Differs),
        (
            Zip { before_directory: b"\0\0\0\0\0\0\0\0APK Sig Block 42".to_vec(), ..zip() },
            AnomalyKind::SigningBlockBroken,
            Effect::Differs,
        ),
    ];
    for (zip, kind, effect) in cases {
        assert!(kinds(&zip).contains(&kind), "{kind}: {:?}", kinds(&zip));
        assert_eq!(kind.effect(), effect, "{kind}");
    }
    let overlapping = Zip::new().file("a", "1").entry(Made { place: Some(0), ..Made::deflated("a", b"1").hidden() });
    assert!(kinds(&overlapping).contains(&AnomalyKind::Unlisted { name: b"a".to_vec() }));
}

#[test]
fn an_archive_with_very_much_behind_it_is_found() {
    let zip = Zip { trailing: vec![0; 100_000], ..Zip::new().file("a", "1") };
    assert_eq!(kinds(&zip), [AnomalyKind::TrailingBytes { bytes: 100_000 }]);
}

#[test]
fn entries_that_share_their_data_overlap() {
    let one = Made::deflated("a", b"1");
    let other = Made { place: Some(0), local: None, data: Vec::new(), ..Made::deflated("b", b"1") };
    let zip = Zip::new().entry(one).entry(other);
    let kinds = kinds(&zip);
    assert!(kinds.contains(&AnomalyKind::Overlap { other: 0 }), "{kinds:?}");
    assert!(kinds.contains(&AnomalyKind::NameDiffers { local: b"a".to_vec() }));
}

#[test]
fn of_one_name_the_first_is_found_and_all_are_listed() {
    let bytes = Zip::new().file("b", "1").file("a", "x").file("b", "2").write();
    let archive = read(&bytes);
    assert_eq!(text(&archive, "b"), "1");
    assert_eq!(archive.all("b").count(), 2);
    assert_eq!(archive.all("a").count(), 1);
}

#[test]
fn the_signing_block_is_found() {
    let mut block = 32u64.to_le_bytes().to_vec();
    block.extend([7; 8]);
    block.extend(32u64.to_le_bytes());
    block.extend(b"APK Sig Block 42");
    let bytes = Zip { before_directory: block.clone(), ..Zip::new().file("a", "1") }.write();
    let archive = read(&bytes);
    assert_eq!(archive.anomalies(), []);
    assert_eq!(&bytes[archive.signing_block().unwrap()], block);
    assert_eq!(archive.signing_block().unwrap().end, archive.end().directory.start);
}

#[test]
fn what_is_beyond_the_limits_is_not_opened() {
    let bytes = Zip::new().file("a", [1; 60]).file("b", [2; 60]).file("c", [3; 10]).write();
    let limits = Limits { total_bytes: 100, ..Limits::PACKAGE };
    let archive = Archive::read(&bytes, limits).unwrap();
    let opened: Vec<bool> = archive.entries().iter().map(|entry| archive.contents(entry).is_ok()).collect();
    assert_eq!(opened, [true, false, true]);
    assert_eq!(archive.admitted(), 70);
    assert_eq!(archive.contents(&archive.entries()[1]), Err(ContentError::OverLimit { size: 60 }));
    let few = Archive::read(&bytes, Limits { entries: 2, ..limits });
    assert_eq!(few.unwrap_err(), ZipError::TooManyEntries { most: 2 });
    assert_eq!(limits.inner().unwrap().inner().unwrap().inner().unwrap().inner(), None);
    assert_eq!(limits.after(70).total_bytes, 30);
}

#[test]
fn a_bomb_is_told_and_a_lie_about_the_size_is_not_allocated() {
    let bomb = Zip::new().file("a", vec![0; 20 << 20]);
    assert!(kinds(&bomb).iter().any(|kind| matches!(kind, AnomalyKind::Bomb { .. })));
    let lie = Zip::new().entry(Made::deflated("a", b"data").both(|header| header.size = 400 << 20)).write();
    let archive = read(&lie);
    let contents = archive.contents(&archive.entries()[0]).unwrap();
    assert!(matches!(contents.bytes, std::borrow::Cow::Owned(bytes) if bytes.capacity() < 10_000));
}

#[test]
fn broken_data_is_refused() {
    let mut entry = Made::deflated("a", b"data");
    entry.data = vec![0xff; deflate(b"data").len()];
    let bytes = Zip::new().entry(entry).write();
    let archive = read(&bytes);
    assert!(matches!(archive.contents(&archive.entries()[0]), Err(ContentError::Broken { .. })));
}

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [&b""[..], b"PK", b"PK\x05\x06", &[0; 100]] {
        assert_eq!(Archive::read(bytes, Limits::PACKAGE).unwrap_err(), ZipError::NoDirectory);
    }
}
