//! The app's API as one model, read from OpenAPI 3.0 and 3.1: its routes, which of them are public, their parameters,
//! bodies and classes of personal data.
//!
//! [`Contract::from_openapi`] reads a file and reports all that is wrong with it; [`Contract::open`] stands in when
//! there is none. [`Contract::route`] finds the route of a request, and [`decide_route`] what it means that it has none.
//! [`Contract::inspect_parameters`] and [`Contract::check_body`] say what the contract has against a request, and
//! which values a strict type proves harmless. [`diff`] tells what a new version opens or closes, and [`Learner`] writes a
//! first one from traffic.
//!
//! To learn another keyword of OpenAPI: name it in `openapi/keys.rs`, keep it in `route.rs` or `schema.rs`, read it in
//! the file of its construct under `openapi/`, and check it under `validate/`. To read another kind of contract, build
//! the same routes and schemas.

pub mod csrf;
mod diff;
mod document;
mod error;
mod head;
mod learn;
mod openapi;
mod path;
mod pattern;
mod route;
mod router;
mod schema;
mod sniff;
mod template;
mod validate;

use std::collections::BTreeSet;
use std::sync::Arc;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderMap, Method};
use serde::Serialize;

pub use diff::{Change, Effect, diff};
pub use error::{ContractErrors, Position, Problem};
pub use head::{Head, decide_route};
pub use learn::{Learner, Observation};
pub use path::{MAX_PATH, PathError};
pub use pattern::{PathPattern, PatternError};
pub use route::{Body, Encoding, Location, Parameter, Response, Route, RouteId, Rules, ScopeSet, Security, Style};
pub use router::{Found, Params, RouteMatch};
pub use schema::{Bound, DataClass, JsonType, NamedSchema, Schema, SchemaId, SchemaNode, Sizes, TypeSet};
pub use sniff::{Content, disagreement};
pub use validate::{Checked, MAX_VIOLATIONS, Options, ProvenHead, Unknown, Uploads, Violation};

use crate::router::{Clash, Router};
use crate::validate::Program;

/// An app's API.
#[derive(Debug, Serialize)]
pub struct Contract {
    routes: Vec<Arc<Route>>,
    schemas: Vec<NamedSchema>,
    #[serde(skip)]
    notes: Vec<Problem>,
    #[serde(skip)]
    router: Router,
    #[serde(skip)]
    open: bool,
    /// The schemas in the form that requests are checked against.
    #[serde(skip)]
    program: Program,
}

impl Contract {
    /// Reads an OpenAPI 3.0.x or 3.1.x file, YAML or JSON, of at most 8 MiB. `name` is used in errors.
    pub fn from_openapi(name: &str, text: &str) -> Result<Contract, ContractErrors> {
        let read = openapi::read(name, text)?;
        let mut contract = Contract {
            routes: Vec::new(),
            schemas: read.schemas,
            notes: read.notes,
            router: Router::new(),
            open: false,
            program: Program::default(),
        };
        let classes = data_closure(&contract.schemas);
        let mut problems = Vec::new();
        let mut leaves = std::collections::HashMap::new();
        for (mut route, template, position) in read.routes {
            let leaf = match leaves.get(&route.template) {
                Some(leaf) => *leaf,
                None => match contract.router.add(&route.template, &template) {
                    Ok(leaf) => {
                        leaves.insert(route.template.clone(), leaf);
                        leaf
                    }
                    Err(clash) => {
                        problems.push(clash_problem(&route, &clash, position));
                        continue;
                    }
                },
            };
            route.data = data_of(&route, &classes);
            contract.router.route(leaf, route.method.as_ref(), route.id);
            contract.routes.push(Arc::new(route));
        }
        if !problems.is_empty() {
            return Err(ContractErrors::new(name, problems));
        }
        contract.program = validate::compile(&contract.schemas, &contract.routes);
        Ok(contract)
    }

    /// Stands in when there is no file: every path is a route for every method and needs a token, except those named.
    pub fn open(public: &[PathPattern]) -> Contract {
        let mut contract = Contract {
            routes: Vec::new(),
            schemas: Vec::new(),
            notes: Vec::new(),
            router: Router::new(),
            open: true,
            program: Program::default(),
        };
        contract.add_open("/*".into(), &[], true, Security::token());
        for pattern in public {
            contract.add_open(pattern.written(), pattern.segments(), pattern.is_below(), Security::Public);
        }
        contract
    }

    fn add_open(&mut self, template: Arc<str>, segments: &[Box<str>], below: bool, security: Security) {
        let id = RouteId(u32::try_from(self.routes.len()).unwrap_or(u32::MAX));
        if let Ok(leaf) = self.router.add_literal(&template, segments, below) {
            self.router.route(leaf, None, id);
            self.routes.push(Arc::new(Route::open(id, template, security)));
        }
    }

