//! What a rule asks of the code.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use testudo_core::Confidence;

use super::pattern::{Glob, Listed, Member, PatternError, TypeName, Word, shown};
use crate::rule::{RuleId, nearest};

/// What finds a rule's weakness in code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Condition {
    /// The rule.
    pub rule: RuleId,
    /// What is looked for.
    pub find: Use,
    /// What has to be there too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<Use>,
    /// What must not be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Use>,
    /// The weakness is that nothing is found.
    #[serde(default, skip_serializing_if = "is_false")]
    pub missing: bool,
    /// The versions of the platform for which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdk: Option<Sdk>,
    /// Only the app's own code is asked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub own: bool,
    /// One finding for the app is enough.
    #[serde(default, skip_serializing_if = "is_false")]
    pub once: bool,
    /// How sure.
    pub confidence: Confidence,
}

/// A use of something: exactly one of `call`, `field`, `string` and `implements`, with questions about it.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Use {
    /// A call of one of these methods, on the class or anything below it.
    #[serde(skip_serializing_if = "empty")]
    pub call: Listed<Member>,
    /// A read or write of one of these fields.
    #[serde(skip_serializing_if = "empty")]
    pub field: Listed<Member>,
    /// A string that is loaded: the whole text, or its beginning with `*` behind it, in this case of the letters.
    #[serde(skip_serializing_if = "empty")]
    pub string: Listed<Glob>,
    /// Strings that do not count.
    #[serde(skip_serializing_if = "empty")]
    pub except: Listed<Glob>,
    /// A method that overrides or implements one of these.
    #[serde(skip_serializing_if = "empty")]
    pub implements: Listed<Member>,
    /// What a call is given, counted without the receiver.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Test>,
    /// What a call is made on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver: Option<Test>,
    /// The `long` that a call gives is cut to an `int` at once, as a number and not a time.
    #[serde(skip_serializing_if = "is_false")]
    pub narrowed: bool,
    /// What the method that implements does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// Where it is looked for, in `with` and `without`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
}

/// How near something has to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Within {
    /// In the same method.
    Method,
    /// In the same class, with the classes that stand in it.
    Class,
    /// Anywhere in the app.
    App,
}

/// A question about a value. All that is named must hold of one of the values that are possible.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Test {
    /// The argument. In `given` of a call, 0 is its receiver, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u8>,
    /// It is a text, or an array with a text, that one of these fits. What is not known of a text that is put together
    /// counts as one character.
    #[serde(skip_serializing_if = "empty")]
    pub text: Listed<Glob>,
    /// It is such a text that none of these fits.
    #[serde(skip_serializing_if = "empty")]
    pub other_than: Listed<Glob>,
    /// Its name ends with one of these words: the text itself, the field, the method or key that it is got by, or the label
    /// before the unknown part of a text that is put together.
    #[serde(skip_serializing_if = "empty")]
    pub named: Listed<Word>,
    /// It is such a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// It is an array or text of such a length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<Number>,
    /// It is of one of these kinds.
    #[serde(skip_serializing_if = "empty")]
    pub is: Listed<Kind>,
    /// It is a new instance of one of these classes or below.
    #[serde(skip_serializing_if = "empty")]
    pub new: Listed<TypeName>,
    /// It is what one of these methods returned.
    #[serde(skip_serializing_if = "empty")]
    pub call: Listed<Member>,
    /// It is made from what one of these methods returned, or from a new instance with `<init>`, however deep.
    #[serde(skip_serializing_if = "empty")]
    pub from: Listed<Member>,
    /// What the call or constructor was given that made it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<Test>,
    /// It has to hold of every value that is possible.
    #[serde(skip_serializing_if = "is_false")]
    pub every: bool,
    /// It must not hold.
    #[serde(skip_serializing_if = "is_false")]
    pub not: bool,
    /// It may be a secret, so evidence shows only its beginning.
    #[serde(skip_serializing_if = "is_false")]
    pub secret: bool,
}

/// A question about a number.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Number {
    /// It is one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<i64>,
    /// It is smaller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<i64>,
    /// It is this or larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<i64>,
    /// All these bits are set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_bits: Option<i64>,
    /// None of these bits is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lacks_bits: Option<i64>,
}

impl Number {
    pub(super) fn holds(&self, number: i64) -> bool {
        (self.any_of.is_empty() || self.any_of.contains(&number))
            && self.below.is_none_or(|below| number < below)
            && self.at_least.is_none_or(|least| number >= least)
            && self.has_bits.is_none_or(|bits| number & bits == bits)
            && self.lacks_bits.is_none_or(|bits| number & bits == 0)
    }
}

/// A kind of value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Known in full.
    Constant,
    /// Known, or made by calls out of known values alone.
    Derived,
    /// `null`.
    Null,
    /// A text that is known.
    Text,
    /// A text that is put together, of which a part is not known.
    Joined,
    /// What a call returned.
    Call,
    /// A new instance.
    New,
    /// A new instance whose constructor was given nothing.
    Bare,
    /// What a field holds.
    Field,
    /// An argument of the method, or the instance that it runs on.
    Parameter,
    /// Anything else.
    Unknown,
}

impl Kind {
    const NAMES: [(Kind, &str); 11] = [
        (Kind::Constant, "constant"),
        (Kind::Derived, "derived"),
        (Kind::Null, "null"),
        (Kind::Text, "text"),
        (Kind::Joined, "joined"),
        (Kind::Call, "call"),
        (Kind::New, "new"),
        (Kind::Bare, "bare"),
        (Kind::Field, "field"),
        (Kind::Parameter, "parameter"),
        (Kind::Unknown, "unknown"),
    ];
}

