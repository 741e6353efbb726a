//! Cuts HTML into tokens the way browsers do, old ones included.
//!
//! A reduction of the tokenizer of the HTML standard (<https://html.spec.whatwg.org/multipage/parsing.html>) to what
//! decides whether a script runs.

use memchr::{memchr, memmem};

mod tag;

/// Where in a page the input stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Context {
    /// Between tags.
    Text,
    /// Within a tag, where an attribute's name can begin.
    Tag,
    /// Within a value in `'`.
    SingleQuoted,
    /// Within a value in `"`.
    DoubleQuoted,
    /// Within a value in a tick, as Internet Explorer takes it.
    BackQuoted,
}

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Between tags.
    Text,
    /// The name of an element that opens.
    TagOpen,
    /// `>` behind a tag's name and attributes.
    TagNameEnd,
    /// `/>`
    TagSelfClose,
    /// The name of an element that closes.
    TagClose,
    /// The name of an attribute.
    AttributeName,
    /// Its value, without quotes.
    AttributeValue,
    /// A comment, or what browsers take for one.
    Comment,
    /// `DOCTYPE` and what follows it.
    Doctype,
}

/// A piece of HTML.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: &'a [u8],
}

/// Hands out the tokens of an input.
#[derive(Clone, Debug)]
pub struct Html<'a> {
    input: &'a [u8],
    at: usize,
    state: State,
    /// Whether the tag began with `/`.
    closing: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Text,
    TagOpen,
    TagNameEnd,
    BeforeName,
    AfterName,
    BeforeValue,
    Value(u8),
    AfterValue,
    SelfClosing,
    End,
}

impl<'a> Html<'a> {
    /// At the start of an input.
    pub fn new(input: &'a [u8], context: Context) -> Html<'a> {
        let state = match context {
            Context::Text => State::Text,
            Context::Tag => State::BeforeName,
            Context::SingleQuoted => State::Value(b'\''),
            Context::DoubleQuoted => State::Value(b'"'),
            Context::BackQuoted => State::Value(b'`'),
        };
        Html { input, at: 0, state, closing: false }
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// Goes on in a state after so many bytes.
    fn go(&mut self, state: State, skip: usize) {
        self.at += skip;
        self.state = state;
    }

    /// Takes so many bytes as a token, skips those that end it, and goes on in a state.
    #[expect(clippy::unnecessary_wraps, reason = "what each state gives")]
    fn take(&mut self, kind: Kind, len: usize, skip: usize, state: State) -> Option<Token<'a>> {
        let rest = self.rest();
        let text = rest.get(..len).unwrap_or(rest);
        self.go(state, text.len() + skip);
        Some(Token { kind, text })
    }

    /// Takes all that is left.
    fn take_rest(&mut self, kind: Kind) -> Option<Token<'a>> {
        self.take(kind, usize::MAX, 0, State::End)
    }

    /// Takes what comes before `end`, which ends it, or all that is left.
    fn take_until(&mut self, kind: Kind, end: &[u8]) -> Option<Token<'a>> {
        match memmem::find(self.rest(), end) {
            Some(len) => self.take(kind, len, end.len(), State::Text),
            None => self.take_rest(kind),
        }
    }

    fn text(&mut self) -> Option<Token<'a>> {
        match memchr(b'<', self.rest()) {
            Some(0) => {
                self.go(State::TagOpen, 1);
                None
            }
            Some(len) => self.take(Kind::Text, len, 1, State::TagOpen),
            None if self.rest().is_empty() => self.end(),
            None => self.take_rest(Kind::Text),
        }
    }

    fn end(&mut self) -> Option<Token<'a>> {
        self.state = State::End;
        None
    }

    fn tag_open(&mut self) -> Option<Token<'a>> {
        let Some(first) = self.peek() else { return self.end() };
        match first {
            b'!' => {
                self.at += 1;
                self.markup()
            }
            b'/' => {
                self.at += 1;
                self.end_tag_open()
            }
            b'?' => {
                self.at += 1;
                self.take_until(Kind::Comment, b">")
            }
            // Internet Explorer to version 9 takes this for a comment.
            b'%' => {
                self.at += 1;
                self.take_until(Kind::Comment, b"%>")
            }
            // Internet Explorer skips zero bytes.
            b'a'..=b'z' | b'A'..=b'Z' | 0 => self.tag_name(),
            _ => {
                self.at -= 1;
                self.take(Kind::Text, 1, 0, State::Text)
            }
        }
    }

    fn end_tag_open(&mut self) -> Option<Token<'a>> {
        self.closing = true;
        match self.peek() {
            None => self.end(),
            Some(b'>') => {
                self.state = State::Text;
                None
            }
            Some(first) if first.is_ascii_alphabetic() => self.tag_name(),
            Some(_) => {
                self.closing = false;
                self.take_until(Kind::Comment, b">")
            }
        }
    }

    /// What follows `<!`.
    fn markup(&mut self) -> Option<Token<'a>> {
        const CDATA: &[u8] = b"[CDATA[";
        let rest = self.rest();
        if rest.get(..7).is_some_and(|head| head.eq_ignore_ascii_case(b"doctype")) {
            self.take_until(Kind::Doctype, b">")
        } else if rest.starts_with(CDATA) {
            self.at += CDATA.len();
            self.take_until(Kind::Text, b"]]>")
        } else if rest.starts_with(b"--") {
            self.at += 2;
            self.comment()
        } else {
            self.take_until(Kind::Comment, b">")
        }
    }

    /// Up to `-->` or `-!>`, where zero bytes may follow the first dash.
    fn comment(&mut self) -> Option<Token<'a>> {
        let rest = self.rest();
        for dash in memchr::memchr_iter(b'-', rest) {
            let after = rest.get(dash + 1..).unwrap_or_default();
            let zeros = after.iter().position(|byte| *byte != 0).unwrap_or(after.len());
            match after.get(zeros..) {
                Some([b'-' | b'!', b'>', ..]) => return self.take(Kind::Comment, dash, zeros + 3, State::Text),
                Some([_, _, ..]) => {}
                _ => break,
            }
        }
        self.take_rest(Kind::Comment)
    }
}

impl<'a> Iterator for Html<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let token = match self.state {
                State::Text => self.text(),
                State::TagOpen => self.tag_open(),
                State::TagNameEnd => self.tag_name_end(),
                State::BeforeName => self.before_name(),
                State::AfterName => self.after_name(),
                State::BeforeValue => self.before_value(),
                State::Value(quote) => self.quoted(quote),
                State::AfterValue => self.after_value(),
                State::SelfClosing => self.self_closing(),
                State::End => return None,
            };
            if token.is_some() {
                return token;
            }
        }
    }
}

/// White space of HTML, and zero bytes, which Internet Explorer skips.
fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | 0)
}
