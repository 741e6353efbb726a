//! What a limiter answers, and how clients are told: `Retry-After`, `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers, version 10).

use testudo_core::{Control, Decision, Denial, Obligation};

use crate::rate::{Limit, Micros, Rate};
use crate::tighten::Share;

/// The decision, and the state of the tightest limit that was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a limiter's answer must be joined with the others"]
pub struct Answer {
    /// The decision of [`Control::RateLimit`].
    pub decision: Decision,
    /// The tightest limit; nothing if all that would apply are off.
    pub rate: Option<RateState>,
}

/// The state of one limit for one caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateState {
    /// The limit's name, such as `person`.
    pub name: &'static str,
    /// How many requests it allows at once.
    pub limit: u64,
    /// How many of them are left.
    pub remaining: u64,
    /// Seconds until all of them are there again, rounded up.
    pub reset_s: u64,
    /// Seconds until the next request is admitted, rounded up; 0 while some are left.
    pub retry_after_s: u64,
    /// Seconds in which a used-up limit is whole again, rounded up.
    pub window_s: u64,
}

impl RateState {
    /// The value of the `RateLimit` header.
    pub fn rate_limit(&self) -> String {
        let t = if self.remaining == 0 { self.retry_after_s.max(1) } else { self.reset_s };
        self.field(";r=", self.remaining, ";t=", t)
    }

    /// The value of the `RateLimit-Policy` header.
    pub fn policy(&self) -> String {
        self.field(";q=", self.limit, ";w=", self.window_s)
    }

    /// The name in quotes with two parameters. Every answer has two of these, so it does without the formatter.
    fn field(&self, first: &str, one: u64, second: &str, other: u64) -> String {
        let mut text = String::with_capacity(64);
        text.push('"');
        text.push_str(self.name);
        text.push('"');
        text.push_str(first);
        push(&mut text, one);
        text.push_str(second);
        push(&mut text, other);
        text
    }

    /// The one of two that leaves less: the fewest requests, then the longest wait.
    #[must_use]
    pub fn tighter(self, other: RateState) -> RateState {
        let tightness = |state: &RateState| (state.remaining, u64::MAX - state.retry_after_s, u64::MAX - state.reset_s);
        if tightness(&other) < tightness(&self) { other } else { self }
    }
}

/// Appends a number in decimal.
fn push(text: &mut String, number: u64) {
    let mut digits = [0; 20];
    let (mut left, mut used) = (number, 0);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        (left, used) = (left / 10, used + 1);
        if left == 0 {
            break;
        }
    }
    text.extend(digits.iter().skip(digits.len() - used).map(|digit| char::from(*digit)));
}

impl Answer {
    /// Joins what was answered for the peer and for the caller.
    pub fn and(self, other: Answer) -> Answer {
        let rate = match (self.rate, other.rate) {
            (Some(one), Some(two)) => Some(one.tighter(two)),
            (one, two) => one.or(two),
        };
        Answer { decision: self.decision.and(other.decision), rate }
    }

    pub(crate) fn allow(rate: Option<RateState>) -> Answer {
        Answer { decision: Decision::allow(Control::RateLimit), rate }
    }

    pub(crate) fn refuse(rule: &Rule, share: Share, debt: Micros) -> Answer {
        let state = rule.state(share.of(rule.limit), debt);
        let wait = state.retry_after_s.max(1);
        let (name, rate) = (rule.name, rule.rate);
        let text = match share.percent() {
            None => format!("the limit `{name}` of {rate} is used up; try again in {wait} s"),
            Some(percent) => {
                format!("of the limit `{name}` of {rate} only {percent} % are allowed for now; try again in {wait} s")
            }
        };
        Answer { decision: refusal(rule.code, text, wait), rate: Some(state) }
    }

    pub(crate) fn wait(code: &'static str, text: String, wait: Micros) -> Answer {
        Answer { decision: refusal(code, text, seconds(wait).max(1)), rate: None }
    }
}

fn refusal(code: &'static str, text: String, wait: u64) -> Decision {
    Decision::deny(Control::RateLimit, Denial::TooMany, code, text)
        .oblige(Obligation::RetryAfter(u32::try_from(wait).unwrap_or(u32::MAX)))
}

/// A limit with its name and place among the keys.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Rule {
    pub name: &'static str,
    pub code: &'static str,
    pub dimension: u8,
    pub class: u16,
    pub rate: Rate,
    pub limit: Limit,
}

impl Rule {
    /// The state under a limit: the rule's own, or a share of it.
    pub fn state(&self, limit: Limit, debt: Micros) -> RateState {
        let wait = debt.saturating_sub(limit.tolerance);
        RateState {
            name: self.name,
            limit: if limit == self.limit { self.rate.burst() } else { limit.remaining(0) },
            remaining: limit.remaining(debt),
            reset_s: seconds(debt),
            retry_after_s: seconds(wait),
            window_s: seconds(limit.span()),
        }
    }
}

/// Whole seconds, rounded up.
pub(crate) fn seconds(micros: Micros) -> u64 {
    micros.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn rule(rate: &str) -> Rule {
        let rate: Rate = rate.parse().unwrap();
        Rule { name: "person", code: "limit-person", dimension: 3, class: 0, rate, limit: rate.limit() }
    }

    #[test]
    fn headers_are_structured_fields() {
        let rule = rule("20/s burst 100");
        let state = rule.state(rule.limit, 50_000);
        assert_eq!(state.rate_limit(), "\"person\";r=99;t=1");
        assert_eq!(state.policy(), "\"person\";q=100;w=5");
    }

    #[test]
    fn a_refusal_names_the_limit_and_when_to_retry() {
        let rule = rule("6/min burst 3");
        let answer = Answer::refuse(&rule, Share::ALL, 30_000_000);
        let reason = answer.decision.reasons().first().unwrap();
        assert_eq!(reason.code, "limit-person");
        assert_eq!(reason.text, "the limit `person` of 6/min burst 3 is used up; try again in 10 s");
        assert_eq!(reason.denial.status(), 429);
        assert_eq!(answer.decision.obligations().first(), Some(&Obligation::RetryAfter(10)));
        assert_eq!(answer.rate.unwrap().rate_limit(), "\"person\";r=0;t=10");
    }

    #[test]
    fn the_tighter_state_is_told() {
        let rule = rule("20/s burst 100");
        let (loose, tight) = (rule.state(rule.limit, 0), rule.state(rule.limit, 4_000_000));
        assert_eq!(loose.tighter(tight), tight);
        assert_eq!(tight.tighter(loose), tight);
        assert_eq!(Answer::allow(None).and(Answer::allow(Some(loose))).rate, Some(loose));
    }
}
