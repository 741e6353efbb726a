//! Tests of the detector of SQL injection.

#![allow(clippy::unwrap_used, reason = "test code")]

use super::*;

fn fingerprint(input: &str) -> String {
    detect(input.as_bytes()).map(|found| found.to_string()).unwrap_or_default()
}

#[test]
fn injections_have_a_fingerprint() {
    assert_eq!(fingerprint("1' OR '1'='1"), "s&sos");
    assert_eq!(fingerprint("1 UNION SELECT password FROM users"), "1UEnk");
    assert_eq!(fingerprint("x'; DROP TABLE users; --"), "s;Tnn");
    assert_eq!(fingerprint("\" or 1=1#"), "s&1c");
    assert_eq!(fingerprint("/*!50000SELECT*/"), "X");
}

#[test]
fn prose_has_none() {
    for text in
        ["", "O'Brien", "Rock & Roll", "select your seat", "it's 5 o'clock", "a-b_c", "-", "2026-08-05T10:00:00Z"]
    {
        assert_eq!(fingerprint(text), "", "{text}");
    }
}

#[test]
fn a_plain_value_is_harmless_whatever_its_words() {
    for text in ["1union", "0x1fselect", "0b12union", "0xunion", "1eunion", "1e5union", "not", "é", "12dunion", "0b2x"]
    {
        assert!(bytes::plain(text.as_bytes()));
        let readings =
            [Dialect::Standard, Dialect::MySql].map(|dialect| verdict::read(text.as_bytes(), Quote::None, dialect));
        assert!(readings.iter().all(|reading| reading.found.is_none()), "{text}");
    }
}

#[test]
fn no_known_shape_is_numbers_and_a_word() {
    let numbers = [Kind::Number, Kind::Bareword];
    let words = [b'k', b'U', b'B', b'E', b't', b'f', b'n', b'1', b'v', b'o', b'&', b'A', b'T'];
    for word in words.map(|symbol| Kind::of_word(symbol).unwrap()) {
        assert!(!Fingerprint::new([word].into_iter()).is_known());
        for first in numbers {
            let known = Fingerprint::new([first, word].into_iter()).is_known();
            assert_eq!(known, first == Kind::Number && word == Kind::Union, "{first:?} {word:?}");
            for second in numbers {
                assert!(
                    !Fingerprint::new([first, second, word].into_iter()).is_known(),
                    "{first:?} {second:?} {word:?}"
                );
            }
        }
    }
}

#[test]
fn a_run_of_split_words_is_read_in_linear_time() {
    let long = "LIKE`a`".repeat(200_000);
    assert_eq!(fingerprint(&long), "");
}
