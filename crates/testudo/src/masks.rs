//! Which answers hold marked data, and who sees how much of them: the contract's `x-testudo-data` and the rules of
//! `[masking]`, compiled once per snapshot, so that a request compiles nothing.

#![expect(clippy::type_complexity, reason = "the type is named where it is used")]

mod graph;

use std::collections::HashMap;
use std::sync::Arc;

use http::header::HeaderName;
use testudo_contract::{Contract, Found, Response, Route, SchemaNode};
use testudo_crypto::digest::sha256;
use testudo_privacy::{ClassSet, DataClass, Marks, MarksError, Policy};

use self::graph::Graph;
use crate::config::Config;
use crate::snapshot::SnapshotError;

/// The masks of all routes.
pub struct Masks {
    routes: Vec<RouteMasks>,
}

/// What one route owes.
pub struct RouteMasks {
    /// How much who sees.
    pub policy: Policy,
    /// Whether the contract marks anything in its answers.
    pub marked: bool,
    /// All that is marked in any answer: for those that the contract does not describe.
    pub all: Arc<Marks>,
    /// The marked headers of any answer.
    pub headers: Vec<(HeaderName, DataClass)>,
    answers: Vec<(Status, Vec<(Media, Arc<Marks>)>)>,
    /// Tells these marks from others, in the tags of answers.
    pub fingerprint: [u8; 32],
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Status {
    Exactly(u16),
    Hundred(u16),
    Any,
}

/// A media type or a range of them.
type Media = Arc<str>;

impl Masks {
    /// Compiles the marks of a contract and the rules of a configuration.
    pub fn build(config: &Config, contract: &Contract) -> Result<Masks, SnapshotError> {
        for own in &config.masking.routes {
            if !contract.routes().iter().any(|route| own.names(method(route), &route.template)) {
                return Err(SnapshotError::Value {
                    key: "masking.routes",
                    message: no_such_route(&own.route, contract),
                });
            }
        }
        for (route, purpose) in
            contract.routes().iter().flat_map(|route| route.rules.purposes.iter().map(move |p| (route, p)))
        {
            let known = config.privacy.purposes.iter().map(|own| own.name.as_str()).collect();
            if !config.privacy.purposes.iter().any(|own| *own.name == **purpose) {
                let what = crate::config::unknown_purpose(purpose, &known);
                let message = format!("`x-testudo` of `{} {}`: {what}", method(route), route.template);
                return Err(SnapshotError::Value { key: "contract.openapi", message });
            }
        }
        let mut graph = Graph::new(contract);
        let routes = contract.routes().iter().map(|route| RouteMasks::build(config, &mut graph, route));
        Ok(Masks { routes: routes.collect::<Result<_, _>>()? })
    }

    /// The masks of a route, when there is something to mask or to look for.
    pub fn of(&self, found: &Found<'_>) -> Option<&RouteMasks> {
        self.routes.get(found.route.id.index()).filter(|masks| masks.marked || masks.detects())
    }

    /// The routes with marks, as `METHOD TEMPLATE` and the classes.
    pub fn marked<'a>(&'a self, contract: &'a Contract) -> impl Iterator<Item = (String, Vec<&'static str>)> + 'a {
        self.routes.iter().zip(contract.routes()).filter(|(masks, _)| masks.marked).map(|(masks, route)| {
            let classes = masks.classes().iter().map(DataClass::name).collect();
            (format!("{} {}", method(route), route.template), classes)
        })
    }

    /// Why nothing is masked, if so.
    pub fn off(&self) -> Option<&'static str> {
        let idle = self.routes.iter().all(|masks| !masks.marked && !masks.detects());
        idle.then_some("the contract marks no data with `x-testudo-data`, and `masking.detect` is off")
    }
}

impl RouteMasks {
    fn build(config: &Config, graph: &mut Graph<'_>, route: &Route) -> Result<RouteMasks, SnapshotError> {
        let too_many = |error: MarksError| SnapshotError::Value {
            key: "contract.openapi",
            message: format!("the marks of `{} {}`: {error}", method(route), route.template),
        };
        let mut answers = Vec::new();
        let mut headers = HashMap::new();
        let mut roots: Vec<&SchemaNode> = Vec::new();
        for (status, response) in &route.responses {
            let Some(status) = Status::read(status) else { continue };
            let mut content = Vec::new();
            for (media, schema) in &response.content {
                let schemas: Vec<&SchemaNode> = schema.iter().collect();
                content.push((Arc::clone(media), graph.marks(&schemas).map_err(too_many)?));
                roots.extend(schemas);
            }
            marked_headers(graph, response, &mut headers);
            answers.push((status, content));
        }
        let all = graph.marks(&roots).map_err(too_many)?;
        let refused = |error: testudo_privacy::PolicyError| SnapshotError::Value {
            key: "masking.rules",
            message: error.to_string(),
        };
        let policy = config.masking.policy(method(route), &route.template).map_err(refused)?;
        let marked = !all.classes().is_empty() || !headers.is_empty();
        let mut headers: Vec<(HeaderName, DataClass)> = headers.into_iter().collect();
        headers.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        let fingerprint = sha256(format!("{all:?}{answers:?}{headers:?}").as_bytes());
        Ok(RouteMasks { policy, marked, all, headers, answers, fingerprint })
    }

    /// The marks of an answer, if the contract describes it. `media` is the media type without parameters, in lower case.
    pub fn answer(&self, status: u16, media: &str) -> Option<&Arc<Marks>> {
        let of = |wanted: Status| self.answers.iter().find(|(own, _)| *own == wanted).map(|(_, content)| content);
        let content =
            of(Status::Exactly(status)).or_else(|| of(Status::Hundred(status / 100))).or_else(|| of(Status::Any))?;
        let named = |wanted: &str| content.iter().find(|(own, _)| **own == *wanted).map(|(_, marks)| marks);
        let range = || named(&format!("{}/*", media.split('/').next().unwrap_or_default()));
        named(media).or_else(range).or_else(|| named("*/*"))
    }

    /// Whether unmarked strings are looked at.
    pub fn detects(&self) -> bool {
        self.policy.plan(&testudo_privacy::Facts::default()).detects()
    }

    fn classes(&self) -> ClassSet {
        self.headers.iter().fold(self.all.classes(), |set, (_, class)| set.with(*class))
    }
}

impl Status {
    fn read(text: &str) -> Option<Status> {
        match text.as_bytes() {
            b"default" => Some(Status::Any),
            [hundred @ b'1'..=b'5', b'X', b'X'] => Some(Status::Hundred(u16::from(hundred - b'0'))),
            _ => text.parse().ok().map(Status::Exactly),
        }
    }
}

fn marked_headers(graph: &Graph<'_>, response: &Response, headers: &mut HashMap<HeaderName, DataClass>) {
    for (name, schema) in &response.headers {
        let class = schema.as_ref().and_then(|schema| graph.class_of(schema));
        if let (Some(class), Ok(name)) = (class, HeaderName::from_bytes(name.as_bytes())) {
            headers.insert(name, class);
        }
    }
}

fn method(route: &Route) -> &str {
    route.method.as_ref().map_or("*", http::Method::as_str)
}

fn no_such_route(named: &str, contract: &Contract) -> String {
    let all: Vec<String> =
        contract.routes().iter().map(|route| format!("{} {}", method(route), route.template)).collect();
    let nearest = all.iter().min_by_key(|known| crate::config::distance(named, known));
    match nearest {
        Some(near) => format!("`{named}` is not a route of the contract; did you mean `{near}`?"),
        None => format!("`{named}` is not a route of the contract, which has none"),
    }
}

#[cfg(test)]
mod tests;
