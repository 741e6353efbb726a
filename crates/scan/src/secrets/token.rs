//! Tokens that tell themselves: from a literal to the whole match, its boundaries, and what is judged about every match.

use std::ops::Range;

use testudo_core::Confidence;

use super::catalogue::Entry;
use super::check::{Check, Held, Seen, Verdict};
use super::found::{Encoding, Fingerprint, Match, Reason, Status, redact};
use super::kind::{Kind, Lookback};
use super::known;
use super::piece::Form;
use super::scanner::Pass;
use super::{sweep, value};

/// What led to a match.
pub(super) enum Via<'n> {
    Shape,
    Name(&'n [u8]),
}

impl Pass<'_, '_> {
    /// A literal of a token stands here.
    pub(super) fn token(&mut self, entry: &Entry, word: &Range<usize>) {
        let catalogue = &self.scanner.catalogue;
        let (Some(kind), Some(prepared)) = (catalogue.kinds.get(entry.kind), catalogue.patterns.get(entry.kind)) else {
            return;
        };
        let Some(pattern) = &prepared.pattern else { return };
        if !kind.nocase && self.bytes.get(word.clone()) != Some(&entry.exact) {
            return;
        }
        let relaxed = self.form == Form::Binary && prepared.strong;
        let walked =
            kind.lookback.map_or(word.start, |lookback| walk_back(self.bytes, word.start, lookback, kind.back));
        let again = (walked != word.start).then_some(word.start);
        for start in std::iter::once(walked).chain(again) {
            if !relaxed && !opens(self.bytes, start, prepared.base64, kind.lookback == Some(Lookback::Digits)) {
                continue;
            }
            let (end, read) = pattern.end(self.bytes, start);
            self.spend(read);
            let Some(end) = end else { continue };
            let framed = kind.check == Some(Check::Pem);
            if !relaxed && !framed && !closes(self.bytes, end, prepared.base64) {
                continue;
            }
            if let Some(found) = self.judge(entry.kind, &(start..end), &Via::Shape) {
                self.found.push(found);
                return;
            }
        }
    }
}

impl<'s> Pass<'s, '_> {
    /// What stands in the span, if it is one of this kind.
    pub(super) fn judge(&self, index: usize, span: &Range<usize>, via: &Via<'_>) -> Option<Match<'s>> {
        let catalogue = &self.scanner.catalogue;
        let (kind, prepared) = (catalogue.kinds.get(index)?, catalogue.patterns.get(index)?);
        self.spend(4 * span.len());
        let held = match kind.check {
            None => Held::new(span),
            Some(check) => {
                let (fixed, now) = (prepared.fixed, self.scanner.now);
                let seen = Seen { bytes: self.bytes, span: span.clone(), fixed, now, left: &self.left };
                match check.verify(&seen) {
                    Verdict::No => return None,
                    Verdict::Holds(held) => held,
                    Verdict::Fake(why) => Held {
                        status: Status::Placeholder,
                        reasons: vec![Reason::Carries(why.to_owned())],
                        judged: true,
                        ..Held::new(span)
                    },
                }
            }
        };
        let secret = self.bytes.get(held.secret.clone())?;
        let body = secret.get(if held.secret.start == span.start { prepared.fixed } else { 0 }..).unwrap_or_default();
        let bits = value::entropy(body);
        let mut status = held.status;
        if !held.judged {
            if value::is_placeholder(body, kind.repeats) {
                status = Status::Placeholder;
            } else if bits < kind.entropy.unwrap_or_else(|| value::least_entropy(body)) {
                return None;
            }
        }
        let fingerprint = Fingerprint::of(secret);
        let verified = held.is_verified();
        let mut reasons = held.reasons;
        reasons.push(match via {
            Via::Shape => Reason::Shape,
            Via::Name(name) => Reason::Name(shown_name(name)),
        });
        reasons.push(Reason::Entropy(bits));
        if let Some(place) = known::documented(fingerprint) {
            status = Status::Test;
            reasons.push(Reason::Carries(format!("it stands in {place}")));
        } else if status == Status::Unknown && is_test(kind, self.bytes.get(held.span.clone()).unwrap_or_default()) {
            status = Status::Test;
        }
        Some(Match {
            kind,
            encoding: Encoding::Plain,
            status,
            confidence: if verified { Confidence::High } else { kind.confidence() },
            reasons,
            shown: redact(secret),
            fingerprint,
            rank: sweep::rank(kind, verified),
            span: held.span,
        })
    }
}

fn is_test(kind: &Kind, text: &[u8]) -> bool {
    kind.tests.iter().any(|prefix| text.starts_with(prefix.as_bytes()))
}

/// The name for display: its own characters, up to what divides it from the value.
fn shown_name(name: &[u8]) -> String {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    name.iter().take_while(part).take(64).map(|byte| char::from(*byte)).collect()
}

fn walk_back(bytes: &[u8], from: usize, lookback: Lookback, most: usize) -> usize {
    let part = |byte: &&u8| match lookback {
        Lookback::Token => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~'),
        Lookback::Digits => byte.is_ascii_digit(),
        Lookback::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
        Lookback::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b'/'),
    };
    from - bytes.get(from.saturating_sub(most)..from).unwrap_or_default().iter().rev().take_while(part).count()
}

/// Whether a word can begin here: nothing before goes on into it, save an escape's last character.
fn opens(bytes: &[u8], start: usize, base64: bool, digits: bool) -> bool {
    let before = |back: usize| start.checked_sub(back).and_then(|at| bytes.get(at)).copied();
    let Some(previous) = before(1) else { return true };
    if !bytes.get(start).is_some_and(u8::is_ascii_alphanumeric) {
        return true;
    }
    match previous {
        b'n' | b't' | b'r' if before(2) == Some(b'\\') => true,
        _ if before(6) == Some(b'\\') && before(5) == Some(b'u') => true,
        _ if before(4) == Some(b'\\') && before(3) == Some(b'x') => true,
        b'a'..=b'z' | b'A'..=b'Z' if digits => true,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => false,
        b'+' => !base64 && !is_inside_base64(bytes, start),
        b'/' => !is_inside_base64(bytes, start),
        _ => true,
    }
}

/// Whether 40 characters of Base64 stand right before, as in the middle of an image or a certificate.
fn is_inside_base64(bytes: &[u8], start: usize) -> bool {
    let Some(from) = start.checked_sub(40) else { return false };
    let before = bytes.get(from..start).unwrap_or_default();
    before.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// Whether a word can end here.
pub(super) fn closes(bytes: &[u8], end: usize, base64: bool) -> bool {
    let after = |ahead: usize| bytes.get(end + ahead).copied();
    match after(0) {
        Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_') => false,
        Some(b'-') => !after(1).is_some_and(|byte| byte.is_ascii_alphanumeric()),
        Some(b'+' | b'/' | b'=') => !base64,
        _ => true,
    }
}
