//! A first contract from observed traffic.
//!
//! A [`Learner`] is told of requests that the backend took, and writes an OpenAPI 3.1 document that takes all of them and
//! no others' routes, parameters and fields. Segments of paths that look like ids, or that vary too much, become
//! parameters; fields that were always there are required; sizes get room; values are never written down, and enumerations
//! are not guessed. Memory is bounded: what exceeds a bound is left open where it is a value, and counted as skipped where
//! it is a route.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use http::Method;
use testudo_body::json::Limits;
use testudo_body::{form, multipart};

use crate::Contract;
use crate::path::StrictPath;
use crate::sniff::Media;
use crate::validate::{Options, Tape, Unknown};

mod document;
mod paths;
mod shape;

use paths::Tree;
use shape::{Room, Shape};

/// The most bytes of a body that are looked at.
const MAX_BODY: usize = 256 << 10;
/// The most operations.
const MAX_OPERATIONS: usize = 2_000;
/// The most parameters of an operation, and fields of a form.
const MAX_PARAMETERS: usize = 64;
/// The most shapes of values together.
const MAX_SHAPES: usize = 200_000;
/// A contract that says nothing of a body but that it can be read.
const READABLE: &str = "{openapi: 3.1.0, info: {}, paths: {/: {post: {requestBody: {content: {'*/*': {}}}}}}}";
/// The methods that a contract has.
const METHODS: [Method; 8] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::OPTIONS,
    Method::HEAD,
    Method::PATCH,
    Method::TRACE,
];

/// A request and how it was answered.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path as it came, without the query.
    pub path: &'a str,
    /// The query as it came, without the question mark.
    pub query: Option<&'a str>,
    /// The content type as it came.
    pub content_type: Option<&'a str>,
    /// The body, with its content codings undone.
    pub body: &'a [u8],
    /// The status of the answer.
    pub status: u16,
    /// Whether the caller showed a valid token.
    pub authenticated: bool,
}

/// Learns a contract.
#[derive(Debug)]
pub struct Learner {
    /// Takes every body that can be read.
    readable: Contract,
    tree: Tree,
    room: Room,
    operations: usize,
    learned: u64,
    skipped: u64,
}

/// What is known of a method of a path.
#[derive(Clone, Default, Debug)]
struct Operation {
    seen: u64,
    with_token: u64,
    query: shape::Fields,
    bodies: u64,
    content: BTreeMap<String, Content>,
}

/// What is known of a media type.
#[derive(Clone, Default, Debug)]
struct Content {
    shape: Option<Shape>,
    /// The media types of files, by field.
    files: BTreeMap<String, BTreeSet<String>>,
}

impl Default for Learner {
    fn default() -> Learner {
        Learner::new()
    }
}

impl Learner {
    /// One that knows nothing.
    pub fn new() -> Learner {
        let readable = Contract::from_openapi("readable", READABLE).unwrap_or_else(|_| Contract::open(&[]));
        let (tree, room) = (Tree::default(), Room::new(MAX_SHAPES));
        Learner { readable, tree, room, operations: 0, learned: 0, skipped: 0 }
    }

    /// Learns from a request. Those that the backend refused (status 400 and above), that can't be read, or that exceed
    /// what is kept, are counted as skipped; says whether it was learned.
    pub fn observe(&mut self, seen: &Observation<'_>) -> bool {
        let learned = self.try_observe(seen).is_some();
        *(if learned { &mut self.learned } else { &mut self.skipped }) += 1;
        learned
    }

    /// How many requests were learned, and how many skipped.
    pub fn counts(&self) -> (u64, u64) {
        (self.learned, self.skipped)
    }

    /// The document, as JSON that [`crate::Contract::from_openapi`] reads.
    pub fn document(&self, title: &str) -> String {
        document::write(&self.tree, title)
    }

    /// A body, unless no contract could take it.
    fn read<'b>(&self, seen: &Observation<'b>) -> Option<Body<'b>> {
        let route = self.readable.routes().first()?;
        let kind = seen.content_type.map(str::as_bytes);
        let checked = self.readable.check_body(route, kind, seen.body, Options { unknown: Unknown::Allow });
        if checked.is_ok() { Body::read(seen) } else { None }
    }

    fn try_observe(&mut self, seen: &Observation<'_>) -> Option<()> {
        if seen.status >= 400 || seen.body.len() > MAX_BODY || !METHODS.contains(seen.method) {
            return None;
        }
        let segments: Vec<String> = StrictPath::parse(seen.path).ok()?.segments().map(Into::into).collect();
        // All that may fail comes first, so that nothing is half learned.
        let query = fields(seen.query.unwrap_or_default().as_bytes(), 16 << 10)?;
        let body = if seen.body.is_empty() { None } else { Some(self.read(seen)?) };
        let known = self.tree.find(&segments).and_then(|operations| operations.get(seen.method.as_str()));
        if known.is_none() && self.operations >= MAX_OPERATIONS {
            return None;
        }
        let new_names = query.iter().filter(|(name, _)| known.is_none_or(|known| !known.query.has(name))).count();
        if known.map_or(0, |known| known.query.len()) + new_names > MAX_PARAMETERS {
            return None;
        }
        self.operations += usize::from(known.is_none());
        let room = &mut self.room;
        let operation = self.tree.enter(&segments, seen.method.as_str());
        operation.seen += 1;
        operation.with_token += u64::from(seen.authenticated);
        operation.query.observe(query.iter().map(|(name, values)| (&**name, &**values)), room);
        if let Some(body) = body {
            operation.bodies += 1;
            let content = operation.content.entry(body.media.essence.to_string()).or_default();
            body.learn(content, room);
        }
        Some(())
    }
}

