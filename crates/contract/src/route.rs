//! Routes: what the contract says about one method of one path.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use indexmap::IndexMap;
use serde::{Serialize, Serializer};

use crate::schema::{DataClass, SchemaNode};

/// The number of a route in its contract.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct RouteId(pub u32);

impl RouteId {
    /// As an index into [`crate::Contract::routes`].
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// One method of one path.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Route {
    /// Its number.
    pub id: RouteId,
    /// The method; none stands for every method (only without a contract file).
    #[serde(serialize_with = "method", skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The path template with the base path of its server.
    pub template: Arc<str>,
    /// The operation's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<Arc<str>>,
    /// Who may call.
    pub security: Security,
    /// Path, query, header and cookie parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// What a request carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body: Option<Body>,
    /// What comes back, by status (`200`, `4XX`, `default`).
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub responses: IndexMap<Arc<str>, Response>,
    /// Classes of personal data that stand in its parameters, requests or responses.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub data: BTreeSet<DataClass>,
    /// What `x-testudo` says.
    pub rules: Rules,
}

impl Route {
    /// A route of a contract without a file.
    pub(crate) fn open(id: RouteId, template: Arc<str>, security: Security) -> Route {
        Route {
            id,
            method: None,
            template,
            operation_id: None,
            security,
            parameters: Vec::new(),
            request_body: None,
            responses: IndexMap::new(),
            data: BTreeSet::new(),
            rules: Rules::default(),
        }
    }

    /// Whether it may be called without a token.
    pub fn is_public(&self) -> bool {
        self.security == Security::Public
    }

    /// Whether a token may be left out; one that is sent must be valid.
    pub fn is_token_optional(&self) -> bool {
        matches!(self.security, Security::Public | Security::Optional { .. })
    }

    /// Whether a token with these scopes suffices: all scopes of one alternative, and those of `x-testudo`.
    pub fn scopes_suffice(&self, has: impl Fn(&str) -> bool) -> bool {
        let all = |scopes: &BTreeSet<Arc<str>>| scopes.iter().all(|scope| has(scope));
        let alternatives = match &self.security {
            Security::Public => return all(&self.rules.scopes),
            Security::Optional { scopes } | Security::Required { scopes } => scopes,
        };
        alternatives.iter().any(all) && all(&self.rules.scopes)
    }
}

#[expect(clippy::ref_option, reason = "the form that serde calls")]
fn method<S: Serializer>(method: &Option<Method>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(method.as_ref().map_or("*", Method::as_str))
}

/// Scopes that a token needs together.
pub type ScopeSet = BTreeSet<Arc<str>>;

/// Who may call a route. Only an empty list in `security` makes it public; what is not said needs a token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// Everybody.
    Public,
    /// Everybody; a token that is sent must be valid and is told to the upstream.
    Optional {
        /// The alternatives for a caller with a token.
        scopes: Vec<ScopeSet>,
    },
    /// Callers with a token.
    Required {
        /// One of these must be met; an empty set asks for no scope. Never empty itself.
        scopes: Vec<ScopeSet>,
    },
}

impl Security {
    /// Any valid token.
    pub fn token() -> Security {
        Security::Required { scopes: vec![ScopeSet::new()] }
    }
}

/// What `x-testudo` on an operation says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Rules {
    /// The least authentication: 1 one factor, 2 two factors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<u8>,
    /// Scopes that are needed besides those of `security`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: ScopeSet,
    /// One of these roles is needed, if any is named.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Arc<str>>,
    /// The person must have consented to all of these purposes.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub purposes: BTreeSet<Arc<str>>,
    /// The largest request body in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body: Option<u64>,
    /// The route may switch to WebSocket.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub websocket: bool,
    /// Requests with cookies must repeat a token: see [`crate::csrf`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub csrf_token: bool,
}

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Location {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In a cookie.
    Cookie,
}

/// How a parameter with several parts is written (RFC 6570 and OpenAPI 3.1 section 4.8.12.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// `;id=1`
    Matrix,
    /// `.1`
    Label,
    /// `1,2`
    Simple,
    /// `id=1&id=2` or `id=1,2`
    Form,
    /// `id=1%202`
    SpaceDelimited,
    /// `id=1|2`
    PipeDelimited,
    /// `id[a]=1`
    DeepObject,
}

/// A parameter.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Parameter {
    /// Its name; headers in lower case.
    pub name: Arc<str>,
    /// Where.
    pub location: Location,
    /// Whether a request must have it.
    pub required: bool,
    /// How it is written.
    pub style: Style,
    /// Whether parts are written one by one.
    pub explode: bool,
    /// Reserved characters may stand unencoded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_reserved: bool,
    /// What it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaNode>,
    /// The media type, where it is a document of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<Arc<str>>,
}

/// A request body.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Body {
    /// Whether a request must have one.
    pub required: bool,
    /// What it may be, by media type or range in lower case.
    pub content: IndexMap<Arc<str>, Option<SchemaNode>>,
    /// By media type, how fields of forms are written.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub encodings: IndexMap<Arc<str>, IndexMap<Arc<str>, Encoding>>,
}

/// How a field of a form is written (OpenAPI 3.1 section 4.8.15).
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Encoding {
    /// The media types or ranges that a part may have, in lower case; empty where nothing is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content_types: Vec<Arc<str>>,
    /// Whether the items of a list stand one by one, and not in one value with commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explode: Option<bool>,
}

/// A response.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Response {
    /// What it may be, by media type or range in lower case.
    pub content: IndexMap<Arc<str>, Option<SchemaNode>>,
    /// Its headers in lower case.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<Arc<str>, Option<SchemaNode>>,
}
