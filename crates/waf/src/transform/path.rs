//! `normalizePath` and `normalizePathWin`: dot segments and repeated slashes (RFC 3986, 5.2.4, but
//! as `ModSecurity` does it).
//!
//! A relative path keeps the `..` that lead out of it, an absolute one does not; a slash at the end stays when there
//! was one. Any segment that ends with `..` counts as that segment. On Windows every backslash is a slash, also where
//! `ModSecurity` leaves one after mixed runs such as `/\`.

use std::borrow::Cow;

use super::ByteClasses;

pub(super) static SPECIAL: ByteClasses = ByteClasses::of_bytes(b"./");
pub(super) static SPECIAL_WIN: ByteClasses = ByteClasses::of_bytes(b"./\\");

/// Whether a segment is empty or ends with a dot.
pub(super) fn may_change(value: &[u8]) -> bool {
    value.last() == Some(&b'.')
        || memchr::memchr_iter(b'/', value).any(|at| {
            let before = at.checked_sub(1).and_then(|before| value.get(before));
            matches!(before, Some(b'.' | b'/'))
        })
}

pub(super) fn normalize(value: &[u8]) -> Cow<'_, [u8]> {
    if may_change(value) { Cow::Owned(walk(value)) } else { Cow::Borrowed(value) }
}

pub(super) fn normalize_win(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', value).is_none() {
        return normalize(value);
    }
    let slashes: Vec<u8> = value.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    Cow::Owned(if may_change(&slashes) { walk(&slashes) } else { slashes })
}

/// Copies the path byte by byte, looking at the segment that has been copied wherever one ends.
fn walk(value: &[u8]) -> Vec<u8> {
    let relative = value.first() != Some(&b'/');
    let trailing = value.last() == Some(&b'/');
    let last = value.len().saturating_sub(1);
    let mut output: Vec<u8> = Vec::with_capacity(value.len());
    // Whether the path has led out of where it starts.
    let mut out = false;
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        let done = at == last;
        if done || value.get(at + 1) == Some(&b'/') {
            match step(byte, done, relative, &mut output, &mut out) {
                Step::Copy => {}
                Step::Skip if done => break,
                Step::Skip => at += 1,
            }
        }
        // Of a run of slashes the last counts.
        while value.get(at) == Some(&b'/') && value.get(at + 1) == Some(&b'/') {
            at += 1;
        }
        let Some(&byte) = value.get(at) else { break };
        at += 1;
        if byte == b'/' && relative && output.is_empty() {
            continue;
        }
        output.push(byte);
        if done {
            break;
        }
    }
    if !trailing && output.last() == Some(&b'/') {
        output.pop();
    }
    output
}

enum Step {
    /// The byte belongs to the path.
    Copy,
    /// The byte ended a dot segment.
    Skip,
}

/// What to do with `byte`, the last of its segment.
fn step(byte: u8, done: bool, relative: bool, output: &mut Vec<u8>, out: &mut bool) -> Step {
    if byte == b'/' && !done {
        return Step::Copy;
    }
    if byte != b'.' {
        if !output.is_empty() {
            *out = false;
        }
        return Step::Copy;
    }
    match output.last() {
        Some(b'.') => {
            // Nothing is there that a relative path could go back over.
            if relative && (*out || output.len() <= 2) {
                *out = true;
                return Step::Copy;
            }
            go_back(output);
            if output.is_empty() {
                *out = true;
                if !relative && done {
                    output.push(b'/');
                }
            }
            Step::Skip
        }
        None => Step::Skip,
        Some(b'/') => {
            if !done {
                output.pop();
            }
            Step::Skip
        }
        Some(_) => Step::Copy,
    }
}

/// Takes the first dot of `..` and the segment before it away, down to the slash that precedes that segment.
fn go_back(output: &mut Vec<u8>) {
    let end = output.len().saturating_sub(3);
    let slash = output.get(..=end).and_then(|kept| memchr::memrchr(b'/', kept));
    output.truncate(slash.unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let cases: [(&[u8], &[u8]); 25] = [
            (b"", b""),
            (b"/", b"/"),
            (b"/a/b", b"/a/b"),
            (b"//a///b//", b"/a/b/"),
            (b"/a/./b", b"/a/b"),
            (b"./a", b"a"),
            (b".", b""),
            (b"/.", b""),
            (b"/a/..", b""),
            (b"/a/../", b"/"),
            (b"/a/../b", b"/b"),
            (b"/../../etc/passwd", b"/etc/passwd"),
            (b"../../etc", b"../../etc"),
            (b"a/../../b", b"../b"),
            (b"a/b/../..", b""),
            (b"a/b/../c/", b"a/c/"),
            (b"/a/b/.", b"/a/b"),
            (b"/a/b/..", b"/a"),
            (b"/a/b/../", b"/a/"),
            (b"/a/b../c", b"/a/c"),
            (b"..", b".."),
            (b"/..", b""),
            (b"/dir/foo//bar", b"/dir/foo/bar"),
            (b"dir/../foo", b"foo"),
            (b"...", b"..."),
        ];
        for (value, output) in cases {
            assert_eq!(&*normalize(value), output, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn windows() {
        assert_eq!(&*normalize_win(br"\a\.\b\..\c"), b"/a/c");
        assert_eq!(&*normalize_win(br"a\b/\c"), b"a/b/c");
        assert_eq!(&*normalize_win(b"a/./b"), b"a/b");
    }
}
