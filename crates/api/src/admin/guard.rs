//! Who may: authentication, authorisation and the gate, before any handler runs.

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use testudo_access::{AdminContext, Permission, Role};
use testudo_core::{Actor, Control, Decision, Denial, EventKind, Obligation, Timestamp};
use testudo_identity::{Acr, Context, PersonState, TokenCache, challenge};
use testudo_store::Tx;

use super::AdminState;
use super::disclosure::Disclosure;
use crate::call::{authorization, context};
use crate::{CallFacts, LocalOwner, Problem};

/// What a route needs.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    pub(super) permission: Permission,
    pub(super) method: &'static str,
    pub(super) route: &'static str,
}

impl Needs {
    /// The operation, as in events: never the path with its ids.
    fn operation(self) -> String {
        format!("{} {}", self.method, self.route)
    }
}

/// An administrator who may call this route.
#[derive(Clone)]
pub(super) struct Admin {
    /// Who, for events.
    pub(super) actor: Actor,
    /// The facts of the call.
    pub(super) ctx: Context,
    facts: CallFacts,
    /// How it is known who she is.
    authentication: Decision,
    roles: BTreeSet<String>,
    acr: Option<Acr>,
    auth_time: Option<Timestamp>,
    local: bool,
    operation: String,
}

impl Admin {
    /// Whether she may do something more than the route itself needs. A refusal leaves its event.
    pub(super) async fn require(
        &self,
        state: &AdminState,
        permission: Permission,
        role: Option<&str>,
    ) -> Result<(), Problem> {
        let decision = self.decide(state, permission, role);
        if decision.verdict() == testudo_core::Verdict::Allow {
            return Ok(());
        }
        Err(self.refuse(state, &decision, permission).await)
    }

    /// Announces an act that has no kind of its own.
    pub(super) async fn announce(&self, state: &AdminState, act: &'static str, target: String) -> Result<(), Problem> {
        let event = self.ctx.event(EventKind::AdminActed).by(self.actor.clone()).on(target);
        commit(state, event.detail("act", act).detail("via", self.via())).await
    }

    /// Personal data in full, once the gate [`testudo_core::Disclose`] admits them. That they are shown, or were refused,
    /// is in the journal before anybody sees them.
    pub(super) async fn disclose(&self, state: &AdminState, disclosure: Disclosure) -> Result<Value, Problem> {
        let event = self.ctx.event(EventKind::Disclosed).by(self.actor.clone()).on(disclosure.what());
        let event = event.detail("records", disclosure.records().to_string()).detail("via", self.via());
        let decision = self.authentication.clone().and(self.decide(state, Permission::Reveal, None));
        match state.gates.disclose(disclosure, decision, &self.facts) {
            Ok(admission) => {
                commit(state, event).await?;
                Ok(Disclosure::open(admission))
            }
            Err(refusal) => {
                let reason = refusal.reason();
                commit(state, event.failed(reason.control, reason.code.clone())).await?;
                Err(Problem::from(&*refusal))
            }
        }
    }

    fn via(&self) -> &'static str {
        if self.local { "local" } else { "token" }
    }

    /// `role` is the role that is given or taken. One that is no role of administrators is the app's own: giving it
    /// is a change of an account like others.
    fn decide(&self, state: &AdminState, permission: Permission, role: Option<&str>) -> Decision {
        if self.local {
            // Whoever owns the data folder can do all of it without us.
            return Decision::allow(Control::Authorization);
        }
        let role = role.map(str::parse::<Role>);
        let permission = match role {
            Some(Err(_)) if permission == Permission::RolesGrant => Permission::PeopleWrite,
            _ => permission,
        };
        let second = self.acr.is_some_and(|acr| acr >= Acr::SecondFactor);
        let age = self.auth_time.map(|at| self.ctx.now.since(at)).filter(|_| second);
        let context = AdminContext {
            acr: self.acr.map_or(0, Acr::level),
            factor_age_s: age.map(|age| u32::try_from(age.as_secs()).unwrap_or(u32::MAX)),
            role: role.and_then(Result::ok),
        };
        let roles = self.roles.iter().filter_map(|role| role.parse().ok()).collect();
        state.policies.authorize(&roles, permission, &context)
    }

    async fn refuse(&self, state: &AdminState, decision: &Decision, permission: Permission) -> Problem {
        let (code, text, status, header) = match decision.reasons().first() {
            Some(reason) => {
                let header = (reason.denial.status() == 401).then(|| challenge(reason, decision.obligations(), ""));
                (reason.code.clone(), reason.text.clone(), reason.denial.status(), header)
            }
            None => ("control-unavailable".into(), "authorization gave no answer; try again".into(), 503, None),
        };
        let event = self.ctx.event(EventKind::AdminActed).by(self.actor.clone()).on(self.operation.clone());
        let event = event.detail("permission", permission.name()).failed(Control::Authorization, code.clone());
        match commit(state, event).await {
            Ok(()) => Problem::new(status, code, text).challenged(header),
            Err(problem) => problem,
        }
    }
}

