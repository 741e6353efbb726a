//! A package of a table: its names, and its resources by kind and configuration.

use std::cmp::Reverse;

use super::anomaly::{Anomalies, AnomalyKind};
use super::config::Config;
use super::entry::Entry;
use crate::chunk::{Chunk, Pool};
use crate::le::{size_at, slice_at, u8_at, u16_at, u32_at};

pub(super) const PACKAGE: u16 = 0x0200;
const TYPE: u16 = 0x0201;
const TYPE_SPEC: u16 = 0x0202;
const LIBRARY: u16 = 0x0203;
const OVERLAYABLE: u16 = 0x0204;
const OVERLAYABLE_POLICY: u16 = 0x0205;
const STAGED_ALIAS: u16 = 0x0206;
const HEADER: usize = 284;
/// How many configurations a kind may have, so that looking up a resource takes bounded time.
const CONFIGS: usize = 1024;

/// Resources of one package id.
#[derive(Clone, Debug)]
pub struct Package<'a> {
    /// The id: 0x7f for an app, 0x01 for Android, 0 for a shared library.
    pub id: u8,
    /// The package's name.
    pub name: String,
    kinds: Pool<'a>,
    kind_offset: u32,
    keys: Pool<'a>,
    /// Sorted by kind, and then by how general the configuration is.
    pub(super) types: Vec<Type<'a>>,
    /// The shared libraries that it refers to: id and package.
    libraries: Vec<(u32, String)>,
}

/// The resources of one kind for one configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type<'a> {
    pub kind: u8,
    pub config: Config<'a>,
    form: Form,
    offsets: &'a [u8],
    entries: &'a [u8],
}

/// How the places of entries are written.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// 32 bits for each index.
    Dense,
    /// 16 bits for each index, in steps of four.
    Short,
    /// Pairs of index and place, 16 bits each, sorted by index.
    Sparse,
}

impl<'a> Package<'a> {
    pub(super) fn read(chunk: &Chunk<'a>, offset: usize, anomalies: &mut Anomalies) -> Option<Package<'a>> {
        let id = u32_at(chunk.bytes, 8)?;
        let name = slice_at(chunk.bytes, 12, 256)?;
        let kind_offset = if chunk.header >= HEADER + 4 { u32_at(chunk.bytes, 284)? } else { 0 };
        let (kinds_at, keys_at) = (size_at(chunk.bytes, 268)?, size_at(chunk.bytes, 276)?);
        let mut package = Package {
            id: u8::try_from(id).ok()?,
            name: padded(name),
            kinds: Pool::default(),
            kind_offset,
            keys: Pool::default(),
            types: Vec::new(),
            libraries: Vec::new(),
        };
        let mut at = chunk.header;
        while at + 8 <= chunk.bytes.len() {
            let Some(inner) = Chunk::at(chunk.bytes, at, 8) else {
                anomalies.add(offset + at, AnomalyKind::Broken);
                break;
            };
            package.chunk(&inner, at, (kinds_at, keys_at), offset, anomalies);
            at += inner.bytes.len();
        }
        package.types.sort_by_key(|a_type| (a_type.kind, Reverse(a_type.config.generality())));
        let before = package.types.len();
        package.types =
            package.types.chunk_by(|a, b| a.kind == b.kind).flat_map(|own| own.iter().take(CONFIGS)).copied().collect();
        if package.types.len() < before {
            anomalies.add(offset, AnomalyKind::TooManyConfigs { most: CONFIGS });
        }
        Some(package)
    }

    fn chunk(
        &mut self,
        inner: &Chunk<'a>,
        at: usize,
        (kinds_at, keys_at): (usize, usize),
        offset: usize,
        anomalies: &mut Anomalies,
    ) {
        match inner.kind {
            crate::chunk::POOL if at == kinds_at || at == keys_at => {
                let pool = Pool::read(inner);
                pool.anomalies().iter().for_each(|anomaly| anomalies.add(offset + at, (*anomaly).into()));
                *(if at == kinds_at { &mut self.kinds } else { &mut self.keys }) = pool;
            }
            TYPE => match Type::read(inner) {
                Some(a_type) => self.types.push(a_type),
                None => anomalies.add(offset + at, AnomalyKind::BrokenType),
            },
            LIBRARY => self.add_libraries(inner),
            TYPE_SPEC | OVERLAYABLE | OVERLAYABLE_POLICY | STAGED_ALIAS => {}
            kind => anomalies.add(offset + at, AnomalyKind::SkippedChunk { kind }),
        }
    }

    fn add_libraries(&mut self, chunk: &Chunk<'a>) {
        let (libraries, _) = chunk.body().as_chunks::<260>();
        for library in libraries {
            let name = padded(library.get(4..).unwrap_or_default());
            self.libraries.push((u32_at(library, 0).unwrap_or(0), name));
        }
    }

    /// The name of a kind of resources, such as `string`.
    pub fn kind(&self, kind: u8) -> Option<&str> {
        self.kinds.get(u32::from(kind).checked_sub(1)?.checked_sub(self.kind_offset)?)
    }

    /// The name of a resource.
    pub fn key(&self, key: u32) -> Option<&str> {
        self.keys.get(key)
    }

    /// All names of resources.
    pub fn keys(&self) -> &Pool<'a> {
        &self.keys
    }

