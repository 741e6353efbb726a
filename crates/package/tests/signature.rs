#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]
#![allow(clippy::similar_names, clippy::case_sensitive_file_extension_comparisons)]
//! Signatures of packages that the tests make themselves, whole and broken.

#[allow(dead_code, reason = "the manifest's demands are for the conformance test")]
mod support;

use std::time::{Duration, Instant};

use support::verification;
use testudo_package::signature::observe::{Observation, observe};
use testudo_package::signature::{
    Demands, Issue, Options, Platforms, Relation, Scheme, Verification, certificate, cms, jar, lineage, signing_block,
};
use testudo_testkit::package::signature::block::{self, Ranged};
use testudo_testkit::package::signature::{Entry, Signer, entries, jar as jar_writer, put_block, sections, zip};

const V2: u32 = 0x7109_871a;
const V3: u32 = 0xf053_68c0;
const V31: u32 = 0x1b93_ad61;
const STRIPPING: u32 = 0xbeef_f00d;
const ROTATION: u32 = 0x3ba0_6f8c;
const ROTATION_SDK: u32 = 0x559f_8b02;
const NEWEST: u32 = 0x7fff_ffff;
const PLAIN: Demands = Demands { sandbox: 1, target_sdk: 24 };

fn files() -> Vec<Entry> {
    let long = "res/a-name-that-is-so-long-that-its-line-in-the-manifest-must-be-folded-at-least-once.xml";
    entries(&[("AndroidManifest.xml", b"manifest"), ("classes.dex", b"dex\n035 code"), (long, b"<x/>"), ("empty", b"")])
}

fn signer() -> Signer {
    Signer::new("Release").unwrap()
}

fn run(package: &[u8], min: u32) -> Verification {
    run_with(package, &Options::new(Platforms::from(min), Some(PLAIN)))
}

fn run_with(package: &[u8], options: &Options<'_>) -> Verification {
    verification(package, options).unwrap()
}

#[track_caller]
fn assert_verified(package: &[u8], min: u32, schemes: &[Scheme]) -> Verification {
    let verification = run(package, min);
    assert!(verification.verified, "{:?}", verification.errors);
    assert_eq!(verification.schemes.iter().copied().collect::<Vec<_>>(), schemes);
    verification
}

#[track_caller]
fn assert_refused(package: &[u8], min: u32, expected: &dyn Fn(&Issue) -> bool) {
    let verification = run(package, min);
    assert!(!verification.verified && verification.signers().is_empty());
    assert!(verification.errors.iter().any(|problem| expected(&problem.issue)), "{:?}", verification.errors);
}

fn jar_signed(signer: &Signer, attributes: &[(&str, &str)]) -> Vec<Entry> {
    let mut files = files();
    jar_writer::sign(&mut files, signer, "CERT", attributes).unwrap();
    files
}

fn with_v2(archive: &[u8], signer: &Signer) -> Vec<u8> {
    put_block(archive, &[(V2, block::v2(archive, &[signer], &[]).unwrap())])
}

fn everywhere<'a>(signer: &'a Signer, attributes: &[(u32, Vec<u8>)]) -> Ranged<'a> {
    Ranged { signer, range: (28, NEWEST), attributes: attributes.to_vec() }
}

#[test]
fn each_scheme_verifies() {
    let signer = signer();
    let archive = zip(&jar_signed(&signer, &[]));
    let v1 = assert_verified(&archive, 18, &[Scheme::V1]);
    assert_eq!(v1.relation(&signer.fingerprint()), Relation::Current);
    assert_eq!(v1.relation(&[0; 32]), Relation::None);
    assert_eq!(v1.signers()[0].subject.to_string(), "CN=Release");
    assert_eq!(v1.signers()[0].der, signer.certificate());

    let package = with_v2(&archive, &signer);
    assert_verified(&package, 18, &[Scheme::V1, Scheme::V2]);
    assert_verified(&package, 24, &[Scheme::V2]);
    let v3 = block::v3(&archive, &[everywhere(&signer, &[])]).unwrap();
    let v2 = block::v2(&archive, &[&signer], &[(STRIPPING, vec![3, 0, 0, 0])]).unwrap();
    let package = put_block(&archive, &[(V2, v2), (V3, v3)]);
    assert_verified(&package, 18, &[Scheme::V1, Scheme::V2, Scheme::V3]);
    assert_verified(&package, 28, &[Scheme::V3]);
}

