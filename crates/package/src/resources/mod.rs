//! The table of resources of an Android package, `resources.arsc`.
//!
//! The format is that of `ResourceTypes.h` of Android (`ResTable_header` and what follows), with the sparse, short and
//! compact forms of entries that newer tools write. Entries are decoded when they are asked for; only pools of strings are
//! decoded at once. A reference is followed at most twenty times, as Android does.

mod anomaly;
mod config;
mod entry;
mod package;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

pub use anomaly::{Anomaly, AnomalyKind};
pub use config::Config;
pub use entry::{Bag, Content, Entry};
pub use package::Package;

use crate::chunk::{Chunk, POOL, Pool, Value};
use crate::le::{size_at, u16_at, u32_at};
use anomaly::Anomalies;
use package::PACKAGE;

const TABLE: u16 = 0x0002;
/// How often a reference is followed (`kMaxIterations` in `AssetManager2`).
const HOPS: usize = 20;

/// A table of resources.
#[derive(Clone, Default, Debug)]
pub struct Table<'a> {
    strings: Pool<'a>,
    packages: Vec<Package<'a>>,
    anomalies: Anomalies,
    size: usize,
}

/// Why bytes are no table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TableError {
    /// There is not even a header.
    #[error("{length} bytes are too few for a table of resources")]
    TooShort {
        /// How many there are.
        length: usize,
    },
    /// The first chunk lies outside.
    #[error("the header's size, {size}, is beyond the table")]
    Header {
        /// The header's size.
        size: usize,
    },
}

/// A resource for one configuration, with its id.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'t> {
    /// The id: package, kind, index.
    pub id: u32,
    /// For which devices.
    pub config: Config<'t>,
    /// Its name and what it holds.
    pub entry: Entry<'t>,
}

impl<'t> Resource<'t> {
    fn values(self) -> impl Iterator<Item = (Resource<'t>, Option<u32>, Value)> {
        self.entry.values().map(move |(name, value)| (self, name, value))
    }
}

/// The name of a resource. Its `Display` is as in source: `@string/app_name`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name<'t> {
    /// The package's name; none for an app's own.
    pub package: Option<&'t str>,
    /// The kind, such as `string`.
    pub kind: &'t str,
    /// The key, such as `app_name`.
    pub key: &'t str,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.package {
            Some(package) => write!(f, "@{package}:{}/{}", self.kind, self.key),
            None => write!(f, "@{}/{}", self.kind, self.key),
        }
    }
}

impl<'a> Table<'a> {
    /// Reads a table, as much of it as can be read.
    pub fn read(bytes: &'a [u8]) -> Result<Table<'a>, TableError> {
        let too_short = TableError::TooShort { length: bytes.len() };
        let kind = u16_at(bytes, 0).ok_or(too_short)?;
        let header = usize::from(u16_at(bytes, 2).ok_or(too_short)?);
        let declared = size_at(bytes, 4).ok_or(too_short)?;
        let count = u32_at(bytes, 8).ok_or(too_short)?;
        if header < 12 || header > bytes.len() {
            return Err(TableError::Header { size: header });
        }
        let mut table = Table { size: bytes.len(), ..Table::default() };
        if kind != TABLE {
            table.anomalies.add(0, AnomalyKind::Kind { kind });
        }
        if declared > bytes.len() {
            table.anomalies.add(4, AnomalyKind::Cut { declared, found: bytes.len() });
        } else if declared < bytes.len() {
            table.anomalies.add(declared, AnomalyKind::TrailingBytes { bytes: bytes.len() - declared });
        }
        table.chunks(bytes.get(..declared.max(header)).unwrap_or(bytes), header);
        let found = u32::try_from(table.packages.len()).unwrap_or(u32::MAX);
        if found != count {
            table.anomalies.add(8, AnomalyKind::PackageCount { declared: count, found });
        }
        Ok(table)
    }

    fn chunks(&mut self, bytes: &'a [u8], mut at: usize) {
        let mut pools = 0;
        while at + 8 <= bytes.len() {
            let Some(chunk) = Chunk::at(bytes, at, 8) else {
                self.anomalies.add(at, AnomalyKind::Broken);
                break;
            };
            match chunk.kind {
                // Android takes the first.
                POOL if pools == 0 => {
                    pools += 1;
                    self.strings = Pool::read(&chunk);
                    self.strings.anomalies().iter().for_each(|anomaly| self.anomalies.add(at, (*anomaly).into()));
                }
                PACKAGE => match Package::read(&chunk, at, &mut self.anomalies) {
                    Some(package) => self.packages.push(package),
                    None => self.anomalies.add(at, AnomalyKind::BrokenPackage),
                },
                kind => self.anomalies.add(at, AnomalyKind::SkippedChunk { kind }),
            }
            at += chunk.bytes.len();
        }
    }

    /// The strings that values refer to.
    pub fn strings(&self) -> &Pool<'a> {
        &self.strings
    }