impl FromStr for Kind {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Kind, PatternError> {
        if let Some((kind, _)) = Kind::NAMES.iter().find(|(_, name)| *name == text) {
            return Ok(*kind);
        }
        let meant = nearest(text, Kind::NAMES.iter().map(|(_, name)| *name));
        let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
        Err(PatternError::Kind(shown(text), meant))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Kind::NAMES.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name))
    }
}

/// What a method that implements something does.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Body {
    /// Every way through it returns this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns: Option<Returned>,
    /// Nothing in it can throw by intention: no `throw`, and no call that may refuse, but for calls whose exceptions it
    /// swallows.
    #[serde(skip_serializing_if = "is_false")]
    pub never_throws: bool,
    /// It calls one of these.
    #[serde(skip_serializing_if = "empty")]
    pub calls: Listed<Member>,
    /// It calls none of these.
    #[serde(skip_serializing_if = "empty")]
    pub lacks: Listed<Member>,
}

/// What a method returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Returned {
    /// `true`.
    True,
    /// `false`.
    False,
}

/// Versions of the platform, as API levels. Where a level is not known, what is asked of it holds.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Sdk {
    /// The oldest on which the app runs is below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_below: Option<u32>,
    /// The oldest on which the app runs is this or newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_at_least: Option<u32>,
    /// The one that the app is made for is below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_below: Option<u32>,
    /// The one that the app is made for is this or newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_at_least: Option<u32>,
}

impl Sdk {
    pub(super) fn holds(&self, min: Option<u32>, target: Option<u32>) -> bool {
        let below =
            |level: Option<u32>, limit: Option<u32>| level.zip(limit).is_none_or(|(level, limit)| level < limit);
        let least =
            |level: Option<u32>, limit: Option<u32>| level.zip(limit).is_none_or(|(level, limit)| level >= limit);
        below(min, self.min_below)
            && least(min, self.min_at_least)
            && below(target, self.target_below)
            && least(target, self.target_at_least)
    }
}

/// What is wrong, and what to do.
type Wrong = (String, String);

fn wrong<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Wrong> {
    Err((message.into(), help.into()))
}

impl Condition {
    /// What a reader of TOML can't see: that each use has one subject, and only the questions that its subject answers.
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        self.find.check("find")?;
        if self.find.within.is_some() {
            return wrong("`find.within` says nothing", "write it in `with` and `without`");
        }
        for (name, uses) in [("with", &self.with), ("without", &self.without)] {
            for one in uses {
                one.check(name)?;
                let near = one.within.is_some_and(|within| within != Within::App);
                if self.missing && near {
                    return wrong(
                        format!("`{name}` is near nothing, as `missing` has no place"),
                        "write `within = \"app\"`",
                    );
                }
                if one.within.is_none() && !self.missing {
                    return wrong(
                        format!("`{name}` does not say where"),
                        "write `within = \"method\"`, `class` or `app`",
                    );
                }
            }
        }
        Ok(())
    }
}

impl Use {
    fn check(&self, name: &str) -> Result<(), Wrong> {
        let subjects =
            [!self.call.is_empty(), !self.field.is_empty(), !self.string.is_empty(), !self.implements.is_empty()];
        if subjects.iter().filter(|there| **there).count() != 1 {
            return wrong(
                format!("`{name}` has not exactly one subject"),
                "write one of `call`, `field`, `string` and `implements`",
            );
        }
        if self.call.is_empty() && (!self.arguments.is_empty() || self.receiver.is_some() || self.narrowed) {
            return wrong(format!("`{name}` asks for arguments of what is no call"), "write `call`");
        }
        if self.string.is_empty() && !self.except.is_empty() {
            return wrong(format!("`{name}.except` excepts nothing"), "write `string`");
        }
        if self.implements.is_empty() && self.body.is_some() {
            return wrong(format!("`{name}` asks for a body of what is no method"), "write `implements`");
        }
        if self.string.iter().any(|text| text.as_prefix().is_none()) {
            return wrong(
                format!("`{name}.string` has stars within"),
                "write the whole text, or its beginning with one `*` behind",
            );
        }
        if self.receiver.as_ref().is_some_and(|receiver| receiver.at.is_some()) {
            return wrong(format!("`{name}.receiver` says `at`"), "take it away");
        }
        let tests =
            self.arguments.iter().map(|test| (test, true)).chain(self.receiver.iter().map(|test| (test, false)));
        tests.into_iter().try_for_each(|(test, placed)| test.check(name, placed, 0))
    }
}

impl Test {
    fn check(&self, name: &str, placed: bool, depth: usize) -> Result<(), Wrong> {
        /// Deeper than a person can read.
        const MAX_DEPTH: usize = 4;
        if placed && self.at.is_none() {
            return wrong(format!("a test in `{name}` does not say which argument"), "write `at = 0`");
        }
        if depth > MAX_DEPTH {
            return wrong(format!("a test in `{name}` is too deep"), "write a simpler one");
        }
        let plain = Test { at: None, every: false, not: false, secret: false, given: Vec::new(), ..self.clone() };
        if plain == Test::default() && self.given.is_empty() {
            return wrong(
                format!("a test in `{name}` asks nothing"),
                "write what the value is, such as `is = \"constant\"`",
            );
        }
        self.given.iter().try_for_each(|test| test.check(name, true, depth + 1))
    }
}

fn empty<T>(list: &Listed<T>) -> bool {
    list.is_empty()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}
