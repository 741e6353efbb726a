//! Policies over the contract's routes: loading them, and asking them about a request.

use smallvec::SmallVec;
use testudo_access::{AccessFacts, Defaults, Policies, PolicyFile, PreparedPrincipal, RouteSpec};
use testudo_contract::{Contract, Found};
use testudo_core::{Decision, Timestamp};
use testudo_identity::{Acr, Caller};

use crate::config::Config;
use crate::pipeline::{Facts, Risk};
use crate::snapshot::{Snapshot, SnapshotError};

/// Reads policy files, given as name and text, against the routes of the contract.
pub fn load(config: &Config, files: &[(String, String)], contract: &Contract) -> Result<Policies, SnapshotError> {
    let files: Vec<PolicyFile<'_>> = files.iter().map(|(name, text)| PolicyFile { name, text }).collect();
    let routes: Vec<RouteSpec<'_>> = contract
        .routes()
        .iter()
        .map(|route| RouteSpec {
            number: route.id.0,
            method: route.method.as_ref().map(http::Method::as_str),
            template: &route.template,
            public: route.is_public() || route.is_token_optional(),
            operation: route.operation_id.as_deref(),
            tags: &[],
        })
        .collect();
    let defaults = if config.policies.keep_defaults { Defaults::Keep } else { Defaults::Drop };
    Policies::load(&files, &routes, defaults).map_err(SnapshotError::Policy)
}

impl Snapshot {
    /// Asks the policies about a request.
    pub(crate) fn authorize(
        &self,
        found: &Found<'_>,
        method: &http::Method,
        caller: Option<&Caller>,
        principal: &PreparedPrincipal,
        facts: &Facts,
        risk: &Risk,
    ) -> Decision {
        let params: SmallVec<[(&str, &str); 4]> = found.params.iter().collect();
        self.policies.authorize(
            principal,
            &AccessFacts {
                route: found.route.id.0,
                method: method.as_str(),
                params: &params,
                acr: caller.and_then(|caller| caller.acr).map_or(0, Acr::level),
                auth_time: caller.and_then(|caller| caller.auth_time).unwrap_or(Timestamp::EPOCH),
                risk: risk.score(),
                device_bound: false,
                device_known: risk.device_known(),
                address: facts.address,
                app: None,
                build: None,
                now: facts.now,
            },
        )
    }
}
