//! The ring survives wrapping and rotation, and nothing opens without its key.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;

const PLACE: Place<'_> = Place { table: "client", column: "secret", row: b"c1" };
const DAY: i64 = 20_000;

fn at(day: i64) -> Timestamp {
    Timestamp::from_micros(day * MICROS_PER_DAY + MICROS_PER_DAY / 2)
}

fn person(number: u8) -> PersonId {
    PersonId::new(at(DAY), [number; 10])
}

#[test]
fn a_wrapped_ring_unwraps_to_the_same_keys() {
    let (ring, root) = (KeyRing::generate(at(DAY)), RootKey::generate());
    let sealed = ring.seal(Purpose::Records, &PLACE, b"plain");
    let same = KeyRing::unwrap(&root, &ring.wrap(&root)).unwrap();
    assert_eq!(same.open(Purpose::Records, &PLACE, &sealed).unwrap().as_slice(), b"plain");
    assert_eq!(same.blind_index("email", b"a"), ring.blind_index("email", b"a"));
    assert_eq!(same.checkpoint_keys(), ring.checkpoint_keys());
    assert_eq!(same.history(Purpose::Records), vec![(1, at(DAY))]);
}

#[test]
fn another_root_key_is_a_clear_error() {
    let ring = KeyRing::generate(at(DAY));
    let blob = ring.wrap(&RootKey::generate());
    assert_eq!(KeyRing::unwrap(&RootKey::generate(), &blob).unwrap_err(), KeyRingError::WrongRootKey);
}

#[test]
fn a_new_root_key_wraps_the_same_ring() {
    let ring = KeyRing::generate(at(DAY));
    let (old, new) = (RootKey::generate(), RootKey::generate());
    let sealed = ring.seal(Purpose::Journal, &PLACE, b"plain");
    let moved = KeyRing::unwrap(&old, &ring.wrap(&old)).unwrap().wrap(&new);
    let ring = KeyRing::unwrap(&new, &moved).unwrap();
    assert_eq!(ring.open(Purpose::Journal, &PLACE, &sealed).unwrap().as_slice(), b"plain");
    assert_eq!(KeyRing::unwrap(&old, &moved).unwrap_err(), KeyRingError::WrongRootKey);
}

#[test]
fn every_changed_byte_of_a_blob_is_noticed() {
    let (ring, root) = (KeyRing::generate(at(DAY)), RootKey::generate());
    let blob = ring.wrap(&root);
    for at in 0..blob.len() {
        let mut changed = blob.clone();
        changed[at] ^= 1;
        assert!(KeyRing::unwrap(&root, &changed).is_err(), "byte {at}");
        assert!(KeyRing::unwrap(&root, &blob[..at]).is_err(), "cut at {at}");
    }
    assert!(KeyRing::unwrap(&root, &[&blob[..], &[0]].concat()).is_err());
    assert_eq!(KeyRing::unwrap(&root, b"").unwrap_err(), KeyRingError::Damaged("cut off"));
    let mut newer = blob;
    newer[7] = 2;
    assert_eq!(KeyRing::unwrap(&root, &newer).unwrap_err(), KeyRingError::UnknownFormat(2));
}

#[test]
fn purposes_have_keys_of_their_own() {
    let ring = KeyRing::generate(at(DAY));
    let sealed = ring.seal(Purpose::Records, &PLACE, b"plain");
    let wrong = EnvelopeError::WrongKind { expected: 2, found: 1 };
    assert_eq!(ring.open(Purpose::Journal, &PLACE, &sealed).unwrap_err(), wrong);
    let macs: std::collections::BTreeSet<_> = Purpose::ALL.iter().map(|p| ring.mac(*p, b"data")).collect();
    assert_eq!(macs.len(), Purpose::ALL.len());
    assert!(Purpose::ALL.iter().all(|purpose| Purpose::from_name(purpose.name()) == Some(*purpose)));
    assert_eq!(Purpose::from_name("Records"), None);
    let numbers: Vec<_> = Purpose::ALL.iter().map(|purpose| purpose.number()).collect();
    assert_eq!(numbers, (1..=11).collect::<Vec<_>>());
}

#[test]
fn a_ring_from_before_masking_gives_the_same_key_each_time() {
    let (ring, root) = (KeyRing::generate(at(DAY)), RootKey::generate());
    let mut purposes = (*ring.0).clone();
    purposes.remove(&Purpose::Masking);
    let blob = blob::wrap(&purposes, &root);
    let (one, two) = (KeyRing::unwrap(&root, &blob).unwrap(), KeyRing::unwrap(&root, &blob).unwrap());
    let tag = one.mask_tag("privacy/hash/pan", b"4111");
    assert_eq!(tag, two.mask_tag("privacy/hash/pan", b"4111"));
    assert_eq!(tag, KeyRing::unwrap(&root, &one.wrap(&root)).unwrap().mask_tag("privacy/hash/pan", b"4111"));
    assert_ne!(tag, ring.mask_tag("privacy/hash/pan", b"4111"));
    assert_ne!(tag, one.blind_index("privacy/hash/pan", b"4111"));
    assert_ne!(tag, one.mask_tag("privacy/hash/iban", b"4111"));
    purposes.remove(&Purpose::Cookies);
    assert!(KeyRing::unwrap(&root, &blob::wrap(&purposes, &root)).is_err(), "only the last may be missing");
}

