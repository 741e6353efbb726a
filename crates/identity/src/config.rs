//! What the identity server is told: its name, its lifetimes and what people may do by themselves.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{Entrance, OWNER};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The configuration of the identity server.
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// The issuer: an `https` origin without a slash at the end, or `http` on loopback.
    pub issuer: String,
    /// How pages and authenticator apps call the service.
    pub service_name: String,
    /// The audience of access tokens for the protected backend.
    pub audience: String,
    /// The audience of access tokens for the admin API.
    pub admin_audience: String,
    /// How long an access token lives; a client may have less.
    pub access_token_lifetime: Duration,
    /// How long an ID token lives.
    pub id_token_lifetime: Duration,
    /// How long a refresh family lives without a refresh.
    pub refresh_idle: Duration,
    /// How long a refresh family lives at most.
    pub refresh_absolute: Duration,
    /// How long the refresh token before the current one may be repeated for a lost answer.
    pub refresh_grace: Duration,
    /// How long a code lives.
    pub code_lifetime: Duration,
    /// How long a browser session lives without a request.
    pub browser_idle: Duration,
    /// How long a browser session lives at most.
    pub browser_absolute: Duration,
    /// How long a session of the admin address lives without a request.
    pub admin_idle: Duration,
    /// How long a session of the admin address lives at most.
    pub admin_absolute: Duration,
    /// The roles whose holders administer: they are let in at the admin address, and keep at least one second factor.
    pub administrator_roles: BTreeSet<String>,
    /// Whether people may make their own accounts.
    pub sign_up: bool,
    /// Failures of one account in a row before it is soft-locked.
    pub soft_lock_after: u32,
    /// The first soft lock; doubles with each further failure.
    pub soft_lock_first: Duration,
    /// The longest soft lock.
    pub soft_lock_longest: Duration,
    /// How long somebody has for the second factor after the password.
    pub second_factor_within: Duration,
    /// How long somebody has to answer with a passkey.
    pub passkey_within: Duration,
    /// What people's data may be used for, when they agree.
    pub purposes: Vec<crate::Purpose>,
}

/// Why a text is no issuer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "`{0}` is not an issuer: use an `https` origin without path, query or slash at the end, such as `https://id.example.org`"
)]
pub struct IssuerError(String);

impl IdentityConfig {
    /// The defaults for an issuer. The audience is the issuer, that of the admin API is the issuer with `/admin`.
    pub fn new(issuer: &str) -> Result<IdentityConfig, IssuerError> {
        let refused = || IssuerError(issuer.to_owned());
        let url = url::Url::parse(issuer).map_err(|_| refused())?;
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(refused()),
        };
        let origin = url.origin().ascii_serialization();
        let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        if !secure || origin != issuer {
            return Err(refused());
        }
        Ok(IdentityConfig {
            audience: origin.clone(),
            admin_audience: format!("{origin}/admin"),
            issuer: origin,
            service_name: "Testudo".into(),
            access_token_lifetime: Duration::from_secs(5 * MINUTE),
            id_token_lifetime: Duration::from_secs(10 * MINUTE),
            refresh_idle: Duration::from_secs(30 * DAY),
            refresh_absolute: Duration::from_secs(90 * DAY),
            refresh_grace: Duration::from_secs(10),
            code_lifetime: Duration::from_secs(MINUTE),
            browser_idle: Duration::from_secs(12 * HOUR),
            browser_absolute: Duration::from_secs(30 * DAY),
            admin_idle: Duration::from_secs(30 * MINUTE),
            admin_absolute: Duration::from_secs(8 * HOUR),
            administrator_roles: BTreeSet::from([OWNER.to_owned()]),
            sign_up: true,
            soft_lock_after: 5,
            soft_lock_first: Duration::from_secs(MINUTE / 2),
            soft_lock_longest: Duration::from_secs(15 * MINUTE),
            second_factor_within: Duration::from_secs(5 * MINUTE),
            passkey_within: Duration::from_secs(5 * MINUTE),
            purposes: Vec::new(),
        })
    }

    /// Whether one of these roles administers.
    pub fn administers(&self, roles: &BTreeSet<String>) -> bool {
        !self.administrator_roles.is_disjoint(roles)
    }

    /// How long a session of an address lives without a request.
    pub(crate) fn idle(&self, entrance: Entrance) -> Duration {
        match entrance {
            Entrance::Public => self.browser_idle,
            Entrance::Admin => self.admin_idle,
        }
    }

    /// How long a session of an address lives at most.
    pub fn absolute(&self, entrance: Entrance) -> Duration {
        match entrance {
            Entrance::Public => self.browser_absolute,
            Entrance::Admin => self.admin_absolute,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::IdentityConfig;

    #[test]
    fn an_issuer_is_an_origin() {
        for good in ["https://id.example.org", "https://id.example.org:8443", "http://127.0.0.1:8080", "http://[::1]:1"]
        {
            assert!(IdentityConfig::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "id",
            "https://id.example.org/",
            "https://id.example.org/a",
            "https://a@id.example.org",
            "http://id.example.org",
            "https://ID.example.org",
            "https://id.example.org:443",
            "https://id.example.org?x",
        ] {
            assert!(IdentityConfig::new(bad).is_err(), "{bad}");
        }
    }
}
