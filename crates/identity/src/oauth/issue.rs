//! Issuing tokens: the second step of the token endpoint, which takes only an admission of the gate [`Issue`].
//!
//! Each issue is one transaction: the code is used and the family made, or the family moves one generation on, together
//! with the event that says so.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testudo_core::{Actor, Admission, EventKind, FamilyId, Issue, PersonId, Secret};
use testudo_crypto::random;
use testudo_store::{CommitError, Stored, Tx};

use super::claims::{self, AccessClaims, IdClaims};
use super::client::{Client, GrantType};
use super::code::Code;
use super::consent::Consent;
use super::families::{TRIES, stage_end};
use super::family::{Family, FamilyState, Standing};
use super::fault::OAuthError;
use super::refresh_token::RefreshToken;
use super::scope::Scopes;
use super::token::{Grant, Pending, code_reused, family_actor, refresh_unknown};
use crate::people::{Person, PersonState};
use crate::session::{Session, SessionState};
use crate::{Context, Identity, IdentityError};

/// The most living families of a person.
pub(crate) const MOST_FAMILIES: usize = 200;

/// Tokens.
#[derive(Debug)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: Secret<String>,
    /// Seconds until it expires.
    pub expires_in: u64,
    /// The refresh token.
    pub refresh_token: Option<Secret<String>>,
    /// The ID token.
    pub id_token: Option<Secret<String>>,
    /// What they are good for.
    pub scope: String,
}

impl TokenResponse {
    /// The body of the answer (RFC 6749 section 5.1).
    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "access_token": self.access_token.expose(),
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": self.scope,
        });
        if let Some(members) = body.as_object_mut() {
            let tokens = [("refresh_token", &self.refresh_token), ("id_token", &self.id_token)];
            for (name, token) in tokens.into_iter().filter_map(|(name, token)| Some((name, token.as_ref()?))) {
                members.insert(name.into(), token.expose().as_str().into());
            }
        }
        body
    }
}

impl Identity {
    /// Issues the tokens that were admitted.
    pub async fn issue(
        &self,
        admission: Admission<Issue, Pending>,
        ctx: &Context,
    ) -> Result<TokenResponse, OAuthError> {
        let (Pending { client, grant, scopes, audience }, _) = admission.into_parts();
        match grant {
            Grant::Code(code) => self.issue_for_code(&client, *code, ctx).await,
            Grant::Refresh { family, generation } => {
                self.issue_for_refresh(&client, *family, generation, &scopes, ctx).await
            }
            Grant::Client => self.issue_for_client(&client, &scopes, &audience, ctx).await,
        }
    }

    async fn issue_for_code(
        &self,
        client: &Client,
        mut stored: Stored<Code>,
        ctx: &Context,
    ) -> Result<TokenResponse, OAuthError> {
        for _ in 0..TRIES {
            let code = &stored.document;
            let (session, person) = self.living(code).await?;
            let family = self.family_of(client, code, &person, ctx);
            let mut used = code.clone();
            used.used = Some(family.id);
            let mut tx = Tx::new();
            tx.update(&used, stored.version);
            tx.insert(&family);
            self.make_room(&mut tx, code.person, ctx).await?;
            // Written unchanged: whoever ends this session, changes her roles, or takes her consent back, meanwhile makes
            // one of us try again.
            tx.update(&session.document, session.version);
            if let Some(consent) = self.consent_to(client, code).await? {
                tx.update(&consent.document, consent.version);
            }
            let event = ctx.event(EventKind::TokenIssued).by(family_actor(&family));
            let event = event.detail("grant", "authorization_code").detail("scope", family.scopes.to_string());
            tx.event(event);
            match self.store.commit(tx).await {
                Ok(_) => return self.tokens(client, &family, &family.scopes, code.nonce.as_deref(), ctx),
                Err(CommitError::Conflict { .. } | CommitError::NotFound) => {}
                Err(error) => return Err(IdentityError::from(error).into()),
            }
            let again = self.store.get::<Code>(stored.document.hash).await.map_err(IdentityError::from)?;
            stored = again.ok_or_else(code_reused)?;
            if let Some(family) = stored.document.used {
                let code = &stored.document;
                let actor = Actor {
                    person: Some(code.person),
                    client: Some(client.id.clone()),
                    session: Some(code.session),
                    ..Actor::default()
                };
                self.code_reused(family, &actor, ctx).await?;
                return Err(code_reused());
            }
        }
        Err(IdentityError::Contention.into())
    }

