//! Who somebody is: accounts, passwords, second factors and browser sessions.
//!
//! The trip of a sign-in: [`Identity::sign_in`] (`sign_in.rs`) takes a name and a password; when a code is due, a half
//! sign-in (`pending.rs`) waits for [`Identity::second_factor`]; then a session begins (`browser.rs`). What people and
//! administrators change lies in `account.rs`, `factors/`, `passkeys/` and `admin.rs`.
//!
//! [`Identity::sign_in`]: crate::Identity::sign_in
//! [`Identity::second_factor`]: crate::Identity::second_factor

mod account;
mod admin;
mod browser;
mod cutoff;
mod devices;
mod enrolment;
mod factors;
mod hashing;
mod known;
mod owners;
mod passkeys;
mod passwords;
mod pending;
mod person;
mod purposes;
mod sealed;
mod second_factor;
mod sign_in;
mod sign_up;
mod soft_lock;
#[cfg(test)]
mod tests;
mod trim;
mod username;

pub use account::NewPasswordOutcome;
pub use admin::{AdminError, ImportedPerson, NewPerson};
pub use browser::{NewSession, SessionView};
pub use devices::Device;
pub use enrolment::{EnrolOutcome, EnrolmentToken};
pub use factors::{ConfirmOutcome, FactorOutcome, RecoveryCode, TotpEnrolment};
pub use passkeys::{
    AddPasskeyOutcome, AnswerError, Assertion, Attestation, PasskeyCeremony, PasskeyFault, PasskeyId, PasskeyIdError,
    PasskeyOrigin, PasskeyOriginError, PasskeyView,
};
pub use passwords::PasswordFault;
pub use person::{OWNER, Person, PersonState};
pub use purposes::{Purpose, PurposeView};
pub use second_factor::SecondFactorOutcome;
pub use sign_in::SignInOutcome;
pub use sign_up::{FormFault, SignUpForm, SignUpOutcome};
pub use username::{Username, UsernameError};
