//! Email addresses: the dot-atom form of RFC 5322 with RFC 6531 letters, at a domain with a top level of letters.

use memchr::memchr_iter;

use super::Found;
use crate::DataClass;

/// RFC 5321, 4.5.3.1.
const LOCAL: usize = 64;
const DOMAIN: usize = 255;

/// Endings of files, which come after `@2x.` and the like.
const FILES: &[&[u8]] = &[
    b"png", b"jpg", b"jpeg", b"gif", b"webp", b"svg", b"avif", b"css", b"js", b"mjs", b"ts", b"tsx", b"json", b"html",
    b"xml", b"pdf", b"mp4", b"woff", b"woff2", b"ttf", b"map", b"ico",
];

pub(super) fn find(text: &[u8], found: &mut Vec<Found>) {
    for at in memchr_iter(b'@', text) {
        let floor = found.last().map_or(0, |last: &Found| last.end);
        let Some(before) = text.get(floor.max(at.saturating_sub(LOCAL + 1))..at) else { continue };
        let local = before.iter().rev().take_while(|byte| is_local(**byte)).count();
        let local = text.get(at - local..at).unwrap_or_default();
        let local = local.iter().position(|byte| *byte != b'.' && *byte != b'\'').map_or(0, |skip| local.len() - skip);
        let behind = text.get(at + 1..).unwrap_or_default();
        let behind = behind.get(..DOMAIN + 1).unwrap_or(behind);
        let domain = behind.iter().take_while(|byte| is_domain(**byte)).count();
        let domain = behind.get(..domain).unwrap_or_default();
        // What ends a sentence is no part of it.
        let length = domain.iter().rposition(|byte| !matches!(byte, b'.' | b'-')).map_or(0, |last| last + 1);
        let domain = domain.get(..length).unwrap_or_default();
        let written = text.get(at - local..at).unwrap_or_default();
        if (1..=LOCAL).contains(&local)
            && sound_local(written)
            && sound_domain(domain)
            && !is_remote(written, behind, length)
        {
            found.push(Found { start: at - local, end: at + 1 + length, class: DataClass::Email });
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'.' | b'-')
}

fn sound_local(local: &[u8]) -> bool {
    !local.ends_with(b".") && !local.array_windows().any(|pair| pair == b"..")
}

fn sound_domain(domain: &[u8]) -> bool {
    let mut labels = domain.split(|byte| *byte == b'.').rev();
    let Some(top) = labels.next() else { return false };
    let lettered = top.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80) || top.starts_with(b"xn--");
    let is_file = FILES.iter().any(|ending| top.eq_ignore_ascii_case(ending));
    let mut more = labels.clone().peekable();
    (2..=63).contains(&top.len())
        && lettered
        && !is_file
        && more.peek().is_some()
        && labels.all(|label| (1..=63).contains(&label.len()) && !label.starts_with(b"-") && !label.ends_with(b"-"))
}

/// `git@host.example:path` names a repository.
fn is_remote(local: &[u8], behind: &[u8], domain: usize) -> bool {
    local == b"git" && behind.get(domain) == Some(&b':')
}