    /// Stages the end of the families that have gone longest without a refresh, where there are too many: each read and
    /// transaction over a person's families stays small.
    async fn make_room(&self, tx: &mut Tx, person: PersonId, ctx: &Context) -> Result<(), IdentityError> {
        let mut families = self.store.find::<Family>("person", &person.to_bytes()).await?;
        families.sort_by_key(|family| std::cmp::Reverse(family.document.refreshed));
        for family in families.split_off(families.len().min(MOST_FAMILIES - 1)) {
            let event = ctx.event(EventKind::FamilyRevoked).by(family_actor(&family.document));
            tx.event(event.on(family.document.id.to_string()).detail("reason", "too many families"));
            stage_end(tx, family);
        }
        Ok(())
    }

    /// Session and person of a code, if both are still good.
    async fn living(&self, code: &Code) -> Result<(Stored<Session>, Person), OAuthError> {
        let over =
            || OAuthError::grant("session-over", "the session that the code belongs to has ended; sign in again");
        let session = self.store.get::<Session>(code.session).await.map_err(IdentityError::from)?.ok_or_else(over)?;
        let person =
            self.store.get::<Person>(code.person).await.map_err(IdentityError::from)?.ok_or_else(over)?.document;
        let same_epoch = session.document.epoch == person.epoch;
        if session.document.state != SessionState::Active || !same_epoch || person.state() != PersonState::Active {
            return Err(over());
        }
        Ok((session, person))
    }

    /// Her consent, which a client that is not ours must have, and may have lost since the code was made.
    async fn consent_to(&self, client: &Client, code: &Code) -> Result<Option<Stored<Consent>>, OAuthError> {
        if client.first_party {
            return Ok(None);
        }
        let consent = self.store.get::<Consent>(Consent::key(code.person, &client.id)).await;
        let consent = consent.map_err(IdentityError::from)?;
        let consent = consent.filter(|consent| consent.document.covers(client, &code.scopes));
        let text = "the person has taken back what she allowed to this client; ask her again at authorization";
        consent.map(Some).ok_or_else(|| OAuthError::grant("consent-withdrawn", text))
    }

    fn family_of(&self, client: &Client, code: &Code, person: &Person, ctx: &Context) -> Family {
        let ends = ctx.now.plus(self.config.refresh_absolute);
        Family {
            id: FamilyId::new(ctx.now, random::array()),
            client: client.id.clone(),
            person: code.person,
            session: code.session,
            scopes: code.scopes.clone(),
            audience: code.audience.clone(),
            roles: person.roles().clone(),
            acr: code.acr,
            amr: code.amr.clone(),
            auth_time: code.auth_time,
            refreshable: client.may(GrantType::RefreshToken),
            generation: 1,
            replaced: Vec::new(),
            created: ctx.now,
            refreshed: ctx.now,
            idle_ends: ctx.now.plus(self.config.refresh_idle).min(ends),
            ends,
            state: FamilyState::Active,
        }
    }

    async fn issue_for_refresh(
        &self,
        client: &Client,
        mut stored: Stored<Family>,
        generation: u64,
        scopes: &Scopes,
        ctx: &Context,
    ) -> Result<TokenResponse, OAuthError> {
        for _ in 0..TRIES {
            let standing = self.judge(&stored.document, generation, ctx).await?;
            let mut family = stored.document.clone();
            let mut tx = Tx::new();
            if standing == Standing::Current {
                family.rotate(ctx.now, self.config.refresh_idle);
                tx.update(&family, stored.version);
            }
            let event = ctx.event(EventKind::TokenRefreshed).by(family_actor(&family));
            let event = event.detail("generation", family.generation.to_string());
            tx.event(if standing == Standing::Repeat { event.detail("repeat", "true") } else { event });
            match self.store.commit(tx).await {
                Ok(_) => return self.tokens(client, &family, scopes, None, ctx),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(IdentityError::from(error).into()),
            }
            let again = self.store.get::<Family>(family.id).await.map_err(IdentityError::from)?;
            stored = again.ok_or_else(refresh_unknown)?;
        }
        Err(IdentityError::Contention.into())
    }