/// The middleware of each route.
pub(super) async fn guard(
    State((state, needs)): State<(AdminState, Needs)>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&state, needs, &mut request).await {
        Err(problem) => problem.into_response(),
        Ok((decision, _)) if request.method() == Method::GET => {
            drop(decision);
            next.run(request).await
        }
        Ok((decision, facts)) => {
            let admin = request.extensions().get::<Admin>().cloned();
            match state.gates.execute(request, decision, &facts) {
                Ok(admission) => {
                    let (request, _) = admission.into_parts();
                    next.run(request).await
                }
                Err(refusal) => {
                    if let Some(admin) = admin {
                        let reason = refusal.reason();
                        let event =
                            admin.ctx.event(EventKind::AdminActed).by(admin.actor.clone()).on(needs.operation());
                        if let Err(problem) = commit(&state, event.failed(reason.control, reason.code.clone())).await {
                            return problem.into_response();
                        }
                    }
                    Problem::from(&*refusal).into_response()
                }
            }
        }
    }
}

/// Finds out who calls and whether she may; leaves the [`Admin`] in the request.
async fn admit(state: &AdminState, needs: Needs, request: &mut Request) -> Result<(Decision, CallFacts), Problem> {
    let (parts, body) = std::mem::take(request).into_parts();
    let found = context(&parts, &*state.clock);
    let local = parts.extensions.get::<LocalOwner>().is_some();
    let header = authorization(&parts.headers).map(<[u8]>::to_vec);
    let role = parts.uri.path().split_once("/roles/").map(|(_, role)| role.to_owned());
    *request = Request::from_parts(parts, body);
    let (facts, ctx) =
        found.ok_or_else(|| Problem::new(500, "internal", "the request did not come through the pipeline"))?;
    let admin = if local {
        Admin {
            actor: Actor::default(),
            ctx,
            facts,
            authentication: Decision::allow(Control::Authentication),
            roles: BTreeSet::new(),
            acr: None,
            auth_time: None,
            local,
            operation: needs.operation(),
        }
    } else {
        authenticate(state, header.as_deref(), facts, ctx, needs).await?
    };
    let decision = admin.decide(state, needs.permission, role.as_deref());
    if decision.verdict() != testudo_core::Verdict::Allow {
        return Err(admin.refuse(state, &decision, needs.permission).await);
    }
    let joined = admin.authentication.clone().and(decision);
    request.extensions_mut().insert(admin);
    Ok((joined, facts))
}

/// An access token for the admin audience whose family is alive, with the person's roles as they are now.
async fn authenticate(
    state: &AdminState,
    header: Option<&[u8]>,
    facts: CallFacts,
    ctx: Context,
    needs: Needs,
) -> Result<Admin, Problem> {
    let audience = &state.identity.config().admin_audience;
    let authority = state.identity.authority_for(audience)?;
    let (caller, decision) = authority.authenticate(&mut TokenCache::new(), header, ctx.now);
    let mut refused = decision.clone();
    if let Some(caller) = caller {
        let person = match caller.person {
            Some(id) if state.identity.is_unrevoked(&caller).await? => state.identity.person(id).await?,
            _ => None,
        };
        if let Some(person) = person.filter(|person| person.document.state() == PersonState::Active) {
            return Ok(Admin {
                actor: caller.actor(),
                ctx,
                facts,
                authentication: decision,
                roles: person.document.roles().clone(),
                acr: caller.acr,
                auth_time: caller.auth_time,
                local: false,
                operation: needs.operation(),
            });
        }
        let text = "the access token was revoked, or is not a person's; sign in again";
        refused = Decision::deny(Control::Authentication, Denial::Unauthenticated, "token-revoked", text);
    }
    let Some(reason) = refused.reasons().first() else {
        return Err(Problem::new(401, "token-missing", "this needs an access token of the admin audience"));
    };
    let event =
        ctx.event(EventKind::AdminActed).on(needs.operation()).failed(Control::Authentication, reason.code.clone());
    // Strangers' refusals go in groups, so that nobody makes us write to the disk for each guess.
    if state.identity.store().append(event).is_err() {
        return Err(Problem::new(503, "journal-full", "the journal takes no more entries now; try again later"));
    }
    let header = challenge(reason, &BTreeSet::<Obligation>::new(), "admin");
    Err(Problem::new(401, reason.code.clone(), reason.text.clone()).challenged(Some(header)))
}

async fn commit(state: &AdminState, event: testudo_core::Event) -> Result<(), Problem> {
    let mut tx = Tx::new();
    tx.event(event);
    match state.identity.store().commit(tx).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::from(testudo_identity::IdentityError::from(error))),
    }
}
