//! `[masking]` and `[privacy]`: who sees how much of marked data, and what people are asked to agree to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use testudo_privacy::{Condition, Policy, PolicyError, Rule, Treatment};

use super::ConfigError;
use super::load::distance;

/// Rules in `[masking]`, and of one route.
const MOST_RULES: usize = 500;
/// Purposes that people are asked about.
const MOST_PURPOSES: usize = 50;
/// The longest title and text of a purpose.
const LONGEST: usize = 2_000;

/// `[masking]`: how data that the contract marks is shown.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MaskingConfig {
    /// How classes are shown that no rule names.
    pub otherwise: Treatment,
    /// Whether strings that nobody marked are looked at, on every route.
    pub detect: bool,
    /// The strictest rule that applies wins; their order does not matter.
    pub rules: Vec<Rule>,
    /// Routes with settings of their own.
    pub routes: Vec<RouteMasking>,
}

impl Default for MaskingConfig {
    fn default() -> MaskingConfig {
        MaskingConfig { otherwise: Treatment::Partial, detect: false, rules: Vec::new(), routes: Vec::new() }
    }
}

/// What one route has in place of the general settings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RouteMasking {
    /// The route as `METHOD TEMPLATE`, such as `GET /profile`; `*` stands for every method.
    pub route: String,
    /// How classes are shown that no rule names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Treatment>,
    /// Whether strings that nobody marked are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detect: Option<bool>,
    /// The rules of this route; the general ones do not apply to it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<Rule>>,
}

impl RouteMasking {
    /// Whether it is about this method of this template.
    pub fn names(&self, method: &str, template: &str) -> bool {
        self.route.split_once(' ').is_some_and(|(own, path)| path == template && (own == "*" || own == method))
    }
}

impl MaskingConfig {
    /// The rules that hold for a route: those of its own entry, one that names its method before one for every method.
    pub fn policy(&self, method: &str, template: &str) -> Result<Policy, PolicyError> {
        let entry = |exact: bool| {
            let named = |entry: &&RouteMasking| entry.names(method, template) && entry.route.starts_with("* ") != exact;
            self.routes.iter().find(named)
        };
        let own = entry(true).or_else(|| entry(false));
        let rules = own.and_then(|own| own.rules.as_ref()).unwrap_or(&self.rules);
        let otherwise = own.and_then(|own| own.otherwise).unwrap_or(self.otherwise);
        let detect = own.and_then(|own| own.detect).unwrap_or(self.detect);
        Ok(Policy::new(rules.clone())?.otherwise(otherwise).detect(detect))
    }

    fn all_rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().chain(self.routes.iter().flat_map(|route| route.rules.iter().flatten()))
    }
}

/// `[privacy]`: what people are asked to agree to.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PrivacyConfig {
    /// The purposes, in the order in which people see them.
    pub purposes: Vec<PurposeConfig>,
}

/// `[[privacy.purposes]]`
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PurposeConfig {
    /// Its name in rules, contracts and events: lower-case letters, digits and dashes.
    pub name: String,
    /// What people read first.
    pub title: String,
    /// What they agree to.
    pub text: String,
    /// The version of the text. Who agreed to another version has not agreed to this one.
    pub version: String,
}

/// Refuses what can't be meant.
pub(super) fn validate(masking: &MaskingConfig, privacy: &PrivacyConfig) -> Result<(), ConfigError> {
    let refuse = |key: &str, message: String| Err(ConfigError::Value { key: key.into(), message });
    let names: BTreeSet<&str> = privacy.purposes.iter().map(|purpose| purpose.name.as_str()).collect();
    if names.len() != privacy.purposes.len() {
        return refuse("privacy.purposes", "two purposes have the same name; give each its own".into());
    }
    if privacy.purposes.len() > MOST_PURPOSES {
        return refuse("privacy.purposes", format!("more than {MOST_PURPOSES}: nobody reads so many"));
    }
    for purpose in &privacy.purposes {
        let name = &purpose.name;
        if !is_name(name) {
            let message =
                format!("`{name}` is not a name of a purpose: use up to 40 lower-case letters, digits and `-`");
            return refuse("privacy.purposes.name", message);
        }
        if !is_version(&purpose.version) {
            return refuse(
                "privacy.purposes.version",
                format!("`{}` is not a version: such as `2` or `2026-11`", purpose.version),
            );
        }
        if purpose.title.trim().is_empty() || purpose.title.len() > LONGEST || purpose.text.len() > LONGEST {
            return refuse(
                "privacy.purposes.title",
                format!("`{name}` needs a title, and at most {LONGEST} bytes of text"),
            );
        }
    }
    for (what, rules) in std::iter::once(("masking.rules".to_owned(), &masking.rules))
        .chain(masking.routes.iter().filter_map(|own| Some((own.route.clone(), own.rules.as_ref()?))))
    {
        if rules.len() > MOST_RULES {
            return refuse("masking.rules", format!("`{what}` has more than {MOST_RULES} rules"));
        }
        if let Err(error) = Policy::new(rules.clone()) {
            return refuse("masking.rules", error.to_string());
        }
    }
    let conditions = masking.all_rules().flat_map(|rule| rule.unless.iter().chain([&rule.when]));
    for consent in conditions.flat_map(|Condition { consents, .. }| consents) {
        if !names.contains(consent.as_str()) {
            return refuse("masking.rules.consents", unknown_purpose(consent, &names));
        }
    }
    Ok(())
}