#[test]
fn a_rotated_purpose_seals_anew_and_still_opens_the_old() {
    let old = KeyRing::generate(at(DAY));
    let sealed = old.seal(Purpose::Records, &PLACE, b"plain");
    let mac = old.mac(Purpose::JournalMac, b"data");
    let new = old.rotate(Purpose::Records, at(DAY + 1)).unwrap().rotate(Purpose::JournalMac, at(DAY + 1)).unwrap();
    assert_eq!(new.open(Purpose::Records, &PLACE, &sealed).unwrap().as_slice(), b"plain");
    assert!(new.verify_mac(Purpose::JournalMac, b"data", &mac));
    assert_ne!(new.mac(Purpose::JournalMac, b"data"), mac);
    assert!(!new.verify_mac(Purpose::JournalMac, b"date", &mac));
    assert!(!new.verify_mac(Purpose::JournalMac, b"data", &mac[..31]));
    let resealed = new.seal(Purpose::Records, &PLACE, b"plain");
    let unknown = EnvelopeError::UnknownKey { kind: 1, id: 2 };
    assert_eq!(old.open(Purpose::Records, &PLACE, &resealed).unwrap_err(), unknown);
}

#[test]
fn indexes_and_pseudonyms_stay_findable() {
    let ring = KeyRing::generate(at(DAY));
    for purpose in Purpose::ALL.into_iter().filter(|purpose| !purpose.rotates()) {
        assert_eq!(ring.rotate(purpose, at(DAY)).unwrap_err(), KeyRingError::Fixed(purpose));
    }
    let index = ring.blind_index("email", b"ann@example.org");
    assert_ne!(index, ring.blind_index("name", b"ann@example.org"));
    assert_ne!(index, ring.blind_index("email", b"bob@example.org"));
    assert_ne!(ring.blind_index("ab", b"c"), ring.blind_index("a", b"bc"));
    let value = b"192.0.2.1";
    assert_ne!(ring.pseudonym(PseudonymDomain::Address, value), ring.pseudonym(PseudonymDomain::Network, value));
    let mut ring = ring;
    for purpose in Purpose::ALL.into_iter().filter(|purpose| purpose.rotates()) {
        ring = ring.rotate(purpose, at(DAY)).unwrap();
    }
    assert_eq!(ring.blind_index("email", b"ann@example.org"), index);
}

#[test]
fn person_keys_are_rewrapped_without_touching_data() {
    let ring = KeyRing::generate(at(DAY));
    let (key, wrapped) = ring.new_person_key(person(1));
    let sealed = key.seal(&PLACE, b"ann");
    let ring = ring.rotate(Purpose::PersonKeys, at(DAY + 1)).unwrap();
    let rewrapped = ring.rewrap_person_key(person(1), &wrapped).unwrap();
    let ring = ring.forget(Purpose::PersonKeys, 1).unwrap();
    assert!(matches!(ring.open_person_key(person(1), &wrapped), Err(EnvelopeError::UnknownKey { .. })));
    let same = ring.open_person_key(person(1), &rewrapped).unwrap();
    assert_eq!(same.open(&PLACE, &sealed).unwrap().as_slice(), b"ann");
}

#[test]
fn without_her_key_a_person_is_unreadable() {
    let ring = KeyRing::generate(at(DAY));
    let (ann, wrapped) = ring.new_person_key(person(1));
    let sealed = ann.seal(&PLACE, b"ann");
    drop((ann, wrapped));
    // Everything that is left: the ring, and the keys of other people.
    let (bob, bob_wrapped) = ring.new_person_key(person(2));
    assert!(matches!(bob.open(&PLACE, &sealed), Err(EnvelopeError::UnknownKey { .. })));
    for purpose in Purpose::ALL {
        assert!(ring.open(purpose, &PLACE, &sealed).is_err());
    }
    assert!(ring.day_key(DAY).open(&PLACE, &sealed).is_err());
    assert_eq!(ring.open_person_key(person(1), &bob_wrapped).unwrap_err(), EnvelopeError::Forged);
}

