//! The gateway's side: who calls, from an access token, without a store.
//!
//! An [`Authority`] is an immutable snapshot of the public keys, shared by all workers and swapped whole. Each worker
//! has a [`TokenCache`] of its own, so a signature is verified once per token and worker; time and key are checked on
//! each request, and revocation is standing's work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lru::LruCache;
use testudo_core::{Control, Decision, Denial, Obligation, Reason, Timestamp};
use testudo_crypto::digest::sha256;
use testudo_crypto::jose::{self, Expect, KeySet};

use super::caller::Caller;
use super::claims::{ACCESS, AccessClaims};

/// Verified tokens that a worker remembers.
const GOOD: usize = 65_536;
/// Refused tokens that a worker remembers, apart from the good ones, so that garbage never drives those out.
const BAD: usize = 4_096;
/// How long a refusal is remembered.
const REFUSED_FOR: Duration = Duration::from_secs(1);
/// How far ahead another node's clock may be.
const SKEW: Duration = Duration::from_secs(5);
/// The longest `Authorization` header that is looked at.
const LONGEST: usize = 8 * 1024;

/// Each snapshot has a number of its own, so that a cached token notices that keys changed.
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// Verifies access tokens for one audience.
#[derive(Clone)]
pub struct Authority {
    keys: Arc<KeySet>,
    issuer: Box<str>,
    audience: Box<str>,
    generation: u64,
}

struct Good {
    caller: Arc<Caller>,
    generation: u64,
}

/// What one worker remembers about tokens of one audience, by the SHA-256 of each.
pub struct TokenCache {
    good: LruCache<[u8; 32], Good>,
    bad: LruCache<[u8; 32], (Timestamp, u64, Refused)>,
}

impl Default for TokenCache {
    fn default() -> TokenCache {
        TokenCache::new()
    }
}

impl TokenCache {
    /// An empty cache; memory is taken as it fills.
    pub fn new() -> TokenCache {
        TokenCache { good: LruCache::unbounded(), bad: LruCache::unbounded() }
    }

    /// How many verified tokens it holds.
    pub fn len(&self) -> usize {
        self.good.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.good.is_empty()
    }

    fn keep(&mut self, key: [u8; 32], good: Good) {
        if self.good.len() >= GOOD {
            self.good.pop_lru();
        }
        self.good.put(key, good);
    }

