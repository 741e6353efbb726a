//! Schemas in the form that values are checked against: references resolved to numbers, patterns compiled.

use std::collections::HashSet;

use serde_json::Value;
use testudo_core::ProvenKind;

use super::format::{Format, Width};
use super::number::Decimal;
use super::regex::Pattern;
use crate::schema::{JsonType, Sizes, TypeSet};

/// The number of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct RuleId(pub u32);

/// What one schema asks of a value. The default asks nothing.
#[derive(Default, Debug)]
pub(crate) struct Rule {
    pub never: bool,
    pub types: TypeSet,
    /// Only in responses.
    pub read_only: bool,
    /// The media type of the content of a string.
    pub media_type: Option<Box<str>>,
    pub values: Option<Box<Values>>,
    pub number: Option<Box<NumberRule>>,
    pub text: Option<Box<TextRule>>,
    pub object: Option<Box<ObjectRule>>,
    pub array: Option<Box<ArrayRule>>,
    pub compose: Option<Box<Compose>>,
}

impl Rule {
    /// Whether it asks the same of all values: nothing.
    pub(crate) fn is_open(&self) -> bool {
        !self.never
            && self.types.is_empty()
            && self.values.is_none()
            && self.number.is_none()
            && self.text.is_none()
            && self.object.is_none()
            && self.array.is_none()
            && self.compose.is_none()
    }
}

/// The values of `enum` or `const`.
#[expect(clippy::struct_excessive_bools, reason = "each is a value of its own")]
#[derive(Default, Debug)]
pub(crate) struct Values {
    /// Sorted.
    pub texts: Vec<Box<str>>,
    pub numbers: Vec<Decimal>,
    pub null: bool,
    pub yes: bool,
    pub no: bool,
    /// Lists and objects.
    pub others: Vec<Value>,
    /// Whether all texts are plain.
    pub plain: bool,
    /// For messages.
    pub shown: Box<str>,
}

/// Limits on numbers.
#[derive(Default, Debug)]
pub(crate) struct NumberRule {
    /// The limit, and whether it is excluded.
    pub least: Option<(Decimal, bool)>,
    pub most: Option<(Decimal, bool)>,
    pub multiple_of: Option<Decimal>,
    pub width: Option<Width>,
    /// For messages.
    pub shown: Box<str>,
}

/// Limits on strings.
#[derive(Debug)]
pub(crate) struct TextRule {
    pub length: Sizes,
    pub pattern: Option<Pattern>,
    pub format: Option<Format>,
    /// What a text that fits is proven to be.
    pub proves: Option<ProvenKind>,
}

/// A property that is named.
#[derive(Debug)]
pub(crate) struct Property {
    pub name: Box<[u8]>,
    /// Its rule; none where only its presence matters.
    pub rule: Option<RuleId>,
    pub required: bool,
    /// Whether the name is made of plain characters.
    pub plain: bool,
}

/// Names of properties.
pub(crate) type Names = Vec<Box<[u8]>>;

/// What is asked of objects.
#[derive(Default, Debug)]
pub(crate) struct ObjectRule {
    pub properties: Vec<Property>,
    /// Indexes into them, by name.
    pub sorted: Vec<u32>,
    pub required: u32,
    /// Whether it lists properties, so that others are unknown unless something is said about them.
    pub lists: bool,
    pub additional: Option<RuleId>,
    /// Patterns of names; one that can't be checked matches no name and all names.
    pub patterns: Vec<(Option<Pattern>, RuleId)>,
    pub names: Option<RuleId>,
    pub count: Sizes,
    pub dependent: Vec<(Box<[u8]>, Names)>,
    pub dependent_schemas: Vec<(Box<[u8]>, RuleId)>,
    pub unevaluated: Option<RuleId>,
}

impl ObjectRule {
    /// The property of that name. `next` is where it is sought first: objects are mostly written in the order of their
    /// schema.
    #[inline]
    pub(crate) fn find(&self, name: &[u8], next: &mut usize) -> Option<&Property> {
        if let Some(property) = self.properties.get(*next).filter(|property| *property.name == *name) {
            *next += 1;
            return Some(property);
        }
        let by_name = |index: &u32| self.properties.get(*index as usize).map_or(&[][..], |property| &property.name);
        let found = self.sorted.binary_search_by(|index| by_name(index).cmp(name)).ok()?;
        let index = *self.sorted.get(found)? as usize;
        *next = index + 1;
        self.properties.get(index)
    }
}

/// What is asked of arrays.
#[derive(Default, Debug)]
pub(crate) struct ArrayRule {
    pub prefix: Vec<RuleId>,
    pub items: Option<RuleId>,
    pub contains: Option<(RuleId, Sizes)>,
    pub count: Sizes,
    pub unique: bool,
    pub unevaluated: Option<RuleId>,
}

