//! Numbers that states give to people, with their check digits.
//!
//! Each row says what alone makes a number credible: its shape, or a checksum that chance seldom meets. The others
//! count only beside a word of theirs.

use super::Candidate;
use super::checksum::{decimal, is_date, luhn, mod_11_10, mod_97, values, verhoeff, weighted};
use super::words::{self, Topics};

struct Row {
    /// Words that name the number; one of them is needed where `alone` says no.
    words: Topics,
    /// Whether letters, digits and checksum are right.
    sound: fn(&[u8]) -> bool,
    /// Whether the way in which it is written suffices.
    alone: fn(&Candidate<'_>) -> bool,
}

const ROWS: &[Row] = &[
    // United States
    Row {
        words: words::US,
        sound: us_ssn,
        alone: |candidate| candidate.has_shape(&[3, 2, 4]) && candidate.joined_by(b"-"),
    },
    // Netherlands
    Row { words: words::NL, sound: nl_bsn, alone: |_| false },
    // Spain
    Row { words: words::ES, sound: es_dni, alone: |candidate| last_joint_is_tight(candidate) },
    Row { words: words::ES, sound: es_nie, alone: |candidate| last_joint_is_tight(candidate) },
    // Italy
    Row { words: words::IT, sound: it_codice, alone: |candidate| candidate.is_bare() },
    // Poland
    Row { words: words::PL, sound: pl_pesel, alone: |_| false },
    // Germany
    Row {
        words: words::DE,
        sound: de_steuer_id,
        alone: |candidate| candidate.is_bare() || candidate.has_shape(&[2, 3, 3, 3]) && candidate.joined_by(b" "),
    },
    // Sweden
    Row {
        words: words::SE,
        sound: se_personnummer,
        alone: |candidate| {
            let hyphen = candidate.joined_by(b"-");
            hyphen && (candidate.has_shape(&[6, 4]) || candidate.has_shape(&[8, 4]))
        },
    },
    // France
    Row { words: words::FR, sound: fr_nir, alone: |candidate| candidate.is_bare() || candidate.joined_by(b" ") },
    // Brazil
    Row {
        words: words::BR,
        sound: br_cpf,
        alone: |candidate| candidate.has_shape(&[3, 3, 3, 2]) && !candidate.joined_by(b" "),
    },
    // India
    Row {
        words: words::IN,
        sound: in_aadhaar,
        alone: |candidate| candidate.has_shape(&[4, 4, 4]) && candidate.joined_by(b" "),
    },
];

pub(super) fn recognise(candidate: &Candidate<'_>) -> bool {
    !candidate.plus
        && ROWS
            .iter()
            .any(|row| (row.sound)(candidate.chars) && ((row.alone)(candidate) || candidate.hint.says(row.words)))
}

/// In one piece, or with a hyphen before the last letter or behind the first.
fn last_joint_is_tight(candidate: &Candidate<'_>) -> bool {
    candidate.is_bare() || candidate.groups.len() <= 3 && candidate.joined_by(b"-")
}

/// Area, group and serial are never zero; areas 666 and 900 to 999 are not given (SSA, 2011).
fn us_ssn(chars: &[u8]) -> bool {
    let parts = (chars.get(..3), chars.get(3..5), chars.get(5..9));
    let (Some(area), Some(group), Some(serial)) = parts else { return false };
    let sound = |part: &[u8]| decimal(part).is_some_and(|number| number > 0);
    chars.len() == 9 && sound(area) && sound(group) && sound(serial) && area != b"666" && !area.starts_with(b"9")
}

/// The eleven-test: weights 9 to 2, and -1.
fn nl_bsn(chars: &[u8]) -> bool {
    let Some((check, rest)) = chars.split_last() else { return false };
    let sum = weighted(rest, &[9, 8, 7, 6, 5, 4, 3, 2]);
    digits(chars, 9) && varied(chars) && sum > 0 && sum % 11 == u32::from(check - b'0')
}

/// Eight digits, and the letter of their rest by 23.
fn es_dni(chars: &[u8]) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let Some((letter, number)) = chars.split_last() else {
        return false;
    };
    let place = decimal(number).and_then(|number| usize::try_from(number % 23).ok());
    number.len() == 8 && varied(number) && place.and_then(|place| LETTERS.get(place)) == Some(letter)
}

/// X, Y or Z for a first digit 0, 1 or 2; then as a DNI.
fn es_nie(chars: &[u8]) -> bool {
    let [first @ b'X'..=b'Z', rest @ ..] = chars else { return false };
    let mut dni = vec![first - b'X' + b'0'];
    dni.extend_from_slice(rest);
    es_dni(&dni)
}

