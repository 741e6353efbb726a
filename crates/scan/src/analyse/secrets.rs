//! Secrets that the scanner found, as findings.

use std::collections::BTreeSet;

use super::AnalyseError;
use crate::report::{Evidence, Finding, Origin, Place, Reach};
use crate::rule::{Rule, RulePack};
use crate::secrets::{Exposure, Fingerprint, Form, Kind, Match, Piece, Scanner, Status, Weakness};

/// The most findings of secrets in one target; what is beyond is noise, and counted as a gap.
const MAX_FINDINGS: usize = 5_000;

/// The rules that the analysis itself reports under.
const RULES: [&str; 9] = [
    "secret-private-key",
    "secret-crypto-key",
    "secret-password",
    "secret-cloud-credential",
    "secret-payment-credential",
    "secret-credential",
    "secret-client-key",
    "secret-test",
    "dependency-vulnerable",
];

/// Whether every rule is there.
pub(super) fn check(rules: &RulePack) -> Result<(), AnalyseError> {
    RULES.into_iter().find(|id| rules.get(id).is_none()).map_or(Ok(()), |id| Err(AnalyseError::Rule(id)))
}

/// Which rule a match is reported under.
fn rule_of(kind: &Kind, status: Status) -> &'static str {
    const KEY_PAIRS: [&str; 4] = ["private-key", "key-store", "jwk", "wireguard"];
    match (status, kind.exposure, kind.weakness) {
        (Status::Test | Status::Expired | Status::Placeholder, ..) => "secret-test",
        (_, Exposure::Public, _) => "secret-client-key",
        (.., Weakness::Key) if kind.group == "chain" || KEY_PAIRS.iter().any(|start| kind.id.starts_with(start)) => {
            "secret-private-key"
        }
        (.., Weakness::Key) => "secret-crypto-key",
        (.., Weakness::Password) => "secret-password",
        (.., Weakness::Credential) => match kind.group {
            "cloud" => "secret-cloud-credential",
            "payment" => "secret-payment-credential",
            _ => "secret-credential",
        },
    }
}

/// Collects secrets, each once for a place.
pub(super) struct Secrets<'a> {
    scanner: &'a Scanner,
    rules: &'a RulePack,
    seen: BTreeSet<(Fingerprint, Place)>,
    findings: Vec<Finding>,
    dropped: usize,
}

impl<'a> Secrets<'a> {
    pub(super) fn new(scanner: &'a Scanner, rules: &'a RulePack) -> Secrets<'a> {
        Secrets { scanner, rules, seen: BTreeSet::new(), findings: Vec::new(), dropped: 0 }
    }

    /// What stands in a piece, before it has a place.
    pub(super) fn matches(&self, bytes: &[u8], name: Option<&str>, form: Form) -> (Vec<Match<'a>>, bool) {
        let scanned = self.scanner.scan(&Piece { bytes, name, form });
        (scanned.matches, scanned.complete)
    }

    /// Takes a match at its place.
    pub(super) fn add(&mut self, found: &Match<'_>, place: Place, origin: Origin) {
        self.add_reached(found, place, origin, Reach::Unknown);
    }

    /// Takes a match in code that can run, or not.
    pub(super) fn add_reached(&mut self, found: &Match<'_>, place: Place, origin: Origin, reach: Reach) {
        let Some(rule) = self.rules.get(rule_of(found.kind, found.status)) else { return };
        if self.findings.len() >= MAX_FINDINGS {
            self.dropped += 1;
        } else if self.seen.insert((found.fingerprint, place.clone())) {
            self.findings.push(Finding { reach, ..finding(rule, found, place, origin) });
        }
    }

    /// Looks through a text file; places are its lines.
    pub(super) fn text(&mut self, file: &str, bytes: &[u8]) -> bool {
        let (matches, complete) = self.matches(bytes, None, Form::Text);
        let (mut line, mut counted) = (1u32, 0);
        for found in matches {
            let passed = bytes.get(counted..found.span.start).unwrap_or_default();
            line = line.saturating_add(u32::try_from(memchr::memchr_iter(b'\n', passed).count()).unwrap_or(u32::MAX));
            counted = counted.max(found.span.start);
            let place = Place::Line { file: file.to_owned(), line, column: None };
            self.add(&found, place, Origin::Own);
        }
        complete
    }

    /// Looks through a file of bytes.
    pub(super) fn binary(&mut self, file: &str, bytes: &[u8], native: bool) -> bool {
        let (matches, complete) = self.matches(bytes, None, Form::Binary);
        for found in matches {
            let file = file.to_owned();
            let place = if native { Place::Native { file, symbol: None } } else { Place::File { file } };
            self.add(&found, place, Origin::Own);
        }
        complete
    }

    /// Looks at the value of something that has a name.
    pub(super) fn value(&mut self, name: Option<&str>, value: &[u8], place: impl Fn() -> Place) {
        let (matches, _) = self.matches(value, name, Form::Value);
        for found in matches {
            self.add(&found, place(), Origin::Own);
        }
    }

    /// The findings, and how many were dropped.
    pub(super) fn finish(self) -> (Vec<Finding>, usize) {
        (self.findings, self.dropped)
    }
}

fn finding(rule: &Rule, found: &Match<'_>, place: Place, origin: Origin) -> Finding {
    let mut reasons: Vec<String> = found.reasons.iter().map(ToString::to_string).collect();
    reasons.truncate(3);
    let state = match found.status {
        Status::Test => ", a test key",
        Status::Expired => ", expired",
        Status::Placeholder => ", a placeholder",
        Status::Unknown => "",
    };
    let shown = format!(
        "{}{state}; {}. It opens {}. To end it: {}.",
        found.shown,
        reasons.join(", "),
        found.kind.opens,
        found.kind.revoke
    );
    Finding {
        title: Some(found.kind.title.clone()),
        severity: found.severity(),
        confidence: found.confidence,
        origin,
        evidence: Some(Evidence::new(&shown)),
        ..Finding::new(rule, place, found.confidence)
    }
}
