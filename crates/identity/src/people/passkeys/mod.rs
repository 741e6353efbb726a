//! Passkeys (Web Authentication level 3): sign-in without a password, a second factor, and the fresh factor that
//! destructive acts ask for.
//!
//! A ceremony has two steps. `begin_*` makes a challenge, keeps its state sealed in the store (`ceremony.rs`) and gives
//! the browser options and a token for a cookie; `*_passkey` takes the browser's answer (`answer.rs`), proves it against
//! the state (`verify.rs`) and ends the ceremony in the same transaction, whatever came of it. So a challenge is answered
//! once, by the browser that asked, within five minutes, at the origin where it began.
//!
//! The relying party is the host of that origin, never a parent domain: a passkey of the admin address can't be asked for
//! by a page of the public host, on which the app's own backend answers as well. Where both addresses have one host, as
//! `localhost` does, one passkey serves both.
//!
//! User verification is always required, so a passkey is two factors (possession, and PIN or biometrics). Sign-in asks
//! for no account: the options name no credential, so they tell nobody who has one.

mod add;
mod answer;
mod ceremony;
mod credential;
mod factor;
mod origin;
mod remove;
mod sign_in;
mod verify;

pub use add::AddPasskeyOutcome;
pub use answer::{AnswerError, Assertion, Attestation};
pub use ceremony::PasskeyCeremony;
pub(crate) use credential::Passkey;
pub use credential::{PasskeyId, PasskeyIdError, PasskeyView};
pub use origin::{PasskeyOrigin, PasskeyOriginError};
pub use verify::PasskeyFault;
