//! A writer of Android's binary XML: `Xml::new(Element::new("manifest").plain("package", "a.b")).write()`.
//!
//! What an obfuscator would change is a field of [`Xml`], or is patched into the bytes.

use std::collections::BTreeMap;

/// The namespace of Android's attributes.
pub const ANDROID: &str = "http://schemas.android.com/apk/res/android";

/// An element with all that is inside.
#[derive(Clone, Debug)]
pub struct Element {
    name: String,
    attributes: Vec<Attribute>,
    children: Vec<Child>,
}

#[derive(Clone, Debug)]
struct Attribute {
    namespace: Option<&'static str>,
    name: String,
    id: u32,
    value: Value,
}

#[derive(Clone, Debug)]
enum Child {
    Element(Element),
    Text(String),
}

/// The value of an attribute, or of a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A string.
    Text(String),
    /// A resource.
    Reference(u32),
    /// A number.
    Integer(i32),
    /// Flags.
    Hex(u32),
    /// True or false.
    Boolean(bool),
    /// Any type, with its data.
    Typed(u8, u32),
}

impl Value {
    /// Type and data; strings get their index from `string`.
    pub fn typed(&self, string: impl FnOnce(&str) -> u32) -> (u8, u32) {
        match self {
            Value::Text(text) => (0x03, string(text)),
            Value::Reference(id) => (0x01, *id),
            Value::Integer(number) => (0x10, number.cast_unsigned()),
            Value::Hex(flags) => (0x11, *flags),
            Value::Boolean(value) => (0x12, if *value { u32::MAX } else { 0 }),
            Value::Typed(kind, data) => (*kind, *data),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Boolean(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Value {
        Value::Integer(value)
    }
}

impl Element {
    /// An empty element.
    pub fn new(name: &str) -> Element {
        Element { name: name.into(), attributes: Vec::new(), children: Vec::new() }
    }

    /// Adds an attribute without a namespace.
    #[must_use]
    pub fn plain(mut self, name: &str, value: impl Into<Value>) -> Element {
        self.attributes.push(Attribute { namespace: None, name: name.into(), id: 0, value: value.into() });
        self
    }

    /// Adds an attribute of Android with its resource id; 0 for none.
    #[must_use]
    pub fn android(mut self, id: u32, name: &str, value: impl Into<Value>) -> Element {
        self.attributes.push(Attribute { namespace: Some(ANDROID), name: name.into(), id, value: value.into() });
        self
    }

    /// Adds an attribute that has a resource id and no namespace, as obfuscators write them.
    #[must_use]
    pub fn bare(mut self, id: u32, name: &str, value: impl Into<Value>) -> Element {
        self.attributes.push(Attribute { namespace: None, name: name.into(), id, value: value.into() });
        self
    }

    /// Adds an element inside.
    #[must_use]
    pub fn child(mut self, child: Element) -> Element {
        self.children.push(Child::Element(child));
        self
    }

    /// Adds elements inside.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        self.children.extend(children.into_iter().map(Child::Element));
        self
    }

    /// Adds text inside.
    #[must_use]
    pub fn text(mut self, text: &str) -> Element {
        self.children.push(Child::Text(text.into()));
        self
    }
}

/// A document to write.
#[derive(Clone, Debug)]
pub struct Xml {
    /// The root element.
    pub root: Element,
    /// Whether strings are written in UTF-8 rather than UTF-16.
    pub utf8: bool,
    /// The document's type.
    pub kind: u16,
    /// Whether attributes are sorted by their resource ids, as Android needs them.
    pub sorted: bool,
    /// How far attributes lie apart.
    pub attribute_size: u16,
    /// The size of the nodes' headers.
    pub node_header: u16,
    /// Chunks before the first element.
    pub before: Vec<u8>,
    /// Chunks behind the last element.
    pub after: Vec<u8>,
}

impl Xml {
    /// An honest document.
    pub fn new(root: Element) -> Xml {
        Xml {
            root,
            utf8: false,
            kind: 3,
            sorted: true,
            attribute_size: 20,
            node_header: 16,
            before: Vec::new(),
            after: Vec::new(),
        }
    }

    /// The document's bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut strings = Strings::default();
        strings.named(&self.root);
        let uri = strings.index(ANDROID);
        let prefix = strings.index("android");
        let mut nodes = Vec::new();
        self.node(&mut nodes, 0x100, &[prefix, uri]);
        self.element(&self.root, &mut strings, &mut nodes);
        self.node(&mut nodes, 0x101, &[prefix, uri]);

        let texts: Vec<&str> = strings.all.iter().map(String::as_str).collect();
        let mut body = pool(&texts, self.utf8);
        let map: Vec<u8> = strings.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        if !map.is_empty() {
            body.extend(chunk(0x180, &[], &map));
        }
        body.extend(&self.before);
        body.extend(nodes);
        body.extend(&self.after);
        chunk(self.kind, &[], &body)
    }

    fn element(&self, element: &Element, strings: &mut Strings, out: &mut Vec<u8>) {
        let mut attributes: Vec<&Attribute> = element.attributes.iter().collect();
        if self.sorted {
            attributes.sort_by_key(|attribute| if attribute.id == 0 { u32::MAX } else { attribute.id });
        }
        let name = strings.index(&element.name);
        let mut words = vec![u32::MAX, name];
        words.push(0x14 | u32::from(self.attribute_size) << 16);
        words.push(u32::try_from(attributes.len()).unwrap_or(u32::MAX));
        words.push(0);
        for attribute in attributes {
            let start = words.len();
            words.push(attribute.namespace.map_or(u32::MAX, |uri| strings.index(uri)));
            words.push(strings.attribute(&attribute.name, attribute.id));
            let (kind, data) = attribute.value.typed(|text| strings.index(text));
            words.push(if kind == 3 { data } else { u32::MAX });
            words.push(8 | u32::from(kind) << 24);
            words.push(data);
            words.resize(start + usize::from(self.attribute_size / 4), 0);
        }
        self.node(out, 0x102, &words);
        for child in &element.children {
            match child {
                Child::Element(child) => self.element(child, strings, out),
                Child::Text(text) => {
                    let index = strings.index(text);
                    self.node(out, 0x104, &[index, 8, 0]);
                }
            }
        }
        self.node(out, 0x103, &[u32::MAX, name]);
    }

    fn node(&self, out: &mut Vec<u8>, kind: u16, words: &[u32]) {
        let mut header = 1u32.to_le_bytes().to_vec();
        header.extend(u32::MAX.to_le_bytes());
        header.resize(usize::from(self.node_header) - 8, 0);
        let body: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        out.extend(chunk(kind, &header, &body));
    }
}

/// Strings in the order in which they are written; names with resource ids come first.
#[derive(Default)]
struct Strings {
    all: Vec<String>,
    ids: Vec<u32>,
    named: BTreeMap<(String, u32), u32>,
    plain: BTreeMap<String, u32>,
}

impl Strings {
    fn named(&mut self, element: &Element) {
        for attribute in &element.attributes {
            let key = (attribute.name.clone(), attribute.id);
            if attribute.id != 0 && !self.named.contains_key(&key) {
                let index = self.push(&attribute.name);
                self.named.insert(key, index);
                self.ids.push(attribute.id);
            }
        }
        for child in &element.children {
            if let Child::Element(child) = child {
                self.named(child);
            }
        }
    }

