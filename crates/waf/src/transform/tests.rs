//! Laws of all transformations.

#![allow(clippy::unwrap_used, reason = "test code")]

use proptest::prelude::*;

use super::*;

/// Values in which escapes, comments, paths and spaces are likely.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let special =
        prop::sample::select(b"%+\\&#;xXuU0179afAFzZ./*-<!>'\"^ ,\t\n\r\0()[]=\x80\xa0\xc2\xc3\xe2\xf0\xff".to_vec());
    let byte = prop_oneof![8 => special, 2 => any::<u8>(), 3 => 0x20u8..0x7f];
    prop::collection::vec(byte, 0..40)
}

fn all() -> impl Iterator<Item = Transformation> {
    TABLE.iter().map(|(_, transformation)| *transformation)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_may_not_change_does_not(value in value()) {
        let occurring = ByteClasses::of(&value);
        for transformation in all() {
            let output = transformation.apply(&value);
            let changed = *output != *value;
            prop_assert!(transformation.may_change(&value) || !changed, "{}", transformation.name());
            prop_assert!(transformation.may_change_for(&occurring) || !changed, "{}", transformation.name());
            prop_assert!(changed || matches!(output, Cow::Borrowed(_)), "{}", transformation.name());
        }
    }

    #[test]
    fn the_cheap_question_is_the_weaker_one(value in value()) {
        let occurring = ByteClasses::of(&value);
        for transformation in all() {
            let implied = !transformation.may_change(&value) || transformation.may_change_for(&occurring);
            prop_assert!(implied, "{}", transformation.name());
        }
    }

    #[test]
    fn output_is_bounded(value in value()) {
        for transformation in all() {
            let most = value.len() * 4 + 20;
            prop_assert!(transformation.apply(&value).len() <= most, "{}", transformation.name());
        }
    }

    #[test]
    fn what_is_even_stays_even(value in value()) {
        use Transformation::*;
        let idempotent = [
            CompressWhitespace, Lowercase, Uppercase, ParityZero7bit, RemoveNulls, RemoveWhitespace, ReplaceComments,
            ReplaceNulls, Trim, TrimLeft, TrimRight, None,
        ];
        for transformation in idempotent {
            let once = transformation.apply(&value);
            prop_assert_eq!(&transformation.apply(&once), &once, "{}", transformation.name());
        }
    }

    #[test]
    fn encodings_decode(value in value()) {
        use Transformation::*;
        for (encode, decode) in [(HexEncode, HexDecode), (UrlEncode, UrlDecode), (Base64Encode, Base64Decode)] {
            let encoded = encode.apply(&value);
            prop_assert_eq!(&*decode.apply(&encoded), &*value, "{}", encode.name());
        }
    }
}

#[test]
fn names() {
    for (name, transformation) in TABLE {
        assert_eq!(Transformation::from_name(name.as_bytes()), Some(transformation));
        assert_eq!(Transformation::from_name(name.to_ascii_uppercase().as_bytes()), Some(transformation));
        assert_eq!(Transformation::from_name(transformation.name().as_bytes()), Some(transformation));
    }
    assert_eq!(Transformation::NAMES.len(), TABLE.len());
    assert_eq!(Transformation::NormalizePath.name(), "normalizePath");
    assert_eq!(Transformation::from_name(b"urlDecodeUn"), None);
    assert_eq!(Transformation::from_name(b""), None);
}

#[test]
fn lengths_are_decimal() {
    assert_eq!(&*Transformation::Length.apply(b""), b"0");
    assert_eq!(&*Transformation::Length.apply(&[0; 120]), b"120");
}
