//! What a new version of a contract opens or closes to those who send requests.
//!
//! Both are compared as they are enforced: what is not named is refused. Responses are not compared, but for the classes of
//! personal data of a route.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::Contract;
use crate::route::{Location, Parameter, Route, ScopeSet, Security};

mod schemas;

/// Changes beyond these are not listed.
const MAX_CHANGES: usize = 10_000;

/// What a change does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Requests pass that were refused.
    Opens,
    /// Requests are refused that passed.
    Closes,
    /// Some pass and some are refused, or neither can be told.
    Changes,
}

/// One change.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Change {
    /// The route and the place in its request: `POST /orders`, `GET /orders query:limit`, `POST /orders body/items/*/price`.
    pub place: String,
    /// What it does.
    pub effect: Effect,
    /// What was and what is.
    pub text: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Opens => "opens",
            Effect::Closes => "closes",
            Effect::Changes => "changes",
        };
        write!(f, "{effect} {}: {}", self.place, self.text)
    }
}

/// All changes from one contract to another, in the order of their places; at most 10,000.
pub fn diff(old: &Contract, new: &Contract) -> Vec<Change> {
    let mut changes = Changes { list: Vec::new(), place: String::new() };
    let (before, after) = (by_name(old), by_name(new));
    for (name, route) in &before {
        changes.place = format!("{} {}", name.1, route.template);
        match after.get(name) {
            None => changes.add(Effect::Closes, "the route is gone"),
            Some(other) => routes(&mut changes, (old, route), (new, other)),
        }
    }
    for (name, route) in &after {
        if !before.contains_key(name) {
            changes.place = format!("{} {}", name.1, route.template);
            let text = format!("a new route, for {}", caller(&route.security));
            changes.add(Effect::Opens, &text);
        }
    }
    let mut list = changes.list;
    list.sort();
    list.dedup();
    list
}

/// Collects changes at a place.
struct Changes {
    list: Vec<Change>,
    place: String,
}

impl Changes {
    fn add(&mut self, effect: Effect, text: &str) {
        if self.list.len() < MAX_CHANGES {
            self.list.push(Change { place: self.place.clone(), effect, text: text.to_owned() });
        }
    }

    /// Runs within a place below this one.
    fn within(&mut self, below: &str, run: impl FnOnce(&mut Changes)) {
        let len = self.place.len();
        self.place.push_str(below);
        run(self);
        self.place.truncate(len);
    }

    /// A set of names of which fewer or more are there.
    fn names<'n>(&mut self, what: &str, added: &[&'n str], removed: &[&'n str], more: Effect, fewer: Effect) {
        if !added.is_empty() {
            self.add(more, &format!("{what} now: `{}`", added.join("`, `")));
        }
        if !removed.is_empty() {
            self.add(fewer, &format!("{what} no more: `{}`", removed.join("`, `")));
        }
    }
}

/// Routes by template, the names of parameters left out, and method.
fn by_name(contract: &Contract) -> BTreeMap<(String, String), &Arc<Route>> {
    let routes = contract.routes().iter();
    routes
        .map(|route| {
            let method = route.method.as_ref().map_or("*", http::Method::as_str);
            ((nameless(&route.template), method.to_owned()), route)
        })
        .collect()
}

fn nameless(template: &str) -> String {
    let mut out = String::new();
    let mut within = false;
    for character in template.chars() {
        if !within {
            out.push(character);
        }
        within = match character {
            '{' => true,
            '}' => false,
            _ => within,
        };
        if character == '}' {
            out.push('}');
        }
    }
    out
}

fn caller(security: &Security) -> String {
    match security {
        Security::Public => "everybody".into(),
        Security::Optional { .. } => "everybody, with or without a token".into(),
        Security::Required { scopes } => {
            let set =
                |scopes: &ScopeSet| scopes.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(" and ");
            let sets: Vec<String> = scopes.iter().filter(|set| !set.is_empty()).map(set).collect();
            if sets.len() < scopes.len() {
                "callers with a token".into()
            } else {
                format!("callers with {}", sets.join(", or "))
            }
        }
    }
}

fn routes(changes: &mut Changes, (old, before): (&Contract, &Route), (new, after): (&Contract, &Route)) {
    security(changes, &before.security, &after.security);
    rules(changes, before, after);
    let position = |route: &Route, name: &str| {
        let names = route.template.split('{').skip(1).filter_map(|part| part.split('}').next());
        names.into_iter().position(|known| known == name)
    };
    // Path parameters are the same by their place, others by their name.
    let same = |a: &Parameter, b: &Parameter| {
        a.location == b.location
            && match a.location {
                Location::Path => position(before, &a.name) == position(after, &b.name),
                _ => a.name == b.name,
            }
    };
    for parameter in &before.parameters {
        let other = after.parameters.iter().find(|other| same(parameter, other));
        changes.within(&place(parameter), |changes| match other {
            None => changes.add(Effect::Closes, "the parameter is gone"),
            Some(other) => {
                required(changes, parameter.required, other.required);
                schemas::compare(changes, (old, parameter.schema.as_ref()), (new, other.schema.as_ref()));
            }
        });
    }
    for parameter in &after.parameters {
        if !before.parameters.iter().any(|other| same(other, parameter)) {
            changes.within(&place(parameter), |changes| {
                if parameter.required {
                    changes.add(Effect::Closes, "a new parameter that is required");
                } else {
                    changes.add(Effect::Opens, "a new parameter");
                }
            });
        }
    }
    changes.within(" body", |changes| bodies(changes, (old, before), (new, after)));
}

