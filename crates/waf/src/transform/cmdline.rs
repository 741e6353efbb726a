//! `cmdLine`: evens out the ways in which one command line can be written.
//!
//! Quotes, backslashes and carets go away; commas, semicolons and white space become one space; none stands before a
//! slash or an opening parenthesis; letters become small.

use std::borrow::Cow;

use super::ByteClasses;

/// What is not merely copied. A space is among these for what may follow it.
pub(super) static SPECIAL: ByteClasses =
    ByteClasses::range(b'A', b'Z').union(ByteClasses::of_bytes(b"\"'\\^ ,;\t\r\n"));

pub(super) fn cmd_line(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = value.iter().position(|byte| SPECIAL.contains(*byte)) else { return Cow::Borrowed(value) };
    let Some((plain, rest)) = value.split_at_checked(first) else { return Cow::Borrowed(value) };
    let mut output = Vec::with_capacity(value.len());
    output.extend_from_slice(plain);
    let mut space = false;
    for &byte in rest {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' => {}
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if !space {
                    output.push(b' ');
                    space = true;
                }
            }
            _ => {
                if space && matches!(byte, b'/' | b'(') {
                    output.pop();
                }
                output.push(byte.to_ascii_lowercase());
                space = false;
            }
        }
    }
    Cow::Owned(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let cases: [(&[u8], &[u8]); 6] = [
            (br#"C^OMMAND /C"m"d"#, b"command/cmd"),
            (b"cmd,;  \t /c", b"cmd/c"),
            (b"a ; b", b"a b"),
            (b"cat 'x' (y", b"cat x(y"),
            (b" ", b" "),
            (b"plain/path", b"plain/path"),
        ];
        for (value, output) in cases {
            assert_eq!(&*cmd_line(value), output, "{}", value.escape_ascii());
        }
    }
}