#[test]
fn what_isnt_signed_is_refused() {
    assert_refused(&zip(&files()), 24, &|issue| *issue == Issue::NoManifest);
    let mut files = files();
    files.push(("META-INF/MANIFEST.MF".into(), jar_writer::manifest(&files)));
    assert_refused(&zip(&files), 24, &|issue| *issue == Issue::NoSignatures);
    // A block without its signature file is no signer.
    files.push(("META-INF/CERT.EC".into(), b"x".to_vec()));
    assert_refused(&zip(&files), 24, &|issue| *issue == Issue::NoSignatures);
}

#[test]
fn jar_entries_are_covered_or_named() {
    let signer = signer();
    let signed = jar_signed(&signer, &[]);

    let mut changed = signed.clone();
    changed[1].1[0] ^= 1;
    assert_refused(&zip(&changed), 24, &|issue| matches!(issue, Issue::EntryDigest(_)));
    let mut added = signed.clone();
    added.push(("lib/evil.so".into(), b"x".to_vec()));
    assert_refused(&zip(&added), 24, &|issue| *issue == Issue::NoEntryDigest);
    let mut removed = signed.clone();
    removed.remove(1);
    assert_refused(&zip(&removed), 24, &|issue| *issue == Issue::MissingEntry);
    let mut twice = signed.clone();
    twice.push(signed[1].clone());
    assert_refused(&zip(&twice), 24, &|issue| *issue == Issue::DuplicateEntry);

    let mut harmless = signed;
    harmless.push(("META-INF/services/x".into(), b"x".to_vec()));
    harmless.push(("folder/".into(), Vec::new()));
    let verification = assert_verified(&zip(&harmless), 24, &[Scheme::V1]);
    assert_eq!(verification.unprotected, ["META-INF/services/x"]);
}

#[test]
fn a_changed_manifest_counts_by_its_sections() {
    let signer = signer();
    let signed = jar_signed(&signer, &[]);
    let at = signed.iter().position(|(name, _)| name.ends_with("MANIFEST.MF")).unwrap();
    // A section more: the digest of the whole is wrong, those of the sections are right, and the new entry isn't signed.
    let mut longer = signed.clone();
    longer[at]
        .1
        .extend_from_slice(b"Name: new\r\nSHA-256-Digest: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n\r\n");
    longer.push(("new".into(), Vec::new()));
    assert_refused(&zip(&longer), 24, &|issue| *issue == Issue::EntryNotSigned);
    // A changed section.
    let mut changed = signed.clone();
    let text = String::from_utf8(changed[at].1.clone()).unwrap();
    changed[at].1 = text.replace("Name: classes.dex\r\n", "Name: classes.dex\r\nX: y\r\n").into_bytes();
    assert_refused(&zip(&changed), 24, &|issue| matches!(issue, Issue::SectionDigest { .. }));
    // A changed main section.
    let mut main = signed;
    main[at].1 = [b"X: y\r\n", main[at].1.as_slice()].concat();
    assert_refused(&zip(&main), 24, &|issue| matches!(issue, Issue::MainSectionDigest(_)));
}

#[test]
fn the_signature_file_must_be_the_one_that_is_signed() {
    let signer = signer();
    let mut signed = jar_signed(&signer, &[]);
    let at = signed.iter().position(|(name, _)| name.ends_with(".SF")).unwrap();
    signed[at].1.extend_from_slice(b"X: y\r\n");
    assert_refused(&zip(&signed), 24, &|issue| *issue == Issue::SignatureFileMismatch);
    let at = signed.iter().position(|(name, _)| name.ends_with(".EC")).unwrap();
    signed[at].1.truncate(20);
    assert_refused(&zip(&signed), 24, &|issue| matches!(issue, Issue::Cms(_)));
}

