//! `[[waf.routes]]`: routes on which the firewall has another mode or another paranoia level, and rules that don't look at
//! some of what they carry.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{FirewallMode, FirewallSection};
use crate::config::ConfigError;

/// Routes with settings of their own.
const MOST_ROUTES: usize = 1_000;
/// What one of them leaves out.
const MOST_EXCLUDED: usize = 200;
/// Pairs of paranoia level and threshold beside the general one: each is a rule set in memory.
const MOST_LEVELS: usize = 4;
/// The highest threshold.
pub(super) const HIGHEST: u32 = 100_000;

/// What one route has in place of the general settings.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RouteFirewall {
    /// The route as `METHOD TEMPLATE`, such as `POST /notes/{id}`; `*` stands for every method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Or the `operationId` that the contract gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What is done about what the rules find.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<FirewallMode>,
    /// The paranoia level of the Core Rule Set, 1 to 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paranoia: Option<u8>,
    /// The anomaly score from which on a request is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u32>,
    /// What rules don't look at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Exclude>,
}

/// What some rules don't look at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Exclude {
    /// Which rules.
    pub rules: Vec<RuleName>,
    /// The variable that they don't look at, such as `ARGS:text`; without it they don't run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// What names rules.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RuleName {
    /// From an id to another, both included.
    Ids(u64, u64),
    /// A tag that they have.
    Tag(String),
}

impl RouteFirewall {
    /// As the configuration names it.
    pub fn name(&self) -> &str {
        self.route.as_deref().or(self.operation.as_deref()).unwrap_or_default()
    }

    /// Method and template, where it is named by them.
    pub fn parts(&self) -> Option<(&str, &str)> {
        self.route.as_deref()?.split_once(' ')
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleName::Ids(first, last) if first == last => write!(f, "{first}"),
            RuleName::Ids(first, last) => write!(f, "{first}-{last}"),
            RuleName::Tag(tag) => f.write_str(tag),
        }
    }
}

impl Serialize for RuleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            RuleName::Ids(first, last) if first == last => serializer.serialize_u64(*first),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for RuleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RuleName, D::Error> {
        deserializer.deserialize_any(Name)
    }
}

struct Name;

