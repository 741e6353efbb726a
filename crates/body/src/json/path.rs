//! Where in a document a value is.

use super::Text;
use testudo_core::Span;

/// Longest name that error messages show.
const SHOWN: usize = 64;
/// Most segments that error messages show.
const SHOWN_SEGMENTS: usize = 32;

/// The place of a value: the keys and positions that lead to it.
#[derive(Clone, Default, Debug)]
pub struct Path {
    frames: Vec<Frame>,
    /// The keys of open objects as written, one after the other.
    names: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) object: bool,
    /// The position in an array; the number of keys so far in an object.
    pub(super) count: usize,
    /// Where the key begins in the names.
    name: usize,
    /// Whether the key has escapes.
    escaped: bool,
}

/// One step from a container to a value in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Segment<'a> {
    /// The member with this key (its span is not known any more and empty).
    Key(Text<'a>),
    /// The element at this position.
    Index(usize),
}

impl Path {
    /// How many containers are around the value.
    #[inline]
    pub fn depth(&self) -> usize {
        self.frames.len()
    }

    /// The steps from the top to the value.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.frames.iter().enumerate().map(|(depth, frame)| self.segment(depth, frame))
    }

    /// The last step.
    pub fn last(&self) -> Option<Segment<'_>> {
        let depth = self.frames.len().checked_sub(1)?;
        self.frames.last().map(|frame| self.segment(depth, frame))
    }

    /// As a JSON pointer (RFC 6901).
    pub fn pointer(&self) -> String {
        let mut pointer = String::new();
        for segment in self.segments() {
            pointer.push('/');
            match segment {
                Segment::Key(key) => pointer.push_str(&key.decode().replace('~', "~0").replace('/', "~1")),
                Segment::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    /// As a pointer for messages: bounded, and with `*` for keys that don't look like names.
    pub(super) fn shown(&self) -> String {
        let mut shown = String::new();
        for segment in self.segments().take(SHOWN_SEGMENTS) {
            shown.push('/');
            match segment {
                Segment::Key(key) => match std::str::from_utf8(key.raw) {
                    Ok(name) if is_name(name) => shown.push_str(name),
                    _ => shown.push('*'),
                },
                Segment::Index(index) => shown.push_str(&index.to_string()),
            }
        }
        if self.frames.len() > SHOWN_SEGMENTS {
            shown.push_str("/...");
        }
        shown
    }

    fn segment(&self, depth: usize, frame: &Frame) -> Segment<'_> {
        if !frame.object {
            return Segment::Index(frame.count);
        }
        let end = self.frames.get(depth + 1).map_or(self.names.len(), |next| next.name);
        let raw = self.names.get(frame.name..end).unwrap_or_default();
        Segment::Key(Text { span: Span { start: 0, end: 0 }, raw, escaped: frame.escaped })
    }

    #[inline]
    pub(super) fn top(&self) -> Option<&Frame> {
        self.frames.last()
    }

    #[inline]
    pub(super) fn open(&mut self, object: bool) {
        self.frames.push(Frame { object, count: 0, name: self.names.len(), escaped: false });
    }

    #[inline]
    pub(super) fn close(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.names.truncate(frame.name);
        }
    }

    /// Sets the key of the innermost object; gives how many it has now.
    #[inline]
    pub(super) fn key(&mut self, raw: &[u8], escaped: bool) -> usize {
        let Some(frame) = self.frames.last_mut() else { return 0 };
        frame.count += 1;
        frame.escaped = escaped;
        self.names.truncate(frame.name);
        self.names.extend_from_slice(raw);
        frame.count
    }

    /// Goes to the next element of the innermost array.
    #[inline]
    pub(super) fn advance(&mut self) {
        if let Some(frame) = self.frames.last_mut()
            && !frame.object
        {
            frame.count += 1;
        }
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.names.clear();
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= SHOWN
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
        || text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