#[test]
fn all_entries_need_the_same_signers() {
    let (one, other) = (signer(), signer());
    let mut both = files();
    let manifest = jar_writer::manifest(&both);
    let whole = jar_writer::signature_file(&manifest, &[]);
    // Without its last section, the second signer signs one entry less.
    let text = String::from_utf8(whole.clone()).unwrap();
    let last = text.find("Name: empty").unwrap();
    let part = text.as_bytes()[..last].to_vec();
    for (name, file, signer) in [("ONE", &whole, &one), ("TWO", &part, &other)] {
        both.push((format!("META-INF/{name}.SF"), file.clone()));
        both.push((format!("META-INF/{name}.EC"), jar_writer::block(file, signer).unwrap()));
    }
    both.push(("META-INF/MANIFEST.MF".into(), manifest));
    assert_refused(&zip(&both), 24, &|issue| matches!(issue, Issue::EntrySigners(_)));
}

#[test]
fn two_signers_of_everything_are_two_signers() {
    let (one, other) = (signer(), signer());
    let mut both = files();
    let manifest = jar_writer::manifest(&both);
    let file = jar_writer::signature_file(&manifest, &[]);
    for (name, signer) in [("ONE", &one), ("TWO", &other)] {
        both.push((format!("META-INF/{name}.SF"), file.clone()));
        both.push((format!("META-INF/{name}.EC"), jar_writer::block(&file, signer).unwrap()));
    }
    both.push(("META-INF/MANIFEST.MF".into(), manifest));
    let archive = zip(&both);
    let verification = assert_verified(&archive, 18, &[Scheme::V1]);
    assert_eq!(verification.relation(&one.fingerprint()), Relation::AmongOthers);

    let v2 = block::v2(&archive, &[&other, &one], &[]).unwrap();
    assert_verified(&put_block(&archive, &[(V2, v2)]), 18, &[Scheme::V1, Scheme::V2]);
    let v2 = block::v2(&archive, &[&one], &[]).unwrap();
    let missing = |issue: &Issue| *issue == Issue::SignerMissing(Scheme::V1, Scheme::V2);
    assert_refused(&put_block(&archive, &[(V2, v2)]), 18, &missing);
}

#[test]
fn stripped_schemes_are_missed() {
    let signer = signer();
    let archive = zip(&jar_signed(&signer, &[("X-Android-APK-Signed", "2, 3, 9")]));
    assert_refused(&archive, 24, &|issue| *issue == Issue::JarSaysStripped(2));
    assert_refused(&with_v2(&archive, &signer), 18, &|issue| *issue == Issue::JarSaysStripped(3));
    // Only platforms from 24 on know of it.
    let old = Options::new(Platforms { min: 18, max: 23 }, None);
    assert!(run_with(&archive, &old).verified);
    let to_27 = Options::new(Platforms { min: 18, max: 27 }, Some(PLAIN));
    assert!(run_with(&with_v2(&archive, &signer), &to_27).verified);

    let archive = zip(&files());
    let v2 = block::v2(&archive, &[&signer], &[(STRIPPING, vec![3, 0, 0, 0])]).unwrap();
    assert_refused(&put_block(&archive, &[(V2, v2)]), 24, &|issue| *issue == Issue::V2SaysStripped(3));
}

#[test]
fn every_byte_outside_of_the_signing_block_counts() {
    let signer = signer();
    let archive = zip(&files());
    let package = with_v2(&archive, &signer);
    assert_verified(&package, 24, &[Scheme::V2]);
    let (start, _) = sections(&archive);
    let (directory, _) = sections(&package);
    for at in (0..start).chain(directory..package.len()) {
        let mut flipped = package.clone();
        flipped[at] ^= 0x10;
        let verification = verification(&flipped, &Options::new(Platforms::from(24), Some(PLAIN)));
        assert!(verification.is_none_or(|verification| !verification.verified), "byte {at} of {}", package.len());
    }
}

