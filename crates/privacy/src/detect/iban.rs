//! Bank account numbers (ISO 13616): country, length, and MOD 97-10.

use super::Candidate;
use super::checksum::mod_97;

/// The length for each country of the registry.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// An IBAN in one piece, or in groups of four with a shorter last one.
pub(super) fn recognise(candidate: &Candidate<'_>) -> bool {
    if !is_iban(candidate.chars) {
        return false;
    }
    let Some((last, rest)) = candidate.groups.split_last() else { return false };
    let grouped = rest.iter().all(|group| group.end - group.start == 4) && last.end - last.start <= 4;
    candidate.is_bare() || grouped && (candidate.joined_by(b" ") || candidate.joined_by(b"-"))
}

/// Whether these capitals and digits are an IBAN.
pub(super) fn is_iban(chars: &[u8]) -> bool {
    let Some((head, rest)) = chars.split_first_chunk::<4>() else { return false };
    let [country @ .., one, two] = head;
    let lettered = country.iter().all(u8::is_ascii_uppercase) && one.is_ascii_digit() && two.is_ascii_digit();
    lettered
        && LENGTHS.iter().any(|(code, length)| *length == chars.len() && *code == country)
        && chars.iter().all(u8::is_ascii_alphanumeric)
        && mod_97(rest.iter().chain(head).copied()) == 1
}
