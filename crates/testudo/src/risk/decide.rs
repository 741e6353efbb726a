//! What follows from a score.
//!
//! Nobody is locked out for ever. A challenge ends with a second factor: it makes the way usual, and for a quarter of an
//! hour nothing more is asked for where it was shown. Who has none passes at a high level (unless `risk.without-factor`
//! says otherwise), and sets one up when she is challenged at a critical level; what is only new is never critical, and
//! an alert weighs half after an hour, so that a refusal also ends by itself. From the ways that she uses she is let in
//! all the time.

use testudo_core::{Control, Decision, Denial, Obligation};
use testudo_detection::risk::{Assessment, Level};
use testudo_identity::Acr;

use crate::config::{RiskAnswer, RiskSection};

/// The decision about somebody who comes this way. `matters`: she writes, or wants tokens.
pub fn decide(section: &RiskSection, assessment: &Assessment, matters: bool) -> Decision {
    let asked = match assessment.level {
        _ if assessment.proven => false,
        Level::Critical => section.at_critical == RiskAnswer::StepUp,
        Level::High if assessment.has_factor => matters && section.at_high == RiskAnswer::StepUp,
        Level::High => matters && section.without_factor == RiskAnswer::StepUp,
        Level::Medium | Level::Low => false,
    };
    if !asked {
        return Decision::allow(Control::Risk);
    }
    let (code, text) = match assessment.level {
        Level::Critical => (
            "risk-critical",
            "this way to come is under attack; sign in again with a second factor, or come from a device and network \
             that you use",
        ),
        _ => ("risk-step-up", "this is an unusual way to come; sign in again with a second factor"),
    };
    Decision::challenge(Control::Risk, Denial::StepUp, code, text)
        .oblige(Obligation::StepUp(Acr::SecondFactor.as_str().into()))
}

#[cfg(test)]
mod tests {
    use testudo_core::Verdict;

    use super::*;

    fn assessment(level: Level, has_factor: bool, proven: bool) -> Assessment {
        Assessment {
            score: 0,
            level,
            reasons: Vec::new(),
            new: Vec::new(),
            device_known: false,
            network_known: false,
            proven,
            has_factor,
        }
    }

    #[test]
    fn who_is_asked_for_more() {
        let section = RiskSection::default();
        let asked = |level, has_factor, matters| {
            decide(&section, &assessment(level, has_factor, false), matters).verdict() == Verdict::Challenge
        };
        for level in [Level::Low, Level::Medium] {
            assert!(!asked(level, true, true) && !asked(level, false, true));
        }
        assert!(asked(Level::High, true, true) && !asked(Level::High, true, false));
        assert!(!asked(Level::High, false, true), "who has no factor can't show one");
        assert!(asked(Level::Critical, true, false) && asked(Level::Critical, false, false));
        for level in [Level::Low, Level::High, Level::Critical] {
            let proven = decide(&section, &assessment(level, true, true), true);
            assert_eq!(proven.verdict(), Verdict::Allow, "who has just shown one is not asked again");
            assert!(proven.evaluated().contains(Control::Risk));
        }
        let off = RiskSection { at_high: RiskAnswer::Note, at_critical: RiskAnswer::Note, ..RiskSection::default() };
        assert_eq!(decide(&off, &assessment(Level::Critical, true, false), true).verdict(), Verdict::Allow);
        let strict = RiskSection { without_factor: RiskAnswer::StepUp, ..RiskSection::default() };
        assert_eq!(decide(&strict, &assessment(Level::High, false, false), true).verdict(), Verdict::Challenge);
    }
}
