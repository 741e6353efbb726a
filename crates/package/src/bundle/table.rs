//! The resources of a bundle (`aapt.pb.ResourceTable`), written as the binary table that an APK of it would have.

use std::collections::{BTreeMap, HashMap};

use super::config::{self, SIZE};
use super::item::{Item, item};
use super::wire::Message;

/// The binary table, for [`Table::read`](crate::resources::Table::read).
///
/// Sources and comments, and what attributes allow, are left out.
pub fn table(bytes: &[u8]) -> Vec<u8> {
    let mut strings = Strings::default();
    let packages: Vec<Vec<u8>> = Message(bytes).all(2).map(|package| self::package(package, &mut strings)).collect();
    let count = word(packages.len());
    chunk(0x0002, &count, &[strings.pool(), packages.concat()].concat())
}

/// Entries by kind and configuration, and then by index.
type Types = BTreeMap<(u8, [u8; SIZE]), BTreeMap<u16, Vec<u8>>>;

fn package<'a>(package: Message<'a>, strings: &mut Strings<'a>) -> Vec<u8> {
    let id = package.message(1).map_or(0, |id| id.number(1));
    let (mut keys, mut kinds, mut types) = (Strings::default(), Vec::<&str>::new(), Types::new());
    for kind in package.all(3) {
        let Ok(number @ 1..) = u8::try_from(kind.message(1).map_or(0, |id| id.number(1))) else { continue };
        if kinds.len() < usize::from(number) {
            kinds.resize(usize::from(number), "");
        }
        if let Some(name) = kinds.get_mut(usize::from(number) - 1) {
            *name = kind.text(2);
        }
        for entry in kind.all(3) {
            let Ok(index) = u16::try_from(entry.message(1).map_or(0, |id| id.number(1))) else { continue };
            let key = keys.index(entry.text(2));
            let public = entry.message(3).is_some_and(|visibility| visibility.number(1) == 2);
            for value in entry.all(6) {
                let config = config::config(value.message(1).unwrap_or(Message(&[])));
                let Some(written) = value.message(2).and_then(|value| self::entry(value, key, public, strings)) else {
                    continue;
                };
                types.entry((number, config)).or_default().insert(index, written);
            }
        }
    }
    let names = Strings { all: kinds, ..Strings::default() };
    let (names, keys) = (names.pool(), keys.pool());
    let mut header = word(id as usize).to_vec();
    header.extend(package.text(2).encode_utf16().take(127).flat_map(u16::to_le_bytes));
    header.resize(4 + 256, 0);
    for number in [288, 0, 288 + names.len(), 0, 0] {
        header.extend(word(number));
    }
    let types: Vec<u8> =
        types.into_iter().flat_map(|((kind, config), entries)| a_type(kind, &config, &entries)).collect();
    chunk(0x0200, &header, &[names, keys, types].concat())
}

/// The entries of one kind and configuration: in pairs of index and place while places fit, or else one place an index.
fn a_type(kind: u8, config: &[u8], entries: &BTreeMap<u16, Vec<u8>>) -> Vec<u8> {
    let size: usize = entries.values().map(Vec::len).sum();
    let sparse = size < 4 * usize::from(u16::MAX);
    let (mut places, mut at) = (Vec::new(), 0);
    for (index, entry) in entries {
        if sparse {
            places.extend(index.to_le_bytes());
            places.extend(u16::try_from(at / 4).unwrap_or(u16::MAX).to_le_bytes());
        } else {
            places.resize(usize::from(*index) * 4, 0xff);
            places.extend(word(at));
        }
        at += entry.len();
    }
    let mut header = vec![kind, u8::from(sparse), 0, 0];
    header.extend(word(places.len() / 4));
    header.extend(word(20 + config.len() + places.len()));
    header.extend(config);
    places.extend(entries.values().flatten());
    chunk(0x0201, &header, &places)
}

