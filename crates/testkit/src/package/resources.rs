//! A writer of `resources.arsc`: `Table::new("com.example").add("string", "app_name", "Demo").write()`.

use super::xml::{Value, chunk, pool};

/// A table of one package to write.
#[derive(Clone, Debug)]
pub struct Table {
    /// The package's name.
    pub package: String,
    /// The package's id.
    pub id: u8,
    /// The resources.
    pub resources: Vec<Resource>,
    /// How entries and their places are written.
    pub form: Form,
    /// Whether strings are written in UTF-8 rather than UTF-16.
    pub utf8: bool,
}

/// How entries and their places are written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Form {
    /// 32 bits for each place.
    #[default]
    Dense,
    /// 16 bits for each place.
    Short,
    /// Index and place of entries that exist.
    Sparse,
    /// 32 bits for each place; entries of one value have eight bytes.
    Compact,
}

/// A resource for one configuration.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The kind, such as `string`.
    pub kind: String,
    /// The name.
    pub key: String,
    /// The configuration, as [`config`] makes it; empty for all devices.
    pub config: Vec<u8>,
    /// What it holds.
    pub content: Content,
}

/// What a resource holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// One value.
    Value(Value),
    /// A parent, and values with their names.
    Bag(u32, Vec<(u32, Value)>),
}

impl Table {
    /// An app's table.
    pub fn new(package: &str) -> Table {
        Table { package: package.into(), id: 0x7f, resources: Vec::new(), form: Form::Dense, utf8: true }
    }

    /// Adds a value for all devices.
    #[must_use]
    pub fn add(self, kind: &str, key: &str, value: impl Into<Value>) -> Table {
        self.add_for(Vec::new(), kind, key, value)
    }

    /// Adds a value for a configuration, as [`config`] makes it.
    #[must_use]
    pub fn add_for(mut self, config: Vec<u8>, kind: &str, key: &str, value: impl Into<Value>) -> Table {
        let content = Content::Value(value.into());
        self.resources.push(Resource { kind: kind.into(), key: key.into(), config, content });
        self
    }

    /// Adds a bag of values for all devices.
    #[must_use]
    pub fn bag(mut self, kind: &str, key: &str, parent: u32, items: Vec<(u32, Value)>) -> Table {
        let content = Content::Bag(parent, items);
        self.resources.push(Resource { kind: kind.into(), key: key.into(), config: Vec::new(), content });
        self
    }

    /// The id of a resource: kinds and keys count in the order in which they were added.
    pub fn id(&self, kind: &str, key: &str) -> Option<u32> {
        let nth = self.kinds().iter().position(|known| *known == kind)?;
        let index = self.keys(kind).iter().position(|known| *known == key)?;
        Some(u32::from_be_bytes([self.id, u8::try_from(nth + 1).ok()?, 0, 0]) | u32::try_from(index).ok()?)
    }