#[test]
fn a_sealed_text_is_no_person_key() {
    let ring = KeyRing::generate(at(DAY));
    let row = person(1).to_bytes();
    let sealed = ring.seal(Purpose::PersonKeys, &person_place(&row), b"short");
    assert_eq!(ring.open_person_key(person(1), &sealed).unwrap_err(), EnvelopeError::NotAKey);
    assert_eq!(ring.rewrap_person_key(person(1), &sealed).unwrap_err(), EnvelopeError::NotAKey);
}

#[test]
fn day_keys_differ_by_day_and_survive_rotation() {
    let ring = KeyRing::generate(at(DAY));
    let sealed = ring.day_key(DAY).seal(&PLACE, b"stranger");
    assert_eq!(ring.day_key(DAY).open(&PLACE, &sealed).unwrap().as_slice(), b"stranger");
    assert_eq!(ring.day_key(DAY + 1).open(&PLACE, &sealed).unwrap_err(), EnvelopeError::Forged);
    let rotated = ring.rotate(Purpose::DayKeys, at(DAY)).unwrap();
    assert_eq!(rotated.day_key(DAY).open(&PLACE, &sealed).unwrap().as_slice(), b"stranger");
    // The day of the rotation keeps its key; the next day has the new version.
    let same_day = rotated.day_key(DAY).seal(&PLACE, b"x");
    assert!(ring.day_key(DAY).open(&PLACE, &same_day).is_ok());
    let next_day = rotated.day_key(DAY + 1).seal(&PLACE, b"x");
    assert!(matches!(ring.day_key(DAY + 1).open(&PLACE, &next_day), Err(EnvelopeError::UnknownKey { id: 2, .. })));
    let forgotten = rotated.forget(Purpose::DayKeys, 1).unwrap();
    assert!(matches!(forgotten.day_key(DAY).open(&PLACE, &sealed), Err(EnvelopeError::UnknownKey { id: 1, .. })));
}

#[test]
fn checkpoints_verify_with_the_keys_of_their_time() {
    let ring = KeyRing::generate(at(DAY));
    let signature = ring.checkpoint_signer().sign(b"root hash");
    let ring = ring.rotate(Purpose::Checkpoint, at(DAY + 1)).unwrap();
    let keys = ring.checkpoint_keys();
    assert_eq!(keys.len(), 2);
    assert!(crate::verify_checkpoint(&keys[0].1, b"root hash", &signature));
    assert!(!crate::verify_checkpoint(&keys[1].1, b"root hash", &signature));
    assert!(!crate::verify_checkpoint(&keys[0].1, b"root hush", &signature));
    let signer = ring.checkpoint_signer();
    assert_eq!((signer.version(), signer.public()), keys[1]);
}

#[test]
fn versions_are_bounded_and_the_newest_stays() {
    let mut ring = KeyRing::generate(at(DAY));
    for _ in 1..MAX_VERSIONS {
        ring = ring.rotate(Purpose::Cookies, at(DAY)).unwrap();
    }
    assert_eq!(ring.rotate(Purpose::Cookies, at(DAY)).unwrap_err(), KeyRingError::TooManyVersions(Purpose::Cookies));
    let root = RootKey::generate();
    let same = KeyRing::unwrap(&root, &ring.wrap(&root)).unwrap();
    assert_eq!(same.history(Purpose::Cookies).len(), MAX_VERSIONS);
    assert!(ring.forget(Purpose::Cookies, 200).is_err());
    assert!(ring.forget(Purpose::Cookies, 201).is_err());
    assert_eq!(ring.forget(Purpose::Cookies, 7).unwrap().history(Purpose::Cookies).len(), MAX_VERSIONS - 1);
}

#[test]
fn debug_shows_no_key() {
    let ring = KeyRing::generate(at(DAY));
    insta::assert_snapshot!(format!("{ring:?}"), @"KeyRing([redacted])");
    insta::assert_snapshot!(format!("{:?}", ring.checkpoint_signer()), @"CheckpointSigner { version: 1, .. }");
    insta::assert_snapshot!(format!("{:?}", RootKey::generate()), @"RootKey([redacted])");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_rotates_everything_sealed_opens(steps in prop::collection::vec(0usize..10, 1..12)) {
        let root = RootKey::generate();
        let mut ring = KeyRing::generate(at(DAY));
        let mut sealed = Vec::new();
        for (day, step) in steps.into_iter().enumerate() {
            let purpose = Purpose::ALL[step];
            if let Ok(next) = ring.rotate(purpose, at(DAY + i64::try_from(day).unwrap())) {
                ring = KeyRing::unwrap(&root, &next.wrap(&root)).unwrap();
            }
            sealed.push((purpose, ring.seal(purpose, &PLACE, b"plain")));
        }
        for (purpose, bytes) in sealed {
            let plain = ring.open(purpose, &PLACE, &bytes).unwrap();
            prop_assert_eq!(plain.as_slice(), b"plain");
        }
    }
}
