//! Tests of the reader of forms: tables, limits, and that every way to cut an input gives the same tokens.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use proptest::prelude::*;

use super::*;

type Read = (Vec<(String, String, usize, usize)>, Option<FormError>);

fn read(mut reader: Reader, chunks: &[&[u8]]) -> Read {
    let mut fields = Vec::new();
    let mut give = |field: &Field<'_>| {
        let text = |text: Text<'_>| String::from_utf8_lossy(text.raw).into_owned();
        fields.push((text(field.name), text(field.value), field.name.span.start, field.value.span.end));
        Ok::<(), ()>(())
    };
    let pushed = chunks.iter().try_for_each(|chunk| reader.push(chunk, &mut give));
    match pushed.and_then(|()| reader.finish(&mut give)) {
        Ok(()) => (fields, None),
        Err(Halt::Form(error)) => (fields, Some(error)),
        Err(Halt::Visitor(())) => unreachable!("the visitor never stops"),
    }
}

fn names(input: &str, separators: Separators) -> Vec<(String, String)> {
    let (fields, error) = read(Reader::new(Limits::REQUEST).separators(separators), &[input.as_bytes()]);
    assert_eq!(error, None);
    fields.into_iter().map(|(name, value, ..)| (name, value)).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn fields_are_split_at_separators_and_the_first_equals_sign() {
    let split = |input| names(input, Separators::Ampersand);
    assert_eq!(split(""), []);
    assert_eq!(split("a"), pairs(&[("a", "")]));
    assert_eq!(split("a=1=2&&=x&b;c=&"), pairs(&[("a", "1=2"), ("", ""), ("", "x"), ("b;c", "")]));
    assert_eq!(names("a=1;b=2&c", Separators::AmpersandOrSemicolon), pairs(&[("a", "1"), ("b", "2"), ("c", "")]));
    assert_eq!(names("a=1&b|c", Separators::Only(b'|')), pairs(&[("a", "1&b"), ("c", "")]));
}

#[test]
fn escapes_are_resolved_and_broken_ones_counted() {
    let decode = |raw: &'static str| {
        let span = testudo_core::Span { start: 0, end: raw.len() };
        let decoded = Text { span, raw: raw.as_bytes() }.decode();
        (String::from_utf8(decoded.bytes.into_owned()).unwrap(), decoded.invalid)
    };
    assert_eq!(decode("a+b%20c%C3%a9"), ("a b cé".into(), 0));
    assert_eq!(decode("100%"), ("100%".into(), 1));
    assert_eq!(decode("%4"), ("%4".into(), 1));
    assert_eq!(decode("%zz%%41%u0041"), ("%zz%A%u0041".into(), 3));
}

#[test]
fn limits_are_kept_with_their_place() {
    let limits = Limits { total: 20, fields: 2, name: 4, value: 6 };
    let refused = |input: &str| {
        let error = read(Reader::new(limits), &[input.as_bytes()]).1.unwrap();
        error.to_string()
    };
    assert_eq!(refused("a=1&names=2"), "byte 8: more than 4 bytes in a name");
    assert_eq!(refused("a=1&b=1234567"), "byte 12: more than 6 bytes in a value");
    assert_eq!(refused("a=1&b=2&c"), "byte 8: more than 2 fields");
    assert_eq!(refused("a=123456&b=123456&c=1"), "byte 20: more than 20 bytes");
}

proptest! {
    #[test]
    fn every_cut_gives_the_same_fields(text in "[ab=&;%2+]{0,40}", cuts in proptest::collection::vec(0usize..40, 0..4)) {
        let limits = Limits { total: 30, fields: 4, name: 3, value: 5 };
        for limits in [limits, Limits::REQUEST] {
            let reader = || Reader::new(limits).separators(Separators::AmpersandOrSemicolon);
            let whole = read(reader(), &[text.as_bytes()]);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(&read(reader(), &chunks), &whole);
            for (name, value, start, end) in whole.0 {
                prop_assert!(text[start..end].starts_with(&name) && text[start..end].ends_with(&value));
            }
        }
    }
}
