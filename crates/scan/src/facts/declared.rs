//! Which kinds of rows and attributes there are, so that a rule that asks for others is refused.

use std::collections::BTreeMap;

use super::matcher::{Matcher, Scalar, Wants};
use super::{Condition, kinds, template};
use crate::rule::nearest;

/// A kind of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What a row is.
    pub what: &'static str,
    /// The attributes that a row may have.
    pub attributes: &'static [Attribute],
}

/// An attribute: its name and what it says.
pub type Attribute = (&'static str, Type);

/// What an attribute says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// Yes or no.
    Flag,
    /// A number.
    Number,
    /// A text.
    Text,
    /// Several texts.
    List,
}

impl Type {
    const fn name(self) -> &'static str {
        match self {
            Type::Flag => "a flag",
            Type::Number => "a number",
            Type::Text => "a text",
            Type::List => "a list of texts",
        }
    }

    const fn takes(self, scalar: &Scalar) -> bool {
        matches!(
            (self, scalar),
            (Type::Flag, Scalar::Flag(_))
                | (Type::Number, Scalar::Number(_))
                | (Type::Text | Type::List, Scalar::Text(_))
        )
    }
}

impl Kind {
    fn find(name: &str) -> Option<&'static Kind> {
        kinds().find(|kind| kind.name == name)
    }

    fn attribute(&self, name: &str) -> Option<Type> {
        self.attributes.iter().find(|(own, _)| *own == name).map(|(_, of)| *of)
    }
}

/// What is wrong, and what to do.
type Wrong = (String, String);

/// What a condition asks that no row can answer.
pub(crate) fn wrong_in(condition: &Condition) -> Result<(), Wrong> {
    let own = demands(&condition.on, &condition.wants, None)?;
    for selector in condition.when.iter().chain(&condition.unless) {
        demands(&selector.on, &selector.wants, Some(own))?;
    }
    // Of a missing row, nothing can be told but what is told of the first that is there.
    let shown = match (condition.missing, condition.when.first()) {
        (false, _) => Some(own),
        (true, Some(first)) => Some(find(&first.on)?),
        (true, None) => None,
    };
    for template in condition.title.iter().chain(&condition.evidence) {
        if template.matches('{').count() != template.matches('}').count() || template.chars().count() > 200 {
            return Err((format!("`{template}` has open braces or is too long"), "write `{attribute}`".to_owned()));
        }
        for name in template::names(template) {
            let Some(kind) = shown else {
                let help = "write what is missing, or name a row in `when`";
                return Err((format!("`{{{name}}}` is of no row"), help.to_owned()));
            };
            attribute(kind, name)?;
        }
    }
    Ok(())
}

fn find(name: &str) -> Result<&'static Kind, Wrong> {
    Kind::find(name).ok_or_else(|| {
        let names = kinds().map(|kind| kind.name);
        (format!("there are no facts of the kind `{name}`"), meant(name, names, "see the modules of `facts`"))
    })
}

fn attribute(kind: &Kind, name: &str) -> Result<Type, Wrong> {
    kind.attribute(name).ok_or_else(|| {
        let names = kind.attributes.iter().map(|(name, _)| *name);
        let all = names.clone().collect::<Vec<_>>().join("`, `");
        let message = format!("`{}` has no attribute `{name}`", kind.name);
        (message, meant(name, names, &format!("there are `{all}`")))
    })
}

fn meant(wrong: &str, names: impl Iterator<Item = &'static str>, otherwise: &str) -> String {
    nearest(wrong, names).map_or_else(|| otherwise.to_owned(), |meant| format!("did you mean `{meant}`?"))
}

/// Checks what is demanded of rows of a kind; `own` is the kind of the condition's own rows, in another row's demands.
fn demands(on: &str, wants: &BTreeMap<String, Matcher>, own: Option<&Kind>) -> Result<&'static Kind, Wrong> {
    let kind = find(on)?;
    for (name, matcher) in wants {
        let of = attribute(kind, name)?;
        let bad =
            |what: &str, help: &str| Err((format!("`{name}` of `{on}` is {}, and {what}", of.name()), help.to_owned()));
        let scalars = match matcher {
            Matcher::Is(scalar) => std::slice::from_ref(scalar),
            Matcher::Wants(wants) => {
                if **wants == Wants::default() {
                    return bad("nothing is demanded of it", "take it away");
                }
                let texts = !wants.matches.is_empty() || !wants.unlike.is_empty();
                if texts && !matches!(of, Type::Text | Type::List) {
                    return bad("matches no pattern", "compare it with a value");
                }
                if !wants.has.is_empty() && of != Type::List {
                    return bad("has no parts", "compare it with a value");
                }
                if (wants.below.is_some() || wants.at_least.is_some()) && of != Type::Number {
                    return bad("is neither below nor above a number", "compare it with a value");
                }
                if wants.none_of.iter().any(|scalar| !of.takes(scalar)) {
                    return bad("never equals such a value", "write values of its type");
                }
                if let Some(other) = &wants.same_as {
                    let Some(own) = own else { return bad("`same-as` is for other rows", "move it to `when`") };
                    if attribute(own, other)? != of {
                        return bad("what it is compared with is of another type", "compare those of one type");
                    }
                }
                &wants.any_of
            }
        };
        if scalars.iter().any(|scalar| !of.takes(scalar)) {
            return bad("never equals such a value", "write a value of its type");
        }
    }
    Ok(kind)
}