fn place(parameter: &Parameter) -> String {
    let location = match parameter.location {
        Location::Path => "path",
        Location::Query => "query",
        Location::Header => "header",
        Location::Cookie => "cookie",
    };
    format!(" {location}:{}", parameter.name)
}

fn required(changes: &mut Changes, before: bool, after: bool) {
    match (before, after) {
        (false, true) => changes.add(Effect::Closes, "it is required now"),
        (true, false) => changes.add(Effect::Opens, "it is not required any more"),
        _ => {}
    }
}

fn security(changes: &mut Changes, before: &Security, after: &Security) {
    let sets = |security: &Security| match security {
        Security::Public => vec![ScopeSet::new()],
        Security::Optional { scopes } | Security::Required { scopes } => scopes.clone(),
    };
    let strictness = |security: &Security| u8::from(matches!(security, Security::Required { .. }));
    let (old, new) = (sets(before), sets(after));
    // A set of scopes that holds another is met by fewer callers.
    let met = |set: &ScopeSet, by: &[ScopeSet]| by.iter().any(|other| other.is_subset(set));
    let opens = strictness(after) < strictness(before) || new.iter().any(|set| !met(set, &old));
    let closes = strictness(after) > strictness(before) || old.iter().any(|set| !met(set, &new));
    let effect = match (opens, closes) {
        (false, false) => return,
        (true, false) => Effect::Opens,
        (false, true) => Effect::Closes,
        (true, true) => Effect::Changes,
    };
    changes.add(effect, &format!("for {}, was for {}", caller(after), caller(before)));
}

fn rules(changes: &mut Changes, before: &Route, after: &Route) {
    let (old, new) = (&before.rules, &after.rules);
    if old.acr != new.acr {
        let effect = if old.acr < new.acr { Effect::Closes } else { Effect::Opens };
        let (old, new) = (old.acr.unwrap_or_default(), new.acr.unwrap_or_default());
        changes.add(effect, &format!("asks for {new} factors, was {old}"));
    }
    let sets = [("needs the scopes", &old.scopes, &new.scopes), ("needs consent to", &old.purposes, &new.purposes)];
    for (what, old, new) in sets {
        let (added, removed) = difference(old, new);
        changes.names(what, &added, &removed, Effect::Closes, Effect::Opens);
    }
    match (old.roles.is_empty(), new.roles.is_empty()) {
        (true, false) => changes.add(Effect::Closes, "one of some roles is needed now"),
        (false, true) => changes.add(Effect::Opens, "no role is needed any more"),
        _ => {
            let (added, removed) = difference(&old.roles, &new.roles);
            changes.names("one of the roles may be", &added, &removed, Effect::Opens, Effect::Closes);
        }
    }
    if old.max_body != new.max_body {
        let effect = match (old.max_body, new.max_body) {
            (Some(old), Some(new)) if old < new => Effect::Opens,
            (Some(_), Some(_)) => Effect::Closes,
            _ => Effect::Changes,
        };
        let shown = |bytes: Option<u64>| bytes.map_or("as everywhere".into(), |bytes| format!("{bytes} bytes"));
        changes.add(effect, &format!("the largest body is {}, was {}", shown(new.max_body), shown(old.max_body)));
    }
    if old.websocket != new.websocket {
        let effect = if new.websocket { Effect::Opens } else { Effect::Closes };
        changes.add(effect, "switching to WebSocket");
    }
    if old.csrf_token != new.csrf_token {
        let effect = if new.csrf_token { Effect::Closes } else { Effect::Opens };
        changes.add(effect, "requests with cookies repeat a token");
    }
    let classes = |route: &Route| route.data.iter().map(|class| class.name().into()).collect::<ScopeSet>();
    let (old, new) = (classes(before), classes(after));
    let (added, removed) = difference(&old, &new);
    changes.names("personal data of the class", &added, &removed, Effect::Changes, Effect::Changes);
}

/// What is in the second and not in the first, and the reverse.
fn difference<'s>(old: &'s ScopeSet, new: &'s ScopeSet) -> (Vec<&'s str>, Vec<&'s str>) {
    let names = |of: &'s ScopeSet, without: &'s ScopeSet| of.difference(without).map(|name| &**name).collect();
    (names(new, old), names(old, new))
}

fn bodies(changes: &mut Changes, (old, before): (&Contract, &Route), (new, after): (&Contract, &Route)) {
    let (before, after) = match (&before.request_body, &after.request_body) {
        (None, None) => return,
        (None, Some(after)) if after.required => return changes.add(Effect::Closes, "a body is required now"),
        (None, Some(_)) => return changes.add(Effect::Opens, "there may be a body"),
        (Some(_), None) => return changes.add(Effect::Closes, "there must be no body"),
        (Some(before), Some(after)) => (before, after),
    };
    required(changes, before.required, after.required);
    for (media, schema) in &before.content {
        match after.content.get(media) {
            None => changes.add(Effect::Closes, &format!("`{media}` is not taken any more")),
            Some(other) => schemas::compare(changes, (old, schema.as_ref()), (new, other.as_ref())),
        }
    }
    for media in after.content.keys().filter(|media| !before.content.contains_key(*media)) {
        changes.add(Effect::Opens, &format!("`{media}` is taken"));
    }
}
