//! Secrets inside Base64 (RFC 4648), percent-encoding (RFC 3986) and UTF-16: decoded once, within bounds, and scanned again.

use std::ops::Range;

use data_encoding::{BASE64_NOPAD, Specification};
use zeroize::Zeroizing;

use super::found::{Encoding, Match};
use super::piece::Form;
use super::scanner::Pass;
use super::sweep;

/// The longest run that is decoded.
const LONGEST: usize = 64 * 1024;

/// The shortest run of Base64 that can hold a secret.
const SHORTEST: usize = 20;

/// What stands encoded in the bytes of the pass, apart from kinds that were found plain at the same place.
pub(super) fn scan<'s>(pass: &Pass<'s, '_>, plain: &[Match<'s>]) -> Vec<Match<'s>> {
    let mut found = Vec::new();
    base64(pass, &mut found);
    percent(pass, &mut found);
    if pass.form == Form::Binary {
        utf16(pass, &mut found);
    }
    found.retain(|inner| {
        let after = plain.partition_point(|outer| outer.span.end <= inner.span.start);
        let overlapping = plain.iter().skip(after).take_while(|outer| outer.span.start < inner.span.end);
        !overlapping.into_iter().any(|outer| outer.kind.id == inner.kind.id || outer.fingerprint == inner.fingerprint)
    });
    found
}

fn decoded<'s>(pass: &Pass<'s, '_>, bytes: &[u8], run: &Range<usize>, encoding: Encoding, found: &mut Vec<Match<'s>>) {
    pass.spend(bytes.len());
    let mut inner = Pass::new(pass.scanner, bytes, Form::Text);
    inner.words();
    if inner.left.get() == 0 {
        pass.left.set(0);
    }
    let matches = sweep::best(inner.found);
    found.extend(matches.into_iter().map(|inner| Match { span: run.clone(), encoding, ..inner }));
}

/// Runs around a token's literal in Base64, and whole strings that decode to text.
fn base64<'s>(pass: &Pass<'s, '_>, found: &mut Vec<Match<'s>>) {
    let mut done = 0;
    for (at, shift) in &pass.wrapped {
        if *at < done || pass.left.get() == 0 {
            continue;
        }
        let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        let head = pass.bytes.get(at.saturating_sub(LONGEST).max(done)..*at).unwrap_or_default();
        let before = head.iter().rev().take_while(part).count();
        let tail = pass.bytes.get(*at..at.saturating_add(LONGEST).min(pass.bytes.len())).unwrap_or_default();
        let after = tail.iter().take_while(part).count();
        // The literal's first whole digit is the 0th, 2nd or 3rd of a group of four.
        let digit = [0, 2, 3].get(*shift).copied().unwrap_or(0);
        let Some(start) = before.checked_sub(digit).map(|back| at - digit - (back - back % 4)) else { continue };
        done = at + after;
        if done - start >= SHORTEST {
            decode_run(pass, &(start..done), found);
        }
    }
    if pass.form == Form::Value && pass.wrapped.is_empty() {
        let end = pass.bytes.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
        let whole = pass.bytes.get(..end).unwrap_or_default();
        let alphabet =
            || whole.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_'));
        if (SHORTEST..=LONGEST).contains(&end) && starts_as_text(whole) && alphabet() {
            decode_run(pass, &(0..end), found);
        }
    }
}

fn decode_run<'s>(pass: &Pass<'s, '_>, run: &Range<usize>, found: &mut Vec<Match<'s>>) {
    let text = pass.bytes.get(run.clone()).unwrap_or_default();
    // Digits that are left over carry bits of no byte.
    let whole = text.get(..text.len() - usize::from(text.len() % 4 == 1)).unwrap_or_default();
    let plain: Zeroizing<Vec<u8>> = Zeroizing::new(whole.iter().map(|byte| standard(*byte)).collect());
    if let Ok(bytes) = lenient().decode(&plain).map(Zeroizing::new) {
        decoded(pass, &bytes, run, Encoding::Base64, found);
    }
}

/// Base64 that ignores bits beyond the last whole byte.
fn lenient() -> data_encoding::Encoding {
    let mut specification: Specification = BASE64_NOPAD.specification();
    specification.check_trailing_bits = false;
    specification.encoding().unwrap_or(BASE64_NOPAD)
}

fn standard(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// Whether the first digits decode to printable characters.
fn starts_as_text(text: &[u8]) -> bool {
    let head: Vec<u8> = text.iter().take(16).map(|byte| standard(*byte)).collect();
    BASE64_NOPAD
        .decode(&head)
        .is_ok_and(|bytes| bytes.iter().all(|byte| (b' '..0x7f).contains(byte) || byte.is_ascii_whitespace()))
}

/// Words with percent signs before two hex digits.
fn percent<'s>(pass: &Pass<'s, '_>, found: &mut Vec<Match<'s>>) {
    let mut done = 0;
    for at in memchr::memchr_iter(b'%', pass.bytes) {
        let escape = pass.bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if at < done || !escape || pass.left.get() == 0 {
            continue;
        }
        let part = |byte: &&u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\');
        let head = pass.bytes.get(at.saturating_sub(LONGEST).max(done)..at).unwrap_or_default();
        let tail = pass.bytes.get(at..at.saturating_add(LONGEST).min(pass.bytes.len())).unwrap_or_default();
        let run = at - head.iter().rev().take_while(part).count()..at + tail.iter().take_while(part).count();
        done = run.end;
        let text = pass.bytes.get(run.clone()).unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            let code = after.first_chunk::<2>().and_then(|digits| std::str::from_utf8(digits).ok());
            let byte = code.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(byte.unwrap_or(*first));
            rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
        }
        decoded(pass, &bytes, &run, Encoding::Percent, found);
    }
}

/// Runs of at least twelve printable characters with a zero after each.
fn utf16<'s>(pass: &Pass<'s, '_>, found: &mut Vec<Match<'s>>) {
    let mut narrow = Zeroizing::new(Vec::new());
    let mut at = 0;
    while let Some(zero) = memchr::memchr(0, pass.bytes.get(at + 1..).unwrap_or_default()).map(|zero| at + 1 + zero) {
        let start = zero - 1;
        narrow.clear();
        let pairs = pass.bytes.get(start..).unwrap_or_default().chunks_exact(2);
        let text = pairs.map(|pair| (pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(1)));
        let printable = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        narrow
            .extend(text.take_while(|(byte, zero)| *zero == 0 && printable(*byte)).map(|(byte, _)| byte).take(LONGEST));
        if narrow.len() >= 12 {
            decoded(pass, &narrow, &(start..start + 2 * narrow.len()), Encoding::Utf16, found);
        }
        at = start + (2 * narrow.len()).max(1);
        if pass.left.get() == 0 {
            return;
        }
    }
}
