//! Path, query, header and cookie parameters against their whole schemas (OpenAPI 3.1 section 4.8.12).

use std::sync::Arc;

use http::header::COOKIE;
use testudo_body::form::{Limits, Reader};
use testudo_core::{Denial, Proven, ProvenKind, Span};

use super::fields::{self, Field, Origin};
use super::form::Fields;
use super::regex::is_plain;
use super::report::{Checked, MAX_VIOLATIONS, Options, Unknown, Violation};
use super::rule::RuleId;
use super::run::{Findings, Run};
use super::tape::Tape;
use crate::Contract;
use crate::head::Head;
use crate::route::{Location, Parameter, Route, Style};
use crate::router::Found;

/// The most parameters of a query, and the most bytes of it.
const MAX_PAIRS: usize = 256;
const MAX_QUERY: u64 = 16 << 10;

/// Which parts of a head are proven harmless. Everything is empty where anything is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProvenHead {
    /// The whole path: fixed text of the contract, and parameters that are proven.
    pub path: bool,
    /// Values in the query, by their place in it, as written.
    pub query: Vec<Proven>,
    /// All of the query: names of the contract, and values that are proven.
    pub whole_query: bool,
    /// Headers, by name in lower case.
    pub headers: Vec<Arc<str>>,
    /// Cookies, by name.
    pub cookies: Vec<Arc<str>>,
}

/// What a head says, by place.
struct Said {
    query: Fields,
    cookies: Fields,
    /// Whether these are all cookies.
    all_cookies: bool,
    /// Query parameters that were taken, by their place among all.
    used: Vec<bool>,
}

impl Contract {
    /// Checks all parameters of a request that has a route, with all that their schemas say, and finds those that are not
    /// named: of the query they are unknown, other headers and cookies pass. An open contract has nothing against any.
    pub fn inspect_parameters(&self, found: &Found<'_>, head: &Head<'_>, options: Options) -> (Checked, ProvenHead) {
        if self.is_open() {
            return (Checked::default(), ProvenHead::default());
        }
        let route: &Route = found.route;
        let query = match query(head.query.unwrap_or_default()) {
            Ok(query) => query,
            Err(expected) => {
                let refused = Checked::refused(Denial::Malformed, "query:", "query-malformed", expected);
                return (refused, ProvenHead::default());
            }
        };
        let used = vec![false; query.named.len()];
        let (cookies, all_cookies) = cookies(head);
        let mut said = Said { query, cookies, all_cookies, used };
        let (mut all, mut proven) = (Findings::default(), ProvenHead { path: true, ..ProvenHead::default() });
        for (index, parameter) in route.parameters.iter().enumerate() {
            let rule = self.program().routes.get(route.id.index());
            let rule = rule.and_then(|rules| rules.parameters.get(index).copied()).flatten();
            self.parameter(parameter, rule, (found, head), &mut said, options, &mut all, &mut proven);
        }
        unknown(&said, options, &mut all);
        proven.path &= is_fixed_plain(&route.template) && !head.path.contains('%');
        let pairs: usize = said.query.named.values().map(Vec::len).sum();
        proven.query.sort_by_key(|proven| proven.span);
        proven.query.dedup_by_key(|proven| proven.span);
        let named = said.used.iter().all(|used| *used);
        let plain = said.query.named.keys().all(|name| name.iter().all(|byte| is_plain(*byte)));
        let strict = proven.query.iter().all(|proven| proven.kind != ProvenKind::Free);
        proven.whole_query = named && plain && strict && proven.query.len() == pairs;
        if !all.violations.is_empty() {
            proven = ProvenHead::default();
        }
        all.proven.clear();
        all.free_names = true;
        (Checked::of(all), proven)
    }

