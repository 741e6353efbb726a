//! The token endpoint in two steps: `prepare` proves the client and its grant, `issue` acts on an admission.
//!
//! Between the two stands the gate `Issue`: the top floor joins the decision with limits, standing and the rest.

use std::sync::Arc;

use testudo_core::{Actor, ClientId, Control, Decision, EventKind, FamilyId, PersonId, Reason, SessionId, Timestamp};
use testudo_store::{CommitError, Stored, Tx};

use super::client::{Client, ClientType, GrantType};
use super::client_auth::Credentials;
use super::code::Code;
use super::family::{Family, Standing};
use super::fault::{OAuthCode, OAuthError};
use super::introspect::{missing, read};
use super::params::Params;
use super::refresh_token::RefreshToken;
use super::scope::Scopes;
use crate::session::Acr;
use crate::{Context, Identity, IdentityError};

/// A request to the token, revocation or introspection endpoint.
#[derive(Clone, Copy)]
pub struct TokenRequest<'a> {
    /// The body, `application/x-www-form-urlencoded`.
    pub form: &'a str,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
}

/// A proven request for tokens that waits for its admission.
#[derive(Debug)]
pub struct Pending {
    pub(crate) client: Arc<Client>,
    pub(crate) grant: Grant,
    pub(crate) scopes: Scopes,
    pub(crate) audience: String,
}

pub(crate) enum Grant {
    Code(Box<Stored<Code>>),
    Refresh { family: Box<Stored<Family>>, generation: u64 },
    Client,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Grant::Code(_) => "code",
            Grant::Refresh { .. } => "refresh",
            Grant::Client => "client",
        })
    }
}

impl Pending {
    /// The client that asks.
    pub fn client(&self) -> &ClientId {
        &self.client.id
    }

    /// The grant.
    pub fn grant(&self) -> GrantType {
        match self.grant {
            Grant::Code(_) => GrantType::AuthorizationCode,
            Grant::Refresh { .. } => GrantType::RefreshToken,
            Grant::Client => GrantType::ClientCredentials,
        }
    }

    /// In whose name; none when a client asks for itself.
    pub fn person(&self) -> Option<PersonId> {
        match &self.grant {
            Grant::Code(code) => Some(code.document.person),
            Grant::Refresh { family, .. } => Some(family.document.person),
            Grant::Client => None,
        }
    }

    /// The browser session from which it descends.
    pub fn session(&self) -> Option<SessionId> {
        match &self.grant {
            Grant::Code(code) => Some(code.document.session),
            Grant::Refresh { family, .. } => Some(family.document.session),
            Grant::Client => None,
        }
    }

    /// The refresh family, if it is there already.
    pub fn family(&self) -> Option<FamilyId> {
        match &self.grant {
            Grant::Refresh { family, .. } => Some(family.document.id),
            Grant::Code(_) | Grant::Client => None,
        }
    }

    /// When the person signed in.
    pub fn auth_time(&self) -> Option<Timestamp> {
        match &self.grant {
            Grant::Code(code) => Some(code.document.auth_time),
            Grant::Refresh { family, .. } => Some(family.document.auth_time),
            Grant::Client => None,
        }
    }

    /// How strongly she signed in.
    pub fn acr(&self) -> Option<Acr> {
        match &self.grant {
            Grant::Code(code) => Some(code.document.acr),
            Grant::Refresh { family, .. } => Some(family.document.acr),
            Grant::Client => None,
        }
    }

    /// When what it descends from began: the code or the family.
    pub fn since(&self) -> Option<Timestamp> {
        match &self.grant {
            Grant::Code(code) => Some(code.document.created),
            Grant::Refresh { family, .. } => Some(family.document.created),
            Grant::Client => None,
        }
    }

    /// What the tokens will be good for.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Who asks, for events.
    pub fn actor(&self) -> Actor {
        Actor {
            person: self.person(),
            client: Some(self.client.id.clone()),
            session: self.session(),
            family: self.family(),
            ..Actor::default()
        }
    }
}

impl Identity {
    /// Proves the client and its grant. Nothing is changed yet, except that a code or refresh token which shows a theft
    /// ends its family.
    pub async fn prepare(&self, request: &TokenRequest<'_>, ctx: &Context) -> Result<(Pending, Decision), OAuthError> {
        let mut actor = Actor::default();
        match self.prove(request, &mut actor, ctx).await {
            Ok(pending) => Ok((pending, Decision::allow(Control::Authentication))),
            Err(error) => {
                if error.source.is_none() {
                    self.announce_refusal(&error, actor, ctx).await?;
                }
                Err(error)
            }
        }
    }

