//! One resource for one configuration: a value, or a bag of named values.

use crate::chunk::Value;
use crate::le::{size_at, slice_at, u16_at, u32_at};

const COMPLEX: u16 = 1;
const PUBLIC: u16 = 2;
const COMPACT: u16 = 8;

/// A resource for one configuration.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The index of its name in the package's pool of keys.
    pub key: u32,
    /// Whether other packages may use it.
    pub public: bool,
    /// What it holds.
    pub content: Content<'a>,
}

/// What a resource holds.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// One value.
    Value(Value),
    /// Several, such as a style, an array, plurals.
    Bag(Bag<'a>),
}

/// Values with names, which are resource ids.
#[derive(Clone, Copy, Debug)]
pub struct Bag<'a> {
    /// The bag whose values it inherits; 0 for none.
    pub parent: u32,
    items: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The entry at an offset; none when it is not whole.
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Option<Entry<'a>> {
        let from = bytes.get(at..)?;
        let (size, flags) = (u16_at(from, 0)?, u16_at(from, 2)?);
        let public = flags & PUBLIC != 0;
        if flags & COMPACT != 0 {
            // The header is the value's: 16 bits of key, the type in the flags' upper half, the data.
            let [_, kind] = flags.to_le_bytes();
            let value = Value::new(kind, u32_at(from, 4)?);
            return Some(Entry { key: size.into(), public, content: Content::Value(value) });
        }
        let key = u32_at(from, 4)?;
        let body = from.get(usize::from(size)..).filter(|_| size >= 8)?;
        let content = if flags & COMPLEX == 0 {
            Content::Value(Value::at(body, 0)?)
        } else {
            let (parent, count) = (u32_at(from, 8)?, size_at(from, 12)?);
            let items = slice_at(body, 0, count.checked_mul(12)?)?;
            Content::Bag(Bag { parent, items })
        };
        Some(Entry { key, public, content })
    }

    /// The value, if it holds one only.
    pub fn value(self) -> Option<Value> {
        match self.content {
            Content::Value(value) => Some(value),
            Content::Bag(_) => None,
        }
    }

    /// All values, with their names in the bag.
    pub fn values(self) -> impl Iterator<Item = (Option<u32>, Value)> + use<'a> {
        let (one, bag) = match self.content {
            Content::Value(value) => (Some((None, value)), None),
            Content::Bag(bag) => (None, Some(bag)),
        };
        let several = bag.into_iter().flat_map(Bag::items).map(|(name, value)| (Some(name), value));
        one.into_iter().chain(several)
    }
}

impl<'a> Bag<'a> {
    /// The values, each with its name: the resource id of an attribute, of a quantity, or of an array's place.
    pub fn items(self) -> impl Iterator<Item = (u32, Value)> + use<'a> {
        let (items, _) = self.items.as_chunks::<12>();
        items.iter().filter_map(|item| Some((u32_at(item, 0)?, Value::at(item, 4)?)))
    }
}
