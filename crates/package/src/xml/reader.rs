//! Reads binary XML as `ResXMLTree` and `ResXMLParser` of Android do.

use super::anomaly::{Anomalies, AnomalyKind};
use super::builder::Raw;
use super::document::{ANDROID, Attribute, Document, NONE};
use crate::chunk::{Chunk, POOL, Pool, Value};
use crate::le::{size_at, slice_at, u16_at, u32_at};

const XML: u16 = 0x0003;
const RESOURCE_MAP: u16 = 0x0180;
const FIRST_NODE: u16 = 0x0100;
const LAST_NODE: u16 = 0x017f;
const START_NAMESPACE: u16 = 0x0100;
const END_NAMESPACE: u16 = 0x0101;
const START_ELEMENT: u16 = 0x0102;
const END_ELEMENT: u16 = 0x0103;
const TEXT: u16 = 0x0104;
/// Chunk header, line and comment.
const NODE_HEADER: usize = 16;
const ELEMENT: usize = 20;
const ATTRIBUTE: usize = 20;

/// Why bytes are no binary XML.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum XmlError {
    /// There is not even a header.
    #[error("{length} bytes are too few for a document")]
    TooShort {
        /// How many there are.
        length: usize,
    },
    /// The first chunk lies outside.
    #[error("the header's size, {size}, is beyond the document")]
    Header {
        /// The header's size.
        size: usize,
    },
    /// It is text.
    #[error("the document is text, not binary XML")]
    Text,
}

