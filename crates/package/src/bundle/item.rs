//! A value in a bundle (`aapt.pb.Item`), as type and data of the binary formats.

use super::wire::{Field, Message};

/// A value: text still as text, all else as type and data.
pub(super) enum Item<'a> {
    Text(&'a str),
    Typed(u8, u32),
}

/// The value of an `Item`.
pub(super) fn item(message: Message<'_>) -> Option<Item<'_>> {
    message.fields().find_map(|(number, field)| {
        let Field::Bytes(bytes) = field else { return None };
        let inner = Message(bytes);
        Some(match number {
            1 => {
                let kind = match (inner.number(1), inner.message(5).is_some_and(|dynamic| dynamic.number(1) != 0)) {
                    (0, false) => 0x01,
                    (0, true) => 0x07,
                    (_, false) => 0x02,
                    (_, true) => 0x08,
                };
                Item::Typed(kind, inner.number(2))
            }
            // A string, a raw or a styled one, the path of a file.
            2..=5 => Item::Text(inner.text(1)),
            // An id stands for itself; compiled it is `false`.
            6 => Item::Typed(0x12, 0),
            7 => primitive(inner)?,
            _ => return None,
        })
    })
}

fn primitive(message: Message<'_>) -> Option<Item<'_>> {
    let (number, field) = message.fields().last()?;
    let data = match field {
        // Negative numbers have all 64 bits.
        Field::Number(number) => u32::try_from(number & 0xffff_ffff).ok()?,
        Field::Fixed(bits) => bits,
        Field::Bytes(_) => 0,
    };
    Some(match number {
        1 => Item::Typed(0x00, 0),
        2 => Item::Typed(0x00, 1),
        3 => Item::Typed(0x04, data),
        6 => Item::Typed(0x10, data),
        7 => Item::Typed(0x11, data),
        8 => Item::Typed(0x12, if data == 0 { 0 } else { u32::MAX }),
        9 => Item::Typed(0x1c, data),
        10 => Item::Typed(0x1d, data),
        11 => Item::Typed(0x1e, data),
        12 => Item::Typed(0x1f, data),
        13 => Item::Typed(0x05, data),
        14 => Item::Typed(0x06, data),
        _ => return None,
    })
}
