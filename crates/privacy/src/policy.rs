//! Who sees how much: rules over facts about the caller.
//!
//! Each rule that applies asks for a treatment of its classes, and the strictest wins, so that the order of rules never
//! matters. A rule loosens nothing; it says to whom it does not apply. A class that no rule names is treated as
//! [`Policy::otherwise`] says, so that a new class is not shown by oversight.

use serde::{Deserialize, Serialize};

use crate::{DataClass, Plan, Treatment};

/// How far the device of the caller is trusted. The order is the trust.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceTrust {
    /// Nothing is known about it.
    #[default]
    Unknown,
    /// The person used it before.
    Known,
    /// The token is bound to a key of the device.
    Bound,
    /// The device proved what it is.
    Attested,
}

/// What the rules may ask about a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts<'a> {
    /// The scopes of the token.
    pub scopes: &'a [&'a str],
    /// The roles of the caller.
    pub roles: &'a [&'a str],
    /// The purposes of this request to which the person consented.
    pub consents: &'a [&'a str],
    /// The trust in the device.
    pub device: DeviceTrust,
    /// The risk score, 0 to 100.
    pub risk: u8,
}

/// What must be so. Parts that are not given hold; a list holds when the caller has one of its items.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Condition {
    /// One of these scopes.
    pub scopes: Vec<String>,
    /// One of these roles.
    pub roles: Vec<String>,
    /// Consent to one of these purposes.
    pub consents: Vec<String>,
    /// A device that is trusted at least so far.
    pub device_at_least: Option<DeviceTrust>,
    /// A device that is trusted less.
    pub device_below: Option<DeviceTrust>,
    /// A risk of at least this score.
    pub risk_at_least: Option<u8>,
    /// A risk below this score.
    pub risk_below: Option<u8>,
}

impl Condition {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        let one_of = |wanted: &[String], had: &[&str]| {
            wanted.is_empty() || wanted.iter().any(|item| had.contains(&item.as_str()))
        };
        one_of(&self.scopes, facts.scopes)
            && one_of(&self.roles, facts.roles)
            && one_of(&self.consents, facts.consents)
            && self.device_at_least.is_none_or(|least| facts.device >= least)
            && self.device_below.is_none_or(|most| facts.device < most)
            && self.risk_at_least.is_none_or(|least| facts.risk >= least)
            && self.risk_below.is_none_or(|most| facts.risk < most)
    }
}

/// One rule: these classes are treated so, when this holds, unless that holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// The classes.
    pub classes: Vec<DataClass>,
    /// The least that is done with them.
    pub treatment: Treatment,
    /// When the rule applies; always, when nothing is given.
    #[serde(default)]
    pub when: Condition,
    /// For whom the rule does not apply. Each condition by itself lifts the rule.
    #[serde(default)]
    pub unless: Vec<Condition>,
}

/// Why a policy is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PolicyError {
    /// A rule without classes.
    #[error("masking rule {0} names no class: list the classes that it is about")]
    NoClasses(usize),
    /// A rule that does nothing.
    #[error("masking rule {0} treats its classes as plain, which loosens nothing: put the exception under `unless`")]
    Plain(usize),
    /// An exception for everybody.
    #[error("masking rule {0} has an empty condition under `unless`, and so never applies: say for whom it is lifted")]
    Never(usize),
    /// A score above 100.
    #[error("masking rule {0} asks for a risk above 100: scores go from 0 to 100")]
    Risk(usize),
}

/// The rules of an installation or of one route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    rules: Vec<Rule>,
    otherwise: Treatment,
    detect: bool,
}

impl Default for Policy {
    /// Everything that is marked is shown in part to everybody; nothing is looked for.
    fn default() -> Policy {
        Policy { rules: Vec::new(), otherwise: Treatment::Partial, detect: false }
    }
}

impl Policy {
    /// Checks the rules. Errors name a rule by its position, from 1.
    pub fn new(rules: Vec<Rule>) -> Result<Policy, PolicyError> {
        for (rule, position) in rules.iter().zip(1..) {
            if rule.classes.is_empty() {
                return Err(PolicyError::NoClasses(position));
            }
            if rule.treatment == Treatment::Plain {
                return Err(PolicyError::Plain(position));
            }
            if rule.unless.contains(&Condition::default()) {
                return Err(PolicyError::Never(position));
            }
            let scores = rule.unless.iter().chain([&rule.when]).flat_map(|each| [each.risk_at_least, each.risk_below]);
            if scores.flatten().any(|score| score > 100) {
                return Err(PolicyError::Risk(position));
            }
        }
        Ok(Policy { rules, ..Policy::default() })
    }

    /// Sets how classes are treated that no rule names.
    #[must_use]
    pub fn otherwise(mut self, treatment: Treatment) -> Policy {
        self.otherwise = treatment;
        self
    }