/// Names with all their values, in order.
type Pairs = Vec<(String, Vec<String>)>;

/// A body that was read.
struct Body<'b> {
    media: Media,
    kind: Kind<'b>,
}

enum Kind<'b> {
    Json(Vec<Tape<'b>>),
    Fields(Pairs),
    Parts(Pairs, Vec<(String, String)>),
    Other,
}

impl<'b> Body<'b> {
    fn read(seen: &Observation<'b>) -> Option<Body<'b>> {
        let written = seen.content_type?;
        let media = Media::parse(written)?;
        let json =
            |text: &'b [u8]| Tape::json(text, Limits::REQUEST).ok().filter(|tape| tape.repeated().next().is_none());
        let kind = match &*media.essence {
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/json-seq" => {
                let lines = seen.body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
                Kind::Json(lines.map(json).collect::<Option<Vec<_>>>()?)
            }
            _ if media.is_json() => Kind::Json(vec![json(seen.body)?]),
            "application/x-www-form-urlencoded" => Kind::Fields(fields(seen.body, 256 << 10)?),
            "multipart/form-data" => parts(written, seen.body)?,
            _ => Kind::Other,
        };
        Some(Body { media, kind })
    }

    fn learn(self, content: &mut Content, room: &mut Room) {
        match self.kind {
            Kind::Json(tapes) => {
                let shape = content.shape.get_or_insert_default();
                for tape in &tapes {
                    shape.observe(tape, 0, 0, room);
                }
            }
            Kind::Fields(pairs) => {
                content.shape.get_or_insert_default().observe_fields(&pairs, &[], room);
            }
            Kind::Parts(pairs, files) => {
                let names: Vec<&str> = files.iter().map(|(name, _)| &**name).collect();
                content.shape.get_or_insert_default().observe_fields(&pairs, &names, room);
                for (name, media) in files {
                    let types = content.files.entry(name).or_default();
                    if types.len() < 16 {
                        types.insert(media);
                    } else {
                        types.insert("*/*".into());
                    }
                }
            }
            Kind::Other => {}
        }
    }
}

/// The fields of a form or query; nothing where it is malformed or too large.
fn fields(text: &[u8], total: u64) -> Option<Pairs> {
    let mut pairs: indexmap::IndexMap<String, Vec<String>> = indexmap::IndexMap::new();
    let mut sound = true;
    let mut give = |field: &form::Field<'_>| {
        let (name, value) = (field.name.decode(), field.value.decode());
        sound &= name.invalid + value.invalid == 0;
        match (String::from_utf8(name.bytes.into_owned()), String::from_utf8(value.bytes.into_owned())) {
            (Ok(name), Ok(value)) if name.is_empty() && value.is_empty() => {}
            (Ok(name), Ok(value)) => pairs.entry(name).or_default().push(value),
            _ => sound = false,
        }
        Ok::<(), Infallible>(())
    };
    let limits = form::Limits { fields: 256, total, ..form::Limits::REQUEST };
    form::Reader::new(limits).read(text, &mut give).ok()?;
    (sound && pairs.len() <= MAX_PARAMETERS).then(|| pairs.into_iter().collect())
}

fn parts<'b>(written: &str, body: &[u8]) -> Option<Kind<'b>> {
    let mut reader =
        multipart::Reader::new(multipart::Boundary::of(written.as_bytes()).ok()?, multipart::Limits::REQUEST);
    let mut pairs: indexmap::IndexMap<String, Vec<Vec<u8>>> = indexmap::IndexMap::new();
    let mut files = Vec::new();
    let mut part: Option<(String, bool)> = None;
    let mut give = |token: &multipart::Token<'_>| {
        match token {
            multipart::Token::BeginPart(head) => {
                let name = String::from_utf8_lossy(&head.name).into_owned();
                pairs.entry(name.clone()).or_default().push(Vec::new());
                if head.is_file() {
                    let media = head.header("content-type").and_then(|text| std::str::from_utf8(text).ok());
                    let media = media.and_then(Media::parse).map(|media| media.essence.to_string());
                    files.push((name.clone(), media.unwrap_or_else(|| "application/octet-stream".into())));
                }
                part = Some((name, head.is_file()));
            }
            multipart::Token::Data { bytes, .. } => {
                if let Some((name, false)) = &part
                    && let Some(value) = pairs.get_mut(name).and_then(|values| values.last_mut())
                {
                    value.extend_from_slice(bytes);
                }
            }
            multipart::Token::EndPart { .. } => {}
        }
        Ok::<(), Infallible>(())
    };
    reader.push(body, &mut give).and_then(|()| reader.finish(&mut give)).ok()?;
    let text = |values: Vec<Vec<u8>>| values.into_iter().map(String::from_utf8).collect::<Result<Vec<_>, _>>().ok();
    let pairs = pairs.into_iter().map(|(name, values)| Some((name, text(values)?))).collect::<Option<Pairs>>()?;
    (pairs.len() <= MAX_PARAMETERS).then_some(Kind::Parts(pairs, files))
}
