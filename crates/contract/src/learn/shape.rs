//! What values looked like, without any of them.

use std::collections::BTreeMap;

use crate::validate::{Format, Kind, Tape, is_number};

/// The most names of an object; one with more is a map.
const MAX_FIELDS: usize = 256;
/// How deep values are looked at; what is deeper may be anything.
const MAX_DEPTH: usize = 16;
/// Formats that are recognised, the strictest first.
pub(super) const FORMATS: [Format; 7] =
    [Format::Uuid, Format::DateTime, Format::Date, Format::Ipv4, Format::Ipv6, Format::Email, Format::Uri];

/// How many more shapes there may be.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Room {
    pub(super) fn new(shapes: usize) -> Room {
        Room(shapes)
    }

    fn take(&mut self) -> bool {
        let has = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        has
    }
}

/// What values at one place looked like.
#[expect(clippy::struct_excessive_bools, reason = "each is a type of its own")]
#[derive(Clone, Default, Debug)]
pub(super) struct Shape {
    /// Nothing is known; everything is possible.
    pub any: bool,
    pub null: bool,
    pub boolean: bool,
    pub integer: bool,
    pub number: bool,
    /// A number beyond 64 bits.
    pub wide: bool,
    pub text: Option<Text>,
    /// The elements, and the most of them.
    pub array: Option<(Box<Shape>, usize)>,
    pub object: Option<Fields>,
    /// An object with free names, and its values.
    pub map: Option<Box<Shape>>,
    /// An uploaded file.
    pub file: bool,
}

/// What texts looked like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    /// The most characters.
    pub longest: usize,
    /// Which of [`FORMATS`] all had.
    pub formats: [bool; FORMATS.len()],
    /// Whether all were integers, numbers, or booleans, where texts stand for them.
    pub integers: bool,
    pub numbers: bool,
    pub booleans: bool,
}

/// What fields looked like.
#[derive(Clone, Default, Debug)]
pub(super) struct Fields {
    /// How many objects there were.
    pub seen: u64,
    /// By name: in how many it was, and its shape.
    pub fields: BTreeMap<String, (u64, Shape)>,
}

impl Fields {
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Learns texts by name; several of one name are a list.
    pub(super) fn observe<'f>(&mut self, pairs: impl Iterator<Item = (&'f str, &'f [String])>, room: &mut Room) {
        self.seen += 1;
        for (name, values) in pairs {
            let (count, shape) = self.fields.entry(name.to_owned()).or_default();
            *count += 1;
            shape.observe_texts(values, room);
        }
    }

    fn merge(&mut self, other: Fields) {
        self.seen += other.seen;
        for (name, (count, shape)) in other.fields {
            let own = self.fields.entry(name).or_default();
            own.0 += count;
            own.1.merge(shape);
        }
    }

    /// Of texts that stand for values: what came alone and in lists is a list.
    fn settle(&mut self) {
        for (_, shape) in self.fields.values_mut() {
            if let (Some((items, _)), Some(text)) = (&mut shape.array, shape.text) {
                items.text = Some(items.text.map_or(text, |known| known.and(text)));
                shape.text = None;
            }
        }
    }
}

impl Text {
    fn of(text: &str) -> Text {
        let number = is_number(text.as_bytes());
        let integer = number && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        Text {
            longest: text.chars().count(),
            formats: FORMATS.map(|format| format.fits(text)),
            integers: integer,
            numbers: number,
            booleans: matches!(text, "true" | "false"),
        }
    }

    fn and(self, other: Text) -> Text {
        let mut formats = self.formats;
        formats.iter_mut().zip(other.formats).for_each(|(own, other)| *own &= other);
        Text {
            longest: self.longest.max(other.longest),
            formats,
            integers: self.integers && other.integers,
            numbers: self.numbers && other.numbers,
            booleans: self.booleans && other.booleans,
        }
    }
}

impl Shape {
    /// Learns a text.
    pub(super) fn observe_text(&mut self, text: &str) {
        let seen = Text::of(text);
        self.text = Some(self.text.map_or(seen, |known| known.and(seen)));
    }

    fn observe_texts(&mut self, values: &[String], room: &mut Room) {
        if let ([only], None) = (values, &self.array) {
            return self.observe_text(only);
        }
        let had = self.text.take();
        let (items, most) = self.array.get_or_insert_default();
        *most = values.len().max(*most).max(1);
        if let Some(had) = had {
            items.text = Some(items.text.map_or(had, |known| known.and(had)));
        }
        for value in values {
            items.observe_text(value);
        }
        room.take();
    }