    fn refuse(&mut self, key: [u8; 32], until: Timestamp, generation: u64, refused: Refused) {
        if self.bad.len() >= BAD {
            self.bad.pop_lru();
        }
        self.bad.put(key, (until, generation, refused));
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refused {
    Missing,
    Malformed,
    Signature,
    Key,
    Issuer,
    Audience,
    Claims,
    Early,
    Expired,
}

impl Refused {
    fn decision(self) -> Decision {
        let (code, text) = match self {
            Refused::Missing => {
                ("token-missing", "this needs an access token; send it as `Authorization: Bearer <token>`")
            }
            Refused::Malformed => {
                ("token-malformed", "the Authorization header is not `Bearer` with an access token that we issue")
            }
            Refused::Signature => ("token-signature", "the access token is not signed by us; get a new one"),
            Refused::Key => ("token-key-unknown", "the key of the access token is not in use any more; get a new one"),
            Refused::Issuer => ("token-wrong-issuer", "the access token is from another issuer; get one from ours"),
            Refused::Audience => {
                ("token-wrong-audience", "the access token is for another audience; ask for one for this API")
            }
            Refused::Claims => ("token-claims", "the access token's claims contradict each other; get a new one"),
            Refused::Early => ("token-not-yet-valid", "the access token is from the future; check the clocks"),
            Refused::Expired => ("token-expired", "the access token has expired; use the refresh token"),
        };
        Decision::deny(Control::Authentication, Denial::Unauthenticated, code, text)
    }
}

impl Authority {
    /// From a snapshot of public keys.
    pub fn new(keys: Arc<KeySet>, issuer: &str, audience: &str) -> Authority {
        let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
        Authority { keys, issuer: issuer.into(), audience: audience.into(), generation }
    }

    /// The issuer whose tokens it accepts.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The audience that tokens must name.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Says who calls. `authorization` is the value of the only `Authorization` header.
    pub fn authenticate(
        &self,
        cache: &mut TokenCache,
        authorization: Option<&[u8]>,
        now: Timestamp,
    ) -> (Option<Arc<Caller>>, Decision) {
        match self.decide(cache, authorization, now) {
            Ok(caller) => (Some(caller), Decision::allow(Control::Authentication)),
            Err(refused) => (None, refused.decision()),
        }
    }

    fn decide(
        &self,
        cache: &mut TokenCache,
        authorization: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Arc<Caller>, Refused> {
        let token = bearer(authorization.ok_or(Refused::Missing)?).ok_or(Refused::Malformed)?;
        let key = sha256(token);
        // A token that was verified under other keys, or for another audience, is verified again.
        if let Some(good) = cache.good.get(&key)
            && good.generation == self.generation
        {
            let caller = Arc::clone(&good.caller);
            return match in_time(&caller, now) {
                Ok(()) => Ok(caller),
                Err(refused) => {
                    cache.good.pop(&key);
                    Err(refused)
                }
            };
        }
        if let Some((until, generation, refused)) = cache.bad.get(&key)
            && now < *until
            // A clock that was ahead and went back must not stretch a refusal.
            && until.since(now) <= REFUSED_FOR
            && *generation == self.generation
        {
            return Err(*refused);
        }
        match self.verify(token).and_then(|caller| in_time(&caller, now).map(|()| caller)) {
            Ok(caller) => {
                let caller = Arc::new(caller);
                cache.keep(key, Good { caller: Arc::clone(&caller), generation: self.generation });
                Ok(caller)
            }
            Err(refused) => {
                cache.good.pop(&key);
                cache.refuse(key, now.plus(REFUSED_FOR), self.generation, refused);
                Err(refused)
            }
        }
    }

    /// Everything but time.
    fn verify(&self, token: &[u8]) -> Result<Caller, Refused> {
        let verified = jose::verify(token, &self.keys, &Expect { typ: ACCESS }).map_err(|error| refused(&error))?;
        let claims: AccessClaims<'_> = serde_json::from_slice(&verified.payload).map_err(|_| Refused::Claims)?;
        if *claims.iss != *self.issuer {
            return Err(Refused::Issuer);
        }
        if *claims.aud != *self.audience {
            return Err(Refused::Audience);
        }
        Caller::from_claims(claims).ok_or(Refused::Claims)
    }
}

fn refused(error: &jose::JoseError) -> Refused {
    match error {
        jose::JoseError::Signature => Refused::Signature,
        jose::JoseError::KidUnknown => Refused::Key,
        _ => Refused::Malformed,
    }
}

fn in_time(caller: &Caller, now: Timestamp) -> Result<(), Refused> {
    if now >= caller.expires {
        Err(Refused::Expired)
    } else if caller.issued > now.plus(SKEW) {
        Err(Refused::Early)
    } else {
        Ok(())
    }
}

/// The token of a `Bearer` header (RFC 6750 section 2.1).
pub(crate) fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked(7)?;
    let fits = scheme.eq_ignore_ascii_case(b"bearer ") && header.len() <= LONGEST && !token.is_empty();
    let token68 = |byte: &u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    // Without an early end the loop is a few instructions for many bytes.
    let good = token.iter().fold(true, |good, byte| good & token68(byte));
    (fits && good).then_some(token)
}

/// The value of `WWW-Authenticate` for a refusal (RFC 6750 section 3, RFC 9470 section 3). `scope` names what the route
/// needs, if it needs any.
pub fn challenge(reason: &Reason, obligations: &std::collections::BTreeSet<Obligation>, scope: &str) -> String {
    let mut value = String::from("Bearer realm=\"testudo\"");
    let error = match (reason.denial, &*reason.code) {
        (_, "token-missing") => None,
        (Denial::StepUp, _) => Some("insufficient_user_authentication"),
        (Denial::Forbidden, _) => Some("insufficient_scope"),
        (Denial::Malformed, _) => Some("invalid_request"),
        _ => Some("invalid_token"),
    };
    if let Some(error) = error {
        for part in [", error=\"", error, "\", error_description=\""] {
            value.push_str(part);
        }
        value.extend(
            reason.text.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '\'' }),
        );
        value.push('"');
    }
    for obligation in obligations {
        if let Obligation::StepUp(acr) = obligation {
            value.push_str(", acr_values=\"");
            value.push_str(acr);
            value.push('"');
        }
    }
    // A session that showed a second factor long ago is not what is asked for (RFC 9470 section 3).
    if reason.denial == Denial::StepUp && matches!(reason.control, Control::Risk | Control::Standing) {
        value.push_str(", max_age=300");
    }
    if !scope.is_empty() {
        value.push_str(", scope=\"");
        value.push_str(scope);
        value.push('"');
    }
    value
}
