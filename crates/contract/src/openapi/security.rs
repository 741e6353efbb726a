//! Security requirements (OpenAPI 3.1 section 4.8.30), servers, and what `x-testudo` says about an operation.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::{At, Reader, keys};
use crate::error::nearest;
use crate::path::StrictPath;
use crate::route::{Rules, ScopeSet, Security};

/// The largest body that a contract may ask for.
const MAX_BODY: u64 = 1 << 30;

/// A security scheme: which scopes its flows name, if it names scopes.
pub(super) struct Scheme<'d> {
    scopes: Option<HashSet<&'d str>>,
}

impl<'d> Reader<'d> {
    pub(super) fn schemes(&mut self, all: &At<'d>) {
        for (name, at) in all.entries() {
            let Some(at) = self.follow(&at) else { continue };
            self.keys(&at, &keys::SECURITY_SCHEME);
            let kind = self.string(&at, "type").unwrap_or_default();
            let kinds = ["apiKey", "http", "oauth2", "openIdConnect", "mutualTLS"];
            if !kinds.contains(&kind) {
                let what = format!("`{kind}` is not a type of security scheme");
                let near = nearest(kind, kinds);
                self.unknown(at.node.position, &at.pointer, what, near, "use `oauth2`, `openIdConnect` or `http`");
            }
            let mut scopes = (kind == "oauth2").then(HashSet::new);
            for (_, flow) in at.child("flows").map(|flows| flows.members()).unwrap_or_default() {
                let named = flow.child("scopes").map(|scopes| scopes.entries()).unwrap_or_default();
                scopes.get_or_insert_default().extend(named.into_iter().map(|(scope, _)| scope));
            }
            self.schemes.insert(name, Scheme { scopes });
        }
    }

    /// What a `security` list asks for; none where it is not there.
    pub(super) fn security(&mut self, at: &At<'d>) -> Option<Security> {
        // A list that could not be read must not fall back to what is inherited, which may be public.
        let Some(all) = self.short_list(at, "security") else {
            return at.child("security").map(|_| Security::token());
        };
        let mut optional = false;
        let mut scopes: Vec<ScopeSet> = Vec::new();
        for alternative in all.items() {
            if alternative.node.map().is_none() {
                let what = format!("a security requirement is an object, not {}", alternative.node.kind());
                self.wrong(&alternative, what, "write it as `- scheme: [scope]`");
                continue;
            }
            let members = alternative.entries();
            if members.is_empty() {
                optional = true;
                continue;
            }
            let mut set = ScopeSet::new();
            for (scheme, needed) in members {
                self.requirement(scheme, &needed, &mut set);
            }
            if !scopes.contains(&set) {
                scopes.push(set);
            }
        }
        let empty = all.node.list().is_some_and(<[_]>::is_empty);
        if scopes.is_empty() {
            scopes.push(ScopeSet::new());
        }
        Some(match (empty, optional) {
            (true, _) => Security::Public,
            (_, true) => Security::Optional { scopes },
            (_, false) => Security::Required { scopes },
        })
    }

    fn requirement(&mut self, scheme: &'d str, needed: &At<'d>, set: &mut ScopeSet) {
        let Some(known) = self.schemes.get(scheme) else {
            let near = nearest(scheme, self.schemes.keys().copied());
            let what = format!("the security scheme `{scheme}` is not defined");
            let remedy = "define it in `components/securitySchemes`";
            return self.unknown(needed.node.position, &needed.pointer, what, near, remedy);
        };
        let declared = known.scopes.clone();
        if needed.node.list().is_none() {
            let what = format!("the scopes of `{scheme}` are a list, not {}", needed.node.kind());
            return self.wrong(needed, what, "write `[]` if there is none");
        }
        for item in needed.items() {
            let Some(scope) = item.node.text() else {
                self.wrong(&item, format!("a scope is a string, not {}", item.node.kind()), "");
                continue;
            };
            if let Some(declared) = declared.as_ref().filter(|declared| !declared.contains(scope)) {
                let what = format!("the scope `{scope}` is not one of `{scheme}`");
                let near = nearest(scope, declared.iter().copied());
                self.unknown(item.node.position, &item.pointer, what, near, "add it to the `scopes` of its flow");
            }
            set.insert(scope.into());
        }
    }

