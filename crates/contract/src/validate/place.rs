//! Where a value stands, as a JSON pointer (RFC 6901).
//!
//! Keys that the contract does not name and that don't look like names are shown as `*`, for they may hold personal data.

use super::rule::Program;
use super::tape::{Kind, Tape};

/// The longest pointer in bytes.
const MAX_POINTER: usize = 512;
/// The longest unknown name that is shown.
const MAX_NAME: usize = 64;

/// The pointer of an item: of a value, or of the member whose key it is.
pub(crate) fn pointer(program: &Program, tape: &Tape<'_>, at: usize) -> String {
    let mut pointer = String::new();
    let mut here = 0;
    while here != at && pointer.len() < MAX_POINTER {
        let within = |child: usize| (child..tape.after(child)).contains(&at);
        let next = match tape.get(here).map(|item| item.kind) {
            Some(Kind::Object) => {
                let member = tape.members(here).find(|(key, value)| *key == at || within(*value));
                member.map(|(key, value)| {
                    let name = tape.bytes(key);
                    let shown = program.names.contains(&*name) || looks_like_a_name(&name);
                    push(&mut pointer, if shown { &name } else { b"*" });
                    if key == at { at } else { value }
                })
            }
            Some(Kind::Array) => {
                let element = tape.elements(here).enumerate().find(|(_, element)| within(*element));
                element.map(|(number, element)| {
                    push(&mut pointer, number.to_string().as_bytes());
                    element
                })
            }
            _ => None,
        };
        match next {
            Some(next) => here = next,
            None => break,
        }
    }
    pointer
}

/// The pointer of a member that may not be there.
pub(crate) fn member(mut of: String, name: &[u8]) -> String {
    push(&mut of, name);
    of
}

fn push(pointer: &mut String, token: &[u8]) {
    pointer.push('/');
    pointer.push_str(&String::from_utf8_lossy(token).replace('~', "~0").replace('/', "~1"));
}

fn looks_like_a_name(name: &[u8]) -> bool {
    let letters = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    let short = name.len() <= 3 && name.iter().all(u8::is_ascii_alphanumeric);
    short || (name.len() <= MAX_NAME && name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(letters))
}