    /// Announces that a gate refused the tokens for a proven request.
    pub async fn announce_refused_token(&self, actor: Actor, why: &Reason, ctx: &Context) -> Result<(), OAuthError> {
        let mut tx = Tx::new();
        let event = ctx.event(EventKind::TokenRefused).by(actor).failed(why.control, why.code.clone());
        tx.event(match &ctx.user_agent {
            Some(agent) => event.personal("user_agent", agent.as_str()),
            None => event,
        });
        self.store.commit(tx).await.map_err(IdentityError::from)?;
        Ok(())
    }

    async fn prove(&self, request: &TokenRequest<'_>, actor: &mut Actor, ctx: &Context) -> Result<Pending, OAuthError> {
        let params = read(request.form)?;
        let grant = match params.get("grant_type").ok_or_else(|| missing("grant_type"))? {
            "authorization_code" => GrantType::AuthorizationCode,
            "refresh_token" => GrantType::RefreshToken,
            "client_credentials" => GrantType::ClientCredentials,
            _ => {
                return Err(OAuthError::new(
                    OAuthCode::UnsupportedGrantType,
                    "grant-unsupported",
                    "use `authorization_code`, `refresh_token` or `client_credentials`",
                ));
            }
        };
        let credentials = Credentials::read(&params, request.authorization)?;
        let client = self.authenticate_client(&credentials, ctx).await?;
        actor.client = Some(client.id.clone());
        if !client.may(grant) {
            return Err(OAuthError::new(
                OAuthCode::UnauthorizedClient,
                "grant-not-allowed",
                "this client may not use this grant; change its registration",
            ));
        }
        match grant {
            GrantType::AuthorizationCode => self.prove_code(&params, client, actor, ctx).await,
            GrantType::RefreshToken => self.prove_refresh(&params, client, actor, ctx).await,
            GrantType::ClientCredentials => self.prove_client(&params, client),
        }
    }

