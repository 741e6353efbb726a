//! All routes of the admin API with the permission that each needs; the router is built from this table.

use axum::Router;
use axum::handler::Handler;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, get, on};
use testudo_access::Permission;

use super::guard::{Needs, guard};
use super::{
    AdminState, OPENAPI, audit, clients, containment, detection, exports, house, incidents, keys, passkeys, people,
    sessions,
};
use crate::Problem;

/// Where the admin API lies.
pub(super) const BASE: &str = "/admin/v1";

/// What an operation does, and so its method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Read,
    Make,
    Set,
    Remove,
}

impl Verb {
    const fn filter(self) -> MethodFilter {
        match self {
            Verb::Read => MethodFilter::GET,
            Verb::Make => MethodFilter::POST,
            Verb::Set => MethodFilter::PUT,
            Verb::Remove => MethodFilter::DELETE,
        }
    }

    /// The method's name.
    pub(super) const fn method(self) -> &'static str {
        match self {
            Verb::Read => "GET",
            Verb::Make => "POST",
            Verb::Set => "PUT",
            Verb::Remove => "DELETE",
        }
    }
}

/// One operation.
pub(super) struct Operation {
    pub(super) method: Verb,
    pub(super) path: &'static str,
    permission: Permission,
    handler: MethodRouter<AdminState>,
}

fn op<H: Handler<T, AdminState>, T: 'static>(
    method: Verb,
    path: &'static str,
    permission: Permission,
    handler: H,
) -> Operation {
    Operation { method, path, permission, handler: on(method.filter(), handler) }
}

