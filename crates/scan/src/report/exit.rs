//! What a scan's exit code says.

use testudo_core::Severity;

use super::{Report, SignatureVerdict};
use crate::rule::Group;

/// The exit codes of `testudo scan`, `scan diff` too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// All was analysed, and nothing stands against it.
    Clean = 0,
    /// There are findings at or over the severity that fails.
    Findings = 1,
    /// The command or a file of its configuration is wrong.
    Usage = 2,
    /// The analysis is incomplete, so the rest proves nothing.
    Incomplete = 3,
    /// The signature does not hold, or is another's.
    Signature = 4,
    /// Only policies of a store are broken.
    Policy = 5,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// What fails a scan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailOn(pub Option<Severity>);

impl FailOn {
    /// Whether this severity fails.
    pub fn fails(self, severity: Severity) -> bool {
        self.0.is_some_and(|least| severity >= least)
    }
}

/// The code, and in words each reason for a code other than 0, the decisive one first.
///
/// What is less sure comes first: an incomplete analysis proves nothing about the rest; a package that is not who it says
/// it is has no other finding that matters; then findings; then policies of stores. Findings that are suppressed or known
/// to the baseline do not count.
pub fn judge(report: &Report, fail_on: FailOn) -> (Exit, Vec<String>) {
    let mut reasons = Vec::new();
    let coverage = &report.scan().coverage;
    if !coverage.complete() {
        let gaps = match coverage.gaps.len() {
            0 => String::new(),
            gaps => format!(" ({})", super::text::counted(super::text::count(gaps), "gap")),
        };
        reasons.push((Exit::Incomplete, format!("the analysis is incomplete{gaps}")));
    }
    match report.scan().signature.verdict {
        SignatureVerdict::Invalid => reasons.push((Exit::Signature, "the signature does not hold".to_owned())),
        SignatureVerdict::OtherSigner => {
            reasons.push((Exit::Signature, "the package is signed by another key than the registered one".to_owned()));
        }
        SignatureVerdict::Valid | SignatureVerdict::Unsigned | SignatureVerdict::Unchecked => {}
    }
    let failing = report.findings().iter().filter(|finding| finding.counts() && fail_on.fails(finding.severity));
    let (policies, findings): (Vec<_>, Vec<_>) =
        failing.partition(|finding| report.rule(&finding.rule).is_some_and(|rule| rule.group() == Group::StorePolicy));
    let least = fail_on.0.map_or("", Severity::name);
    for (exit, failing, what) in
        [(Exit::Findings, findings, "finding"), (Exit::Policy, policies, "store policy finding")]
    {
        if !failing.is_empty() {
            let number = super::text::counted(super::text::count(failing.len()), what);
            reasons.push((exit, format!("{number} of severity {least} or worse")));
        }
    }
    let exit = reasons.first().map_or(Exit::Clean, |(exit, _)| *exit);
    (exit, reasons.into_iter().map(|(_, reason)| reason).collect())
}