    async fn prove_code(
        &self,
        params: &Params,
        client: Arc<Client>,
        actor: &mut Actor,
        ctx: &Context,
    ) -> Result<Pending, OAuthError> {
        let unknown = || OAuthError::grant("code-unknown", "the code is unknown, expired or for another client");
        let presented = params.get("code").ok_or_else(|| missing("code"))?;
        let verifier = params.get("code_verifier").ok_or_else(|| missing("code_verifier"))?;
        let stored = self.store.get::<Code>(Code::key(presented)).await.map_err(IdentityError::from)?;
        let stored = stored.ok_or_else(unknown)?;
        let code = &stored.document;
        actor.person = Some(code.person);
        actor.session = Some(code.session);
        if let Some(family) = code.used {
            self.code_reused(family, actor, ctx).await?;
            return Err(code_reused());
        }
        if code.client != client.id || ctx.now.since(code.created) > self.config.code_lifetime {
            return Err(unknown());
        }
        if params.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
            return Err(OAuthError::grant(
                "redirect-mismatch",
                "`redirect_uri` is not the one that the code was sent to",
            ));
        }
        if !code.challenge.is_met_by(verifier) {
            return Err(OAuthError::grant("pkce-mismatch", "`code_verifier` does not fit the challenge"));
        }
        if params.get("resource").is_some_and(|resource| resource != code.audience) {
            return Err(OAuthError::new(
                OAuthCode::InvalidTarget,
                "resource-mismatch",
                "`resource` is not the one that the code was made for",
            ));
        }
        let (scopes, audience) = (code.scopes.clone(), code.audience.clone());
        Ok(Pending { client, grant: Grant::Code(Box::new(stored)), scopes, audience })
    }

    async fn prove_refresh(
        &self,
        params: &Params,
        client: Arc<Client>,
        actor: &mut Actor,
        ctx: &Context,
    ) -> Result<Pending, OAuthError> {
        let presented = params.get("refresh_token").ok_or_else(|| missing("refresh_token"))?;
        let token = RefreshToken::read(presented, &self.store.ring()).ok_or_else(refresh_unknown)?;
        let stored = self.store.get::<Family>(token.family).await.map_err(IdentityError::from)?;
        let stored = stored.ok_or_else(refresh_unknown)?;
        let family = &stored.document;
        // Another client's token, or that of one that had the same id before: it is not said to exist, and it is not
        // ended by a stranger.
        if family.client != client.id || family.created < client.created {
            return Err(refresh_unknown());
        }
        *actor = family_actor(family);
        self.judge(family, token.generation, ctx).await?;
        let scopes = match params.get("scope") {
            None => family.scopes.clone(),
            Some(text) => Scopes::parse(text).ok().filter(|scopes| scopes.within(&family.scopes)).ok_or_else(|| {
                OAuthError::new(
                    OAuthCode::InvalidScope,
                    "scope-widened",
                    "`scope` is malformed or more than was granted; ask again at authorization",
                )
            })?,
        };
        if params.get("resource").is_some_and(|resource| resource != family.audience) {
            return Err(OAuthError::new(
                OAuthCode::InvalidTarget,
                "resource-mismatch",
                "`resource` is not the one that was granted",
            ));
        }
        let audience = family.audience.clone();
        let grant = Grant::Refresh { family: Box::new(stored), generation: token.generation };
        Ok(Pending { client, grant, scopes, audience })
    }

    fn prove_client(&self, params: &Params, client: Arc<Client>) -> Result<Pending, OAuthError> {
        if client.kind != ClientType::Confidential {
            return Err(OAuthError::client());
        }
        let about_people = ["openid", "profile", "email", "offline_access"];
        let allowed = client.scopes.without(&about_people);
        let scopes = match params.get("scope") {
            None => allowed,
            Some(text) => Scopes::parse(text).ok().filter(|scopes| scopes.within(&allowed)).ok_or_else(|| {
                OAuthError::new(
                    OAuthCode::InvalidScope,
                    "scope-not-allowed",
                    "`scope` is malformed, or this client may not ask for one of these scopes",
                )
            })?,
        };
        let audience = client.audience(params.get("resource"), &self.config.audience).map(str::to_owned);
        let audience = audience.ok_or_else(|| {
            OAuthError::new(
                OAuthCode::InvalidTarget,
                "resource-not-allowed",
                "this client may not ask for tokens for this resource",
            )
        })?;
        Ok(Pending { client, grant: Grant::Client, scopes, audience })
    }

    /// Says whether the token of `generation` may be used now. One that shows a theft ends the family first.
    pub(crate) async fn judge(&self, family: &Family, generation: u64, ctx: &Context) -> Result<Standing, OAuthError> {
        match family.standing(generation, ctx.now, self.config.refresh_grace) {
            standing @ (Standing::Current | Standing::Repeat) => Ok(standing),
            Standing::Late => {
                Err(OAuthError::grant("refresh-late", "the refresh token was replaced; use the newest one"))
            }
            Standing::Over => {
                Err(OAuthError::grant("refresh-over", "the refresh token has expired or was revoked; sign in"))
            }
            Standing::Reused => {
                let reason = "a replaced refresh token was used";
                let because = Some(EventKind::RefreshReused);
                self.end_family(family.id, family_actor(family), reason, because, ctx).await?;
                Err(OAuthError::grant(
                    "refresh-reused",
                    "the refresh token was used before; the person must sign in again",
                ))
            }
        }
    }

    pub(crate) async fn code_reused(
        &self,
        family: FamilyId,
        actor: &Actor,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        let by = Actor { family: Some(family), ..actor.clone() };
        let reason = "its code was used twice";
        match self.end_family(family, by, reason, Some(EventKind::CodeReused), ctx).await {
            Ok(()) | Err(IdentityError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A refusal of somebody whom we know is written before the answer; those of strangers go in groups, so that nobody
    /// makes us write to the disk for each guess.
    async fn announce_refusal(&self, error: &OAuthError, actor: Actor, ctx: &Context) -> Result<(), OAuthError> {
        let stranger = actor.person.is_none();
        let event = ctx.event(EventKind::TokenRefused).by(actor).failed(Control::Authentication, error.reason.clone());
        if stranger {
            return self.store.append(event).map_err(|_| IdentityError::from(CommitError::Full).into());
        }
        let mut tx = Tx::new();
        tx.event(event);
        self.store.commit(tx).await.map_err(IdentityError::from)?;
        Ok(())
    }
}

pub(crate) fn family_actor(family: &Family) -> Actor {
    Actor {
        person: Some(family.person),
        client: Some(family.client.clone()),
        session: Some(family.session),
        family: Some(family.id),
        ..Actor::default()
    }
}

pub(crate) fn code_reused() -> OAuthError {
    OAuthError::grant("code-reused", "the code was used before; what it gave was revoked")
}

pub(crate) fn refresh_unknown() -> OAuthError {
    OAuthError::grant("refresh-unknown", "the refresh token is not one of this client's")
}
