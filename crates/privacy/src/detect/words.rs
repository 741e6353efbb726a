//! What the key and the words before a number say about it.

use std::cell::OnceCell;

/// How far back words are looked for.
const REACH: usize = 32;
/// Longest part of a key that is looked at, from its end.
const KEY: usize = 64;

/// What words can say, as a set of bits.
pub(super) type Topics = u32;

pub(super) const PHONE: Topics = 1;
pub(super) const CARD: Topics = 1 << 1;
pub(super) const US: Topics = 1 << 2;
pub(super) const NL: Topics = 1 << 3;
pub(super) const ES: Topics = 1 << 4;
pub(super) const IT: Topics = 1 << 5;
pub(super) const PL: Topics = 1 << 6;
pub(super) const DE: Topics = 1 << 7;
pub(super) const SE: Topics = 1 << 8;
pub(super) const FR: Topics = 1 << 9;
pub(super) const BR: Topics = 1 << 10;
pub(super) const IN: Topics = 1 << 11;
const NATIONAL: Topics = US | NL | ES | IT | PL | DE | SE | FR | BR | IN;

/// Words of three letters or less must stand alone; longer ones may be part of a name such as `workPhoneNumber`.
const WORDS: &[(&[u8], Topics)] = &[
    (b"phone", PHONE),
    (b"mobile", PHONE),
    (b"msisdn", PHONE),
    (b"telefon", PHONE),
    (b"cell", PHONE),
    (b"whatsapp", PHONE),
    (b"fax", PHONE),
    (b"tel", PHONE),
    (b"card", CARD),
    (b"karte", CARD),
    (b"pan", CARD),
    (b"ssn", US),
    (b"socialsecurity", US),
    (b"bsn", NL),
    (b"burgerservice", NL),
    (b"sofinummer", NL),
    (b"dni", ES),
    (b"nif", ES),
    (b"nie", ES),
    (b"codicefiscale", IT),
    (b"pesel", PL),
    (b"steuer", DE),
    (b"idnr", DE),
    (b"personnummer", SE),
    (b"samordning", SE),
    (b"nir", FR),
    (b"insee", FR),
    (b"cpf", BR),
    (b"aadhaar", IN),
    (b"aadhar", IN),
    (b"nationalid", NATIONAL),
    (b"nationalnumber", NATIONAL),
    (b"personalnumber", NATIONAL),
    (b"personalid", NATIONAL),
    (b"taxid", NATIONAL),
    (b"taxnumber", NATIONAL),
];

/// Where a number stands. Words are looked at when first asked for.
pub(super) struct Hint<'a> {
    before: &'a [u8],
    key: &'a Key<'a>,
    topics: OnceCell<Topics>,
}

/// The name of a value.
pub(super) struct Key<'a> {
    name: &'a [u8],
    topics: OnceCell<Topics>,
}

impl<'a> Key<'a> {
    pub(super) fn new(name: &'a [u8]) -> Key<'a> {
        let name = name.get(name.len().saturating_sub(KEY)..).unwrap_or(name);
        Key { name, topics: OnceCell::new() }
    }
}

impl<'a> Hint<'a> {
    pub(super) fn new(text: &'a [u8], start: usize, key: &'a Key<'a>) -> Hint<'a> {
        let before = text.get(start.saturating_sub(REACH)..start).unwrap_or_default();
        Hint { before, key, topics: OnceCell::new() }
    }

    /// Whether the key, or the words before the number, speak of one of these.
    pub(super) fn says(&self, topics: Topics) -> bool {
        let key = self.key.topics.get_or_init(|| of(self.key.name));
        let own = self.topics.get_or_init(|| of(self.before) | key);
        own & topics != 0
    }
}

fn of(text: &[u8]) -> Topics {
    if !text.iter().any(u8::is_ascii_alphabetic) {
        return 0;
    }
    // `card_number`, `cardNumber` and `Card Number` say the same.
    let joined: Vec<u8> =
        text.iter().filter(|byte| !matches!(byte, b'_' | b'-' | b' ')).map(u8::to_ascii_lowercase).collect();
    let said = |word: &[u8]| {
        if word.len() > 3 { joined.windows(word.len()).any(|window| window == word) } else { stands_alone(text, word) }
    };
    WORDS.iter().filter(|(word, _)| said(word)).fold(0, |topics, (_, topic)| topics | topic)
}

fn stands_alone(text: &[u8], word: &[u8]) -> bool {
    text.split(|byte| !byte.is_ascii_alphabetic()).flat_map(humps).any(|part| part.eq_ignore_ascii_case(word))
}

/// The parts of a name in camel case: `userSsnNumber` has three, `SSN` is one.
fn humps(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    name.chunk_by(|one, next| !(one.is_ascii_lowercase() && next.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_words_stand_alone() {
        for name in ["ssn", "SSN", "userSsn", "user_ssn"] {
            assert_eq!(of(name.as_bytes()), US, "{name}");
        }
        for name in ["classname", "company", "hotel", "spanish", "companion", "", "12 34"] {
            assert_eq!(of(name.as_bytes()), 0, "{name}");
        }
        assert_eq!(of(b"workPhoneNumber"), PHONE);
        assert_eq!(of(b"card_number"), CARD);
        assert_eq!(of(b"Credit Card No."), CARD);
        let key = Key::new(b"x");
        assert!(Hint::new(b"my BSN is 111222333", 10, &key).says(NL));
    }
}
