//! Reads XML: the text of all elements as one value, and the value of each attribute.

use testudo_body::xml::{Halt, Limits, Reader, Token};

use super::body::fail;
use super::lanes::Item;
use super::state::State;
use crate::ruleset::RuleSet;
use crate::ruleset::view::Lane;
use crate::seclang::Variable;

/// Reads a whole body.
pub(super) fn read(state: &mut State, set: &RuleSet, body: &[u8]) {
    let limits = Limits { total: u64::MAX, markup: usize::MAX, ..Limits::REQUEST };
    let mut reader = Reader::new(limits);
    let mut all = Vec::new();
    let mut attributes = 0;
    let mut give = |token: &Token<'_>| {
        match token {
            Token::Attribute { value, .. } => {
                attributes += 1;
                if attributes > set.settings.arguments {
                    return Err(TooMany);
                }
                let value = value.decode();
                add(state, Lane::XML_ATTRIBUTES, b"//@*", &value);
            }
            Token::Text(text) => all.extend_from_slice(&text.decode()),
            _ => {}
        }
        Ok(())
    };
    let read = reader.push(body, &mut give).and_then(|()| reader.finish(&mut give));
    // What was read before an error is looked at as well: a service may read it the same way.
    add(state, Lane::of(Variable::Xml), b"/*", &all);
    match read {
        Ok(()) => {}
        Err(Halt::Xml(error)) => fail(state, &format!("XML parsing error: {error}")),
        Err(Halt::Visitor(TooMany)) => fail(state, "XML parsing error: too many attributes"),
    }
}

/// There are more attributes than may be.
struct TooMany;

/// Items of XML have the name of the expression that selects them.
fn add(state: &mut State, lane: Lane, expression: &[u8], value: &[u8]) {
    let lower = state.values.intern(expression);
    let value = state.values.intern(value);
    state.lanes.push(lane, Item { lower, value, ..Item::default() });
}