#[test]
fn signers_of_v2_are_checked() {
    let (one, other) = (signer(), signer());
    let archive = zip(&files());
    let value = block::v2(&archive, &[&one], &[]).unwrap();
    let find = |needle: &[u8]| value.windows(needle.len()).position(|window| window == needle).unwrap();

    assert_refused(&put_block(&archive, &[(V2, vec![0; 4])]), 24, &|issue| *issue == Issue::NoSigners);
    assert_refused(&put_block(&archive, &[(V2, vec![9, 0, 0, 0])]), 24, &|issue| matches!(issue, Issue::Field(_)));
    // The digest is signed, so a wrong digest is a wrong signature.
    let mut wrong = value.clone();
    wrong[find(&block::content_digest(&archive))] ^= 1;
    assert_refused(&put_block(&archive, &[(V2, wrong)]), 24, &|issue| matches!(issue, Issue::SignedDataMismatch(_)));
    // A signature over another archive is right, its digest isn't.
    let foreign = block::v2(&zip(&entries(&[("a", b"b")])), &[&one], &[]).unwrap();
    assert_refused(&put_block(&archive, &[(V2, foreign)]), 24, &|issue| matches!(issue, Issue::ContentDigest(_)));
    // The first of two pairs counts.
    let second = block::v2(&archive, &[&other], &[]).unwrap();
    let package = put_block(&archive, &[(V2, value), (V2, second)]);
    assert_eq!(assert_verified(&package, 24, &[Scheme::V2]).relation(&one.fingerprint()), Relation::Current);
}

#[test]
fn rotation_needs_its_proof() {
    let (old, new, stranger) = (signer(), signer(), signer());
    let archive = zip(&jar_signed(&old, &[]));
    let v2 = || block::v2(&archive, &[&old], &[]).unwrap();
    let proof = block::lineage(&[(&old, 0b1011), (&new, 0b111)]).unwrap();
    let v3 = |proof: Vec<u8>| block::v3(&archive, &[everywhere(&new, &[(ROTATION, proof)])]).unwrap();

    let package = put_block(&archive, &[(V2, v2()), (V3, v3(proof.clone()))]);
    let verification = assert_verified(&package, 18, &[Scheme::V1, Scheme::V2, Scheme::V3]);
    assert_eq!(verification.relation(&new.fingerprint()), Relation::Current);
    let Relation::Ancestor(capabilities) = verification.relation(&old.fingerprint()) else { panic!("no ancestor") };
    assert_eq!(capabilities.names(), ["installed data", "shared user id", "rollback"]);
    let facts = observe(&verification, &package, Platforms::from(18));
    assert!(facts.iter().any(|fact| matches!(fact, Observation::Rollback { .. })));

    let unproven = block::v3(&archive, &[everywhere(&new, &[])]).unwrap();
    let package = put_block(&archive, &[(V2, v2()), (V3, unproven)]);
    assert_refused(&package, 18, &|issue| *issue == Issue::PastSignerMismatch);
    let elsewhere = block::lineage(&[(&stranger, 1), (&new, 1)]).unwrap();
    let package = put_block(&archive, &[(V2, v2()), (V3, v3(elsewhere))]);
    assert_refused(&package, 18, &|issue| *issue == Issue::PastSignerMismatch);
    let unfinished = block::lineage(&[(&old, 1), (&stranger, 1)]).unwrap();
    let package = put_block(&archive, &[(V3, v3(unfinished))]);
    assert_refused(&package, 28, &|issue| *issue == Issue::LineageCertificate);
    let repeated = block::lineage(&[(&old, 1), (&old, 1), (&new, 1)]).unwrap();
    let package = put_block(&archive, &[(V3, v3(repeated))]);
    assert_refused(&package, 28, &|issue| *issue == Issue::Lineage(lineage::LineageError::Duplicate(2)));
    // A node whose signature is not that of its parent.
    let certificate_at = proof.windows(new.certificate().len()).position(|window| window == new.certificate()).unwrap();
    let mut forged = proof;
    forged[certificate_at + 30] ^= 1;
    let package = put_block(&archive, &[(V3, v3(forged))]);
    assert_refused(&package, 28, &|issue| *issue == Issue::Lineage(lineage::LineageError::Signature(2)));
}