    fn attribute(&mut self, name: &str, id: u32) -> u32 {
        self.named.get(&(name.into(), id)).copied().unwrap_or_else(|| self.index(name))
    }

    fn index(&mut self, text: &str) -> u32 {
        if let Some(index) = self.plain.get(text) {
            return *index;
        }
        let index = self.push(text);
        self.plain.insert(text.into(), index);
        index
    }

    fn push(&mut self, text: &str) -> u32 {
        self.all.push(text.into());
        u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
    }
}

/// A chunk: its type, what its header has beyond the usual eight bytes, and its body.
pub fn chunk(kind: u16, header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut out = kind.to_le_bytes().to_vec();
    out.extend(u16::try_from(8 + header.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(u32::try_from(8 + header.len() + body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(header);
    out.extend(body);
    out
}

/// A pool of strings.
pub fn pool(strings: &[&str], utf8: bool) -> Vec<u8> {
    let (mut offsets, mut data) = (Vec::new(), Vec::new());
    for string in strings {
        offsets.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
        let units: Vec<u16> = string.encode_utf16().collect();
        if utf8 {
            length8(&mut data, units.len());
            length8(&mut data, string.len());
            data.extend(string.as_bytes());
            data.push(0);
        } else {
            if units.len() > 0x7fff {
                data.extend(u16::try_from(units.len() >> 16 | 0x8000).unwrap_or(u16::MAX).to_le_bytes());
            }
            data.extend(u16::try_from(units.len() & 0xffff).unwrap_or(u16::MAX).to_le_bytes());
            data.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
            data.extend([0, 0]);
        }
    }
    data.resize(data.len().next_multiple_of(4), 0);
    let mut header = Vec::new();
    let count = u32::try_from(strings.len()).unwrap_or(u32::MAX);
    let start = u32::try_from(28 + offsets.len()).unwrap_or(u32::MAX);
    for word in [count, 0, if utf8 { 0x100 } else { 0 }, start, 0] {
        header.extend(word.to_le_bytes());
    }
    offsets.extend(data);
    chunk(1, &header, &offsets)
}

fn length8(out: &mut Vec<u8>, length: usize) {
    let byte = |number: usize| u8::try_from(number & 0xff).unwrap_or(u8::MAX);
    if length > 0x7f {
        out.push(byte(length >> 8 & 0x7f | 0x80));
    }
    out.push(byte(length));
}