    /// The route of a request. `path` is the request's path without its query, as it came.
    pub fn route<'a>(&'a self, method: &Method, path: &'a str) -> RouteMatch<'a> {
        self.router.find(&self.routes, method, path)
    }

    /// The route that a CORS preflight asks about, if the request is one: `OPTIONS` with `Origin` and
    /// `Access-Control-Request-Method`.
    pub fn preflight<'a>(&'a self, method: &Method, headers: &HeaderMap, path: &'a str) -> Option<RouteMatch<'a>> {
        if method != Method::OPTIONS || !headers.contains_key(ORIGIN) {
            return None;
        }
        let asked = Method::from_bytes(headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes()).ok()?;
        Some(self.route(&asked, path))
    }

    /// All routes; a [`RouteId`] is an index.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// One route.
    pub fn get(&self, id: RouteId) -> Option<&Arc<Route>> {
        self.routes.get(id.index())
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// Whether this stands in for a missing file.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// What the file may say and is yet worth a look.
    pub fn notes(&self) -> &[Problem] {
        &self.notes
    }

    /// A schema with references followed, as far as they say nothing but where to look.
    pub fn schema<'a>(&'a self, node: &'a SchemaNode) -> Option<&'a Schema> {
        match node {
            SchemaNode::Inline(schema) => Some(schema),
            SchemaNode::Ref(id) => self.schemas.get(usize::try_from(id.0).ok()?).map(|named| &named.schema),
        }
    }
}

fn clash_problem(route: &Route, clash: &Clash, position: Position) -> Problem {
    Problem {
        position,
        pointer: format!("/paths/{}", route.template.replace('~', "~0").replace('/', "~1")),
        what: format!("`{}` and `{}` match the same paths", route.template, clash.with),
        remedy: "keep one of them".into(),
        nearest: None,
    }
}

/// The classes of personal data of each referred schema, those of its subschemas and references included.
fn data_closure(schemas: &[NamedSchema]) -> Vec<BTreeSet<DataClass>> {
    let mut classes = vec![BTreeSet::new(); schemas.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); schemas.len()];
    for (user, named) in schemas.iter().enumerate() {
        let (own, references) = direct_data([&named.schema]);
        for reference in references {
            if let Some(users) = users.get_mut(reference) {
                users.push(user);
            }
        }
        if let Some(classes) = classes.get_mut(user) {
            *classes = own;
        }
    }
    let mut changed: Vec<usize> = (0..schemas.len()).collect();
    while let Some(schema) = changed.pop() {
        let own = classes.get(schema).cloned().unwrap_or_default();
        for user in users.get(schema).into_iter().flatten() {
            if let Some(theirs) = classes.get_mut(*user)
                && !own.is_subset(theirs)
            {
                theirs.extend(&own);
                changed.push(*user);
            }
        }
    }
    classes
}

/// The classes that stand in schemas themselves, and the schemas that these refer to.
fn direct_data<'a>(schemas: impl IntoIterator<Item = &'a Schema>) -> (BTreeSet<DataClass>, Vec<usize>) {
    let mut todo: Vec<&Schema> = schemas.into_iter().collect();
    let (mut own, mut references) = (BTreeSet::new(), Vec::new());
    while let Some(schema) = todo.pop() {
        own.extend(schema.data);
        for child in schema.children() {
            match child {
                SchemaNode::Inline(inner) => todo.push(inner),
                SchemaNode::Ref(id) => references.push(usize::try_from(id.0).unwrap_or(usize::MAX)),
            }
        }
    }
    (own, references)
}

fn data_of(route: &Route, closure: &[BTreeSet<DataClass>]) -> BTreeSet<DataClass> {
    let parameters = route.parameters.iter().filter_map(|parameter| parameter.schema.as_ref());
    let body = route.request_body.iter().flat_map(|body| body.content.values().flatten());
    let responses = route.responses.values();
    let answers = responses.flat_map(|response| response.content.values().chain(response.headers.values()).flatten());
    let mut classes = BTreeSet::new();
    for node in parameters.chain(body).chain(answers) {
        let (own, references) = match node {
            SchemaNode::Inline(schema) => direct_data([&**schema]),
            SchemaNode::Ref(id) => (BTreeSet::new(), vec![usize::try_from(id.0).unwrap_or(usize::MAX)]),
        };
        classes.extend(own);
        classes.extend(references.into_iter().filter_map(|reference| closure.get(reference)).flatten());
    }
    classes
}
