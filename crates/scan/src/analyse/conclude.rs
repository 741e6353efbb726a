//! What every analysis ends with: secrets and vulnerabilities as findings, gaps, and the scan as a whole.

use super::ledger::Ledger;
use super::libraries::Libraries;
use super::secrets::Secrets;
use super::{AnalyseError, Analysed, Options, hex, tool};
use crate::report::{Finding, Note, Scan, Section, Signature, Target};
use crate::rule::Rule;

/// Everything that was found, before it is put together.
pub(super) struct Conclusion<'o, 'p> {
    pub(super) target: Target,
    pub(super) signature: Signature,
    pub(super) ledger: Ledger<'p>,
    pub(super) secrets: Secrets<'o>,
    pub(super) known: Libraries,
    pub(super) findings: Vec<Finding>,
    pub(super) facts: Vec<Section>,
    pub(super) notes: Vec<Note>,
}

impl Conclusion<'_, '_> {
    /// Puts it together. `checked` tells the rules that the target was checked by.
    pub(super) fn finish(
        mut self,
        options: &Options<'_>,
        checked: impl Fn(&Rule) -> bool,
    ) -> Result<Analysed, AnalyseError> {
        let (secrets, dropped) = self.secrets.finish();
        if dropped > 0 {
            self.ledger.gap("secrets", format!("{dropped} more places of secrets are not told"));
        }
        self.findings.extend(secrets);
        self.findings.extend(self.known.findings);
        let scan = Scan {
            tool: tool(),
            scanned: Some(options.today),
            target: self.target,
            signature: self.signature,
            pack: hex(&options.rules.hash()?),
            coverage: self.ledger.finish(),
            rules: options.rules.rules().filter(|rule| checked(rule)).cloned().collect(),
            findings: self.findings,
            fixed: Vec::new(),
            facts: self.facts,
            notes: self.notes,
        };
        Ok(Analysed { scan, components: self.known.components, vulnerabilities: self.known.vulnerabilities })
    }
}
