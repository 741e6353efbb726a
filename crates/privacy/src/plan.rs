//! What is done with each class in one response.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use testudo_core::{Control, Decision, Obligation};

use crate::{ClassSet, DataClass, Marks};

/// How a value is shown. The order is the strictness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// As it is.
    #[default]
    Plain,
    /// A part, such as the last four digits.
    Partial,
    /// A token that those who hold the key can turn back. Equal values give equal tokens.
    Token,
    /// A keyed hash. Equal values give equal hashes; nothing turns them back.
    Hash,
    /// `null`.
    Null,
    /// The member or element is removed.
    Drop,
}

impl Treatment {
    /// All treatments, from the mildest.
    pub const ALL: [Treatment; 6] =
        [Treatment::Plain, Treatment::Partial, Treatment::Token, Treatment::Hash, Treatment::Null, Treatment::Drop];

    /// Its name in policies and obligations.
    pub const fn name(self) -> &'static str {
        match self {
            Treatment::Plain => "plain",
            Treatment::Partial => "partial",
            Treatment::Token => "token",
            Treatment::Hash => "hash",
            Treatment::Null => "null",
            Treatment::Drop => "drop",
        }
    }
}

/// How each class is shown in one response, and whether unmarked values are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Plan {
    treatments: [Treatment; DataClass::ALL.len()],
    detect: bool,
}

/// An obligation that names something unknown. What is owed can't be given then.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the obligation `{0}` can't be fulfilled: this version knows no such class or treatment")]
pub struct UnknownObligation(pub String);

/// The word in an obligation that stands for [`Plan::detecting`].
const DETECT: &str = "detect";

impl Plan {
    /// Everything plain.
    pub const PLAIN: Plan = Plan { treatments: [Treatment::Plain; DataClass::ALL.len()], detect: false };

    /// Treats a class at least this strictly.
    #[must_use]
    pub fn with(mut self, class: DataClass, treatment: Treatment) -> Plan {
        if let Some(own) = self.treatments.get_mut(class.index()) {
            *own = treatment.max(*own);
        }
        self
    }

    /// Also looks for the classes in values that nobody marked.
    #[must_use]
    pub fn detecting(mut self) -> Plan {
        self.detect = true;
        self
    }

    /// Whether unmarked values are looked at.
    pub fn detects(&self) -> bool {
        self.detect && self.treated().iter().any(crate::detect::has_detector)
    }

    /// How a class is shown.
    pub fn treatment(&self, class: DataClass) -> Treatment {
        self.treatments.get(class.index()).copied().unwrap_or(Treatment::Drop)
    }

    /// The strictest treatment of these classes, with the class that asks for it.
    pub fn strictest(&self, classes: ClassSet) -> Option<(Treatment, DataClass)> {
        let each = classes.iter().map(|class| (self.treatment(class), class));
        each.max_by_key(|(treatment, class)| (*treatment, std::cmp::Reverse(*class)))
    }

    /// The classes that are not shown plain.
    pub fn treated(&self) -> ClassSet {
        DataClass::ALL.into_iter().filter(|class| self.treatment(*class) != Treatment::Plain).collect()
    }

    /// Whether a document with these marks is touched at all.
    pub fn touches(&self, marks: &Marks) -> bool {
        self.detects() || marks.classes().iter().any(|class| self.treatment(class) != Treatment::Plain)
    }

    /// Both plans together, the stricter treatment of each class.
    #[must_use]
    pub fn and(self, other: &Plan) -> Plan {
        let joined = DataClass::ALL.into_iter().fold(self, |plan, class| plan.with(class, other.treatment(class)));
        Plan { detect: self.detect || other.detect, ..joined }
    }

    /// The decision of this control: it was evaluated, and owes what the plan says for documents with these marks.
    pub fn decide(&self, marks: &Marks) -> Decision {
        let decision = Decision::allow(Control::Masking);
        if self.touches(marks) { decision.oblige(self.obligation()) } else { decision }
    }

    /// As an obligation: `class:treatment` for each class that is not plain, and `detect`.
    pub fn obligation(&self) -> Obligation {
        let each = self.treated().iter().map(|class| format!("{class}:{}", self.treatment(class).name()));
        Obligation::Mask(each.chain(self.detect.then(|| DETECT.to_owned())).collect())
    }

    /// The plan that an obligation asks for. A class without a treatment is shown as `null`.
    pub fn from_obligation(owed: &BTreeSet<String>) -> Result<Plan, UnknownObligation> {
        let mut plan = Plan::PLAIN;
        for item in owed {
            if item == DETECT {
                plan = plan.detecting();
                continue;
            }
            let (class, treatment) = item.split_once(':').unwrap_or((item, Treatment::Null.name()));
            let class = DataClass::from_name(class);
            let treatment = Treatment::ALL.into_iter().find(|known| known.name() == treatment);
            let (Some(class), Some(treatment)) = (class, treatment) else {
                return Err(UnknownObligation(item.chars().take(64).collect()));
            };
            plan = plan.with(class, treatment);
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

    use super::*;

    #[test]
    fn obligations_go_there_and_back() {
        let plan = Plan::PLAIN
            .with(DataClass::Pan, Treatment::Partial)
            .with(DataClass::Email, Treatment::Drop)
            .with(DataClass::Email, Treatment::Hash)
            .detecting();
        let Obligation::Mask(owed) = plan.obligation() else { panic!("a mask") };
        assert_eq!(owed.iter().map(String::as_str).collect::<Vec<_>>(), ["detect", "email:drop", "pan:partial"]);
        assert_eq!(Plan::from_obligation(&owed), Ok(plan));
        let bare = Plan::from_obligation(&BTreeSet::from(["iban".to_owned()])).unwrap();
        assert_eq!(bare.treatment(DataClass::Iban), Treatment::Null);
    }

    #[test]
    fn what_is_unknown_can_not_be_fulfilled() {
        for owed in ["passport", "pan:blur", "pan:", "", ":null", "PAN"] {
            assert!(Plan::from_obligation(&BTreeSet::from([owed.to_owned()])).is_err(), "{owed}");
        }
    }

    #[test]
    fn only_what_is_touched_is_owed() {
        let marks = Marks::compile([("$.pan", DataClass::Pan)]).unwrap();
        let names = Plan::PLAIN.with(DataClass::Name, Treatment::Null);
        assert!(names.decide(&marks).obligations().is_empty());
        assert!(names.decide(&marks).evaluated().contains(Control::Masking));
        assert!(names.detecting().decide(&marks).obligations().is_empty(), "names have no detector");
        assert_eq!(Plan::PLAIN.with(DataClass::Pan, Treatment::Null).decide(&marks).obligations().len(), 1);
        assert_eq!(
            Plan::PLAIN.with(DataClass::Phone, Treatment::Null).detecting().decide(&marks).obligations().len(),
            1
        );
    }
}