    /// The packages.
    pub fn packages(&self) -> &[Package<'a>] {
        &self.packages
    }

    /// What is odd about it, at most 1,024 of it.
    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies.0
    }

    /// What a resource is, for each configuration: the default first, then those that ask for an API level only.
    pub fn configs(&self, id: u32) -> impl Iterator<Item = Resource<'_>> {
        let [package, kind, ..] = id.to_be_bytes();
        let index = u16::try_from(id & 0xffff).unwrap_or(0);
        let packages = self.packages.iter().filter(move |known| known.id == package);
        packages
            .flat_map(move |package| package.of_kind(kind))
            .filter_map(move |a_type| Some(Resource { id, config: a_type.config, entry: a_type.entry(index)? }))
    }

    /// What a resource is where nothing is asked of the device; else for the newest devices, or else the first there is.
    pub fn lookup(&self, id: u32) -> Option<Resource<'_>> {
        self.configs(id).next()
    }

    /// Follows references to the default value; none when the resource is not here, is a bag, or refers to itself.
    pub fn resolve(&self, value: Value) -> Option<Value> {
        let mut value = value;
        for _ in 0..HOPS {
            let (Value::Reference(id) | Value::DynamicReference(id)) = value else { return Some(value) };
            value = self.lookup(id)?.entry.value()?;
        }
        None
    }

    /// The default value of a resource, as text.
    pub fn text(&self, id: u32) -> Option<Cow<'_, str>> {
        self.resolve(Value::Reference(id))?.text(&self.strings)
    }

    /// The values of a resource for each configuration, references followed.
    pub fn all_values(&self, id: u32) -> impl Iterator<Item = (Config<'_>, Value)> {
        self.configs(id).filter_map(|resource| Some((resource.config, self.resolve(resource.entry.value()?)?)))
    }

    /// The name of a resource.
    pub fn name(&self, id: u32) -> Option<Name<'_>> {
        let [package, kind, ..] = id.to_be_bytes();
        let index = u16::try_from(id & 0xffff).ok()?;
        self.packages.iter().filter(|known| known.id == package).find_map(|package| {
            let entry = package.of_kind(kind).iter().find_map(|a_type| a_type.entry(index))?;
            let own = package.id == 0x7f;
            Some(Name {
                package: (!own).then_some(package.name.as_str()),
                kind: package.kind(kind)?,
                key: package.key(entry.key)?,
            })
        })
    }

    /// The id of the resource of a kind and key, such as `string` and `app_name`. Takes time linear in the kind's entries.
    pub fn find(&self, kind: &str, key: &str) -> Option<u32> {
        self.resources().find_map(|resource| {
            let name = self.named(&resource)?;
            (name.kind == kind && name.key == key).then_some(resource.id)
        })
    }

    /// The name of a resource that was found here.
    pub fn named<'t>(&'t self, resource: &Resource<'_>) -> Option<Name<'t>> {
        let [id, kind, ..] = resource.id.to_be_bytes();
        let package = self.packages.iter().find(|package| package.id == id)?;
        let name = (id != 0x7f).then_some(package.name.as_str());
        Some(Name { package: name, kind: package.kind(kind)?, key: package.key(resource.entry.key)? })
    }

    /// All resources for all configurations: by package, then by kind, then in the table's order.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        self.packages.iter().flat_map(|package| {
            package.types.iter().flat_map(|a_type| {
                a_type.entries().map(|(index, entry)| Resource {
                    id: u32::from_be_bytes([package.id, a_type.kind, 0, 0]) | u32::from(index),
                    config: a_type.config,
                    entry,
                })
            })
        })
    }

    /// All values of all resources, with their names in bags.
    ///
    /// Entries may share bytes, so there are at most as many as the table has bytes.
    pub fn values(&self) -> impl Iterator<Item = (Resource<'_>, Option<u32>, Value)> {
        self.resources().flat_map(Resource::values).take(self.size)
    }
}
