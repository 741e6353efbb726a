//! Identifiers of advisories in few bytes: `CVE-2024-12345` takes 5 and `GHSA-xxxx-xxxx-xxxx` 9 bytes. What has another
//! form is kept as it is.

use std::borrow::Cow;

use super::IndexError;
use super::wire::{Cursor, put, put_text};

/// The letters of GHSA identifiers.
const LETTERS: &[u8; 20] = b"23456789cfghjmpqrvwx";
/// Forms `PREFIX-YEAR-NUMBER`; the number is written with at least so many digits.
const DATED: [(&str, usize); 3] = [("CVE", 4), ("MAL", 1), ("RUSTSEC", 4)];

pub(super) fn write(out: &mut Vec<u8>, id: &str) {
    let start = out.len();
    let numbers = (1u8..).zip(DATED).find_map(|(tag, (prefix, _))| dated(id, prefix).map(|numbers| (tag, numbers)));
    if let Some((tag, (year, number))) = numbers {
        out.push(tag);
        put(out, year);
        put(out, number);
    } else if let Some(packed) = ghsa(id) {
        out.push(9);
        out.extend_from_slice(&packed.to_le_bytes());
    }
    if out.len() > start && same(out, start, id) {
        return;
    }
    out.truncate(start);
    out.push(0);
    put_text(out, id);
}

/// Whether what was written reads as the identifier.
fn same(out: &[u8], start: usize, id: &str) -> bool {
    let mut cursor = Cursor::new(out.get(start..).unwrap_or_default(), 0);
    read(&mut cursor).is_ok_and(|read| read == id)
}

pub(super) fn read<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, IndexError> {
    let tag = cursor.byte()?;
    match tag {
        0 => cursor.text().map(Cow::Borrowed),
        9 => {
            let mut packed = cursor.eight()?;
            let mut id = String::from("GHSA");
            for place in 0..12 {
                if place % 4 == 0 {
                    id.push('-');
                }
                let letter = usize::try_from(packed % 20).ok().and_then(|index| LETTERS.get(index));
                id.push(char::from(*letter.unwrap_or(&b'2')));
                packed /= 20;
            }
            Ok(Cow::Owned(id))
        }
        _ => {
            let Some((prefix, digits)) = usize::from(tag).checked_sub(1).and_then(|index| DATED.get(index)) else {
                return Err(cursor.damaged("an identifier of unknown form"));
            };
            let (year, number) = (cursor.number()?, cursor.number()?);
            Ok(Cow::Owned(format!("{prefix}-{year}-{number:0digits$}")))
        }
    }
}

fn dated(id: &str, prefix: &str) -> Option<(u64, u64)> {
    let (year, number) = id.strip_prefix(prefix)?.strip_prefix('-')?.split_once('-')?;
    Some((year.parse().ok()?, number.parse().ok()?))
}

fn ghsa(id: &str) -> Option<u64> {
    let rest = id.strip_prefix("GHSA-")?;
    let mut packed = 0u64;
    let letters: Vec<u8> = rest.bytes().filter(|byte| *byte != b'-').collect();
    if letters.len() != 12 {
        return None;
    }
    for letter in letters.iter().rev() {
        packed = packed * 20 + u64::try_from(LETTERS.iter().position(|own| own == letter)?).ok()?;
    }
    Some(packed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn every_identifier_reads_as_it_was() {
        for (id, most) in [
            ("CVE-2024-12345", 6),
            ("CVE-1999-0001", 5),
            ("CVE-2024-1", 12),
            ("MAL-2025-190000", 6),
            ("MAL-2025-0001", 16),
            ("RUSTSEC-2021-0093", 5),
            ("GHSA-xvch-5gv4-984h", 9),
            ("GHSA-xvch5gv4-984h-", 22),
            ("GHSA-aaaa-bbbb-cccc", 22),
            ("CVE-99999999999999999999-1", 30),
            ("", 2),
        ] {
            let mut out = vec![7];
            write(&mut out, id);
            assert!(out.len() - 1 <= most, "{id}: {}", out.len() - 1);
            assert_eq!(read(&mut Cursor::new(&out[1..], 0)).unwrap(), id);
        }
    }
}