impl<'a> Document<'a> {
    /// Reads a document: as much of it as Android would read, and what it would refuse as far as that can be read.
    pub fn read(bytes: &'a [u8]) -> Result<Document<'a>, XmlError> {
        let too_short = XmlError::TooShort { length: bytes.len() };
        let kind = u16_at(bytes, 0).ok_or(too_short)?;
        let header = u16_at(bytes, 2).ok_or(too_short)?;
        let declared = size_at(bytes, 4).ok_or(too_short)?;
        if bytes.trim_ascii_start().starts_with(b"<") {
            return Err(XmlError::Text);
        }
        let size = usize::from(header);
        if size < 8 || size > bytes.len() {
            return Err(XmlError::Header { size });
        }
        let mut anomalies = Anomalies::default();
        if kind != XML {
            anomalies.add(0, AnomalyKind::Kind { kind });
        }
        if header != 8 {
            anomalies.add(2, AnomalyKind::HeaderSize { size: header });
        }
        if declared > bytes.len() || declared < size {
            let declared = u32::try_from(declared).unwrap_or(u32::MAX);
            anomalies.add(4, AnomalyKind::Cut { declared, found: bytes.len() });
        } else if declared < bytes.len() {
            anomalies.add(declared, AnomalyKind::TrailingBytes { bytes: bytes.len() - declared });
        }
        let end = if declared < size { bytes.len() } else { declared.min(bytes.len()) };
        let bytes = bytes.get(..end).unwrap_or_default();
        let mut reader =
            Reader { bytes, anomalies, strings: None, ids: Vec::new(), raw: Raw::default(), namespaces: Vec::new() };
        reader.chunks(size);
        Ok(reader.finish())
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    anomalies: Anomalies,
    strings: Option<Pool<'a>>,
    ids: Vec<u32>,
    raw: Raw,
    namespaces: Vec<(u32, u32)>,
}

impl<'a> Reader<'a> {
    fn chunks(&mut self, mut at: usize) {
        let mut nodes = false;
        while at + 8 <= self.bytes.len() {
            let Some(chunk) = Chunk::at(self.bytes, at, if nodes { NODE_HEADER } else { 8 }) else {
                self.anomalies.add(at, AnomalyKind::Broken);
                break;
            };
            nodes |= (FIRST_NODE..=LAST_NODE).contains(&chunk.kind);
            match chunk.kind {
                POOL if !nodes => self.pool(&chunk, at),
                RESOURCE_MAP if !nodes => {
                    let (ids, _) = chunk.body().as_chunks::<4>();
                    self.ids = ids.iter().map(|id| u32::from_le_bytes(*id)).collect();
                }
                FIRST_NODE..=LAST_NODE => {
                    if self.node(&chunk, at).is_none() {
                        self.anomalies.add(at, AnomalyKind::Broken);
                        break;
                    }
                }
                kind => self.anomalies.add(at, AnomalyKind::SkippedChunk { kind }),
            }
            at += chunk.bytes.len();
        }
    }

    fn pool(&mut self, chunk: &Chunk<'a>, at: usize) {
        if self.strings.is_some() {
            self.anomalies.add(at, AnomalyKind::SecondPool);
        }
        let pool = Pool::read(chunk);
        for anomaly in pool.anomalies() {
            self.anomalies.add(at, (*anomaly).into());
        }
        self.strings = Some(pool);
    }

    /// Reads a node; none when Android would stop here.
    fn node(&mut self, chunk: &Chunk<'a>, at: usize) -> Option<()> {
        let line = u32_at(chunk.bytes, 8)?;
        if chunk.header < NODE_HEADER {
            return None;
        }
        if chunk.header > NODE_HEADER {
            self.anomalies.add(at, AnomalyKind::NodeHeaderSize { size: chunk.header });
        }
        let body = chunk.body();
        match chunk.kind {
            START_NAMESPACE => self.namespaces.push((u32_at(body, 0)?, u32_at(body, 4)?)),
            END_NAMESPACE => {
                slice_at(body, 0, 8)?;
            }
            START_ELEMENT => self.element(body, line, at)?,
            END_ELEMENT => {
                let name = u32_at(body, 4)?;
                let opened = self.raw.close();
                if opened
                    .is_none_or(|opened| opened != NONE && opened != name && self.string(opened) != self.string(name))
                {
                    self.anomalies.add(at, AnomalyKind::UnbalancedEnd);
                }
            }
            TEXT => {
                slice_at(body, 0, 12)?;
                self.raw.text(u32_at(body, 0)?);
            }
            kind => self.anomalies.add(at, AnomalyKind::SkippedChunk { kind }),
        }
        Some(())
    }

    fn element(&mut self, body: &[u8], line: u32, at: usize) -> Option<()> {
        slice_at(body, 0, ELEMENT)?;
        let (namespace, name) = (u32_at(body, 0)?, u32_at(body, 4)?);
        let (start, size, count) = (u16_at(body, 8)?, u16_at(body, 10)?, u16_at(body, 12)?);
        let length = usize::from(size) * usize::from(count);
        slice_at(body, usize::from(start), length)?;
        if usize::from(size) != ATTRIBUTE && count > 0 {
            self.anomalies.add(at, AnomalyKind::AttributeSize { size });
        }
        if usize::from(start) != ELEMENT && count > 0 {
            self.anomalies.add(at, AnomalyKind::AttributeStart { start });
        }
        if self.string(name).is_none_or(str::is_empty) {
            self.anomalies.add(at, AnomalyKind::NamelessElement);
        }
        let (kept, odd) = self.raw.open(namespace, name, line, at);
        if let Some(odd) = odd {
            self.anomalies.add(at, odd);
        }
        if !kept {
            return Some(());
        }
        let mut seen = Vec::with_capacity(usize::from(count));
        for nth in 0..usize::from(count) {
            // The last attribute may reach beyond the element when attributes lie closer than they are long.
            let from = body.get(usize::from(start) + nth * usize::from(size)..)?;
            let (namespace, name, raw) = (u32_at(from, 0)?, u32_at(from, 4)?, u32_at(from, 8)?);
            let id = self.ids.get(name as usize).copied().unwrap_or(0);
            let attribute = Attribute { namespace, name, raw, id, value: Value::at(from, 12)?, hidden: false };
            let hidden = self.raw.attribute(attribute);
            seen.push(if id == 0 { (namespace, name, name) } else { (NONE, id, name) });
            self.note_attribute(at, Attribute { hidden, ..attribute });
        }
        seen.sort_unstable();
        for same in seen.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            if let [_, (.., name), ..] = same {
                let name = self.shown(*name);
                self.anomalies.add(at, AnomalyKind::DuplicateAttribute { name });
            }
        }
        Some(())
    }

    fn note_attribute(&mut self, at: usize, attribute: Attribute) {
        let Attribute { namespace, name, id, hidden, .. } = attribute;
        if id == 0 && !self.ids.is_empty() && self.string(namespace) == Some(ANDROID) {
            let name = self.shown(name);
            self.anomalies.add(at, AnomalyKind::AttributeWithoutId { name });
        } else if id != 0 && self.string(name).is_none_or(str::is_empty) {
            self.anomalies.add(at, AnomalyKind::NamelessAttribute { id });
        }
        if hidden {
            let name = self.shown(name);
            self.anomalies.add(at, AnomalyKind::HiddenAttribute { name });
        }
    }

    fn string(&self, index: u32) -> Option<&str> {
        self.strings.as_ref()?.get(index)
    }

    /// At most 64 characters of a string.
    fn shown(&self, index: u32) -> String {
        self.string(index).unwrap_or_default().chars().take(64).collect()
    }

    fn finish(self) -> Document<'a> {
        let Reader { strings, raw, mut anomalies, namespaces, ids, bytes } = self;
        if raw.is_empty() {
            anomalies.add(bytes.len(), AnomalyKind::NoElement);
        }
        let (mut document, unclosed) = raw.finish(strings.unwrap_or_default(), !ids.is_empty());
        if unclosed > 0 {
            anomalies.add(bytes.len(), AnomalyKind::Unclosed { count: unclosed });
        }
        document.namespaces = namespaces;
        document.anomalies = anomalies;
        document
    }
}