/// What to say of a purpose that is not configured.
pub fn unknown_purpose(name: &str, known: &BTreeSet<&str>) -> String {
    let nearest = known.iter().min_by_key(|known| distance(name, known));
    match nearest.filter(|known| distance(name, known) <= name.len().max(known.len()) / 2) {
        Some(near) => format!("`{name}` is not a purpose; did you mean `{near}`?"),
        None if known.is_empty() => {
            format!("`{name}` is not a purpose: none is configured; add `[[privacy.purposes]]`")
        }
        None => {
            let known: Vec<&str> = known.iter().copied().collect();
            format!("`{name}` is not a purpose; known are {}", known.join(", "))
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_version(version: &str) -> bool {
    (1..=40).contains(&version.len())
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use testudo_privacy::{DataClass, Facts};

    use super::*;

    fn config(text: &str) -> Result<(MaskingConfig, PrivacyConfig), String> {
        #[derive(Deserialize)]
        #[serde(default, rename_all = "kebab-case")]
        #[derive(Default)]
        struct Both {
            masking: MaskingConfig,
            privacy: PrivacyConfig,
        }
        let both: Both = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        validate(&both.masking, &both.privacy).map_err(|error| error.to_string())?;
        Ok((both.masking, both.privacy))
    }

    #[test]
    fn a_route_has_rules_of_its_own() {
        let (masking, _) = config(
            r#"
            [masking]
            [[masking.rules]]
            classes = ["pan"]
            treatment = "null"
            [[masking.routes]]
            route = "* /profile"
            otherwise = "plain"
            [[masking.routes]]
            route = "GET /profile"
            detect = true
            rules = []
            "#,
        )
        .unwrap();
        let shown =
            |method, path, class| masking.policy(method, path).unwrap().plan(&Facts::default()).treatment(class);
        assert_eq!(shown("GET", "/cards", DataClass::Pan), Treatment::Null);
        assert_eq!(shown("GET", "/cards", DataClass::Email), Treatment::Partial);
        assert_eq!(shown("PUT", "/profile", DataClass::Email), Treatment::Plain);
        assert_eq!(shown("PUT", "/profile", DataClass::Pan), Treatment::Null);
        assert_eq!(shown("GET", "/profile", DataClass::Pan), Treatment::Partial);
        assert!(masking.policy("GET", "/profile").unwrap().plan(&Facts::default()).detects());
    }

    #[test]
    fn mistakes_say_what_to_write() {
        let purposes =
            "[[privacy.purposes]]\nname = \"support\"\ntitle = \"Help\"\ntext = \"We look.\"\nversion = \"1\"\n";
        let rule =
            |rest: &str| format!("{purposes}[[masking.rules]]\nclasses = [\"pan\"]\ntreatment = \"null\"\n{rest}\n");
        assert!(config(&rule("unless = [{ consents = [\"support\"] }]")).is_ok());
        for (text, expected) in [
            (rule("unless = [{ consents = [\"suport\"] }]"), "did you mean `support`?"),
            (rule("when = { consents = [\"advertising\"] }"), "known are support"),
            (rule("unless = [{}]"), "say for whom it is lifted"),
            (rule("unless = [{ consent = [\"support\"] }]"), "unknown field `consent`"),
            ("[[masking.rules]]\nclasses = [\"passport\"]\ntreatment = \"null\"".into(), "unknown variant `passport`"),
            (format!("{purposes}{purposes}"), "the same name"),
            (purposes.replace("\"support\"", "\"Support Desk\""), "is not a name of a purpose"),
        ] {
            let error = config(&text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