/// The entry of a `Value`.
fn entry<'a>(value: Message<'a>, key: u32, public: bool, strings: &mut Strings<'a>) -> Option<Vec<u8>> {
    let public = u8::from(public) << 1;
    let mut out = Vec::new();
    if let Some(one) = value.message(4) {
        out.extend([8, 0, public, 0]);
        out.extend(key.to_le_bytes());
        out.extend(res_value(one, strings)?);
        return Some(out);
    }
    let (parent, items) = bag(value.message(5)?, strings);
    out.extend([16, 0, 1 | public, 0]);
    out.extend(key.to_le_bytes());
    out.extend(parent.to_le_bytes());
    out.extend(word(items.len()));
    for (name, value) in items {
        out.extend(name.to_le_bytes());
        out.extend(value);
    }
    Some(out)
}

/// The parent and the values of a `CompoundValue`: a style, a styleable, an array, plurals.
fn bag<'a>(compound: Message<'a>, strings: &mut Strings<'a>) -> (u32, Vec<(u32, [u8; 8])>) {
    let mut items = Vec::new();
    let mut parent = 0;
    if let Some(style) = compound.message(2) {
        parent = style.message(1).map_or(0, |parent| parent.number(2));
        for entry in style.all(3) {
            let key = entry.message(3).map_or(0, |key| key.number(2));
            items.extend(entry.message(4).and_then(|item| Some((key, res_value(item, strings)?))));
        }
    } else if let Some(styleable) = compound.message(3) {
        let ids = styleable.all(1).filter_map(|entry| entry.message(3)).map(|reference| reference.number(2));
        items.extend(ids.map(|id| (id, typed(0x01, id))));
    } else if let Some(array) = compound.message(4) {
        for (index, element) in (0x0200_0000..).zip(array.all(1)) {
            items.extend(element.message(3).and_then(|item| Some((index, res_value(item, strings)?))));
        }
    } else if let Some(plurals) = compound.message(5) {
        for entry in plurals.all(1) {
            // Zero, one, two, few, many, other; the binary form has other first.
            let arity = entry.number(3);
            let name = 0x0100_0000 + if arity == 5 { 4 } else { 5 + arity.min(4) };
            items.extend(entry.message(4).and_then(|item| Some((name, res_value(item, strings)?))));
        }
    }
    (parent, items)
}

fn res_value<'a>(message: Message<'a>, strings: &mut Strings<'a>) -> Option<[u8; 8]> {
    Some(match item(message)? {
        Item::Text(text) => typed(0x03, strings.index(text)),
        Item::Typed(kind, data) => typed(kind, data),
    })
}

fn typed(kind: u8, data: u32) -> [u8; 8] {
    let [a, b, c, d] = data.to_le_bytes();
    [8, 0, 0, kind, a, b, c, d]
}

/// Strings, each once.
#[derive(Default)]
struct Strings<'a> {
    all: Vec<&'a str>,
    known: HashMap<&'a str, u32>,
}

impl<'a> Strings<'a> {
    fn index(&mut self, text: &'a str) -> u32 {
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let index = *self.known.entry(text).or_insert(next);
        if index == next {
            self.all.push(text);
        }
        index
    }

    /// The pool, in UTF-8. Lengths have fifteen bits; of longer strings the lower ones are written, as Android's tools do.
    fn pool(&self) -> Vec<u8> {
        let (mut offsets, mut data) = (Vec::new(), Vec::new());
        for text in &self.all {
            offsets.extend(word(data.len()));
            for length in [text.encode_utf16().count(), text.len()] {
                let [high, low] = u16::try_from(length & 0x7fff).unwrap_or(0).to_be_bytes();
                if length > 0x7f {
                    data.push(high | 0x80);
                }
                data.push(low);
            }
            data.extend(text.as_bytes());
            data.push(0);
        }
        data.resize(data.len().next_multiple_of(4), 0);
        let header = [word(self.all.len()), word(0), word(0x100), word(28 + offsets.len()), word(0)].concat();
        chunk(0x0001, &header, &[offsets, data].concat())
    }
}

fn chunk(kind: u16, header: &[u8], body: &[u8]) -> Vec<u8> {
    let size = u16::try_from(8 + header.len()).unwrap_or(u16::MAX);
    [&kind.to_le_bytes()[..], &size.to_le_bytes(), &word(8 + header.len() + body.len()), header, body].concat()
}

fn word(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}
