//! How the firewall judges each route: `[[waf.routes]]`, turned into updates of rules that a transaction begins with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Method;
use testudo_contract::{Contract, Found, PathPattern, Route, RouteMatch};
use testudo_waf::RuleSet;

use super::{FirewallError, SCORES};
use crate::config::{Exclude, FirewallMode, FirewallSection, RouteFirewall, RuleName, distance};

/// How requests of a route are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judging {
    /// What is done about what the rules find.
    pub mode: FirewallMode,
    /// Which of the levels, by their number.
    pub level: usize,
    /// The updates that a transaction begins with.
    pub profile: Option<usize>,
    /// The entry of the configuration; none for the general settings.
    pub entry: Option<usize>,
}

/// A paranoia level and a threshold; 0 leaves them as the setup of the rules says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Level {
    /// From 1 to 4.
    pub paranoia: u8,
    /// The anomaly score from which on a request is refused.
    pub threshold: u32,
}

/// The updates of one route, as the values of `ctl`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// The key of the configuration from which they are.
    pub key: String,
    /// Such as `ruleRemoveTargetById=942100;ARGS:text`.
    pub settings: Vec<String>,
}

/// How each route is judged.
pub struct Routes {
    general: Judging,
    /// By the number of the route in the contract.
    known: Vec<Option<Judging>>,
    /// Where there is no contract: the paths that are named.
    open: Option<Box<Paths>>,
    /// The general level first.
    pub levels: Vec<Level>,
    /// The updates, by number.
    pub profiles: Vec<Profile>,
}

/// The paths that a configuration names where there is no contract.
struct Paths {
    contract: Contract,
    /// For each path the methods, none for all; those that are named come last.
    methods: BTreeMap<Arc<str>, Vec<(Option<Method>, Judging)>>,
}

impl Routes {
    /// What a configuration says of the routes of a contract.
    pub fn of(section: &FirewallSection, contract: &Contract) -> Result<Routes, FirewallError> {
        let level = Level { paranoia: section.paranoia, threshold: section.threshold };
        let general = Judging { mode: section.mode, level: 0, profile: None, entry: None };
        let mut routes = Routes {
            general,
            known: vec![None; contract.routes().len()],
            open: None,
            levels: vec![level],
            profiles: Vec::new(),
        };
        // An entry that names its method is heard before one for every method.
        let (every, exact): (Vec<_>, Vec<_>) =
            section.routes.iter().enumerate().partition(|(_, entry)| entry.parts().is_some_and(|(own, _)| own == "*"));
        let mut named = Vec::new();
        for (number, entry) in every.into_iter().chain(exact) {
            let judging = routes.judging_of(section, number, entry);
            if contract.is_open() {
                named.push((number, entry, judging));
            } else {
                routes.put(contract, number, entry, judging)?;
            }
        }
        if !named.is_empty() {
            routes.open = Some(Box::new(Paths::of(&named)?));
        }
        Ok(routes)
    }

    /// How a request is judged.
    pub fn judging(&self, found: Option<&Found<'_>>, method: &Method, path: &str) -> Judging {
        if let Some(paths) = &self.open {
            return paths.judging(method, path).unwrap_or(self.general);
        }
        let own = found.and_then(|found| *self.known.get(found.route.id.index())?);
        own.unwrap_or(self.general)
    }

    /// How what has no route is judged.
    pub fn general(&self) -> Judging {
        self.general
    }

    fn judging_of(&mut self, section: &FirewallSection, number: usize, entry: &RouteFirewall) -> Judging {
        let mode = entry.mode.unwrap_or(section.mode);
        let level = Level {
            paranoia: entry.paranoia.unwrap_or(section.paranoia),
            threshold: entry.threshold.unwrap_or(section.threshold),
        };
        let level = self.levels.iter().position(|known| *known == level).unwrap_or_else(|| {
            self.levels.push(level);
            self.levels.len() - 1
        });
        let mut settings: Vec<String> = entry.exclude.iter().flat_map(updates).collect();
        match entry.mode {
            Some(FirewallMode::Block) if section.mode != FirewallMode::Block => settings.push("ruleEngine=On".into()),
            Some(FirewallMode::Detect) if section.mode != FirewallMode::Detect => {
                settings.push("ruleEngine=DetectionOnly".into());
            }
            _ => {}
        }
        let profile = (!settings.is_empty()).then(|| {
            self.profiles.push(Profile { key: format!("waf.routes[{number}].exclude"), settings });
            self.profiles.len() - 1
        });
        Judging { mode, level, profile, entry: Some(number) }
    }

    /// Puts an entry on the routes that it names.
    fn put(
        &mut self,
        contract: &Contract,
        number: usize,
        entry: &RouteFirewall,
        judging: Judging,
    ) -> Result<(), FirewallError> {
        let mut any = false;
        for (route, known) in contract.routes().iter().zip(&mut self.known) {
            if names(entry, route) {
                (*known, any) = (Some(judging), true);
            }
        }
        if any { Ok(()) } else { Err(unknown(contract, number, entry)) }
    }
}

fn names(entry: &RouteFirewall, route: &Route) -> bool {
    match entry.parts() {
        Some((own, template)) => *route.template == *template && (own == "*" || own == method(route)),
        None => entry.operation.as_deref().is_some_and(|own| route.operation_id.as_deref() == Some(own)),
    }
}

fn method(route: &Route) -> &str {
    route.method.as_ref().map_or("*", Method::as_str)
}

