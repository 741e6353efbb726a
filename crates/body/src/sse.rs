//! Server-sent events (WHATWG HTML, 9.2), framed in chunks.
//!
//! A client acts on an event only at the empty line that ends it, so that events are handed out whole and nothing is
//! delayed by it.

use std::ops::Range;

use memchr::memchr2;

/// An event is longer than the reader holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an event is longer than {most} bytes")]
pub struct EventTooLong {
    /// How long it may be.
    pub most: usize,
}

/// Frames a stream of events.
#[derive(Debug)]
pub struct Events {
    most: usize,
    held: Vec<u8>,
    /// Where the last line of `held` begins.
    line: usize,
    /// How far `held` was searched for line ends.
    searched: usize,
}

impl Events {
    /// A reader that holds events of up to `most` bytes.
    pub fn new(most: usize) -> Events {
        Events { most, held: Vec::new(), line: 0, searched: 0 }
    }

    /// The next bytes. Each event is given as it stands in the stream, with the empty line that ends it; together the
    /// events are the stream, byte for byte.
    pub fn push<E: From<EventTooLong>>(
        &mut self,
        chunk: &[u8],
        mut give: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.held.extend_from_slice(chunk);
        let mut start = 0;
        while let Some(end) = self.next_line() {
            let empty = self.held.get(self.line..end).is_some_and(|line| matches!(line, b"\n" | b"\r" | b"\r\n"));
            self.line = end;
            if empty {
                if end - start > self.most {
                    return Err(EventTooLong { most: self.most }.into());
                }
                give(self.held.get(start..end).unwrap_or_default())?;
                start = end;
            }
        }
        self.held.drain(..start);
        self.line -= start;
        self.searched -= start;
        if self.held.len() > self.most { Err(EventTooLong { most: self.most }.into()) } else { Ok(()) }
    }

    /// What came after the last complete event. Clients discard it.
    pub fn finish(&mut self) -> Vec<u8> {
        (self.line, self.searched) = (0, 0);
        std::mem::take(&mut self.held)
    }

    /// The index behind the next line end. A CR at the end of what came waits for its LF.
    fn next_line(&mut self) -> Option<usize> {
        let rest = self.held.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr2(b'\n', b'\r', rest) else {
            self.searched = self.held.len();
            return None;
        };
        let at = self.searched + found;
        let end = match (rest.get(found), rest.get(found + 1)) {
            (Some(b'\r'), Some(b'\n')) => at + 2,
            (Some(b'\r'), None) => {
                self.searched = at;
                return None;
            }
            _ => at + 1,
        };
        self.searched = end;
        Some(end)
    }
}

/// One line of an event, by its place in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What kind of line it is.
    pub field: Field,
    /// The value, without the one space that may follow the colon.
    pub value: Range<usize>,
    /// Where the next line begins.
    pub end: usize,
}

/// The kinds of lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// A part of the data.
    Data,
    /// The type of the event.
    Event,
    /// The id of the event.
    Id,
    /// How long to wait before the next connection.
    Retry,
    /// A comment.
    Comment,
    /// The end of the event.
    Empty,
    /// A field that clients ignore.
    Unknown,
}

/// The lines of an event.
pub fn lines(event: &[u8]) -> impl Iterator<Item = Line> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = event.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let behind = rest.get(length..).unwrap_or_default();
        let end = start + length + if behind.starts_with(b"\r\n") { 2 } else { behind.len().min(1) };
        let text = rest.get(..length).unwrap_or(rest);
        // A byte order mark may lead the stream.
        let mark = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let text = text.get(mark..).unwrap_or_default();
        let name = memchr::memchr(b':', text).unwrap_or(text.len());
        let field = match text.get(..name).unwrap_or_default() {
            _ if text.is_empty() => Field::Empty,
            b"" => Field::Comment,
            b"data" => Field::Data,
            b"event" => Field::Event,
            b"id" => Field::Id,
            b"retry" => Field::Retry,
            _ => Field::Unknown,
        };
        let space = usize::from(text.get(name + 1) == Some(&b' '));
        let value = start + mark + (name + 1 + space).min(text.len())..start + mark + text.len();
        start = end;
        Some(Line { field, value, end })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

    use proptest::prelude::*;

    use super::*;

    fn frame(chunks: &[&[u8]]) -> (Vec<String>, String) {
        let mut events = Events::new(1000);
        let mut given = Vec::new();
        for chunk in chunks {
            let mut give = |event: &[u8]| {
                given.push(String::from_utf8(event.to_vec()).unwrap());
                Ok::<(), EventTooLong>(())
            };
            events.push(chunk, &mut give).unwrap();
        }
        (given, String::from_utf8(events.finish()).unwrap())
    }

    #[test]
    fn events_end_at_empty_lines_of_every_kind() {
        let (given, rest) = frame(&[b"data: 1\n\ndata: 2\r\n\r\n: hi\rdata\r\r\n\ndata: 5\n"]);
        assert_eq!(given, ["data: 1\n\n", "data: 2\r\n\r\n", ": hi\rdata\r\r\n", "\n"]);
        assert_eq!(rest, "data: 5\n");
    }

    #[test]
    fn lines_have_fields_and_values() {
        let event = b"\xef\xbb\xbfdata: a\ndata:b\r\ndata\rid:  7\nretry:9\n:x\nfoo: bar\nevent: e\n\n";
        let read: Vec<(Field, &str)> =
            lines(event).map(|line| (line.field, std::str::from_utf8(&event[line.value]).unwrap())).collect();
        let expected = [
            (Field::Data, "a"),
            (Field::Data, "b"),
            (Field::Data, ""),
            (Field::Id, " 7"),
            (Field::Retry, "9"),
            (Field::Comment, "x"),
            (Field::Unknown, "bar"),
            (Field::Event, "e"),
            (Field::Empty, ""),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn events_that_are_too_long_are_refused() {
        let mut events = Events::new(8);
        let wrong = events.push(b"data: 123456789", |_| Ok::<(), EventTooLong>(()));
        assert_eq!(wrong, Err(EventTooLong { most: 8 }));
    }

    proptest! {
        #[test]
        fn every_cut_gives_the_same_events(text in "[a:\n\r ]{0,40}", cut in 0usize..40) {
            let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
            let whole = frame(&[text.as_bytes()]);
            prop_assert_eq!(frame(&[head, tail]), whole.clone());
            prop_assert_eq!(whole.0.concat() + &whole.1, text);
        }
    }
}
