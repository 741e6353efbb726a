//! Where a ceremony happens: an exact origin, and the relying party that is its host (`WebAuthn` section 5.1.2).

use url::{Host, Url};
use webauthn_rs::prelude::{Webauthn, WebauthnBuilder};

/// An origin at which passkeys work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PasskeyOrigin {
    origin: String,
    relying_party: String,
}

/// Why passkeys don't work at an origin.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasskeyOriginError {
    /// It is no origin.
    #[error("the origin is not an `https` origin")]
    Malformed,
    /// Its host is an address.
    #[error("passkeys need a host name, and `{0}` is an address; open the page under its name, such as `localhost`")]
    Address(String),
}

impl PasskeyOrigin {
    /// Takes an origin such as `https://id.example.org`. The caller has checked that it is one of our own.
    pub fn parse(origin: &str) -> Result<PasskeyOrigin, PasskeyOriginError> {
        let url = Url::parse(origin).map_err(|_| PasskeyOriginError::Malformed)?;
        if url.origin().ascii_serialization() != origin {
            return Err(PasskeyOriginError::Malformed);
        }
        match url.host() {
            Some(Host::Domain(name)) if url.scheme() == "https" || name == "localhost" => {
                Ok(PasskeyOrigin { relying_party: name.to_owned(), origin: origin.to_owned() })
            }
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => {
                Err(PasskeyOriginError::Address(url.host_str().unwrap_or_default().to_owned()))
            }
            _ => Err(PasskeyOriginError::Malformed),
        }
    }

    /// The origin.
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// The relying party's id: the host.
    pub fn relying_party(&self) -> &str {
        &self.relying_party
    }

    /// The verifier for this origin and no other.
    pub(crate) fn verifier(&self, service: &str, within: std::time::Duration) -> Option<Webauthn> {
        let url = Url::parse(&self.origin).ok()?;
        WebauthnBuilder::new(&self.relying_party, &url).ok()?.rp_name(service).timeout(within).build().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relying_party_is_the_host() {
        for (origin, relying_party) in [
            ("https://id.example.org", "id.example.org"),
            ("https://id.example.org:8443", "id.example.org"),
            ("https://localhost:8444", "localhost"),
            ("http://localhost:8080", "localhost"),
        ] {
            let parsed = PasskeyOrigin::parse(origin);
            assert_eq!(parsed.as_ref().map(PasskeyOrigin::relying_party), Ok(relying_party), "{origin}");
        }
        for origin in ["", "null", "https://id.example.org/", "http://id.example.org", "https://a@id.example.org"] {
            assert_eq!(PasskeyOrigin::parse(origin), Err(PasskeyOriginError::Malformed), "{origin}");
        }
        for origin in ["https://127.0.0.1:8444", "https://[::1]:8444"] {
            assert!(matches!(PasskeyOrigin::parse(origin), Err(PasskeyOriginError::Address(_))), "{origin}");
        }
    }
}