    async fn issue_for_client(
        &self,
        client: &Client,
        scopes: &Scopes,
        audience: &str,
        ctx: &Context,
    ) -> Result<TokenResponse, OAuthError> {
        let mut tx = Tx::new();
        let actor = Actor { client: Some(client.id.clone()), ..Actor::default() };
        let event = ctx.event(EventKind::TokenIssued).by(actor).detail("grant", "client_credentials");
        tx.event(event.detail("scope", scopes.to_string()));
        self.store.commit(tx).await.map_err(IdentityError::from)?;
        let lifetime = client.access_token_lifetime(self.config.access_token_lifetime).as_secs();
        let issued = ctx.now.seconds();
        let keys = self.keys()?;
        let claims = AccessClaims {
            iss: self.config.issuer.as_str().into(),
            sub: client.id.as_str().into(),
            aud: audience.into(),
            exp: issued.saturating_add_unsigned(lifetime),
            iat: issued,
            jti: claims::token_id().into(),
            client_id: client.id.clone(),
            scope: scopes.to_string().into(),
            sid: None,
            fam: None,
            acr: None,
            auth_time: None,
            roles: BTreeSet::new(),
        };
        Ok(TokenResponse {
            access_token: Secret::new(claims::sign(&keys.current, claims::ACCESS, &claims)?),
            expires_in: lifetime,
            refresh_token: None,
            id_token: None,
            scope: scopes.to_string(),
        })
    }

    /// Signs what a family gives now.
    fn tokens(
        &self,
        client: &Client,
        family: &Family,
        scopes: &Scopes,
        nonce: Option<&str>,
        ctx: &Context,
    ) -> Result<TokenResponse, OAuthError> {
        let keys = self.keys()?;
        let lifetime = client.access_token_lifetime(self.config.access_token_lifetime).as_secs();
        let issued = ctx.now.seconds();
        let scope = scopes.to_string();
        let access = AccessClaims {
            iss: self.config.issuer.as_str().into(),
            sub: family.person.to_string().into(),
            aud: family.audience.as_str().into(),
            exp: issued.saturating_add_unsigned(lifetime),
            iat: issued,
            jti: claims::token_id().into(),
            client_id: client.id.clone(),
            scope: scope.as_str().into(),
            sid: Some(family.session),
            fam: Some(family.id),
            acr: Some(family.acr),
            auth_time: Some(family.auth_time.seconds()),
            roles: family.roles.clone(),
        };
        let access_token = claims::sign(&keys.current, claims::ACCESS, &access)?;
        let id_token = if scopes.contains("openid") {
            let claims = IdClaims {
                iss: &self.config.issuer,
                sub: family.person.to_string(),
                aud: &client.id,
                exp: issued.saturating_add_unsigned(self.config.id_token_lifetime.as_secs()),
                iat: issued,
                auth_time: family.auth_time.seconds(),
                nonce,
                acr: family.acr,
                amr: &family.amr,
                sid: family.session,
                at_hash: claims::at_hash(&access_token),
            };
            Some(Secret::new(claims::sign(&keys.current, claims::ID, &claims)?))
        } else {
            None
        };
        let refresh = RefreshToken { family: family.id, generation: family.generation };
        Ok(TokenResponse {
            access_token: Secret::new(access_token),
            expires_in: lifetime,
            refresh_token: family.refreshable.then(|| refresh.write(&self.store.ring())),
            id_token,
            scope,
        })
    }
}