/// The table.
pub(super) fn operations() -> Vec<Operation> {
    use Permission as P;
    vec![
        op(Verb::Read, "/status", P::ConfigRead, house::status),
        op(Verb::Read, "/people", P::PeopleRead, people::list),
        op(Verb::Make, "/people", P::PeopleWrite, people::create),
        op(Verb::Make, "/enrolments", P::RolesGrant, people::enrol),
        op(Verb::Read, "/people/{person}", P::PeopleRead, people::show),
        op(Verb::Remove, "/people/{person}", P::PeopleErase, people::erase),
        op(Verb::Make, "/people/{person}/lock", P::PeopleLock, people::lock),
        op(Verb::Make, "/people/{person}/unlock", P::PeopleLock, people::unlock),
        op(Verb::Make, "/people/{person}/require-reset", P::PeopleLock, people::require_reset),
        op(Verb::Make, "/people/{person}/require-step-up", P::PeopleLock, people::require_step_up),
        op(Verb::Make, "/people/{person}/waive-reset", P::PeopleLock, people::waive_reset),
        op(Verb::Make, "/people/{person}/waive-step-up", P::PeopleLock, people::waive_step_up),
        op(Verb::Set, "/people/{person}/password", P::PeopleWrite, people::set_password),
        op(Verb::Remove, "/people/{person}/factors", P::PeopleWrite, people::remove_factors),
        op(Verb::Read, "/people/{person}/passkeys", P::PeopleRead, passkeys::list),
        op(Verb::Remove, "/people/{person}/passkeys/{passkey}", P::PeopleWrite, passkeys::remove),
        op(Verb::Read, "/people/{person}/devices", P::SessionsRead, passkeys::devices),
        op(Verb::Set, "/people/{person}/roles/{role}", P::RolesGrant, people::grant_role),
        op(Verb::Remove, "/people/{person}/roles/{role}", P::RolesGrant, people::revoke_role),
        op(Verb::Read, "/people/{person}/sessions", P::SessionsRead, sessions::list),
        op(Verb::Remove, "/people/{person}/sessions", P::SessionsRevoke, sessions::revoke_all),
        op(Verb::Read, "/people/{person}/families", P::SessionsRead, sessions::families),
        op(Verb::Read, "/people/{person}/risk", P::PeopleRead, people::risk),
        op(Verb::Read, "/people/{person}/purposes", P::PeopleRead, people::purposes),
        op(Verb::Remove, "/sessions/{session}", P::SessionsRevoke, sessions::revoke),
        op(Verb::Remove, "/families/{family}", P::SessionsRevoke, sessions::revoke_family),
        op(Verb::Read, "/clients", P::ClientsRead, clients::list),
        op(Verb::Make, "/clients", P::ClientsWrite, clients::create),
        op(Verb::Read, "/clients/{client}", P::ClientsRead, clients::show),
        op(Verb::Set, "/clients/{client}", P::ClientsWrite, clients::change),
        op(Verb::Remove, "/clients/{client}", P::ClientsWrite, clients::remove),
        op(Verb::Make, "/clients/{client}/enable", P::ClientsWrite, clients::enable),
        op(Verb::Make, "/clients/{client}/disable", P::ClientsWrite, clients::disable),
        op(Verb::Make, "/clients/{client}/secret", P::ClientsWrite, clients::rotate_secret),
        op(Verb::Read, "/keys", P::ConfigRead, keys::list),
        op(Verb::Make, "/keys/signing/rotate", P::KeysRotate, keys::rotate_signing),
        op(Verb::Make, "/keys/ring/{purpose}/rotate", P::KeysRotate, keys::rotate_ring),
        op(Verb::Read, "/audit/entries", P::AuditRead, audit::entries),
        op(Verb::Read, "/audit/checkpoint", P::AuditRead, audit::checkpoint),
        op(Verb::Read, "/audit/proofs/inclusion", P::AuditRead, audit::inclusion),
        op(Verb::Read, "/audit/proofs/consistency", P::AuditRead, audit::consistency),
        op(Verb::Make, "/audit/verifications", P::AuditVerify, audit::verify),
        op(Verb::Read, "/audit/verifications/{verification}", P::AuditVerify, audit::report),
        op(Verb::Make, "/detection/replays", P::AuditRead, detection::replay),
        op(Verb::Read, "/detection/replays/{replay}", P::AuditRead, detection::report),
        op(Verb::Read, "/exports", P::ConfigRead, exports::list),
        op(Verb::Make, "/exports/{export}/test", P::ConfigReload, exports::test),
        op(Verb::Make, "/exports/{export}/resend", P::ConfigReload, exports::resend),
        op(Verb::Remove, "/exports/{export}", P::ConfigReload, exports::forget),
        op(Verb::Read, "/incidents", P::IncidentsRead, incidents::list),
        op(Verb::Read, "/incidents/{incident}", P::IncidentsRead, incidents::show),
        op(Verb::Make, "/incidents/{incident}/notes", P::IncidentsWrite, incidents::note),
        op(Verb::Make, "/incidents/{incident}/tasks", P::IncidentsWrite, incidents::add_task),
        op(Verb::Make, "/incidents/{incident}/tasks/{task}/done", P::IncidentsWrite, incidents::finish_task),
        op(Verb::Make, "/incidents/{incident}/close", P::IncidentsWrite, incidents::close),
        op(Verb::Read, "/incidents/{incident}/plans", P::IncidentsRead, incidents::plan),
        op(Verb::Make, "/incidents/{incident}/runs", P::ResponsesApprove, incidents::run),
        op(Verb::Make, "/incidents/{incident}/responses/{response}/undo", P::ResponsesApprove, incidents::undo),
        op(Verb::Make, "/incidents/{incident}/responses/{response}/approve", P::ResponsesApprove, incidents::approve),
        op(Verb::Make, "/incidents/{incident}/responses/{response}/decline", P::ResponsesApprove, incidents::decline),
        op(Verb::Read, "/incidents/{incident}/breach", P::IncidentsRead, incidents::breach),
        op(Verb::Make, "/incidents/{incident}/breach", P::IncidentsWrite, incidents::aware),
        op(Verb::Set, "/incidents/{incident}/breach", P::IncidentsWrite, incidents::describe),
        op(Verb::Make, "/incidents/{incident}/breach/notified", P::IncidentsWrite, incidents::notified),
        op(Verb::Read, "/incidents/{incident}/evidence", P::IncidentsRead, incidents::evidence),
        op(Verb::Read, "/playbooks", P::PlaybooksRead, incidents::playbooks),
        op(Verb::Read, "/playbooks/{playbook}", P::PlaybooksRead, incidents::playbook),
        op(Verb::Read, "/playbooks/{playbook}/cacao", P::PlaybooksRead, incidents::cacao),
        op(Verb::Make, "/backups", P::BackupMake, house::backup),
        op(Verb::Read, "/blocks", P::LimitsRead, containment::blocks),
        op(Verb::Make, "/blocks", P::BlocksWrite, containment::block),
        op(Verb::Remove, "/blocks", P::BlocksWrite, containment::unblock),
        op(Verb::Read, "/limits/tightened", P::LimitsRead, containment::tightened),
        op(Verb::Make, "/limits/tightened", P::LimitsWrite, containment::tighten),
        op(Verb::Remove, "/limits/tightened", P::LimitsWrite, containment::restore),
        op(Verb::Read, "/routes/restricted", P::LimitsRead, containment::restricted),
        op(Verb::Make, "/routes/restricted", P::LimitsWrite, containment::restrict),
        op(Verb::Remove, "/routes/restricted", P::LimitsWrite, containment::release),
        op(Verb::Read, "/config", P::ConfigRead, house::config),
        op(Verb::Make, "/config/reload", P::ConfigReload, house::reload),
    ]
}

/// Builds the router: each operation behind a guard for its permission. The description alone is for everybody who
/// reaches the admin address.
pub(super) fn router(state: AdminState) -> Router {
    let described = Router::new().route(&format!("{BASE}/openapi.yaml"), get(openapi));
    let guarded = operations().into_iter().fold(Router::new(), |router, operation| {
        let needs =
            Needs { permission: operation.permission, method: operation.method.method(), route: operation.path };
        let layer = from_fn_with_state((state.clone(), needs), guard);
        router.route(&format!("{BASE}{}", operation.path), operation.handler.layer(layer))
    });
    let described = described.merge(guarded).fallback(unknown).method_not_allowed_fallback(wrong_method);
    described.layer(map_response(unkept)).with_state(state)
}

/// Answers may hold personal data or secrets: nothing keeps a copy.
async fn unkept(mut response: Response) -> Response {
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/yaml")], OPENAPI).into_response()
}

async fn unknown() -> Response {
    Problem::not_found("path").into_response()
}

async fn wrong_method() -> Response {
    let text = "this path has no such method; see /admin/v1/openapi.yaml";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED.as_u16(), "method-not-allowed", text).into_response()
}
