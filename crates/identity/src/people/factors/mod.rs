//! Second factors: authenticator apps and the codes for the day the phone is lost.

mod due;
mod enrol;
mod recovery;
mod totp;

pub(crate) use due::Due;
pub use enrol::{ConfirmOutcome, FactorOutcome, TotpEnrolment};
pub use recovery::RecoveryCode;
pub(crate) use recovery::RecoveryCodes;
pub(crate) use totp::Totp;
#[cfg(test)]
pub(crate) use totp::code_for;

use testudo_core::Timestamp;

use super::person::Person;
use crate::Amr;

/// Checks a code of either kind and marks it as used in the record, which the caller must then write by compare-and-swap:
/// a code is accepted once because only one writer wins.
pub(crate) fn spend_code(person: &mut Person, code: &str, now: Timestamp) -> Option<Amr> {
    if code.len() > 64 {
        return None;
    }
    let digits: String = code.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
    if digits.len() == totp::DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        person.factors.totp.as_mut()?.spend(&digits, now).then_some(Amr::Otp)
    } else {
        let id = person.id;
        person.factors.recovery.spend(id, &digits).then_some(Amr::Rc)
    }
}