    /// Sets whether unmarked values are looked at.
    #[must_use]
    pub fn detect(mut self, detect: bool) -> Policy {
        self.detect = detect;
        self
    }

    /// The plan for one response.
    pub fn plan(&self, facts: &Facts<'_>) -> Plan {
        let mut plan = if self.detect { Plan::PLAIN.detecting() } else { Plan::PLAIN };
        for class in DataClass::ALL {
            let mut named = false;
            for rule in self.rules.iter().filter(|rule| rule.classes.contains(&class)) {
                named = true;
                if rule.when.holds(facts) && !rule.unless.iter().any(|lifted| lifted.holds(facts)) {
                    plan = plan.with(class, rule.treatment);
                }
            }
            if !named {
                plan = plan.with(class, self.otherwise);
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn policy() -> Policy {
        let rules = json!([
            {"classes": ["pan"], "treatment": "partial", "unless": [{"scopes": ["cards:reveal"], "device-at-least": "bound"}]},
            {"classes": ["pan", "iban"], "treatment": "drop", "when": {"risk-at-least": 80}},
            {"classes": ["email"], "treatment": "token", "unless": [{"roles": ["agent"]}, {"consents": ["support"]}]},
            {"classes": ["email"], "treatment": "hash", "when": {"device-below": "known"}},
        ]);
        Policy::new(serde_json::from_value(rules).unwrap()).unwrap().otherwise(Treatment::Null)
    }

    #[test]
    fn facts_decide_and_the_strictest_wins() {
        let policy = policy();
        let stranger = Facts::default();
        let shown = |facts: &Facts<'_>, class| policy.plan(facts).treatment(class);
        assert_eq!(shown(&stranger, DataClass::Pan), Treatment::Partial);
        assert_eq!(shown(&stranger, DataClass::Iban), Treatment::Plain, "named, and no rule applies");
        assert_eq!(shown(&stranger, DataClass::Health), Treatment::Null, "not named");
        assert_eq!(shown(&stranger, DataClass::Email), Treatment::Hash);
        let known = Facts { device: DeviceTrust::Known, ..stranger };
        assert_eq!(shown(&known, DataClass::Email), Treatment::Token);
        assert_eq!(shown(&Facts { roles: &["agent"], ..known }, DataClass::Email), Treatment::Plain);
        assert_eq!(shown(&Facts { consents: &["support"], ..known }, DataClass::Email), Treatment::Plain);
        assert_eq!(shown(&Facts { consents: &["ads"], ..known }, DataClass::Email), Treatment::Token);
        let scoped = Facts { scopes: &["cards:reveal"], ..known };
        assert_eq!(shown(&scoped, DataClass::Pan), Treatment::Partial, "the device is not bound");
        let bound = Facts { device: DeviceTrust::Attested, ..scoped };
        assert_eq!(shown(&bound, DataClass::Pan), Treatment::Plain);
        assert_eq!(shown(&Facts { risk: 80, ..bound }, DataClass::Pan), Treatment::Drop);
        assert_eq!(shown(&Facts { risk: 79, ..bound }, DataClass::Pan), Treatment::Plain);
    }

    #[test]
    fn rules_that_can_not_be_meant_are_refused() {
        let refused = |rule| Policy::new(vec![serde_json::from_value(rule).unwrap()]).unwrap_err();
        assert_eq!(refused(json!({"classes": [], "treatment": "null"})), PolicyError::NoClasses(1));
        assert_eq!(refused(json!({"classes": ["pan"], "treatment": "plain"})), PolicyError::Plain(1));
        assert_eq!(refused(json!({"classes": ["pan"], "treatment": "null", "unless": [{}]})), PolicyError::Never(1));
        let risk = json!({"classes": ["pan"], "treatment": "null", "when": {"risk-at-least": 101}});
        assert_eq!(refused(risk), PolicyError::Risk(1));
        for unknown in [
            json!({"classes": ["passport"], "treatment": "null"}),
            json!({"classes": ["pan"], "treatment": "blur"}),
            json!({"classes": ["pan"], "treatment": "null", "when": {"scope": ["x"]}}),
        ] {
            assert!(serde_json::from_value::<Rule>(unknown).is_err());
        }
    }

    proptest! {
        #[test]
        fn the_order_of_rules_never_matters(order in Just((0..4usize).collect::<Vec<_>>()).prop_shuffle(),
                                            risk in 0u8..=100, bound in any::<bool>(), agent in any::<bool>()) {
            let policy = policy();
            let rules = order.iter().filter_map(|at| policy.rules.get(*at).cloned()).collect();
            let shuffled = Policy { rules, ..policy.clone() };
            let device = if bound { DeviceTrust::Bound } else { DeviceTrust::Unknown };
            let facts = Facts { risk, device, roles: if agent { &["agent"] } else { &[] }, ..Facts::default() };
            prop_assert_eq!(policy.plan(&facts), shuffled.plan(&facts));
        }
    }
}
