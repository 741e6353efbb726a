//! Telephone numbers: E.164 with an assigned country code, and national forms whose grouping tells them.

use super::Candidate;
use super::words::PHONE;

/// Country codes of three digits that are assigned (ITU-T E.164, annex), by their first two.
const LONG_CODES: &[(&[u8; 2], &[u8])] = &[
    (b"21", b"12368"),
    (b"22", b"0123456789"),
    (b"23", b"0123456789"),
    (b"24", b"0123456789"),
    (b"25", b"012345678"),
    (b"26", b"0123456789"),
    (b"29", b"01789"),
    (b"35", b"0123456789"),
    (b"37", b"0123456789"),
    (b"38", b"01235679"),
    (b"42", b"013"),
    (b"50", b"0123456789"),
    (b"59", b"0123456789"),
    (b"67", b"023456789"),
    (b"68", b"012356789"),
    (b"69", b"012"),
    (b"85", b"02356"),
    (b"88", b"06"),
    (b"96", b"012345678"),
    (b"97", b"01234567"),
    (b"99", b"234568"),
];

/// Country codes of two digits.
const SHORT_CODES: &[&[u8; 2]] = &[
    b"20", b"27", b"30", b"31", b"32", b"33", b"34", b"36", b"39", b"40", b"41", b"43", b"44", b"45", b"46", b"47",
    b"48", b"49", b"51", b"52", b"53", b"54", b"55", b"56", b"57", b"58", b"60", b"61", b"62", b"63", b"64", b"65",
    b"66", b"81", b"82", b"84", b"86", b"90", b"91", b"92", b"93", b"94", b"95", b"98",
];

pub(super) fn recognise(candidate: &Candidate<'_>) -> bool {
    if !candidate.all_digits {
        return false;
    }
    let digits = candidate.chars;
    if candidate.plus {
        return is_international(digits);
    }
    if let Some(rest) = digits.strip_prefix(b"00")
        && is_international(rest)
        && (candidate.groups.len() > 1 || candidate.hint.says(PHONE))
    {
        return true;
    }
    grouped_nationally(candidate)
        || (candidate.hint.says(PHONE) && (7..=15).contains(&digits.len()) && !is_flat(digits))
}

/// Country code and subscriber's number (E.164: at most 15 digits).
fn is_international(digits: &[u8]) -> bool {
    let country = match digits {
        [b'1', rest @ ..] => return rest.len() == 10 && rest.first().is_some_and(|area| *area >= b'2'),
        [b'7', rest @ ..] => return rest.len() == 10,
        [one, two, three, ..] => {
            let short = SHORT_CODES.iter().any(|code| **code == [*one, *two]);
            let long = LONG_CODES.iter().any(|(first, third)| **first == [*one, *two] && third.contains(three));
            if short {
                2
            } else if long {
                3
            } else {
                return false;
            }
        }
        _ => return false,
    };
    (8..=15).contains(&digits.len()) && digits.len() - country >= 6 && !digits.get(country..).is_some_and(is_flat)
}

/// The North American plan: area and exchange begin with 2 to 9, and neither is like 911.
fn is_american(digits: &[u8]) -> bool {
    let [area, area_1, area_2, exchange, exchange_1, exchange_2, _, _, _, _] = digits else { return false };
    let sound = |first: &u8, second: &u8, third: &u8| *first >= b'2' && !(*second == b'1' && *third == b'1');
    sound(area, area_1, area_2) && sound(exchange, exchange_1, exchange_2)
}

fn grouped_nationally(candidate: &Candidate<'_>) -> bool {
    let digits = candidate.chars;
    let first_joint = candidate.groups.first_chunk().and_then(|[one, next]| candidate.text.get(one.end..next.start));
    let alike = [&b"-"[..], b".", b" "].iter().any(|separator| candidate.joined_by(separator));
    // (212) 555-0123, 212-555-0123, 212.555.0123, 1-212-555-0123
    if candidate.has_shape(&[3, 3, 4]) && is_american(digits) {
        let bracket = first_joint.is_some_and(|joint| joint.starts_with(b")"));
        return bracket || alike && first_joint != Some(b" ");
    }
    if candidate.has_shape(&[1, 3, 3, 4]) && digits.first() == Some(&b'1') {
        return digits.get(1..).is_some_and(is_american) && first_joint != Some(b"/");
    }
    in_brackets(candidate) || led_by_zero(candidate)
}

/// An area code in brackets: (03) 5327 5996, (0441) 688-7538
fn in_brackets(candidate: &Candidate<'_>) -> bool {
    let [area, rest @ ..] = candidate.groups else { return false };
    let opened = area.start.checked_sub(1).and_then(|at| candidate.text.get(at)) == Some(&b'(');
    let closed = candidate.text.get(area.end) == Some(&b')');
    let digits = candidate.text.get(area.start..area.end).unwrap_or_default();
    let coded = digits.len() <= 3 || digits.len() <= 5 && digits.starts_with(b"0");
    let grouped = (1..=3).contains(&rest.len()) && rest.iter().all(|group| group.end - group.start >= 3);
    opened && closed && coded && grouped && (8..=12).contains(&candidate.chars.len()) && !is_flat(candidate.chars)
}

/// A trunk zero and groups: 01 23 45 67 89, 020 7946 0958, 0680 298 70 63
fn led_by_zero(candidate: &Candidate<'_>) -> bool {
    let zero = matches!(candidate.chars, [b'0', b'1'..=b'9', ..]);
    let pairs = candidate.has_shape(&[2, 2, 2, 2, 2]) && (candidate.joined_by(b".") || candidate.joined_by(b"-"));
    let Some((area, rest)) = candidate.groups.split_first() else { return false };
    let length = |group: &super::Group| group.end - group.start;
    let grouped = (2..=5).contains(&length(area)) && rest.iter().all(|group| (2..=4).contains(&length(group)));
    let two = candidate.has_shape(&[5, 6]);
    let spaced = candidate.joined_by(b" ") && (grouped && rest.len() >= 2 || two);
    zero && (pairs || spaced && (9..=11).contains(&candidate.chars.len()))
}

/// One digit over and over: a placeholder.
fn is_flat(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| pair.first() == pair.last())
}
