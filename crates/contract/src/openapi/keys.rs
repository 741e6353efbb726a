//! The keys that OpenAPI knows, by construct, with the version that they came or went with.

use super::Version;

/// One construct of the specification.
pub(super) struct Construct {
    /// Its name in errors.
    pub name: &'static str,
    /// Keys of both versions.
    pub both: &'static [&'static str],
    /// Keys of 3.0 only, with what 3.1 has in their place.
    pub only30: &'static [(&'static str, &'static str)],
    /// Keys of 3.1 only.
    pub only31: &'static [&'static str],
    /// The keys that `x-testudo` allows here.
    pub ours: &'static [&'static str],
}

impl Construct {
    /// The keys of a version.
    pub(super) fn known(&self, version: Version) -> impl Iterator<Item = &'static str> {
        let old = self.only30.iter().map(|(key, _)| *key).filter(move |_| version == Version::V30);
        let new = self.only31.iter().copied().filter(move |_| version == Version::V31);
        self.both.iter().copied().chain(old).chain(new)
    }
}

const fn construct(name: &'static str, both: &'static [&'static str]) -> Construct {
    Construct { name, both, only30: &[], only31: &[], ours: &[] }
}

pub(super) const DOCUMENT: Construct = Construct {
    only31: &["jsonSchemaDialect", "webhooks"],
    ..construct(
        "the document",
        &["openapi", "info", "servers", "paths", "components", "security", "tags", "externalDocs"],
    )
};

pub(super) const INFO: Construct = Construct {
    only31: &["summary"],
    ..construct("info", &["title", "description", "termsOfService", "contact", "license", "version"])
};

pub(super) const SERVER: Construct = construct("a server", &["url", "description", "variables"]);

pub(super) const VARIABLE: Construct = construct("a server variable", &["enum", "default", "description"]);

pub(super) const COMPONENTS: Construct = Construct {
    only31: &["pathItems"],
    ..construct(
        "components",
        &[
            "schemas",
            "responses",
            "parameters",
            "examples",
            "requestBodies",
            "headers",
            "securitySchemes",
            "links",
            "callbacks",
        ],
    )
};

pub(super) const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch", "trace"];

pub(super) const PATH_ITEM: Construct = construct(
    "a path item",
    &[
        "$ref",
        "summary",
        "description",
        "get",
        "put",
        "post",
        "delete",
        "options",
        "head",
        "patch",
        "trace",
        "servers",
        "parameters",
    ],
);

pub(super) const OPERATION: Construct = Construct {
    ours: &["x-testudo"],
    ..construct(
        "an operation",
        &[
            "tags",
            "summary",
            "description",
            "externalDocs",
            "operationId",
            "parameters",
            "requestBody",
            "responses",
            "callbacks",
            "deprecated",
            "security",
            "servers",
        ],
    )
};

pub(super) const RULES: Construct =
    construct("x-testudo", &["acr", "scopes", "roles", "purposes", "max-body", "websocket", "csrf-token"]);

pub(super) const PARAMETER: Construct = construct(
    "a parameter",
    &[
        "name",
        "in",
        "description",
        "required",
        "deprecated",
        "allowEmptyValue",
        "style",
        "explode",
        "allowReserved",
        "schema",
        "example",
        "examples",
        "content",
    ],
);

pub(super) const REQUEST_BODY: Construct = construct("a request body", &["description", "content", "required"]);

pub(super) const MEDIA_TYPE: Construct = construct("a media type", &["schema", "example", "examples", "encoding"]);

pub(super) const ENCODING: Construct =
    construct("an encoding", &["contentType", "headers", "style", "explode", "allowReserved"]);

pub(super) const RESPONSE: Construct = construct("a response", &["description", "headers", "content", "links"]);

pub(super) const HEADER: Construct = construct(
    "a header",
    &[
        "description",
        "required",
        "deprecated",
        "allowEmptyValue",
        "style",
        "explode",
        "allowReserved",
        "schema",
        "example",
        "examples",
        "content",
    ],
);

pub(super) const SECURITY_SCHEME: Construct = construct(
    "a security scheme",
    &["type", "description", "name", "in", "scheme", "bearerFormat", "flows", "openIdConnectUrl"],
);

pub(super) const DISCRIMINATOR: Construct = construct("a discriminator", &["propertyName", "mapping"]);

pub(super) const SCHEMA: Construct = Construct {
    name: "a schema",
    both: &[
        "$ref",
        "title",
        "multipleOf",
        "maximum",
        "exclusiveMaximum",
        "minimum",
        "exclusiveMinimum",
        "maxLength",
        "minLength",
        "pattern",
        "maxItems",
        "minItems",
        "uniqueItems",
        "maxProperties",
        "minProperties",
        "required",
        "enum",
        "type",
        "allOf",
        "oneOf",
        "anyOf",
        "not",
        "items",
        "properties",
        "additionalProperties",
        "description",
        "format",
        "default",
        "discriminator",
        "readOnly",
        "writeOnly",
        "xml",
        "externalDocs",
        "example",
        "deprecated",
    ],
    only30: &[("nullable", "add `null` to `type`, as in `type: [string, \"null\"]`")],
    only31: &[
        "$id",
        "$schema",
        "$anchor",
        "$dynamicRef",
        "$dynamicAnchor",
        "$vocabulary",
        "$comment",
        "$defs",
        "const",
        "prefixItems",
        "contains",
        "minContains",
        "maxContains",
        "patternProperties",
        "propertyNames",
        "dependentRequired",
        "dependentSchemas",
        "unevaluatedItems",
        "unevaluatedProperties",
        "if",
        "then",
        "else",
        "contentEncoding",
        "contentMediaType",
        "contentSchema",
        "examples",
    ],
    ours: SCHEMA_OURS,
};

/// Our own keys of a schema.
pub(super) const SCHEMA_OURS: &[&str] = &["x-testudo-data", "x-testudo-text"];

/// Keys of a schema that say nothing about values.
pub(super) const ANNOTATIONS: &[&str] = &[
    "$ref",
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "externalDocs",
    "xml",
    "summary",
    "$comment",
];
