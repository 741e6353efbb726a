//! Protocol Buffers on the wire, as far as bundles need them: the fields of a message, one after the other.

/// A field's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field<'a> {
    /// A number.
    Number(u64),
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
    /// A number of 32 bits, such as a float.
    Fixed(u32),
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a>(pub &'a [u8]);

impl<'a> Message<'a> {
    /// Its fields, in order; up to the first that is broken.
    pub fn fields(self) -> impl Iterator<Item = (u32, Field<'a>)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            loop {
                let key = varint(&mut rest)?;
                let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
                return Some((
                    number,
                    match key & 7 {
                        0 => Field::Number(varint(&mut rest)?),
                        1 => {
                            rest = rest.get(8..)?;
                            continue;
                        }
                        2 => {
                            let length = usize::try_from(varint(&mut rest)?).ok()?;
                            let (bytes, after) = rest.split_at_checked(length)?;
                            rest = after;
                            Field::Bytes(bytes)
                        }
                        5 => {
                            let (bytes, after) = rest.split_first_chunk::<4>()?;
                            rest = after;
                            Field::Fixed(u32::from_le_bytes(*bytes))
                        }
                        _ => return None,
                    },
                ));
            }
        })
    }

    /// The messages of a field.
    pub fn all(self, number: u32) -> impl Iterator<Item = Message<'a>> {
        self.fields().filter_map(move |(own, field)| match field {
            Field::Bytes(bytes) if own == number => Some(Message(bytes)),
            _ => None,
        })
    }

    /// The message of a field; of several, the last.
    pub fn message(self, number: u32) -> Option<Message<'a>> {
        self.all(number).last()
    }

    /// The text of a field; empty when it is absent or not UTF-8.
    pub fn text(self, number: u32) -> &'a str {
        self.message(number).and_then(|message| std::str::from_utf8(message.0).ok()).unwrap_or_default()
    }

    /// The number of a field; 0 when it is absent.
    pub fn number(self, number: u32) -> u32 {
        let last = self.fields().filter_map(|(own, field)| match field {
            Field::Number(value) if own == number => Some(value),
            _ => None,
        });
        u32::try_from(last.last().unwrap_or(0) & 0xffff_ffff).unwrap_or(0)
    }
}

/// A number in groups of seven bits, at most ten of them.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Field, Message};

    #[test]
    fn fields_are_read_up_to_the_first_that_is_broken() {
        let bytes =
            [0x08, 0x96, 0x01, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0x1a, 2, b'h', b'i', 0x25, 1, 0, 0, 0, 0x1a, 9, b'x'];
        let fields: Vec<_> = Message(&bytes).fields().collect();
        assert_eq!(fields, [(1, Field::Number(150)), (3, Field::Bytes(b"hi")), (4, Field::Fixed(1))]);
        assert_eq!((Message(&bytes).number(1), Message(&bytes).text(3), Message(&bytes).text(9)), (150, "hi", ""));
        assert_eq!(Message(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).fields().count(), 0);
        assert_eq!(Message(&[0x0b]).fields().count(), 0);
    }
}
