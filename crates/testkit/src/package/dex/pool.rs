//! The tables of an executable in the making: what is named, in the order that the format prescribes.

use std::collections::{BTreeMap, BTreeSet};

/// What is named. First everything is added, then [`Pool::settle`] gives the indexes.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// By UTF-16 units, which is their order.
    strings: BTreeMap<Vec<u16>, String>,
    types: BTreeSet<String>,
    /// Return type and parameters.
    protos: BTreeSet<(String, Vec<String>)>,
    /// Class, name and type.
    fields: BTreeSet<[String; 3]>,
    /// Class, name and signature.
    methods: BTreeSet<[String; 3]>,
    index: Index,
}

#[derive(Debug, Default)]
struct Index {
    strings: BTreeMap<String, u32>,
    types: BTreeMap<String, u32>,
    protos: BTreeMap<(String, Vec<String>), u32>,
    fields: BTreeMap<[String; 3], u32>,
    methods: BTreeMap<[String; 3], u32>,
}

/// The tables with their items as numbers.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) strings: Vec<String>,
    /// The string of each type.
    pub(super) types: Vec<u32>,
    /// Short form, return type and parameters of each prototype.
    pub(super) protos: Vec<(u32, u32, Vec<u32>)>,
    /// Class, type and name of each field.
    pub(super) fields: Vec<(u32, u32, u32)>,
    /// Class, prototype and name of each method.
    pub(super) methods: Vec<(u32, u32, u32)>,
}

impl Pool {
    pub(super) fn add_string(&mut self, text: &str) {
        self.strings.insert(text.encode_utf16().collect(), text.to_owned());
    }

    pub(super) fn add_type(&mut self, descriptor: &str) {
        self.add_string(descriptor);
        self.types.insert(descriptor.to_owned());
    }

    pub(super) fn add_proto(&mut self, signature: &str) {
        self.add_string(&shorty(signature));
        self.add_type(returns(signature));
        let parameters = parameters(signature);
        for parameter in &parameters {
            self.add_type(parameter);
        }
        self.protos.insert((returns(signature).to_owned(), parameters));
    }

    pub(super) fn add_field(&mut self, class: &str, name: &str, of: &str) {
        self.add_type(class);
        self.add_string(name);
        self.add_type(of);
        self.fields.insert([class, name, of].map(str::to_owned));
    }

    pub(super) fn add_method(&mut self, class: &str, name: &str, signature: &str) {
        self.add_type(class);
        self.add_string(name);
        self.add_proto(signature);
        self.methods.insert([class, name, signature].map(str::to_owned));
    }

    pub(super) fn string(&self, text: &str) -> u32 {
        self.index.strings[text]
    }

    pub(super) fn type_of(&self, descriptor: &str) -> u32 {
        self.index.types[descriptor]
    }

    pub(super) fn proto(&self, signature: &str) -> u32 {
        self.index.protos[&(returns(signature).to_owned(), parameters(signature))]
    }

    pub(super) fn field(&self, class: &str, name: &str, of: &str) -> u32 {
        self.index.fields[&[class, name, of].map(str::to_owned)]
    }

    pub(super) fn method(&self, class: &str, name: &str, signature: &str) -> u32 {
        self.index.methods[&[class, name, signature].map(str::to_owned)]
    }

    /// Numbers everything.
    pub(super) fn settle(&mut self) -> Tables {
        let strings: Vec<String> = self.strings.values().cloned().collect();
        self.index.strings = numbered(strings.iter().cloned());
        let mut types: Vec<_> = self.types.iter().cloned().collect();
        types.sort_by_key(|descriptor| self.string(descriptor));
        self.index.types = numbered(types.iter().cloned());
        let mut protos: Vec<_> = self.protos.iter().cloned().collect();
        let list = |pool: &Pool, list: &[String]| list.iter().map(|of| pool.type_of(of)).collect::<Vec<_>>();
        protos.sort_by_key(|(returns, parameters)| (self.type_of(returns), list(self, parameters)));
        self.index.protos = numbered(protos.iter().cloned());
        let mut fields: Vec<_> = self.fields.iter().cloned().collect();
        fields.sort_by_key(|[class, name, of]| (self.type_of(class), self.string(name), self.type_of(of)));
        self.index.fields = numbered(fields.iter().cloned());
        let mut methods: Vec<_> = self.methods.iter().cloned().collect();
        methods.sort_by_key(|[class, name, signature]| (self.type_of(class), self.string(name), self.proto(signature)));
        self.index.methods = numbered(methods.iter().cloned());
        let short = |returns: &str, parameters: &[String]| {
            std::iter::once(returns).chain(parameters.iter().map(String::as_str)).map(letter).collect::<String>()
        };
        Tables {
            types: types.iter().map(|descriptor| self.string(descriptor)).collect(),
            protos: protos
                .iter()
                .map(|(returns, parameters)| {
                    let shorty = self.string(&short(returns, parameters));
                    (shorty, self.type_of(returns), list(self, parameters))
                })
                .collect(),
            fields: fields
                .iter()
                .map(|[class, name, of]| (self.type_of(class), self.type_of(of), self.string(name)))
                .collect(),
            methods: methods
                .iter()
                .map(|[class, name, signature]| (self.type_of(class), self.proto(signature), self.string(name)))
                .collect(),
            strings,
        }
    }
}

fn numbered<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, u32> {
    keys.zip(0..).collect()
}

/// The types that a signature such as `(I[Ljava/lang/String;)V` takes.
pub(super) fn parameters(signature: &str) -> Vec<String> {
    let (inside, _) = split(signature);
    let mut rest = inside;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let dimensions = rest.len() - rest.trim_start_matches('[').len();
        let length = match rest.as_bytes().get(dimensions) {
            Some(b'L') => rest.find(';').unwrap_or_else(|| panic!("`{signature}` names a class without its end")) + 1,
            Some(_) => dimensions + 1,
            None => panic!("`{signature}` ends within an array"),
        };
        found.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    found
}

fn returns(signature: &str) -> &str {
    split(signature).1
}

fn split(signature: &str) -> (&str, &str) {
    signature
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .unwrap_or_else(|| panic!("`{signature}` is no signature of a method"))
}

fn shorty(signature: &str) -> String {
    let parameters = parameters(signature);
    std::iter::once(returns(signature)).chain(parameters.iter().map(String::as_str)).map(letter).collect()
}

fn letter(of: &str) -> char {
    match of.chars().next() {
        Some('[') => 'L',
        Some(letter) => letter,
        None => panic!("a signature returns nothing where it should say `V`"),
    }
}

/// Appends an unsigned LEB128.
pub(super) fn uleb128(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed LEB128.
pub(super) fn sleb128(mut value: i32, out: &mut Vec<u8>) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// Text as MUTF-8.
pub(super) fn mutf8(text: &str, out: &mut Vec<u8>) {
    for unit in text.encode_utf16() {
        let low = |shift: u16| (unit >> shift & 0x3f) as u8 | 0x80;
        match unit {
            0x01..=0x7f => out.push(unit as u8),
            0 | 0x80..=0x7ff => out.extend([(unit >> 6) as u8 | 0xc0, low(0)]),
            _ => out.extend([(unit >> 12) as u8 | 0xe0, low(6), low(0)]),
        }
    }
}