    #[expect(clippy::too_many_arguments, reason = "one request, seen from all sides")]
    fn parameter(
        &self,
        parameter: &Parameter,
        rule: Option<RuleId>,
        (found, head): (&Found<'_>, &Head<'_>),
        said: &mut Said,
        options: Options,
        all: &mut Findings,
        proven: &mut ProvenHead,
    ) {
        let program = self.program();
        let name = parameter.name.as_bytes();
        let mut own = Fields::default();
        let (source, values): (&[u8], Vec<Field>) = match parameter.location {
            Location::Path => {
                let value = found.params.get(&parameter.name).unwrap_or_default();
                let value = path_text(parameter, value);
                (value.as_bytes(), vec![field(value.len())])
            }
            Location::Header => {
                let all = head.headers.get_all(&*parameter.name).iter();
                let values =
                    all.map(|value| Field { text: own.keep(value.as_bytes().trim_ascii()), ..field(0) }).collect();
                (&own.source, values)
            }
            Location::Cookie => (&said.cookies.source, said.cookies.named.get(name).cloned().unwrap_or_default()),
            Location::Query if parameter.style == Style::DeepObject => {
                return self.deep_object(parameter, rule, said, options, all);
            }
            Location::Query => {
                if let Some((index, ..)) = said.query.named.get_full(name)
                    && let Some(used) = said.used.get_mut(index)
                {
                    *used = true;
                }
                (&said.query.source, said.query.named.get(name).cloned().unwrap_or_default())
            }
        };
        if values.is_empty() {
            if parameter.required {
                wrong(all, parameter, "parameter-missing", "this parameter");
            }
            return;
        }
        if std::str::from_utf8(source).is_err() {
            return wrong(all, parameter, "not-utf8", "UTF-8");
        }
        let mut tape = Tape::composed(source);
        let is_document = parameter.media_type.as_deref().is_some_and(|media| media.ends_with("json"));
        let values: Vec<Field> = values.into_iter().map(|value| Field { json: is_document, ..value }).collect();
        if let Err(why) = fields::add(program, &mut tape, source, rule, &values, separator(parameter)) {
            return match why {
                "repeated" => wrong(all, parameter, "parameter-repeated", "this parameter once"),
                _ => wrong(all, parameter, "malformed", "JSON"),
            };
        }
        let mut run = Run::new(program, &tape, options.unknown);
        if let Some(rule) = rule {
            run.check(rule, 0);
        }
        let found = run.found;
        let strict = found.proven.iter().all(|proven| proven.kind != ProvenKind::Free);
        let is_proven = found.violations.is_empty() && !found.proven.is_empty() && tape.len() == 1 && strict;
        match parameter.location {
            Location::Path => proven.path &= is_proven,
            Location::Query => proven.query.extend(&found.proven),
            Location::Header if is_proven => proven.headers.push(parameter.name.clone()),
            Location::Cookie if is_proven && said.all_cookies => proven.cookies.push(parameter.name.clone()),
            Location::Header | Location::Cookie => {}
        }
        take(all, parameter, found);
    }

    /// `filter[from]=1&filter[to]=2`: an object whose members stand one by one.
    fn deep_object(
        &self,
        parameter: &Parameter,
        rule: Option<RuleId>,
        said: &mut Said,
        options: Options,
        all: &mut Findings,
    ) {
        let mut members = Vec::new();
        for (index, (name, values)) in said.query.named.iter().enumerate() {
            let inner = name.strip_prefix(parameter.name.as_bytes()).and_then(|rest| rest.strip_prefix(b"["));
            if let Some(inner) = inner.and_then(|rest| rest.strip_suffix(b"]")) {
                members.push((inner.to_vec(), values.clone()));
                if let Some(used) = said.used.get_mut(index) {
                    *used = true;
                }
            }
        }
        if members.is_empty() {
            if parameter.required {
                wrong(all, parameter, "parameter-missing", "this parameter");
            }
            return;
        }
        let mut fields = Fields { source: said.query.source.clone(), ..Fields::default() };
        for (name, values) in members {
            fields.named.insert(name, values);
        }
        let checked = super::form::object(self.program(), rule, None, &mut fields, options);
        let found = Findings { violations: checked.violations, notes: checked.notes, ..Findings::default() };
        take(all, parameter, found);
    }
}

fn field(len: usize) -> Field {
    // Parts of paths and headers have no spans; a place stands for "as it is".
    let text = Span { start: 0, end: len };
    Field { text, origin: Some(Origin { span: text, plain: true }), file: false, json: false }
}

/// The value of a path parameter without what its style puts before it.
fn path_text<'v>(parameter: &Parameter, value: &'v str) -> &'v str {
    match parameter.style {
        Style::Label => value.strip_prefix('.').unwrap_or(value),
        Style::Matrix => {
            let named = value.strip_prefix(';').and_then(|rest| rest.strip_prefix(&*parameter.name));
            named.and_then(|rest| rest.strip_prefix('=')).unwrap_or(value)
        }
        _ => value,
    }
}

