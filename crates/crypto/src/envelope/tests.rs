//! Envelopes open at their place, unchanged, and nowhere else.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;

const PLACE: Place<'_> = Place { table: "person", column: "email", row: b"row-1" };

#[test]
fn what_was_sealed_opens() {
    let key = DataKey::ephemeral();
    for plain in [&b""[..], b"x", &[7; 5000]] {
        let sealed = key.seal(&PLACE, plain);
        assert_eq!(sealed.len(), plain.len() + ENVELOPE_OVERHEAD);
        assert_eq!(key.open(&PLACE, &sealed).unwrap().as_slice(), plain);
    }
}

#[test]
fn the_same_text_never_seals_to_the_same_bytes() {
    let key = DataKey::ephemeral();
    assert_ne!(key.seal(&PLACE, b"text"), key.seal(&PLACE, b"text"));
}

#[test]
fn a_moved_envelope_does_not_open() {
    let key = DataKey::ephemeral();
    let sealed = key.seal(&PLACE, b"secret");
    let moved = [
        Place { table: "client", ..PLACE },
        Place { column: "name", ..PLACE },
        Place { row: b"row-2", ..PLACE },
        Place { table: "personemail", column: "", row: b"row-1" },
        Place { table: "person", column: "emailrow-1", row: b"" },
        Place { table: "perso", column: "nemail", row: b"row-1" },
    ];
    for place in moved {
        assert_eq!(key.open(&place, &sealed), Err(EnvelopeError::Forged), "{place:?}");
    }
}

#[test]
fn each_error_has_its_cause() {
    let key = DataKey::ephemeral();
    let sealed = key.seal(&PLACE, b"secret");
    for cut in 0..ENVELOPE_OVERHEAD {
        assert_eq!(key.open(&PLACE, &sealed[..cut]), Err(EnvelopeError::Truncated), "{cut}");
    }
    assert_eq!(key.open(&PLACE, &sealed[..sealed.len() - 1]), Err(EnvelopeError::Forged));
    let with = |at: usize, value: u8| {
        let mut changed = sealed.clone();
        changed[at] = value;
        key.open(&PLACE, &changed)
    };
    assert_eq!(with(0, 2), Err(EnvelopeError::UnknownFormat(2)));
    assert_eq!(with(1, KIND_DAY), Err(EnvelopeError::WrongKind { expected: KIND_PERSON, found: KIND_DAY }));
    assert!(matches!(with(2, !sealed[2]), Err(EnvelopeError::UnknownKey { kind: KIND_PERSON, .. })));
    assert!(matches!(DataKey::ephemeral().open(&PLACE, &sealed), Err(EnvelopeError::UnknownKey { .. })));
}

#[test]
fn debug_shows_no_key() {
    insta::assert_snapshot!(format!("{:?}", DataKey::ephemeral()), @"DataKey([redacted])");
    insta::assert_snapshot!(format!("{:?}", Aes256Gcm::new(&[1; 32])), @"Aes256Gcm([redacted])");
}

proptest! {
    #[test]
    fn any_flipped_bit_is_noticed(plain in prop::collection::vec(any::<u8>(), 0..80), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let key = DataKey::of_person(&[9; 32]);
        let mut sealed = key.seal(&PLACE, &plain);
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(key.open(&PLACE, &sealed).is_err());
    }

    #[test]
    fn places_never_share_associated_data(a in ("[a-c]{0,3}", "[a-c]{0,3}", "[a-c]{0,3}"), b in ("[a-c]{0,3}", "[a-c]{0,3}", "[a-c]{0,3}")) {
        let name = KeyName { kind: 1, id: 1 };
        let of = |p: &(String, String, String)| associated(name, &Place { table: &p.0, column: &p.1, row: p.2.as_bytes() });
        prop_assert_eq!(a == b, of(&a) == of(&b));
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(DataKey::of_person(&[9; 32]).open(&PLACE, &bytes).is_err());
    }
}
