//! The masker against an oracle, for any chunks.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod laws;
mod streams;

use testudo_core::Timestamp;
use testudo_crypto::KeyRing;

use super::*;

fn masking(pairs: &[(&str, &str)], plan: &[(DataClass, Treatment)]) -> Masking {
    let pairs = pairs.iter().map(|(pattern, mark)| (*pattern, mark.parse::<crate::Mark>().unwrap()));
    let marks = Marks::compile(pairs).unwrap();
    let plan = plan.iter().fold(Plan::PLAIN, |plan, (class, treatment)| plan.with(*class, *treatment));
    let keys = MaskKeys::new(KeyRing::generate(Timestamp::default()));
    Masking::new(Arc::new(marks), plan, Some(keys)).unwrap()
}

fn detecting(pairs: &[(&str, &str)], plan: &[(DataClass, Treatment)]) -> Masking {
    let masking = masking(pairs, plan);
    Masking { plan: masking.plan.detecting(), ..masking }
}

fn run(masking: &Masking, format: Format, chunks: &[&[u8]]) -> Result<(String, Masked), MaskError> {
    let mut masker = masking.clone().masker(format);
    let mut out = Vec::new();
    for chunk in chunks {
        masker.push(chunk, &mut out)?;
    }
    let counts = masker.finish(&mut out)?;
    Ok((String::from_utf8(out).unwrap(), counts))
}

