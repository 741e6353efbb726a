//! All that rules ask of one field, arranged so that a value finds its predicates.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::QuickHash;
use super::scan::Scanner;
use crate::event::value::Value;
use crate::predicate::{Anchor, Is, Number, Test, fold_into};

/// The predicates of one field.
#[derive(Default)]
pub(super) struct Table {
    exists: Option<u32>,
    has_value: Option<u32>,
    folded: Texts,
    cased: Texts,
    /// Whole values that are integers.
    integers: HashMap<i64, u32, QuickHash>,
    networks: Vec<(IpNet, u32)>,
    numbers: Vec<(Is, Number, u32)>,
}

/// Whole texts and parts of texts.
#[derive(Default)]
struct Texts {
    whole: HashMap<Box<[u8]>, u32, QuickHash>,
    /// Which lengths whole texts have, by bit; the last bit stands for all longer ones.
    lengths: u64,
    parts: Scanner,
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

impl Table {
    pub(super) fn add(&mut self, test: &Test, predicate: u32) {
        match test {
            Test::Exists => self.exists = Some(predicate),
            Test::HasValue => self.has_value = Some(predicate),
            Test::Text { anchor: Anchor::Whole, bytes, cased } => {
                let texts = if *cased { &mut self.cased } else { &mut self.folded };
                texts.whole.insert(bytes.clone(), predicate);
                texts.lengths |= length_bit(bytes.len());
                let integer = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<i64>().ok());
                // Only as it is written: `007` is not 7. Cased and folded are the same for digits.
                if let Some(integer) = integer.filter(|integer| integer.to_string().as_bytes() == &**bytes && !cased) {
                    self.integers.insert(integer, predicate);
                }
            }
            Test::Text { anchor, bytes, cased } => {
                let texts = if *cased { &mut self.cased } else { &mut self.folded };
                texts.parts.add(*anchor, bytes, predicate);
            }
            Test::Network(network) => self.networks.push((*network, predicate)),
            Test::Number { is, to } => self.numbers.push((*is, *to, predicate)),
            Test::Glob { .. } | Test::Regex { .. } | Test::Part { .. } | Test::SameAs { .. } => {}
        }
    }

    pub(super) fn seal(&mut self) {
        self.folded.parts.seal();
        self.cased.parts.seal();
    }

    /// Hits all predicates that a value fulfils.
    pub(super) fn tell(&self, value: &Value<'_>, fold: &mut Vec<u8>, hit: &mut impl FnMut(u32)) {
        self.exists.into_iter().for_each(&mut *hit);
        if *value == Value::Null {
            return;
        }
        self.has_value.into_iter().for_each(&mut *hit);
        match value {
            Value::Int(integer) => {
                if let Some(predicate) = self.integers.get(integer) {
                    hit(*predicate);
                }
                if !self.folded.parts.is_empty() || !self.cased.is_empty() {
                    let text = integer.to_string();
                    self.folded.parts.scan(text.as_bytes(), hit);
                    self.cased.tell(text.as_bytes(), hit);
                }
            }
            Value::Null | Value::Map => {}
            other => {
                if !self.folded.is_empty() || !self.cased.is_empty() || !self.networks.is_empty() {
                    self.tell_text(other, fold, hit);
                }
            }
        }
        if !self.numbers.is_empty()
            && let Some(number) = value.number()
        {
            for (is, to, predicate) in &self.numbers {
                if is.holds(number, *to) {
                    hit(*predicate);
                }
            }
        }
    }

    fn tell_text(&self, value: &Value<'_>, fold: &mut Vec<u8>, hit: &mut impl FnMut(u32)) {
        let Some(text) = value.text() else { return };
        let bytes = text.as_bytes();
        if !self.folded.is_empty() {
            let parts = !self.folded.parts.is_empty();
            // Folding may change the length of what is not ASCII.
            if parts || self.folded.lengths & length_bit(bytes.len()) != 0 || !bytes.is_ascii() {
                fold_into(bytes, fold);
                self.folded.tell(fold, hit);
            }
        }
        self.cased.tell(bytes, hit);
        if !self.networks.is_empty()
            && let Ok(address) = text.trim().parse::<IpAddr>()
        {
            let address = address.to_canonical();
            for (network, predicate) in &self.networks {
                if network.contains(&address) {
                    hit(*predicate);
                }
            }
        }
    }
}

impl Texts {
    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.parts.is_empty()
    }

    fn tell(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        if self.lengths & length_bit(text.len()) != 0
            && let Some(predicate) = self.whole.get(text)
        {
            hit(*predicate);
        }
        self.parts.scan(text, hit);
    }
}