    /// Learns the fields of a form. Those named in `files` are files.
    pub(super) fn observe_fields(&mut self, pairs: &[(String, Vec<String>)], files: &[&str], room: &mut Room) {
        let fields = self.object.get_or_insert_default();
        fields.seen += 1;
        for (name, values) in pairs {
            let (count, shape) = fields.fields.entry(name.clone()).or_default();
            *count += 1;
            if !files.contains(&&**name) {
                shape.observe_texts(values, room);
                continue;
            }
            shape.file = true;
            if values.len() > 1 || shape.array.is_some() {
                let (items, most) = shape.array.get_or_insert_default();
                *most = values.len().max(*most);
                items.file = true;
            }
        }
    }

    /// Learns a value of a document.
    pub(super) fn observe(&mut self, tape: &Tape<'_>, at: usize, depth: usize, room: &mut Room) {
        let Some(item) = tape.get(at) else { return };
        if depth >= MAX_DEPTH {
            self.any = true;
            return;
        }
        match item.kind {
            Kind::Null => self.null = true,
            Kind::True | Kind::False => self.boolean = true,
            Kind::Number => {
                let raw = tape.raw(at);
                let text = std::str::from_utf8(raw).unwrap_or_default();
                let integer = raw.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
                *(if integer { &mut self.integer } else { &mut self.number }) = true;
                self.wide |= integer && text.parse::<i64>().is_err();
            }
            Kind::String => self.observe_text(&String::from_utf8_lossy(&tape.bytes(at))),
            Kind::Array => {
                let (items, most) = self.array.get_or_insert_default();
                *most = (*most).max(item.count as usize);
                for element in tape.elements(at) {
                    items.observe(tape, element, depth + 1, room);
                }
            }
            Kind::Object => self.observe_object(tape, at, depth, room),
            Kind::Key | Kind::File => {}
        }
    }

    fn observe_object(&mut self, tape: &Tape<'_>, at: usize, depth: usize, room: &mut Room) {
        let known = self.object.as_ref();
        let count = tape.get(at).map_or(0, |item| item.count as usize);
        let is_name = |name: &str| name.len() <= 128 && !super::paths::is_id(name);
        let names: Vec<String> =
            tape.members(at).map(|(key, _)| String::from_utf8_lossy(&tape.bytes(key)).into_owned()).collect();
        let new = names.iter().filter(|name| known.is_none_or(|known| !known.has(name))).count();
        let many = known.map_or(0, Fields::len) + new > MAX_FIELDS;
        if self.map.is_some() || many || !names.iter().all(|name| is_name(name)) {
            self.free_names();
        }
        if let Some(map) = &mut self.map {
            tape.members(at).for_each(|(_, value)| map.observe(tape, value, depth + 1, room));
            return;
        }
        let fields = self.object.get_or_insert_default();
        if (0..new).any(|_| !room.take()) {
            self.any = true;
            return;
        }
        fields.seen += 1;
        for (name, (_, value)) in names.into_iter().zip(tape.members(at)).take(count) {
            let (seen, shape) = fields.fields.entry(name).or_default();
            *seen += 1;
            shape.observe(tape, value, depth + 1, room);
        }
    }

    /// Takes the names of fields for values.
    fn free_names(&mut self) {
        let map = self.map.get_or_insert_default();
        for (_, (_, shape)) in self.object.take().map(|object| object.fields).into_iter().flatten() {
            map.merge(shape);
        }
    }

    /// Joins what was learned apart.
    pub(super) fn merge(&mut self, other: Shape) {
        self.any |= other.any;
        self.null |= other.null;
        self.boolean |= other.boolean;
        self.integer |= other.integer;
        self.number |= other.number;
        self.wide |= other.wide;
        self.file |= other.file;
        if let Some(text) = other.text {
            self.text = Some(self.text.map_or(text, |known| known.and(text)));
        }
        if let Some((items, most)) = other.array {
            let own = self.array.get_or_insert_default();
            own.0.merge(*items);
            own.1 = own.1.max(most);
        }
        if let Some(object) = other.object {
            self.object.get_or_insert_default().merge(object);
        }
        if let Some(map) = other.map {
            self.map.get_or_insert_default().merge(*map);
        }
        let many = self.object.as_ref().is_some_and(|object| object.len() > MAX_FIELDS);
        if many || (self.map.is_some() && self.object.is_some()) {
            self.free_names();
        }
    }
}

impl super::Operation {
    /// Joins what was learned apart.
    pub(super) fn merge(&mut self, other: super::Operation) {
        self.seen += other.seen;
        self.with_token += other.with_token;
        self.bodies += other.bodies;
        self.query.merge(other.query);
        self.query.settle();
        for (media, content) in other.content {
            let is_form = matches!(&*media, "application/x-www-form-urlencoded" | "multipart/form-data");
            let own = self.content.entry(media).or_default();
            if let Some(shape) = content.shape {
                let own = own.shape.get_or_insert_default();
                own.merge(shape);
                if let (true, Some(fields)) = (is_form, &mut own.object) {
                    fields.settle();
                }
            }
            for (name, types) in content.files {
                own.files.entry(name).or_default().extend(types);
            }
        }
    }
}
