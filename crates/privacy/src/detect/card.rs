//! Payment card numbers (ISO/IEC 7812-1): length and first digits of an issuer, and Luhn.

use super::Candidate;
use super::checksum::{decimal, luhn};
use super::words::CARD;

/// First digits (as a range over the first six), and lengths.
const ISSUERS: &[(u64, u64, &[usize])] = &[
    // JCB, of old
    (180_000, 180_099, &[15]),
    (213_100, 213_199, &[15]),
    // Mir
    (220_000, 220_499, &[16, 17, 18, 19]),
    // Mastercard
    (222_100, 272_099, &[16]),
    // Diners Club
    (300_000, 305_999, &[14, 16, 19]),
    (309_500, 309_599, &[14, 16, 19]),
    // American Express
    (340_000, 349_999, &[15]),
    // JCB, with what is kept free around it
    (350_000, 359_999, &[16, 17, 18, 19]),
    // Diners Club
    (360_000, 369_999, &[14, 16, 19]),
    // American Express
    (370_000, 379_999, &[15]),
    // Diners Club
    (380_000, 399_999, &[14, 16, 19]),
    // Visa
    (400_000, 499_999, &[13, 16, 19]),
    // Maestro, Elo
    (500_000, 509_999, &[16]),
    // Mastercard
    (510_000, 559_999, &[16]),
    // Maestro
    (560_000, 589_999, &[16]),
    // Discover
    (601_100, 601_199, &[16, 19]),
    // UnionPay
    (620_000, 629_999, &[16, 17, 18, 19]),
    // Maestro
    (630_400, 630_499, &[16]),
    (639_000, 639_099, &[16]),
    // Discover
    (644_000, 659_999, &[16, 19]),
    // Maestro
    (670_000, 679_999, &[16]),
    // UnionPay, RuPay
    (810_000, 822_999, &[16, 19]),
    // Troy
    (979_200, 979_299, &[16]),
];

/// How card numbers are grouped.
const SHAPES: &[&[usize]] =
    &[&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3], &[4, 4, 4, 4, 2], &[4, 4, 4, 4, 1], &[6, 13]];

/// A card number that stands bare with 14 to 16 digits, or grouped as cards are, or where the context says so.
pub(super) fn recognise(candidate: &Candidate<'_>) -> bool {
    if !candidate.all_digits || candidate.plus || !is_card(candidate.chars) {
        return false;
    }
    if candidate.is_bare() {
        return (14..=16).contains(&candidate.chars.len()) || candidate.hint.says(CARD);
    }
    let joined = candidate.joined_by(b" ") || candidate.joined_by(b"-");
    joined && SHAPES.iter().any(|shape| candidate.has_shape(shape))
}

/// Whether these digits can be a card number.
pub(super) fn is_card(digits: &[u8]) -> bool {
    if !(12..=19).contains(&digits.len()) {
        return false;
    }
    let Some(first) = digits.get(..6).and_then(decimal) else { return false };
    let issued = |(least, most, lengths): &(u64, u64, &[usize])| {
        (*least..=*most).contains(&first) && lengths.contains(&digits.len())
    };
    let varied = digits.iter().any(|digit| Some(digit) != digits.first());
    digits.iter().all(u8::is_ascii_digit) && ISSUERS.iter().any(issued) && varied && luhn(digits)
}