    /// The table's bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut strings: Vec<&str> = Vec::new();
        let mut types = Vec::new();
        let mut keys: Vec<&str> = Vec::new();
        for resource in &self.resources {
            unique(&mut keys, &resource.key);
        }
        for (nth, kind) in self.kinds().into_iter().enumerate() {
            let nth = u8::try_from(nth + 1).unwrap_or(u8::MAX);
            let own = self.keys(kind);
            let count = u32::try_from(own.len()).unwrap_or(u32::MAX);
            let spec = [&[nth, 0, 0, 0][..], &count.to_le_bytes()].concat();
            types.extend(chunk(0x0202, &spec, &vec![0; own.len() * 4]));
            let mut configs: Vec<&[u8]> = Vec::new();
            for resource in self.resources.iter().filter(|resource| resource.kind == kind) {
                if !configs.contains(&resource.config.as_slice()) {
                    configs.push(&resource.config);
                }
            }
            for config in configs {
                let of = |key: &&str| {
                    let same = |other: &&Resource| other.kind == kind && other.key == *key && other.config == config;
                    self.resources.iter().find(same)
                };
                let entries: Vec<Option<&Resource>> = own.iter().map(of).collect();
                types.extend(self.a_type(nth, config, &entries, &keys, &mut strings));
            }
        }
        self.assemble(&types, &keys, &strings)
    }

    fn assemble(&self, types: &[u8], keys: &[&str], strings: &[&str]) -> Vec<u8> {
        let (kinds, keys) = (pool(&self.kinds(), self.utf8), pool(keys, self.utf8));
        let mut header = u32::from(self.id).to_le_bytes().to_vec();
        header.extend(self.package.encode_utf16().flat_map(u16::to_le_bytes));
        header.resize(4 + 256, 0);
        let keys_at = u32::try_from(288 + kinds.len()).unwrap_or(u32::MAX);
        for word in [288, 0, keys_at, 0, 0] {
            header.extend(word.to_le_bytes());
        }
        let package = chunk(0x0200, &header, &[kinds, keys, types.to_vec()].concat());
        chunk(0x0002, &1u32.to_le_bytes(), &[pool(strings, self.utf8), package].concat())
    }

    fn a_type<'t>(
        &self,
        nth: u8,
        config: &[u8],
        entries: &[Option<&'t Resource>],
        keys: &[&str],
        strings: &mut Vec<&'t str>,
    ) -> Vec<u8> {
        let (mut offsets, mut data) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            let place = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let short = u16::try_from(place / 4).unwrap_or(u16::MAX).to_le_bytes();
            match (self.form, entry) {
                (Form::Dense | Form::Compact, Some(_)) => offsets.extend(place.to_le_bytes()),
                (Form::Dense | Form::Compact, None) => offsets.extend(u32::MAX.to_le_bytes()),
                (Form::Short, Some(_)) => offsets.extend(short),
                (Form::Short, None) => offsets.extend(u16::MAX.to_le_bytes()),
                (Form::Sparse, Some(_)) => {
                    offsets.extend(u16::try_from(index).unwrap_or(u16::MAX).to_le_bytes());
                    offsets.extend(short);
                }
                (Form::Sparse, None) => {}
            }
            if let Some(resource) = entry {
                self.entry(resource, keys, strings, &mut data);
            }
        }
        let count = offsets.len() / if self.form == Form::Short { 2 } else { 4 };
        offsets.resize(offsets.len().next_multiple_of(4), 0);
        let flags = match self.form {
            Form::Dense | Form::Compact => 0,
            Form::Sparse => 1,
            Form::Short => 2,
        };
        let mut header = vec![nth, flags, 0, 0];
        header.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        header.extend(u32::try_from(20 + 64 + offsets.len()).unwrap_or(u32::MAX).to_le_bytes());
        header.extend(64u32.to_le_bytes());
        header.extend(config);
        header.resize(12 + 64, 0);
        chunk(0x0201, &header, &[offsets, data].concat())
    }

    fn entry<'t>(&self, resource: &'t Resource, keys: &[&str], strings: &mut Vec<&'t str>, out: &mut Vec<u8>) {
        let key = keys.iter().position(|key| *key == resource.key).and_then(|at| u32::try_from(at).ok()).unwrap_or(0);
        match &resource.content {
            Content::Value(value) if self.form == Form::Compact => {
                let (kind, data) = typed(value, strings);
                out.extend(u16::try_from(key).unwrap_or(u16::MAX).to_le_bytes());
                out.extend([8, kind]);
                out.extend(data.to_le_bytes());
            }
            Content::Value(value) => {
                out.extend([8, 0, 0, 0]);
                out.extend(key.to_le_bytes());
                out.extend(res_value(value, strings));
            }
            Content::Bag(parent, items) => {
                out.extend([16, 0, 1, 0]);
                for word in [key, *parent, u32::try_from(items.len()).unwrap_or(u32::MAX)] {
                    out.extend(word.to_le_bytes());
                }
                for (name, value) in items {
                    out.extend(name.to_le_bytes());
                    out.extend(res_value(value, strings));
                }
            }
        }
    }

    fn kinds(&self) -> Vec<&str> {
        let mut kinds = Vec::new();
        self.resources.iter().for_each(|resource| unique(&mut kinds, &resource.kind));
        kinds
    }

    fn keys(&self, kind: &str) -> Vec<&str> {
        let mut keys = Vec::new();
        let own = self.resources.iter().filter(|resource| resource.kind == kind);
        own.for_each(|resource| unique(&mut keys, &resource.key));
        keys
    }
}

/// A configuration, from the places of its fields in `ResTable_config` and their bytes: `config(&[(8, b"fr")])`.
pub fn config(fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; 60];
    for (at, field) in fields {
        bytes.splice(at - 4..at - 4 + field.len(), field.iter().copied());
    }
    bytes
}

fn unique<'t>(all: &mut Vec<&'t str>, text: &'t str) {
    if !all.contains(&text) {
        all.push(text);
    }
}

fn typed<'t>(value: &'t Value, strings: &mut Vec<&'t str>) -> (u8, u32) {
    let Value::Text(text) = value else { return value.typed(|_| 0) };
    unique(strings, text);
    let index = strings.iter().position(|string| string == text);
    (0x03, index.and_then(|index| u32::try_from(index).ok()).unwrap_or(0))
}

fn res_value<'t>(value: &'t Value, strings: &mut Vec<&'t str>) -> Vec<u8> {
    let (kind, data) = typed(value, strings);
    [&[8, 0, 0, kind][..], &data.to_le_bytes()].concat()
}