/// Six letters, year, month letter, day (plus 40 for women), place, and a check letter (DM 23 December 1976).
fn it_codice(chars: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    const SHAPE: &[u8; 16] = b"LLLLLLDDLDDLDDDL";
    // Digits may be written as letters, so that two people with one code differ.
    const SUBSTITUTES: &[u8] = b"LMNPQRSTUV";
    let Some((check, rest)) = chars.split_last() else { return false };
    let fits = |(byte, kind): (&u8, &u8)| match kind {
        b'L' => byte.is_ascii_uppercase(),
        _ => byte.is_ascii_digit() || SUBSTITUTES.contains(byte),
    };
    if chars.len() != SHAPE.len() || !chars.iter().zip(SHAPE).all(fits) {
        return false;
    }
    let month = chars.get(8).is_some_and(|month| b"ABCDEHLMPRST".contains(month));
    let day = chars.get(9..11).and_then(decimal).is_none_or(|day| (1..=31).contains(&day) || (41..=71).contains(&day));
    let sum: u32 = rest
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            let value = if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' };
            if at % 2 == 1 { u32::from(value) } else { ODD.get(usize::from(value)).copied().unwrap_or_default() }
        })
        .sum();
    month && day && sum % 26 == u32::from(check - b'A')
}

/// Birth date with the century in the month, and weights 1, 3, 7, 9.
fn pl_pesel(chars: &[u8]) -> bool {
    if !digits(chars, 11) {
        return false;
    }
    let part = |range| chars.get(range).and_then(decimal).unwrap_or_default();
    let (year, month, day): (u64, u64, u64) = (part(0..2), part(2..4), part(4..6));
    let century = [1900, 2000, 2100, 2200, 1800].get(usize::try_from(month / 20).unwrap_or(9)).copied().unwrap_or(0);
    let sum = weighted(chars, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    is_date(century + year, month % 20, day) && sum.is_multiple_of(10)
}

/// Eleven digits, not led by 0; of the first ten one comes two or three times and the others at most once (Federal Central Tax Office).
fn de_steuer_id(chars: &[u8]) -> bool {
    let Some(first) = chars.get(..10).filter(|_| digits(chars, 11) && !chars.starts_with(b"0")) else { return false };
    let mut counts = [0_u8; 10];
    for value in values(first) {
        counts.get_mut(value as usize).into_iter().for_each(|count| *count += 1);
    }
    let repeated = counts.iter().filter(|count| **count > 1).count();
    let most = counts.iter().max().copied().unwrap_or_default();
    let thrice = first.windows(3).any(|three| three.iter().all(|digit| Some(digit) == three.first()));
    repeated == 1 && most <= 3 && !thrice && mod_11_10(chars)
}

/// Birth date (day plus 60 for coordination numbers), serial, and Luhn over the last ten digits.
fn se_personnummer(chars: &[u8]) -> bool {
    let (century, short) = match chars.len() {
        10 => (None, chars),
        12 => (chars.get(..2).and_then(decimal), chars.get(2..).unwrap_or_default()),
        _ => return false,
    };
    let part = |range| short.get(range).and_then(decimal).unwrap_or_default();
    let (year, month, day): (u64, u64, u64) = (part(0..2), part(2..4), part(4..6));
    let day = if day > 60 { day - 60 } else { day };
    let sound = match century {
        None => is_date(2000 + year, month, day),
        Some(century) => matches!(century, 18..=20) && is_date(century * 100 + year, month, day),
    };
    digits(chars, chars.len()) && sound && luhn(short)
}

/// Sex, year, month, department (2A and 2B count as 19 and 18), and 97 less the rest by 97.
fn fr_nir(chars: &[u8]) -> bool {
    let [b'1' | b'2', _, _, month_1, month_2, ..] = chars else { return false };
    if chars.len() != 15 {
        return false;
    }
    let (Some(number), Some(key)) = (chars.get(..13), chars.get(13..15).and_then(decimal)) else { return false };
    let month = decimal(&[*month_1, *month_2]).is_some_and(|month| matches!(month, 1..=12 | 20..=42 | 50..=99));
    let mut plain = number.to_vec();
    match number.get(5..7) {
        Some(b"2A") => drop(plain.splice(5..7, *b"19")),
        Some(b"2B") => drop(plain.splice(5..7, *b"18")),
        _ => {}
    }
    let rest = u64::from(mod_97(plain.iter().copied()));
    plain.iter().all(u8::is_ascii_digit) && month && varied(number) && key == 97 - rest
}

/// Two check digits by 11 (Receita Federal).
fn br_cpf(chars: &[u8]) -> bool {
    let check = |length: usize, weight: u32| {
        let sum: u32 = chars
            .get(..length)
            .map(values)
            .into_iter()
            .flatten()
            .zip((2..=weight).rev())
            .map(|(value, weight)| value * weight)
            .sum();
        let rest = sum * 10 % 11 % 10;
        chars.get(length).is_some_and(|digit| u32::from(digit.wrapping_sub(b'0')) == rest)
    };
    digits(chars, 11) && varied(chars) && check(9, 10) && check(10, 11)
}

/// Twelve digits, not led by 0 or 1, with Verhoeff (UIDAI).
fn in_aadhaar(chars: &[u8]) -> bool {
    digits(chars, 12) && matches!(chars.first(), Some(b'2'..=b'9')) && varied(chars) && verhoeff(chars)
}

fn digits(chars: &[u8], length: usize) -> bool {
    chars.len() == length && chars.iter().all(u8::is_ascii_digit)
}

/// Not one digit over and over.
fn varied(chars: &[u8]) -> bool {
    chars.windows(2).any(|pair| pair.first() != pair.last())
}
