//! An iOS app.

use super::ledger::Ledger;
use super::open::Package;
use super::{AnalyseError, Analysed, Options};
use crate::report::Target;

pub(super) fn analyse(
    _target: Target,
    _packages: Vec<Package<'_>>,
    _ledger: Ledger<'_>,
    _options: &Options<'_>,
) -> Result<Analysed, AnalyseError> {
    Err(AnalyseError::Rule("ipa"))
}