#[test]
fn ranges_of_v3_signers_cover_the_platforms() {
    let signer = signer();
    let archive = zip(&files());
    let with = |ranges: &[(u32, u32)]| {
        let signers: Vec<Ranged<'_>> =
            ranges.iter().map(|range| Ranged { signer: &signer, range: *range, attributes: Vec::new() }).collect();
        put_block(&archive, &[(V3, block::v3(&archive, &signers).unwrap())])
    };
    assert_verified(&with(&[(30, NEWEST), (28, 29)]), 28, &[Scheme::V3]);
    assert_refused(&with(&[(28, 29), (31, NEWEST)]), 28, &|issue| *issue == Issue::SdkRangesInconsistent);
    assert_refused(&with(&[(28, 30), (30, NEWEST)]), 28, &|issue| *issue == Issue::SdkRangesInconsistent);
    assert_refused(&with(&[(29, NEWEST)]), 28, &|issue| *issue == Issue::SdkRangeMissing(29, NEWEST));
    assert_verified(&with(&[(29, NEWEST)]), 29, &[Scheme::V3]);
    assert_refused(&with(&[(28, 40)]), 28, &|issue| *issue == Issue::SdkRangeMissing(28, 40));
    assert_refused(&with(&[(30, 28)]), 28, &|issue| *issue == Issue::SdkRange(30, 28));
}

#[test]
fn rotation_from_a_release_on_is_v31() {
    let (old, new) = (signer(), signer());
    let archive = zip(&files());
    let proof = block::lineage(&[(&old, 7), (&new, 7)]).unwrap();
    let v31 = || {
        let signer = Ranged { signer: &new, range: (33, NEWEST), attributes: vec![(ROTATION, proof.clone())] };
        block::v3(&archive, &[signer]).unwrap()
    };
    let v3 = |said: u32, to: u32| {
        let attributes = vec![(ROTATION_SDK, said.to_le_bytes().to_vec())];
        block::v3(&archive, &[Ranged { signer: &old, range: (28, to), attributes }]).unwrap()
    };
    let package = put_block(&archive, &[(V3, v3(33, 32)), (V31, v31())]);
    let verification = assert_verified(&package, 28, &[Scheme::V3, Scheme::V31]);
    assert_eq!(verification.relation(&new.fingerprint()), Relation::Current);
    assert!(matches!(verification.relation(&old.fingerprint()), Relation::Ancestor(_)));
    assert_verified(&package, 33, &[Scheme::V3, Scheme::V31]);

    assert_refused(&put_block(&archive, &[(V31, v31())]), 28, &|issue| *issue == Issue::RotationWithoutV3);
    assert_refused(&put_block(&archive, &[(V3, v3(33, NEWEST))]), 28, &|issue| *issue == Issue::RotationStripped(33));
    let package = put_block(&archive, &[(V3, v3(34, 33)), (V31, v31())]);
    assert_refused(&package, 28, &|issue| *issue == Issue::RotationMismatch { said: 34, found: 33 });
    let package = put_block(&archive, &[(V3, v3(33, 31)), (V31, v31())]);
    assert_refused(&package, 28, &|issue| *issue == Issue::SdkRangeMissing(28, 31));
}

#[test]
fn the_v4_file_goes_with_the_package() {
    let (signer, other) = (signer(), signer());
    let archive = zip(&files());
    let package = with_v2(&archive, &signer);
    let digest = block::content_digest(&archive);
    let run_v4 = |package: &[u8], file: &[u8]| {
        let options = Options { v4: Some(file), ..Options::new(Platforms::from(24), Some(PLAIN)) };
        run_with(package, &options)
    };
    let good = block::v4(&package, &digest, &signer).unwrap();
    let verification = run_v4(&package, &good);
    assert!(verification.verified && verification.schemes.contains(&Scheme::V4), "{:?}", verification.errors);

    let refused = |file: &[u8], expected: &dyn Fn(&Issue) -> bool| {
        let verification = run_v4(&package, file);
        assert!(verification.errors.iter().any(|problem| expected(&problem.issue)), "{:?}", verification.errors);
    };
    refused(&block::v4(&package, &digest, &other).unwrap(), &|issue| *issue == Issue::V4Certificate);
    refused(&block::v4(&package, &[0; 32], &signer).unwrap(), &|issue| *issue == Issue::V4Digest);
    let elsewhere = [package.as_slice(), &[0; 4096]].concat();
    refused(&block::v4(&elsewhere, &digest, &signer).unwrap(), &|issue| matches!(issue, Issue::SignedDataMismatch(_)));
    let tree = [good.as_slice(), &4u32.to_le_bytes(), b"tree"].concat();
    refused(&tree, &|issue| *issue == Issue::V4Tree);
    refused(&[1, 0, 0, 0], &|issue| *issue == Issue::V4Version(1));
    refused(&good[..60], &|issue| matches!(issue, Issue::Field(_)));

    let jar_only = zip(&jar_signed(&signer, &[]));
    let verification = run_v4(&jar_only, &block::v4(&jar_only, &digest, &signer).unwrap());
    assert_eq!(verification.errors[0].issue, Issue::V4Alone);
}

