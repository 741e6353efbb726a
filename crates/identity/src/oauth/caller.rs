//! Who calls, as a verified access token says.

use std::collections::BTreeSet;

use testudo_core::{Actor, ClientId, FamilyId, PersonId, SessionId, Timestamp};

use super::claims::AccessClaims;
use super::scope::Scopes;
use crate::session::Acr;

/// The caller of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The person; none when a client calls for itself.
    pub person: Option<PersonId>,
    /// The client.
    pub client: ClientId,
    /// The browser session from which the token descends.
    pub session: Option<SessionId>,
    /// The refresh family from which it descends.
    pub family: Option<FamilyId>,
    /// What it may be used for.
    pub scopes: Scopes,
    /// The person's roles when it was issued.
    pub roles: BTreeSet<String>,
    /// How strongly she signed in.
    pub acr: Option<Acr>,
    /// When.
    pub auth_time: Option<Timestamp>,
    /// When the token was issued, to the second.
    pub issued: Timestamp,
    /// When it expires, to the second.
    pub expires: Timestamp,
    /// Its id.
    pub jti: String,
}

impl Caller {
    /// The caller as the actor of an event.
    pub fn actor(&self) -> Actor {
        Actor {
            person: self.person,
            client: Some(self.client.clone()),
            session: self.session,
            family: self.family,
            ..Actor::default()
        }
    }

    /// From claims whose signature is good. Nothing if they contradict each other.
    pub(crate) fn from_claims(claims: AccessClaims<'_>) -> Option<Caller> {
        let person =
            if *claims.sub == *claims.client_id.as_str() { None } else { Some(claims.sub.parse::<PersonId>().ok()?) };
        // A person's token names the session and family by which it can be revoked; a client's own has neither.
        if claims.sid.is_some() != person.is_some()
            || claims.fam.is_some() != person.is_some()
            || claims.exp <= claims.iat
        {
            return None;
        }
        Some(Caller {
            person,
            scopes: Scopes::parse(&claims.scope).ok()?,
            client: claims.client_id,
            session: claims.sid,
            family: claims.fam,
            roles: claims.roles,
            acr: claims.acr,
            auth_time: claims.auth_time.map(Timestamp::from_seconds),
            issued: Timestamp::from_seconds(claims.iat),
            expires: Timestamp::from_seconds(claims.exp),
            jti: claims.jti.into_owned(),
        })
    }
}
