//! `removeComments`, `removeCommentsChar` and `replaceComments`: comments of C, HTML, SQL and shells.

use std::borrow::Cow;

use super::ByteClasses;
use super::rewrite::rewrite;

/// Where [`remove`] acts.
pub(super) static SPECIAL: ByteClasses = ByteClasses::of_bytes(b"/<-#");
/// Where [`remove_marks`] acts.
pub(super) static MARKS: ByteClasses = ByteClasses::of_bytes(b"/*<-#");
/// What a C comment cannot do without.
pub(super) static STAR: ByteClasses = ByteClasses::of_bytes(b"*");

/// Takes `/* */` and `<!-- -->` away (each ends at the mark of either), and all from `--` or `#` on.
///
/// As in `ModSecurity`, the byte after a comment is copied without a look at it, a NUL when there is none, and a
/// comment that does not end leaves a space.
pub(super) fn remove(value: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| rest.iter().position(|byte| SPECIAL.contains(*byte));
    rewrite(value, next, |special, output| match special {
        [b'/', b'*', inside @ ..] => 2 + comment(inside, output),
        [b'<', b'!', b'-', b'-', inside @ ..] => 4 + comment(inside, output),
        [b'-', b'-', ..] | [b'#', ..] => special.len(),
        [byte, ..] => {
            output.push(*byte);
            1
        }
        [] => 0,
    })
}

/// The length of a comment from behind its first mark, with the byte after it.
fn comment(inside: &[u8], output: &mut Vec<u8>) -> usize {
    let mut ends = memchr::memchr2_iter(b'*', b'-', inside).map(|at| (at, inside.get(at..).unwrap_or_default()));
    let end = ends.find_map(|(at, rest)| match rest {
        [b'*', b'/', ..] => Some(at + 2),
        [b'-', b'-', b'>', ..] => Some(at + 3),
        _ => None,
    });
    let Some(end) = end else {
        output.push(b' ');
        return inside.len();
    };
    output.push(inside.get(end).copied().unwrap_or_default());
    end + 1
}

/// Takes the marks alone away: `/*`, `*/`, `<!--`, `-->`, `--` and `#`.
pub(super) fn remove_marks(value: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| rest.iter().position(|byte| MARKS.contains(*byte));
    rewrite(value, next, |special, output| match special {
        [b'<', b'!', b'-', b'-', ..] => 4,
        [b'-', b'-', b'>', ..] => 3,
        [b'/', b'*', ..] | [b'*', b'/', ..] | [b'-', b'-', ..] => 2,
        [b'#', ..] | [] => 1,
        [byte, ..] => {
            output.push(*byte);
            1
        }
    })
}

/// Puts a space in the place of each `/* */`, also of one that does not end.
pub(super) fn replace(value: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| memchr::memmem::find(rest, b"/*");
    rewrite(value, next, |special, output| {
        output.push(b' ');
        let inside = special.get(2..).unwrap_or_default();
        memchr::memmem::find(inside, b"*/").map_or(special.len(), |end| end + 4)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed() {
        let cases: [(&[u8], &[u8]); 11] = [
            (b"a/* x */b", b"ab"),
            (b"a<!-- x -->b", b"ab"),
            (b"a<!-- x */b", b"ab"),
            (b"a/*x*/", b"a\0"),
            (b"a/*x", b"a "),
            (b"a -- b", b"a "),
            (b"a#b", b"a"),
            (b"a-b/c<d", b"a-b/c<d"),
            (b"/*x*//*y*/", b"/*y*/"),
            (b"/*x*/#", b"#"),
            (b"/*/x*/y", b"y"),
        ];
        for (value, output) in cases {
            assert_eq!(&*remove(value), output, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn marks() {
        assert_eq!(&*remove_marks(b"a/*b*/<!--c-->-- d#e-f"), b"abc de-f");
        assert_eq!(&*remove_marks(b"a*b/c"), b"a*b/c");
    }

    #[test]
    fn replaced() {
        assert_eq!(&*replace(b"a/*x*/b/*y*/"), b"a b ");
        assert_eq!(&*replace(b"UNION/**/SELECT/*"), b"UNION SELECT ");
        assert_eq!(&*replace(b"/*/ a"), b" ");
    }
}