fn unknown(contract: &Contract, number: usize, entry: &RouteFirewall) -> FirewallError {
    let (key, what) =
        if entry.route.is_some() { ("route", "route of the contract") } else { ("operation", "`operationId`") };
    let all: BTreeSet<String> = contract
        .routes()
        .iter()
        .filter_map(|route| match key {
            "route" => Some(format!("{} {}", method(route), route.template)),
            _ => route.operation_id.as_ref().map(ToString::to_string),
        })
        .collect();
    let nearest = all.iter().min_by_key(|known| distance(entry.name(), known));
    let text = match nearest {
        Some(near) => format!("`{}` is no {what}; did you mean `{near}`?", entry.name()),
        None => format!("`{}` is no {what}: there is none", entry.name()),
    };
    FirewallError { key: format!("waf.routes[{number}].{key}"), text }
}

impl Paths {
    fn of(named: &[(usize, &RouteFirewall, Judging)]) -> Result<Paths, FirewallError> {
        let mut patterns = BTreeMap::new();
        let mut methods: BTreeMap<Arc<str>, Vec<(Option<Method>, Judging)>> = BTreeMap::new();
        for (number, entry, judging) in named {
            let refused = |text: String| FirewallError { key: format!("waf.routes[{number}]"), text };
            let unnamed = "without an OpenAPI file routes have no names; give `route`, such as \"* /notes/*\"";
            let (method, path) = entry.parts().ok_or_else(|| refused(unnamed.into()))?;
            let pattern: PathPattern =
                path.parse().map_err(|error| refused(format!("without an OpenAPI file, {error}")))?;
            let method = match method {
                "*" => None,
                method => {
                    let parsed = Method::from_bytes(method.as_bytes());
                    Some(parsed.map_err(|error| refused(format!("`{method}`: {error}")))?)
                }
            };
            methods.entry(pattern.as_str().into()).or_default().push((method, *judging));
            patterns.insert(pattern.as_str().to_owned(), pattern);
        }
        let patterns: Vec<PathPattern> = patterns.into_values().collect();
        Ok(Paths { contract: Contract::open(&patterns), methods })
    }

    fn judging(&self, method: &Method, path: &str) -> Option<Judging> {
        let RouteMatch::Found(found) = self.contract.route(method, path) else { return None };
        let entries = self.methods.get(&found.route.template)?;
        let fits = |(own, _): &&(Option<Method>, Judging)| own.as_ref().is_none_or(|own| own == method);
        entries.iter().rev().find(fits).map(|(_, judging)| *judging)
    }
}

/// What an exclusion changes, as the values of `ctl`.
fn updates(exclude: &Exclude) -> impl Iterator<Item = String> {
    exclude.rules.iter().map(|rules| {
        let by = if matches!(rules, RuleName::Tag(_)) { "Tag" } else { "Id" };
        match &exclude.target {
            // A rule that looks nowhere else has it with a `!`; here it is plain.
            Some(target) => format!("ruleRemoveTargetBy{by}={rules};{}", target.trim_start_matches('!')),
            None => format!("ruleRemoveBy{by}={rules}"),
        }
    })
}

/// Refuses entries that name rules which are not there, or levels that these rules don't know.
pub fn check(section: &FirewallSection, rules: &RuleSet) -> Result<(), FirewallError> {
    let ids: BTreeSet<u64> = rules.ids().collect();
    let tags = rules.tags();
    for (number, entry) in section.routes.iter().enumerate() {
        let refused = |key: &str, text: String| Err(FirewallError { key: format!("waf.routes[{number}].{key}"), text });
        let level = entry.paranoia.map(|_| "paranoia").or(entry.threshold.map(|_| "threshold"));
        if let Some(key) = level.filter(|_| !ids.contains(&SCORES)) {
            return refused(key, "these rules are no Core Rule Set, so they have no levels".into());
        }
        for name in entry.exclude.iter().flat_map(|exclude| &exclude.rules) {
            match name {
                RuleName::Ids(first, last) if ids.range(first..=last).next().is_none() => {
                    let nearest = ids
                        .iter()
                        .min_by_key(|id| (distance(&id.to_string(), &first.to_string()), id.abs_diff(*first)));
                    let near = nearest.map(|id| format!("; did you mean {id}?")).unwrap_or_default();
                    return refused("exclude", format!("no rule in force has the id {name}{near}"));
                }
                RuleName::Tag(tag) if !tags.contains(tag) => {
                    let nearest = tags.iter().min_by_key(|known| distance(tag, known));
                    let near = nearest.map(|known| format!("; did you mean \"{known}\"?")).unwrap_or_default();
                    return refused("exclude", format!("no rule in force has the tag \"{tag}\"{near}"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// A line for people about each entry: what it names and what is other there.
pub fn described(section: &FirewallSection, observe: bool) -> Vec<(String, String)> {
    let about = |entry: &RouteFirewall| {
        let mode = entry.mode.unwrap_or(section.mode);
        let mut parts = vec![match mode {
            FirewallMode::Block if observe => "block (observe mode: it is reported and passes)".to_owned(),
            mode => mode.name().to_owned(),
        }];
        parts.extend(entry.paranoia.map(|level| format!("paranoia {level}")));
        parts.extend(entry.threshold.map(|threshold| format!("refused from {threshold} on")));
        for exclude in &entry.exclude {
            let rules: Vec<String> = exclude.rules.iter().map(ToString::to_string).collect();
            let target = exclude.target.as_deref().unwrap_or("anything");
            parts.push(format!("{} not asked about {target}", rules.join(" ")));
        }
        parts.join(", ")
    };
    section.routes.iter().map(|entry| (entry.name().to_owned(), about(entry))).collect()
}