/// Rules that are asked about the same value.
#[derive(Default, Debug)]
pub(crate) struct Compose {
    pub all: Vec<RuleId>,
    pub any: Vec<RuleId>,
    pub one: Vec<RuleId>,
    pub not: Option<RuleId>,
    pub condition: Option<Condition>,
    pub discriminator: Option<Discriminator>,
}

/// `if`, `then`, `else`.
#[derive(Debug)]
pub(crate) struct Condition {
    pub when: RuleId,
    pub then: Option<RuleId>,
    pub otherwise: Option<RuleId>,
}

/// A property whose value names the rule that applies.
#[derive(Debug)]
pub(crate) struct Discriminator {
    pub property: Box<[u8]>,
    /// Sorted.
    pub rules: Vec<(Box<str>, RuleId)>,
    /// Whether the rules are those that extend this one by `allOf`, and not its alternatives.
    pub extends: bool,
    /// For messages.
    pub shown: Box<str>,
}

/// All rules of a contract, and which apply where.
#[derive(Default, Debug)]
pub(crate) struct Program {
    pub rules: Vec<Rule>,
    /// By route.
    pub routes: Vec<RouteRules>,
    /// Whether a rule asks which elements were looked at.
    pub tracks_elements: bool,
    /// The names of all properties, which messages may show.
    pub names: HashSet<Box<[u8]>>,
}

/// The rules of a route.
#[derive(Default, Debug)]
pub(crate) struct RouteRules {
    /// In the order of its parameters.
    pub parameters: Vec<Option<RuleId>>,
    /// In the order of the media types of its body.
    pub bodies: Vec<Option<RuleId>>,
}

impl Program {
    /// A rule.
    #[inline]
    pub(crate) fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(id.0 as usize)
    }

    /// The types that a value may have, as far as rules about the same value say; empty where nothing is said.
    pub(crate) fn types(&self, id: RuleId) -> TypeSet {
        self.types_within(id, 8)
    }

    fn types_within(&self, id: RuleId, depth: usize) -> TypeSet {
        let Some(rule) = self.rule(id).filter(|_| depth > 0) else { return TypeSet::default() };
        if !rule.types.is_empty() {
            return rule.types;
        }
        let mut types = TypeSet::default();
        if let Some(compose) = &rule.compose {
            for part in compose.all.iter().chain(&compose.any).chain(&compose.one) {
                types = self.types_within(*part, depth - 1).iter().fold(types, TypeSet::with);
            }
        }
        if types.is_empty()
            && let Some(values) = &rule.values
        {
            let named = [
                (!values.numbers.is_empty(), JsonType::Number),
                (values.yes || values.no, JsonType::Boolean),
                (!values.texts.is_empty(), JsonType::String),
            ];
            types = named.iter().filter(|(is, _)| *is).fold(types, |types, (_, named)| types.with(*named));
        }
        types
    }

    /// The rule of the items of an array, as far as rules about the same array name it.
    pub(crate) fn items(&self, id: RuleId) -> Option<RuleId> {
        self.first(id, 8, &|rule| rule.array.as_ref().and_then(|array| array.items))
    }

    /// Whether rules about this object name its properties.
    pub(crate) fn lists(&self, id: RuleId) -> bool {
        self.first(id, 8, &|rule| rule.object.as_ref().filter(|object| object.lists)).is_some()
    }

    /// The media type of what a string or file holds, as far as rules about it name one.
    pub(crate) fn media_type(&self, id: RuleId) -> Option<&str> {
        let of = |id| self.first(id, 8, &|rule| rule.media_type.as_deref());
        of(id).or_else(|| self.items(id).and_then(of))
    }

    /// What the first of the rules about the same value says.
    fn first<'p, T>(&'p self, id: RuleId, depth: usize, ask: &dyn Fn(&'p Rule) -> Option<T>) -> Option<T> {
        let rule = self.rule(id).filter(|_| depth > 0)?;
        let parts = rule.compose.iter().flat_map(|compose| compose.all.iter().chain(&compose.any).chain(&compose.one));
        ask(rule).or_else(|| parts.copied().find_map(|part| self.first(part, depth - 1, ask)))
    }

    /// The rule of a property of an object, as far as rules about the same object name it.
    pub(crate) fn property(&self, id: RuleId, name: &[u8]) -> Option<RuleId> {
        let named = |rule: &Rule| rule.object.as_ref()?.find(name, &mut 0)?.rule;
        self.first(id, 8, &named).or_else(|| self.first(id, 8, &|rule| rule.object.as_ref()?.additional))
    }
}
