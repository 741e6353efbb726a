//! Schemas: what values may be, the same for OpenAPI 3.0 and 3.1 (JSON Schema 2020-12).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

/// Classes of personal data, named by `x-testudo-data` on a schema.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataClass {
    /// An electronic mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A card number.
    Pan,
    /// A bank account number.
    Iban,
    /// A person's name.
    Name,
    /// A postal address.
    Address,
    /// A date of birth.
    BirthDate,
    /// A number that a state gave to a person.
    NationalId,
    /// Anything about health.
    Health,
    /// Text that people write, which may hold anything.
    FreeText,
}

impl DataClass {
    /// All classes.
    pub const ALL: &'static [DataClass] = &[
        DataClass::Email,
        DataClass::Phone,
        DataClass::Pan,
        DataClass::Iban,
        DataClass::Name,
        DataClass::Address,
        DataClass::BirthDate,
        DataClass::NationalId,
        DataClass::Health,
        DataClass::FreeText,
    ];

    /// The name, as in contracts and obligations.
    pub const fn name(self) -> &'static str {
        match self {
            DataClass::Email => "email",
            DataClass::Phone => "phone",
            DataClass::Pan => "pan",
            DataClass::Iban => "iban",
            DataClass::Name => "name",
            DataClass::Address => "address",
            DataClass::BirthDate => "birth-date",
            DataClass::NationalId => "national-id",
            DataClass::Health => "health",
            DataClass::FreeText => "free-text",
        }
    }

    /// The class of that name.
    pub fn named(name: &str) -> Option<DataClass> {
        DataClass::ALL.iter().copied().find(|class| class.name() == name)
    }
}

/// The JSON types.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JsonType {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number without a fraction.
    Integer,
    /// A number.
    Number,
    /// A string.
    String,
    /// A list.
    Array,
    /// An object.
    Object,
}

impl JsonType {
    /// All types.
    pub const ALL: &'static [JsonType] = &[
        JsonType::Null,
        JsonType::Boolean,
        JsonType::Integer,
        JsonType::Number,
        JsonType::String,
        JsonType::Array,
        JsonType::Object,
    ];

    /// The name, as in schemas.
    pub const fn name(self) -> &'static str {
        match self {
            JsonType::Null => "null",
            JsonType::Boolean => "boolean",
            JsonType::Integer => "integer",
            JsonType::Number => "number",
            JsonType::String => "string",
            JsonType::Array => "array",
            JsonType::Object => "object",
        }
    }
}

/// The types that a schema allows. Empty says nothing about the type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct TypeSet(u8);

impl TypeSet {
    /// This set and one more.
    #[must_use]
    pub const fn with(self, json_type: JsonType) -> TypeSet {
        TypeSet(self.0 | 1 << (json_type as u8))
    }

    /// Whether the type is allowed by name.
    pub const fn contains(self, json_type: JsonType) -> bool {
        self.0 & (1 << (json_type as u8)) != 0
    }

    /// Whether nothing is said about the type.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The types in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = JsonType> {
        JsonType::ALL.iter().copied().filter(move |json_type| self.contains(*json_type))
    }
}

impl Serialize for TypeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        self.iter().try_for_each(|json_type| list.serialize_element(&json_type))?;
        list.end()
    }
}

/// The number of a schema that is referred to, in its contract.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct SchemaId(pub(crate) u32);

/// A schema in its place.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaNode {
    /// One that stands elsewhere in the file and may refer to itself.
    Ref(SchemaId),
    /// One that stands here.
    Inline(Box<Schema>),
}

/// A schema that is referred to.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct NamedSchema {
    /// Its JSON pointer.
    pub pointer: Arc<str>,
    /// The schema.
    pub schema: Schema,
}

/// A limit on numbers.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Bound {
    /// The limit.
    pub value: Number,
    /// Whether the limit itself is excluded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
}

/// Sizes from and to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Sizes {
    /// At least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
}

impl Sizes {
    /// Whether nothing is said.
    pub fn is_open(&self) -> bool {
        self.min.is_none() && self.max.is_none()
    }

    /// Whether a size lies within.
    pub fn contains(&self, size: usize) -> bool {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        self.min.is_none_or(|min| min <= size) && self.max.is_none_or(|max| size <= max)
    }
}

/// What a value may be. The default allows everything.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a keyword of its own")]
pub struct Schema {
    /// Nothing is allowed (the schema `false`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub never: bool,
    /// The types.
    #[serde(skip_serializing_if = "TypeSet::is_empty_ref")]
    pub types: TypeSet,
    /// A format such as `uuid` or `date-time`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Arc<str>>,
    /// The values that are allowed (`enum`, or the one of `const`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
    /// The least number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Bound>,
    /// The greatest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Bound>,
    /// What a number must be a multiple of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multiple_of: Option<Number>,
    /// The length of a string in characters.
    #[serde(skip_serializing_if = "Sizes::is_open")]
    pub length: Sizes,
    /// The ECMA-262 pattern of a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Arc<str>>,
    /// How many items.
    #[serde(skip_serializing_if = "Sizes::is_open")]
    pub item_count: Sizes,
    /// No two items are equal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unique_items: bool,
    /// How many properties.
    #[serde(skip_serializing_if = "Sizes::is_open")]
    pub property_count: Sizes,
    /// The properties that must be there.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub required: BTreeSet<Arc<str>>,
    /// The properties by name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub properties: IndexMap<Arc<str>, SchemaNode>,
    /// Subschemas of the other keywords that hold one: `items`, `additionalProperties`, `not`, `if`, ...
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub one: BTreeMap<&'static str, SchemaNode>,
    /// Subschemas of keywords that hold a list: `allOf`, `anyOf`, `oneOf`, `prefixItems`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub many: BTreeMap<&'static str, Vec<SchemaNode>>,
    /// Subschemas of keywords that hold a map: `patternProperties`, `dependentSchemas`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<&'static str, IndexMap<Arc<str>, SchemaNode>>,
    /// How many items must fit `contains`; at least one where nothing is said.
    #[serde(skip_serializing_if = "Sizes::is_open")]
    pub contains_count: Sizes,
    /// For a property that is there, those that must then be there too.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub dependent_required: IndexMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// The property that tells the alternatives of `oneOf` and `anyOf` apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discriminator: Option<Arc<str>>,
    /// What values of that property stand for, where it is not the name of the schema.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub mapping: IndexMap<Arc<str>, SchemaId>,
    /// The media type of what a string holds (`contentMediaType`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<Arc<str>>,
    /// Only in responses.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// Only in requests.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub write_only: bool,
    /// The class of personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataClass>,
    /// Somebody looked, and neither the value nor anything within it is personal (`x-testudo-data: none`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exempt: bool,
    /// People write what they like, code too (`x-testudo-text: free`): the firewall's rules about attacks don't look at it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub free_text: bool,
}

impl TypeSet {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
    fn is_empty_ref(&self) -> bool {
        self.is_empty()
    }
}

impl Schema {
    /// All subschemas.
    pub fn children(&self) -> impl Iterator<Item = &SchemaNode> {
        let maps = self.named.values().flat_map(IndexMap::values);
        self.properties.values().chain(self.one.values()).chain(self.many.values().flatten()).chain(maps)
    }
}