/// The output, which is the same for every cut into two and for single bytes.
fn mask(masking: &Masking, format: Format, text: &str) -> String {
    let whole = run(masking, format, &[text.as_bytes()]).unwrap();
    for cut in 0..text.len() {
        let (head, tail) = text.as_bytes().split_at(cut);
        assert_eq!(run(masking, format, &[head, tail]).unwrap(), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(run(masking, format, &bytes).unwrap(), whole);
    whole.0
}

fn json(masking: &Masking, text: &str) -> String {
    mask(masking, Format::Json, text)
}

#[test]
fn marked_values_are_treated_and_the_rest_stays() {
    use DataClass::{Email, Iban, Name, Pan};
    let marks = [("$.card.pan", "pan"), ("$..email", "email"), ("$.name", "name"), ("$.accounts[].iban", "iban")];
    let plan =
        [(Pan, Treatment::Partial), (Email, Treatment::Null), (Name, Treatment::Drop), (Iban, Treatment::Partial)];
    let text = "{ \"name\" : \"Ada\",\r\n \"card\":{\"pan\":\"4111 1111 1111 1111\",\"exp\":1.50e+01}, \
                \"accounts\":[ {\"iban\":\"DE89370400440532013000\" , \"email\":\"x\"}],\t\"email\":\"ada@example.org\" }\n";
    let expected = "{ \r\n \"card\":{\"pan\":\"**** **** **** 1111\",\"exp\":1.50e+01}, \
                    \"accounts\":[ {\"iban\":\"******************3000\" , \"email\":null}],\t\"email\":null }\n";
    assert_eq!(json(&masking(&marks, &plan), text), expected);
}

#[test]
fn members_and_elements_go_with_their_comma() {
    let marks = [("$..x", "name"), ("$..l[]", "name")];
    let masking = masking(&marks, &[(DataClass::Name, Treatment::Drop)]);
    let table = [
        (r#"{"x":1}"#, "{}"),
        (r#"{"x":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":2,"x":1}"#, r#"{"a":2}"#),
        (r#"{"a":2,"x":1,"b":3}"#, r#"{"a":2,"b":3}"#),
        (r#"{"x":1,"a":2,"x":"3","b":{"x":null},"x":[]}"#, r#"{"a":2,"b":{}}"#),
        (r#"{"x":{"a":[1,{"b":2}]},"x":[[]], "a" : [ ] }"#, r#"{ "a" : [ ] }"#),
        (r#"{ "a":1 , "x":2 , "b":3 }"#, r#"{ "a":1  , "b":3 }"#),
        (r#"{"l":["a","b"]}"#, r#"{"l":[]}"#),
        (r#"{"l":[["a"],{"x":1}], "m":[{"x":1},{"y":1}]}"#, r#"{"l":[], "m":[{},{"y":1}]}"#),
        (r#"{"l":"a"}"#, r#"{"l":"a"}"#),
    ];
    for (text, expected) in table {
        assert_eq!(json(&masking, text), expected, "{text}");
    }
}

#[test]
fn a_document_is_never_removed() {
    let masking = masking(&[("$", "health")], &[(DataClass::Health, Treatment::Drop)]);
    for text in ["\"asthma\"", "{\"a\":[1,{}]}", "[1]", "7", "true", "null"] {
        assert_eq!(json(&masking, &format!(" {text}\n")), " null\n");
    }
    assert_eq!(mask(&masking, Format::Ndjson, "{\"a\":1}\n\n[2]\r\n3"), "null\n\nnull\r\nnull");
}

#[test]
fn a_mark_covers_all_that_is_within() {
    let masking = masking(
        &[("$.a", "health"), ("$.a.pan", "pan")],
        &[(DataClass::Health, Treatment::Partial), (DataClass::Pan, Treatment::Null)],
    );
    let text = r#"{"a":{"b":["x",1,true,null,{"c":""}],"pan":"4111111111111111","d":{}},"e":"x"}"#;
    let expected = r#"{"a":{"b":["***","***",null,null,{"c":""}],"pan":null,"d":{}},"e":"x"}"#;
    assert_eq!(json(&masking, text), expected);
}

#[test]
fn numbers_become_strings() {
    let masking = masking(
        &[("$.pan", "pan"), ("$.n", "national-id")],
        &[(DataClass::Pan, Treatment::Partial), (DataClass::NationalId, Treatment::Token)],
    );
    let keys = masking.keys.clone().unwrap();
    let token = keys.token(DataClass::NationalId, "-1.5e3");
    let expected = format!(r#"{{"pan":"************1111","n":"{token}"}}"#);
    assert_eq!(json(&masking, r#"{"pan":4111111111111111,"n":-1.5e3}"#), expected);
}

#[test]
fn escapes_are_resolved_before_and_written_after() {
    let masking = masking(
        &[("$.\u{e9}mail", "email"), ("$.name", "name")],
        &[(DataClass::Email, Treatment::Token), (DataClass::Name, Treatment::Partial)],
    );
    let keys = masking.keys.clone().unwrap();
    let text = r#"{"\u00e9mail":"\u0061da@ex\/ample.org","name":"\u00c9\"mile \ud83d\ude00","o":"\u0041\/"}"#;
    let token = keys.token(DataClass::Email, "ada@ex/ample.org");
    let expected = format!(r#"{{"\u00e9mail":"{token}","name":"É*** 😀***","o":"\u0041\/"}}"#);
    assert_eq!(json(&masking, text), expected);
    let quoted = masking_of_quote();
    assert_eq!(json(&quoted, r#"{"name":"\"\n"}"#), r#"{"name":"***"}"#);
}

fn masking_of_quote() -> Masking {
    masking(&[("$.name", "name")], &[(DataClass::Name, Treatment::Partial)])
}

#[test]
fn detectors_find_what_is_not_marked() {
    use DataClass::{Iban, Pan, Phone};
    let masking = detecting(
        &[("$.ref", "none"), ("$.mail", "email"), ("$.note", "free-text")],
        &[(Pan, Treatment::Partial), (Phone, Treatment::Null), (Iban, Treatment::Drop)],
    );
    let table = [
        (r#"{"a":"4111111111111111"}"#, r#"{"a":"************1111"}"#),
        (r#"{"a":"pay \"4111 1111 1111 1111\" now"}"#, r#"{"a":"pay \"**** **** **** 1111\" now"}"#),
        (r#"{"a":4111111111111111,"b":1764000000000000}"#, r#"{"a":"************1111","b":1764000000000000}"#),
        (r#"{"a":"call +49 30 123456","b":1}"#, r#"{"a":null,"b":1}"#),
        (r#"{"b":1,"a":["to DE89370400440532013000","x"]}"#, r#"{"b":1,"a":["x"]}"#),
        (
            r#"{"ref":"4111111111111111","mail":"ada@example.org"}"#,
            r#"{"ref":"4111111111111111","mail":"ada@example.org"}"#,
        ),
        (r#"{"note":"my card 4111111111111111"}"#, r#"{"note":"my card ************1111"}"#),
        (r#"{"\u0034111111111111111":1,"x":2}"#, r#"{"************1111":1,"x":2}"#),
        (r#"{"y":0,"DE89370400440532013000":{"z":[1]},"x":2}"#, r#"{"y":0,"x":2}"#),
        (r#"{"phone":"030 123456","id":"030 123456"}"#, r#"{"phone":null,"id":"030 123456"}"#),
        (r#"["4111111111111112","a@b.example"]"#, r#"["4111111111111112","a@b.example"]"#),
    ];
    for (text, expected) in table {
        assert_eq!(json(&masking, text), expected, "{text}");
    }
}

#[test]
fn what_was_masked_is_counted() {
    let masking =
        detecting(&[("$.pan", "pan")], &[(DataClass::Pan, Treatment::Partial), (DataClass::Email, Treatment::Hash)]);
    let text = br#"{"pan":"4111111111111111","a":"x@example.org, y@example.org","b":"4111111111111111"}"#;
    let (_, masked) = run(&masking, Format::Json, &[text]).unwrap();
    assert_eq!((masked.marked(DataClass::Pan), masked.marked(DataClass::Email)), (1, 0));
    assert_eq!((masked.found(DataClass::Pan), masked.found(DataClass::Email)), (1, 2));
    assert_eq!((masked.total(), masked.unread), (4, 0));
}

#[test]
fn long_strings_are_hidden_without_being_held() {
    let long = "4111111111111111 ".repeat(10);
    let treatments = [
        (Treatment::Partial, "\"***\""),
        (Treatment::Hash, "\"***\""),
        (Treatment::Token, "\"***\""),
        (Treatment::Null, "null"),
    ];
    for (treatment, shown) in treatments {
        let masking = masking(&[("$.a", "pan")], &[(DataClass::Pan, treatment)]).hold(32);
        let text = format!(r#"{{"b":"{long}","a":"{long}","c":1}}"#);
        assert_eq!(json(&masking, &text), format!(r#"{{"b":"{long}","a":{shown},"c":1}}"#));
    }
    let dropping = masking(&[("$.a", "pan")], &[(DataClass::Pan, Treatment::Drop)]).hold(32);
    assert_eq!(
        json(&dropping, &format!(r#"{{"b":1,"a":"{long}","c":"{long}"}}"#)),
        format!(r#"{{"b":1,"c":"{long}"}}"#)
    );
    let finding = detecting(&[("$.b", "none")], &[(DataClass::Pan, Treatment::Drop)]).hold(32);
    let text = format!(r#"{{"b":"{long}","a":"{long}","c":1}}"#);
    assert_eq!(json(&finding, &text), format!(r#"{{"b":"{long}","a":"***","c":1}}"#));
    assert_eq!(run(&finding, Format::Json, &[text.as_bytes()]).unwrap().1.unread, 1);
}

#[test]
fn little_is_held_back() {
    let masking = detecting(&[("$[].a", "pan")], &[(DataClass::Pan, Treatment::Drop)]).hold(1000);
    let mut masker = masking.masker(Format::Json);
    let mut out = Vec::new();
    masker.push(b"[", &mut out).unwrap();
    let (mut given, mut taken) = (0, 1);
    for number in 0..2000 {
        let piece = format!("{{\"a\":\"4111111111111111\",\"b\":\"{}\",\"c\":{number}}},", "x".repeat(number));
        for chunk in piece.as_bytes().chunks(97) {
            masker.push(chunk, &mut out).unwrap();
            given += out.len();
            taken += chunk.len();
            out.clear();
            assert!(masker.documents.engine.held.capacity() < 4000);
        }
    }
    assert!(given < taken);
    masker.push(b"1]", &mut out).unwrap();
    masker.finish(&mut out).unwrap();
}

#[test]
fn what_can_not_be_read_is_an_error_and_stays_one() {
    let masking = masking(&[("$.a", "pan")], &[(DataClass::Pan, Treatment::Partial)]);
    for text in [
        "",
        "{",
        "{\"a\":\"4111",
        "{\"a\":4111111111111111",
        "<html>",
        "{\"a\":1}{}",
        "\u{feff}{}",
        "{\"a\":\"\\ud800\"}",
    ] {
        let mut masker = masking.clone().masker(Format::Json);
        let mut out = Vec::new();
        let result = masker.push(text.as_bytes(), &mut out).and_then(|()| masker.finish(&mut out).map(drop));
        let Err(error) = result else { unreachable!("{text}") };
        assert!(matches!(error, MaskError::Unreadable(_)), "{text}");
        assert!(error.to_string().starts_with("can't be masked: "), "{error}");
        assert!(!String::from_utf8(out.clone()).unwrap().contains("4111"), "{text}");
        assert_eq!(masker.push(b"{}", &mut out), Err(error.clone()));
        assert_eq!(masker.finish(&mut out), Err(error));
    }
}

#[test]
fn space_that_waits_is_bounded() {
    let masking = masking(&[("$.a", "pan")], &[(DataClass::Pan, Treatment::Drop)]);
    for (spaces, fine) in [(60_000, true), (70_000, false)] {
        let text = format!("{{\"b\":1,{}\"c\":2}}", " ".repeat(spaces));
        for size in [1000, 33_000, 100_000] {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let result = run(&masking, Format::Json, &chunks).map(|(out, _)| out);
            let expected = if fine { Ok(text.clone()) } else { Err(MaskError::TooMuchSpace(65_536)) };
            assert!(result == expected, "{spaces} in chunks of {size}");
        }
    }
}

#[test]
fn hashes_and_tokens_need_keys() {
    let marks = Arc::new(Marks::none());
    for treatment in [Treatment::Hash, Treatment::Token] {
        let plan = Plan::PLAIN.with(DataClass::Name, treatment);
        assert_eq!(Masking::new(Arc::clone(&marks), plan, None).map(drop), Err(MaskError::NoKeys));
    }
    assert!(Masking::new(marks, Plan::PLAIN.with(DataClass::Name, Treatment::Drop), None).is_ok());
}

#[test]
fn keys_under_a_mark_are_values() {
    let mut builder = crate::MarksBuilder::new();
    let (map, key, value) = (builder.node(), builder.node(), builder.node());
    builder.member(crate::MarksBuilder::ROOT, "by", map);
    builder.names(map, key);
    builder.mark(key, DataClass::Email.into());
    builder.others(map, value);
    let marks = Arc::new(builder.build().unwrap());
    let text = r#"{"by":{"ada@example.org":1, "x":2},"ada@example.org":3}"#;
    for (treatment, expected) in [
        (Treatment::Partial, r#"{"by":{"a***@e***.org":1, "***":2},"ada@example.org":3}"#),
        // The blank before the second member is nobody's, and stays.
        (Treatment::Null, r#"{"by":{ },"ada@example.org":3}"#),
        (Treatment::Drop, r#"{"by":{ },"ada@example.org":3}"#),
    ] {
        let plan = Plan::PLAIN.with(DataClass::Email, treatment);
        assert!(plan.touches(&marks));
        let masking = Masking::new(Arc::clone(&marks), plan, None).unwrap();
        for size in [1, 7, 100] {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let (shown, masked) = run(&masking, Format::Json, &chunks).unwrap();
            assert_eq!((shown.as_str(), masked.marked(DataClass::Email)), (expected, 2), "{treatment:?} {size}");
        }
    }
}

#[test]
fn texts_pass_the_same_masker() {
    let masking = masking(&[], &[(DataClass::Email, Treatment::Partial), (DataClass::Pan, Treatment::Drop)]);
    assert_eq!(masking.text("login of ada@example.org with 4111111111111111"), "login of a***@e***.org with ***");
    assert!(matches!(masking.text("nothing here"), Cow::Borrowed("nothing here")));
    assert_eq!(masking.text("+49 30 123456"), "+49 30 123456", "phones are plain in this plan");
}

#[test]
fn formats_come_from_media_types() {
    let table = [
        ("application/json", Some(Format::Json)),
        ("Application/JSON; charset=\"UTF-8\"", Some(Format::Json)),
        ("application/problem+json", Some(Format::Json)),
        ("application/x-ndjson", Some(Format::Ndjson)),
        ("text/event-stream;charset=utf-8", Some(Format::Sse)),
        ("application/json; charset=utf-16", None),
        ("text/plain", None),
        ("application/xml", None),
        ("", None),
    ];
    for (value, format) in table {
        assert_eq!(Format::from_media_type(value), format, "{value}");
    }
}