    /// The path prefixes of a `servers` list, without the trailing slash; none where it is not there.
    pub(super) fn base_paths(&mut self, at: &At<'d>) -> Option<Vec<String>> {
        let servers = self.short_list(at, "servers")?;
        let mut bases: Vec<String> = Vec::new();
        for server in servers.items() {
            self.keys(&server, &keys::SERVER);
            let Some(url) = self.need(&server, "url") else { continue };
            let Some(text) = url.node.text() else {
                self.wrong(&url, format!("`url` is a string, not {}", url.node.kind()), "quote it");
                continue;
            };
            let Some(text) = self.fill_variables(&server, &url, text) else { continue };
            let base = base_path(&text);
            if !base.is_empty()
                && let Err(error) = StrictPath::parse(&base)
            {
                self.wrong(&url, format!("`{base}` is no base path: {error}"), "write a path such as `/v1`");
                continue;
            }
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        if bases.is_empty() {
            bases.push(String::new());
        }
        Some(bases)
    }

    /// Puts the defaults of variables into a server's URL.
    fn fill_variables(&mut self, server: &At<'d>, url: &At<'d>, text: &str) -> Option<String> {
        let variables = self.object(server, "variables");
        for (_, variable) in variables.as_ref().map(At::entries).unwrap_or_default() {
            self.keys(&variable, &keys::VARIABLE);
        }
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            let default =
                variables.as_ref().and_then(|all| all.child(name)).and_then(|variable| variable.child("default"));
            let Some(default) = default.and_then(|default| default.node.written()) else {
                self.wrong(url, format!("the variable `{name}` has no default"), "add it to `variables`");
                return None;
            };
            filled.push_str(before);
            filled.push_str(default);
            rest = behind;
        }
        filled.push_str(rest);
        Some(filled)
    }

    /// What `x-testudo` says.
    pub(super) fn rules(&mut self, operation: &At<'d>) -> Rules {
        let Some(at) = self.object(operation, "x-testudo") else { return Rules::default() };
        for (key, (position, _)) in at.node.map().into_iter().flat_map(|map| map.iter()) {
            if !keys::RULES.both.contains(&&**key) {
                let near = nearest(key, keys::RULES.both.iter().copied());
                let pointer = format!("{}/{key}", at.pointer);
                let what = format!("`{key}` is not a key of x-testudo");
                let remedy =
                    "the keys are `acr`, `scopes`, `roles`, `purposes`, `max-body`, `websocket` and `csrf-token`";
                self.unknown(*position, &pointer, what, near, remedy);
            }
        }
        Rules {
            acr: self.acr(&at),
            scopes: self.names(&at, "scopes"),
            roles: self.names(&at, "roles"),
            purposes: self.names(&at, "purposes"),
            max_body: self.max_body(&at),
            websocket: self.flag(&at, "websocket").unwrap_or_default(),
            csrf_token: self.flag(&at, "csrf-token").unwrap_or_default(),
        }
    }

    fn acr(&mut self, at: &At<'d>) -> Option<u8> {
        let acr = at.child("acr")?;
        let value =
            acr.node.value().as_u64().and_then(|value| u8::try_from(value).ok()).filter(|v| (1..=2).contains(v));
        if value.is_none() {
            self.wrong(&acr, "`acr` is 1 (one factor) or 2 (two factors)".into(), "");
        }
        value
    }

    fn names(&mut self, at: &At<'d>, key: &str) -> BTreeSet<Arc<str>> {
        let Some(list) = self.list(at, key) else { return BTreeSet::new() };
        let mut names = BTreeSet::new();
        for item in list.items() {
            match item.node.text().filter(|text| is_name(text)) {
                Some(name) => {
                    names.insert(name.into());
                }
                None => self.wrong(&item, format!("an entry of `{key}` is a word without spaces"), "quote it"),
            }
        }
        names
    }

    fn max_body(&mut self, at: &At<'d>) -> Option<u64> {
        let size = at.child("max-body")?;
        let bytes = match size.node.value() {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => parse_size(&text),
            _ => None,
        };
        let bytes = bytes.filter(|bytes| *bytes <= MAX_BODY);
        if bytes.is_none() {
            let what = "`max-body` is a number of bytes, or a size such as `512 KiB` or `10 MiB`, up to 1 GiB";
            self.wrong(&size, what.into(), "");
        }
        bytes
    }
}

/// A scope or role: printable ASCII without space, `"` and `\` (RFC 6749 section 3.3).
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text.get(digits.len()..)?.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// The path of a URL or URL reference, without trailing slashes.
fn base_path(url: &str) -> String {
    let before_query = url.split(['?', '#']).next().unwrap_or_default();
    let path = match before_query.split_once("://") {
        Some((_, behind)) => behind.find('/').and_then(|slash| behind.get(slash..)).unwrap_or_default(),
        None => before_query,
    };
    let path = path.trim_end_matches('/');
    if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths_are_the_paths_of_urls() {
        let cases = [
            ("/", ""),
            ("https://api.example", ""),
            ("https://api.example/", ""),
            ("https://api.example:8443/v1/", "/v1"),
            ("/v1", "/v1"),
            ("v1/mobile", "/v1/mobile"),
            ("https://api.example/v1?x=1", "/v1"),
        ];
        for (url, base) in cases {
            assert_eq!(base_path(url), base, "{url}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        let cases = [
            ("10 MiB", Some(10 << 20)),
            ("1KiB", Some(1024)),
            ("7", Some(7)),
            ("10 MB", None),
            ("-1", None),
            ("99999999999 GiB", None),
            ("", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
    }
}