    /// The shared libraries that it refers to: the id that it gives them, and their package.
    pub fn libraries(&self) -> &[(u32, String)] {
        &self.libraries
    }

    /// What there is of one kind, for each configuration.
    pub(super) fn of_kind(&self, kind: u8) -> &[Type<'a>] {
        let start = self.types.partition_point(|a_type| a_type.kind < kind);
        let rest = self.types.get(start..).unwrap_or_default();
        let stop = rest.partition_point(|a_type| a_type.kind == kind);
        rest.get(..stop).unwrap_or_default()
    }
}

impl<'a> Type<'a> {
    fn read(chunk: &Chunk<'a>) -> Option<Type<'a>> {
        let (kind, flags) = (u8_at(chunk.bytes, 8)?, u8_at(chunk.bytes, 9)?);
        let (count, start) = (size_at(chunk.bytes, 12)?, size_at(chunk.bytes, 16)?);
        let config = Config(slice_at(chunk.bytes, 20, size_at(chunk.bytes, 20)?.min(chunk.header.checked_sub(20)?))?);
        let form = match flags & 3 {
            0 => Form::Dense,
            1 => Form::Sparse,
            _ => Form::Short,
        };
        let width = if matches!(form, Form::Short) { 2 } else { 4 };
        let offsets = slice_at(chunk.bytes, chunk.header, count.checked_mul(width)?)?;
        (kind != 0).then_some(Type { kind, config, form, offsets, entries: chunk.bytes.get(start..)? })
    }

    /// The entry of an index.
    pub(super) fn entry(&self, index: u16) -> Option<Entry<'a>> {
        let nth = usize::from(index);
        let offset = match self.form {
            Form::Dense => place(u32_at(self.offsets, nth * 4)?)?,
            Form::Short => short_place(u16_at(self.offsets, nth * 2)?)?,
            Form::Sparse => {
                let (pairs, _) = self.offsets.as_chunks::<4>();
                let own = pairs.partition_point(|[low, high, ..]| u16::from_le_bytes([*low, *high]) < index);
                let pair = pairs.get(own).filter(|pair| u16_at(*pair, 0) == Some(index))?;
                usize::from(u16_at(pair, 2)?) * 4
            }
        };
        Entry::at(self.entries, offset)
    }

    /// All entries, with their indices.
    pub(super) fn entries(self) -> impl Iterator<Item = (u16, Entry<'a>)> {
        let width = if matches!(self.form, Form::Short) { 2 } else { 4 };
        let slots = self.offsets.chunks_exact(width).take(1 << 16).enumerate();
        slots.filter_map(move |(nth, slot)| {
            let (index, offset) = match self.form {
                Form::Dense => (u16::try_from(nth).ok()?, place(u32_at(slot, 0)?)?),
                Form::Short => (u16::try_from(nth).ok()?, short_place(u16_at(slot, 0)?)?),
                Form::Sparse => (u16_at(slot, 0)?, usize::from(u16_at(slot, 2)?) * 4),
            };
            Some((index, Entry::at(self.entries, offset)?))
        })
    }
}

fn place(offset: u32) -> Option<usize> {
    (offset != u32::MAX).then(|| usize::try_from(offset).ok())?
}

fn short_place(offset: u16) -> Option<usize> {
    (offset != u16::MAX).then(|| usize::from(offset) * 4)
}

/// UTF-16 that ends with the first zero.
fn padded(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