impl de::Visitor<'_> for Name {
    type Value = RuleName;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of a rule, a range of ids such as \"942100-942199\", or a tag such as \"attack-sqli\"")
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<RuleName, E> {
        Ok(RuleName::Ids(id, id))
    }

    fn visit_i64<E: de::Error>(self, id: i64) -> Result<RuleName, E> {
        let id = u64::try_from(id).map_err(|_| E::invalid_value(de::Unexpected::Signed(id), &self))?;
        self.visit_u64(id)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RuleName, E> {
        if !text.starts_with(|character: char| character.is_ascii_digit()) {
            return Ok(RuleName::Tag(text.to_owned()));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(RuleName::Ids(first, last)),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}

pub(super) fn validate(section: &FirewallSection) -> Result<(), ConfigError> {
    let refuse = |key: String, message: String| Err(ConfigError::Value { key, message });
    if section.routes.len() > MOST_ROUTES {
        return refuse("waf.routes".into(), format!("use at most {MOST_ROUTES}"));
    }
    let (mut seen, mut levels) = (BTreeSet::new(), BTreeSet::new());
    for (number, entry) in section.routes.iter().enumerate() {
        let at = |key: &str| format!("waf.routes[{number}]{key}");
        if entry.route.is_some() == entry.operation.is_some() {
            return refuse(
                at(""),
                "name the route by `route`, such as \"POST /notes/{id}\", or by `operation`, the contract's name for it, and \
                 not by both"
                    .into(),
            );
        }
        if entry.route.is_some()
            && !entry.parts().is_some_and(|(method, path)| !method.is_empty() && path.starts_with('/'))
        {
            let message = format!(
                "`{}` is not a route: write `METHOD TEMPLATE`, such as \"POST /notes/{{id}}\"; `*` stands for every method",
                entry.name()
            );
            return refuse(at(".route"), message);
        }
        if !seen.insert((entry.route.is_some(), entry.name())) {
            return refuse(at(""), format!("`{}` is named twice: join the two", entry.name()));
        }
        if entry.paranoia.is_some_and(|level| !(1..=4).contains(&level)) {
            return refuse(at(".paranoia"), "use 1 to 4".into());
        }
        if entry.threshold.is_some_and(|threshold| !(1..=HIGHEST).contains(&threshold)) {
            return refuse(at(".threshold"), format!("use 1 to {HIGHEST}"));
        }
        let changes = entry.paranoia.is_some() || entry.threshold.is_some() || !entry.exclude.is_empty();
        match entry.mode {
            None if !changes => return refuse(at(""), "says nothing: give a `mode`, or what to `exclude`".into()),
            Some(FirewallMode::Off) if changes => {
                return refuse(at(".mode"), "with \"off\" nothing is looked at, so nothing else can be said".into());
            }
            _ => {}
        }
        if entry.exclude.len() > MOST_EXCLUDED {
            return refuse(at(".exclude"), format!("use at most {MOST_EXCLUDED}"));
        }
        if entry.exclude.iter().any(|exclude| exclude.rules.is_empty() || exclude.rules.len() > MOST_EXCLUDED) {
            return refuse(at(".exclude"), format!("`rules` names no rule, or more than {MOST_EXCLUDED}"));
        }
        if entry.paranoia.is_some() || entry.threshold.is_some() {
            levels.insert((entry.paranoia, entry.threshold));
        }
        if levels.len() > MOST_LEVELS {
            let message = format!(
                "there are more than {MOST_LEVELS} pairs of `paranoia` and `threshold`, and each is a rule set in memory"
            );
            return refuse(at(""), message);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refused(text: &str) -> String {
        match toml::from_str::<FirewallSection>(text) {
            Ok(section) => super::super::validate(&section).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn routes_are_read_and_written_the_same() {
        let text = r#"
            [[routes]]
            route = "POST /notes"
            mode = "detect"
            paranoia = 2
            threshold = 10
            exclude = [{ rules = [942100, "942200-942299", "attack-sqli"], target = "ARGS:text" }, { rules = [920100] }]
            [[routes]]
            operation = "createNote"
            mode = "off"
        "#;
        let section: FirewallSection = toml::from_str(text).unwrap();
        super::super::validate(&section).unwrap();
        let exclude = &section.routes.first().unwrap().exclude;
        let expected =
            [RuleName::Ids(942_100, 942_100), RuleName::Ids(942_200, 942_299), RuleName::Tag("attack-sqli".into())];
        assert_eq!(exclude.first().unwrap().rules, expected);
        assert_eq!(exclude.last().unwrap().target, None);
        let again = toml::from_str(&toml::to_string(&section).unwrap()).unwrap();
        assert_eq!(section, again);
        assert!(!section.is_off());
    }

    #[test]
    fn what_can_not_work_is_refused() {
        for (text, expected) in [
            ("[[routes]]\nmode = \"off\"", "name the route"),
            ("[[routes]]\nroute = \"GET /a\"\noperation = \"a\"\nmode = \"off\"", "not by both"),
            ("[[routes]]\nroute = \"/a\"\nmode = \"off\"", "write `METHOD TEMPLATE`"),
            ("[[routes]]\nroute = \"GET /a\"", "says nothing"),
            ("[[routes]]\nroute = \"GET /a\"\nparanoia = 5", "use 1 to 4"),
            ("[[routes]]\nroute = \"GET /a\"\nthreshold = 0", "use 1 to 100000"),
            ("[[routes]]\nroute = \"GET /a\"\nmode = \"off\"\nparanoia = 1", "nothing is looked at"),
            ("[[routes]]\nroute = \"GET /a\"\nexclude = [{ rules = [] }]", "names no rule"),
            ("[[routes]]\nroute = \"GET /a\"\nexclude = [{ rules = [-1] }]", "the id of a rule"),
            ("[[routes]]\nroute = \"GET /a\"\nexclude = [{ rules = [\"9-1\"] }]", "the id of a rule"),
            ("[[routes]]\nroute = \"GET /a\"\nexclude = [{ rule = [1] }]", "unknown field `rule`"),
        ] {
            let error = refused(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
        let twice = "[[routes]]\nroute = \"GET /a\"\nmode = \"off\"\n".repeat(2);
        assert!(refused(&twice).contains("named twice"));
        let entry = |level: u32| format!("[[routes]]\nroute = \"GET /{level}\"\nthreshold = {level}\n");
        let levels: Vec<String> = (1..=5).map(entry).collect();
        assert!(refused(&levels.concat()).contains("more than 4 pairs"));
    }
}