#[test]
fn the_manifest_can_demand_a_signature_of_the_whole_file() {
    let signer = signer();
    let archive = zip(&jar_signed(&signer, &[]));
    let run_for = |package: &[u8], demands| {
        let verification = run_with(package, &Options::new(Platforms::from(24), demands));
        verification.errors.into_iter().map(|problem| problem.issue).collect::<Vec<_>>()
    };
    assert_eq!(run_for(&archive, None), [Issue::NoAndroidManifest]);
    let sandbox = Some(Demands { sandbox: 2, target_sdk: 24 });
    assert_eq!(run_for(&archive, sandbox), [Issue::SandboxNeedsV2(2)]);
    let target = Some(Demands { sandbox: 1, target_sdk: 30 });
    assert_eq!(run_for(&archive, target), [Issue::TargetNeedsV2(30)]);
    let package = with_v2(&archive, &signer);
    assert_eq!(run_for(&package, sandbox), []);
    assert_eq!(run_for(&package, target), []);
}

#[test]
fn certificates_that_must_not_sign_do_not() {
    // Key usage: certificate signing only, and an unknown critical extension.
    let key_usage = [0x30, 0x0b, 6, 3, 0x55, 0x1d, 0x0f, 4, 4, 3, 2, 2, 4];
    let critical = [0x30, 0x0d, 6, 3, 0x55, 0x1d, 0x7f, 1, 1, 0xff, 4, 3, 2, 1, 0];
    for (extension, expected) in [(&key_usage[..], Issue::KeyUsage), (&critical[..], Issue::CriticalExtension)] {
        let signer = Signer::with_extensions("Odd", extension).unwrap();
        let archive = zip(&jar_signed(&signer, &[]));
        assert_refused(&archive, 24, &|issue| *issue == expected);
        // The later schemes don't look at extensions.
        assert_verified(&with_v2(&zip(&files()), &signer), 24, &[Scheme::V2]);
    }
}

#[test]
fn experts_see_more_than_a_verdict() {
    let signer = Signer::new("Android Debug").unwrap();
    let mut files = jar_signed(&signer, &[]);
    files.push(("META-INF/extra".into(), Vec::new()));
    let archive = zip(&files);
    let facts = observe(&run(&archive, 18), &archive, Platforms::from(18));
    assert!(facts.contains(&Observation::DebugCertificate { subject: "CN=Android Debug".into() }));
    assert!(facts.contains(&Observation::JarSignatureOnly));
    assert!(facts.contains(&Observation::Janus { protected_from_24: false }));
    assert!(facts.contains(&Observation::Unprotected { entries: vec!["META-INF/extra".into()] }));
    assert!(facts.contains(&Observation::Validity { not_before: 1_577_836_800, not_after: 2_524_607_999 }));

    let v2 = block::v2(&archive, &[&signer], &[]).unwrap();
    let package = put_block(&archive, &[(V2, v2), (0x1234_5678, vec![1, 2, 3])]);
    let facts = observe(&run(&package, 24), &package, Platforms::from(24));
    assert!(facts.contains(&Observation::UnknownBlock { id: 0x1234_5678, size: 3 }));
    assert!(!facts.iter().any(|fact| matches!(fact, Observation::Janus { .. } | Observation::JarSignatureOnly)));
    let dex = [b"dex\n035".as_slice(), &archive].concat();
    assert!(observe(&run(&package, 24), &dex, Platforms::from(24)).contains(&Observation::DexBeforeArchive));
}

