//! Templates, compiled: text that is known goes to the table of values before any request comes.

use super::compile::Compiler;
use super::view::View;
use crate::seclang::{Piece, Selector, Target, Template, Variable};
use crate::values::ValueId;

/// A piece of a [`Text`].
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Plain(Box<[u8]>),
    /// The member of `TX` that has this slot.
    Tx(usize),
    /// The first value of a variable.
    First(Box<View>),
}

/// A compiled template.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    /// Without macros; the number when it is one, written as numbers are.
    Constant(ValueId, Option<i64>),
    /// One member of `TX` and nothing else.
    Tx(usize),
    /// Anything else.
    Parts(Box<[Part]>),
}

impl Text {
    pub(super) fn of(template: &Template, compiler: &mut Compiler) -> Text {
        if let Some(text) = template.text() {
            let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
            return Text::Constant(compiler.constant(text.as_bytes()), number);
        }
        let parts: Vec<Part> = template.pieces.iter().map(|piece| part(piece, compiler)).collect();
        match parts.as_slice() {
            [Part::Tx(slot)] => Text::Tx(*slot),
            _ => Text::Parts(parts.into()),
        }
    }
}

fn part(piece: &Piece, compiler: &mut Compiler) -> Part {
    let (variable, member) = match piece {
        Piece::Text(text) => return Part::Plain(text.as_bytes().into()),
        Piece::Macro(variable, member) => (*variable, member.as_deref()),
    };
    // The template was checked when it was read.
    let selector = member.and_then(|member| Selector::parse(member).ok()).unwrap_or(Selector::All);
    if let (Variable::Tx, Selector::Name(name)) = (variable, &selector) {
        return Part::Tx(compiler.slot(name));
    }
    let target = Target { variable, selector, count: false, exclude: false };
    let mut view = View::of(&target, &mut |name| compiler.constant(name));
    view.open = variable == Variable::Tx;
    compiler.uses(&view);
    Part::First(Box::new(view))
}
