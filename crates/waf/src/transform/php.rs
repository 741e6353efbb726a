//! `phpArgsNames`: the name under which PHP registers a parameter (`php_register_variable_ex`).
//!
//! Spaces lead no name; spaces and dots before the first bracket become underscores, as does a bracket that nothing
//! closes; what follows the last index goes away, and so does a name that begins with an index.

use std::borrow::Cow;

use super::ByteClasses;
use super::whitespace::is_space;

pub(super) static SPECIAL: ByteClasses = ByteClasses::of_bytes(b" .[");

pub(super) fn args_names(value: &[u8]) -> Cow<'_, [u8]> {
    let spaces = value.iter().take_while(|byte| **byte == b' ').count();
    let name = value.get(spaces..).unwrap_or_default();
    let length = memchr::memchr(b'[', name).unwrap_or(name.len());
    let (base, mut rest) = name.split_at_checked(length).unwrap_or((name, b""));
    if base.is_empty() {
        return Cow::Borrowed(base);
    }
    let mut output: Vec<u8> = base.iter().map(|byte| if matches!(byte, b' ' | b'.') { b'_' } else { *byte }).collect();
    let mut first = true;
    while let [b'[', index @ ..] = rest {
        match *index {
            [space, b']', ref after @ ..] if is_space(space) => {
                output.extend_from_slice(b"[]");
                rest = after;
            }
            _ => {
                let Some((index, after)) = memchr::memchr(b']', index).and_then(|end| index.split_at_checked(end + 1))
                else {
                    if first {
                        output.push(b'_');
                        output.extend_from_slice(index);
                    }
                    break;
                };
                output.push(b'[');
                output.extend_from_slice(index);
                rest = after;
            }
        }
        first = false;
    }
    Cow::Owned(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let cases: [(&[u8], &[u8]); 9] = [
            (b"a.b c", b"a_b_c"),
            (b"  a.b", b"a_b"),
            (b"a[b.c][ ][d] e", b"a[b.c][][d]"),
            (b"a[b.c", b"a_b.c"),
            (b"a[b][c", b"a[b]"),
            (b"[a]", b""),
            (b"   ", b""),
            (b"a]b", b"a]b"),
            (b"a[", b"a_"),
        ];
        for (value, output) in cases {
            assert_eq!(&*args_names(value), output, "{}", value.escape_ascii());
        }
    }
}