#[test]
fn limits_are_errors_of_their_own() {
    let archive = zip(&jar_signed(&signer(), &[]));
    let small = Options { entry_limit: 10, ..Options::new(Platforms::from(24), Some(PLAIN)) };
    let issue = &run_with(&archive, &small).errors[0].issue;
    assert_eq!(issue.to_string(), "entry is larger than the limit of 10 bytes");
    let little = Options { total_limit: 0, ..Options::new(Platforms::from(24), Some(PLAIN)) };
    assert_eq!(run_with(&archive, &little).errors[0].issue, Issue::TooMuch(0));
}

/// Changed packages never panic, never take long, and never verify with another signer. `TESTUDO_MUTATIONS` sets how many
/// are tried; without it, as many as fit into two seconds.
#[test]
fn mutations_never_panic() {
    let (old, new) = (signer(), signer());
    let archive = zip(&jar_signed(&old, &[("X-Android-APK-Signed", "2, 3")]));
    let proof = block::lineage(&[(&old, 7), (&new, 7)]).unwrap();
    let v2 = block::v2(&archive, &[&old], &[(STRIPPING, vec![3, 0, 0, 0])]).unwrap();
    let v3 = block::v3(&archive, &[everywhere(&new, &[(ROTATION, proof)])]).unwrap();
    let package = put_block(&archive, &[(V2, v2), (V3, v3)]);
    let idsig = block::v4(&package, &block::content_digest(&archive), &new).unwrap();
    assert_verified(&package, 18, &[Scheme::V1, Scheme::V2, Scheme::V3]);

    let wanted: Option<u64> = std::env::var("TESTUDO_MUTATIONS").ok().map(|count| count.parse().unwrap());
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut count = 0;
    while wanted.map_or(start.elapsed() < Duration::from_secs(2), |wanted| count < wanted) {
        count += 1;
        let mut mutant = package.clone();
        let mut file = idsig.clone();
        for _ in 0..=random(3) {
            let target = if random(4) == 0 { &mut file } else { &mut mutant };
            let at = random(target.len());
            match random(4) {
                0 => target[at] ^= 1 << random(8),
                1 => target[at] = [0, 1, 0x7f, 0x80, 0xff][random(5)],
                2 => drop(target.drain(at..(at + 1 + random(8)).min(target.len()))),
                _ => target.insert(at, u8::try_from(random(256)).unwrap()),
            }
        }
        let once = Instant::now();
        let min = [18, 24, 28, 33][random(4)];
        let options = Options { v4: Some(&file), ..Options::new(Platforms::from(min), Some(PLAIN)) };
        if let Some(verification) = verification(&mutant, &options) {
            for certificate in verification.signers() {
                assert!([old.fingerprint(), new.fingerprint()].contains(&certificate.sha256));
            }
            observe(&verification, &mutant, options.platforms);
        }
        let at = random(mutant.len());
        let piece = &mutant[at..];
        let _ = cms::SignedData::read(piece);
        let _ = certificate::Certificate::read(piece);
        let _ = lineage::Lineage::read(piece);
        let _ = jar::manifest::Sections::new(piece).count();
        let _ = signing_block::SigningBlock::ending_at(&mutant, at);
        slowest = slowest.max(once.elapsed());
    }
    eprintln!("{count} mutations, slowest {slowest:?}");
    assert!(count > 20 && slowest < Duration::from_secs(2));
}

#[test]
fn what_the_verifier_takes_for_no_archive_is_refused() {
    let signer = signer();
    let package = with_v2(&zip(&files()), &signer);
    assert_verified(&package, 24, &[Scheme::V2]);
    let trailing = [package.as_slice(), b"x"].concat();
    assert_refused(&trailing, 24, &|issue| *issue == Issue::Archive);
    let mut more = package.clone();
    let count = more.len() - 12;
    more[count] += 1;
    assert_refused(&more, 24, &|issue| *issue == Issue::Archive);
}