/// What stands between the items of a list in one value.
fn separator(parameter: &Parameter) -> Option<char> {
    match (parameter.style, parameter.explode) {
        (Style::Form, true) | (Style::DeepObject, _) => None,
        (Style::SpaceDelimited, _) => Some(' '),
        (Style::PipeDelimited, _) => Some('|'),
        (Style::Label, true) => Some('.'),
        _ => Some(','),
    }
}

fn query(text: &str) -> Result<Fields, &'static str> {
    let mut fields = Fields::default();
    let mut wrong = None;
    let limits = Limits { total: MAX_QUERY, fields: MAX_PAIRS, ..Limits::REQUEST };
    let mut give = |field: &testudo_body::form::Field<'_>| {
        let (name, value) = (field.name.decode(), field.value.decode());
        if name.invalid + value.invalid > 0 {
            wrong = Some("escapes of two hexadecimal digits");
        }
        if std::str::from_utf8(&name.bytes).is_err() || std::str::from_utf8(&value.bytes).is_err() {
            wrong = Some("UTF-8");
        }
        if name.bytes.is_empty() && value.bytes.is_empty() {
            return Ok(());
        }
        let text = fields.keep(&value.bytes);
        let origin = Some(Origin { span: field.value.span, plain: *value.bytes == *field.value.raw });
        fields.add(&name.bytes, Field { text, origin, file: false, json: false });
        Ok::<(), std::convert::Infallible>(())
    };
    if Reader::new(limits).read(text.as_bytes(), &mut give).is_err() {
        return Err("a query within the limits");
    }
    wrong.map_or(Ok(fields), Err)
}

/// The cookies, and whether they are all: of those beyond, nothing is known.
fn cookies(head: &Head<'_>) -> (Fields, bool) {
    let mut fields = Fields::default();
    let lines = head.headers.get_all(COOKIE).iter();
    let mut pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    for pair in pairs.by_ref().take(MAX_PAIRS) {
        let pair = pair.trim_ascii();
        let at = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let text = fields.keep(pair.get(at + 1..).unwrap_or_default());
        fields.add(pair.get(..at).unwrap_or_default(), Field { text, ..field(0) });
    }
    (fields, pairs.next().is_none())
}

fn unknown(said: &Said, options: Options, all: &mut Findings) {
    for ((name, _), _) in said.query.named.iter().zip(&said.used).filter(|(_, used)| !**used) {
        let short =
            name.len() <= 32 && name.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'));
        let shown = if short { String::from_utf8_lossy(name) } else { "*".into() };
        let pointer = format!("query:{shown}");
        let violation =
            Violation { pointer, code: "unknown-parameter", expected: "a parameter that the contract names".into() };
        let list = match options.unknown {
            Unknown::Refuse => &mut all.violations,
            Unknown::Report => &mut all.notes,
            Unknown::Allow => return,
        };
        if list.len() < MAX_VIOLATIONS {
            list.push(violation);
        }
    }
}

fn place(parameter: &Parameter) -> String {
    let location = match parameter.location {
        Location::Path => "path",
        Location::Query => "query",
        Location::Header => "header",
        Location::Cookie => "cookie",
    };
    format!("{location}:{}", parameter.name)
}

fn wrong(all: &mut Findings, parameter: &Parameter, code: &'static str, expected: &str) {
    all.violations.push(Violation { pointer: place(parameter), code, expected: expected.into() });
}

/// Adds what was found in a parameter.
fn take(all: &mut Findings, parameter: &Parameter, found: Findings) {
    let placed = |violation: Violation| {
        let pointer = format!("{}{}", place(parameter), violation.pointer);
        Violation { pointer, ..violation }
    };
    all.violations.extend(found.violations.into_iter().map(placed));
    all.notes.extend(found.notes.into_iter().map(placed));
}

/// Whether the fixed text of a template is plain.
fn is_fixed_plain(template: &str) -> bool {
    let mut within = false;
    template.bytes().all(|byte| {
        match byte {
            b'{' => within = true,
            b'}' => within = false,
            _ => return within || byte == b'/' || is_plain(byte),
        }
        true
    })
}
