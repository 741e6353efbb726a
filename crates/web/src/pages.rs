//! The pages: one struct per template.

use askama::Template;
use testudo_core::{ClientId, RequestId, SessionId};
use testudo_identity::PasskeyId;

/// What every page has.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    pub(crate) service: String,
    pub(crate) stylesheet: &'static str,
    /// The script for passkeys, for the pages that offer them.
    pub(crate) passkeys: &'static str,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignInPage {
    pub(crate) shell: Shell,
    pub(crate) csrf: String,
    pub(crate) return_to: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) notice: Option<&'static str>,
    pub(crate) faults: Vec<String>,
    pub(crate) username: String,
    pub(crate) sign_up: bool,
    pub(crate) sign_up_link: String,
}

#[derive(Template)]
#[template(path = "factor.html")]
pub(crate) struct FactorPage {
    pub(crate) shell: Shell,
    pub(crate) csrf: String,
    pub(crate) return_to: Option<String>,
    pub(crate) faults: Vec<String>,
    pub(crate) start_over: String,
    /// Whether she has a passkey for this address.
    pub(crate) passkey: bool,
}

#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct ConfirmPage {
    pub(crate) shell: Shell,
    pub(crate) csrf: String,
    pub(crate) return_to: Option<String>,
    pub(crate) faults: Vec<String>,
    /// Whether she has a passkey for this address.
    pub(crate) passkey: bool,
    /// Whether she has an app or recovery codes.
    pub(crate) codes: bool,
}

/// One line of the list of passkeys.
pub(crate) struct PasskeyLine {
    pub(crate) id: PasskeyId,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) synced: bool,
    pub(crate) since: String,
    pub(crate) used: Option<String>,
}

#[derive(Template)]
#[template(path = "new_password.html")]
pub(crate) struct NewPasswordPage {
    pub(crate) shell: Shell,
    pub(crate) csrf: String,
    pub(crate) return_to: Option<String>,
    pub(crate) faults: Vec<String>,
}

#[derive(Template)]
#[template(path = "sign_up.html")]
pub(crate) struct SignUpPage {
    pub(crate) shell: Shell,
    pub(crate) csrf: String,
    pub(crate) return_to: Option<String>,
    pub(crate) faults: Vec<String>,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) sign_in_link: String,
}

#[derive(Template)]
#[template(path = "sign_out.html")]
pub(crate) struct SignOutPage {
    pub(crate) shell: Shell,
    pub(crate) csrf: String,
    pub(crate) client: Option<String>,
    pub(crate) request: Option<String>,
}

#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct ConsentPage {
    pub(crate) shell: Shell,
    pub(crate) csrf: String,
    pub(crate) return_to: String,
    pub(crate) client: String,
    pub(crate) username: String,
    pub(crate) scopes: Vec<String>,
}

/// One line of the list of sessions.
pub(crate) struct SessionLine {
    pub(crate) id: SessionId,
    pub(crate) current: bool,
    pub(crate) browser: String,
    pub(crate) address: Option<String>,
    pub(crate) since: String,
    pub(crate) seen: String,
}

/// One line of the list of apps that may act for her.
pub(crate) struct AppLine {
    pub(crate) client: ClientId,
    pub(crate) name: String,
    /// Whether it is ours, so that she was not asked.
    pub(crate) own: bool,
    pub(crate) scopes: Vec<String>,
    pub(crate) since: String,
    pub(crate) used: Option<String>,
}

#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage {
    pub(crate) shell: Shell,
    pub(crate) csrf: String,
    pub(crate) notice: Option<&'static str>,
    pub(crate) faults: Vec<String>,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    /// Whether an authenticator app is in use.
    pub(crate) has_totp: bool,
    /// Whether any second factor is.
    pub(crate) has_factor: bool,
    pub(crate) passkeys: Vec<PasskeyLine>,
    pub(crate) owes_factor: bool,
    pub(crate) codes_left: usize,
    pub(crate) apps: Vec<AppLine>,
    pub(crate) purposes: Vec<PurposeLine>,
    pub(crate) sessions: Vec<SessionLine>,
}

/// Something that her data may be used for.
pub(crate) struct PurposeLine {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) version: String,
    /// Since when she agrees.
    pub(crate) since: Option<String>,
    /// She agreed to a text that has changed since.
    pub(crate) outdated: bool,
}

#[derive(Template)]
#[template(path = "totp.html")]
pub(crate) struct TotpPage {
    pub(crate) shell: Shell,
    pub(crate) csrf: String,
    pub(crate) return_to: Option<String>,
    pub(crate) faults: Vec<String>,
    /// Markup of our own making.
    pub(crate) qr: String,
    pub(crate) secret: String,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
pub(crate) struct RecoveryCodesPage {
    pub(crate) shell: Shell,
    pub(crate) codes: Vec<String>,
    pub(crate) next: String,
}

#[derive(Template)]
#[template(path = "enrol.html")]
pub(crate) struct EnrolPage {
    pub(crate) shell: Shell,
    pub(crate) csrf: String,
    pub(crate) faults: Vec<String>,
    pub(crate) token: String,
    pub(crate) username: String,
}

#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage {
    pub(crate) shell: Shell,
    pub(crate) heading: String,
    pub(crate) text: String,
    pub(crate) request: Option<RequestId>,
    pub(crate) link: Option<(String, &'static str)>,
}
