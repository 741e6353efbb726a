//! Within a tag: its name and its attributes.

use memchr::memchr;

use super::{Html, Kind, State, Token, is_white};

impl<'a> Html<'a> {
    pub(super) fn tag_name(&mut self) -> Option<Token<'a>> {
        let ends = |byte: &u8| *byte != 0 && is_white(*byte) || matches!(byte, b'/' | b'>');
        let Some(len) = self.rest().iter().position(ends) else { return self.take_rest(Kind::TagOpen) };
        match self.rest().get(len) {
            Some(b'/') => self.take(Kind::TagOpen, len, 1, State::SelfClosing),
            Some(b'>') if self.closing => {
                self.closing = false;
                self.take(Kind::TagClose, len, 1, State::Text)
            }
            Some(b'>') => self.take(Kind::TagOpen, len, 0, State::TagNameEnd),
            _ => self.take(Kind::TagOpen, len, 1, State::BeforeName),
        }
    }

    pub(super) fn tag_name_end(&mut self) -> Option<Token<'a>> {
        self.closing = false;
        self.take(Kind::TagNameEnd, 1, 0, State::Text)
    }

    pub(super) fn skip_white(&mut self) -> Option<u8> {
        let rest = self.rest();
        self.at += rest.iter().position(|byte| !is_white(*byte)).unwrap_or(rest.len());
        self.peek()
    }

    pub(super) fn before_name(&mut self) -> Option<Token<'a>> {
        match self.skip_white() {
            None => self.end(),
            Some(b'/') => {
                self.go(State::SelfClosing, 1);
                None
            }
            Some(b'>') => self.take(Kind::TagNameEnd, 1, 0, State::Text),
            Some(_) => self.attribute_name(),
        }
    }

    /// The first byte is part of the name, whatever it is.
    pub(super) fn attribute_name(&mut self) -> Option<Token<'a>> {
        let ends = |byte: &u8| is_white(*byte) || matches!(byte, b'/' | b'=' | b'>');
        let len = self.rest().iter().skip(1).position(ends).map(|len| len + 1);
        let Some(len) = len else { return self.take_rest(Kind::AttributeName) };
        let (skip, state) = match self.rest().get(len) {
            Some(b'/') => (1, State::SelfClosing),
            Some(b'=') => (1, State::BeforeValue),
            Some(b'>') => (0, State::TagNameEnd),
            _ => (1, State::AfterName),
        };
        self.take(Kind::AttributeName, len, skip, state)
    }

    pub(super) fn after_name(&mut self) -> Option<Token<'a>> {
        match self.skip_white() {
            None => self.end(),
            Some(b'/') => {
                self.go(State::SelfClosing, 1);
                None
            }
            Some(b'=') => {
                self.go(State::BeforeValue, 1);
                None
            }
            Some(b'>') => self.tag_name_end(),
            Some(_) => self.attribute_name(),
        }
    }

    pub(super) fn before_value(&mut self) -> Option<Token<'a>> {
        match self.skip_white() {
            None => self.end(),
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                self.at += 1;
                self.quoted(quote)
            }
            Some(_) => self.unquoted(),
        }
    }

    pub(super) fn quoted(&mut self, quote: u8) -> Option<Token<'a>> {
        match memchr(quote, self.rest()) {
            Some(len) => self.take(Kind::AttributeValue, len, 1, State::AfterValue),
            None => self.take_rest(Kind::AttributeValue),
        }
    }

    pub(super) fn unquoted(&mut self) -> Option<Token<'a>> {
        let end = self.rest().iter().position(|byte| is_white(*byte) || *byte == b'>');
        let Some(len) = end else { return self.take_rest(Kind::AttributeValue) };
        let (skip, state) =
            if self.rest().get(len) == Some(&b'>') { (0, State::TagNameEnd) } else { (1, State::BeforeName) };
        self.take(Kind::AttributeValue, len, skip, state)
    }

    pub(super) fn after_value(&mut self) -> Option<Token<'a>> {
        match self.peek() {
            None => return self.end(),
            Some(b'>') => return self.take(Kind::TagNameEnd, 1, 0, State::Text),
            Some(b'/') => self.go(State::SelfClosing, 1),
            Some(_) => self.state = State::BeforeName,
        }
        None
    }

    pub(super) fn self_closing(&mut self) -> Option<Token<'a>> {
        match self.peek() {
            None => self.end(),
            Some(b'>') => {
                self.at -= 1;
                self.take(Kind::TagSelfClose, 2, 0, State::Text)
            }
            Some(_) => {
                self.state = State::BeforeName;
                None
            }
        }
    }
}
