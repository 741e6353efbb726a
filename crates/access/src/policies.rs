//! The app's policies: loaded once, asked at every request.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use cedar_policy::AuthorizationError;
use cedar_policy::{
    Authorizer, Context, Entities, EntityUid, PolicyId, PolicySet, Request, RestrictedExpression, Schema,
};
use lru::LruCache;
use testudo_core::{BuildId, Decision, Timestamp};

use crate::answers::Question;
use crate::decide::decide;
use crate::errors::{PolicyError, PolicyErrors, nearest};
use crate::names::{self, METHODS};
use crate::principal::PreparedPrincipal;
use crate::route::{RouteEntity, RouteSpec, paths};
use crate::slice::{Outcome, Slice, Slicer};
use crate::source::{self, Named, PolicyFile};
use crate::uses::Uses;

/// What is known of a request when policies are asked.
#[derive(Clone, Copy, Debug)]
pub struct AccessFacts<'a> {
    /// The route's number in the contract.
    pub route: u32,
    /// The method.
    pub method: &'a str,
    /// The parameters of the path, by name.
    pub params: &'a [(&'a str, &'a str)],
    /// The strength of the sign-in: 0 none, 1 password, 2 second factor.
    pub acr: u8,
    /// When the person signed in.
    pub auth_time: Timestamp,
    /// The risk score, 0 to 100.
    pub risk: u8,
    /// Whether the token is bound to a key of the device.
    pub device_bound: bool,
    /// Whether the device is one that the person uses.
    pub device_known: bool,
    /// The client's address, after trusted proxies.
    pub address: IpAddr,
    /// The app.
    pub app: Option<&'a str>,
    /// The app's build.
    pub build: Option<BuildId>,
    /// The wall clock.
    pub now: Timestamp,
}

impl AccessFacts<'_> {
    /// Seconds since the sign-in.
    pub(crate) fn auth_age(&self) -> i64 {
        i64::try_from(self.now.since(self.auth_time).as_secs()).unwrap_or(i64::MAX)
    }

    /// The hour of the day in UTC, 0 to 23.
    pub(crate) fn hour(&self) -> i64 {
        self.now.seconds().rem_euclid(86_400) / 3600
    }

    /// The day of the week in UTC: Monday is 1.
    pub(crate) fn weekday(&self) -> i64 {
        (self.now.seconds().div_euclid(86_400) + 3).rem_euclid(7) + 1
    }
}

/// Whether the policies that permit what a token permits stay in force beside the files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Defaults {
    /// Everybody with a valid token may call every route, and strangers the public ones, unless a policy forbids it.
    Keep,
    /// Only what the files permit is permitted.
    Drop,
}

/// The app's policies, cut into slices for each action and route.
#[derive(Debug)]
pub struct Policies {
    named: Vec<Named>,
    whole: PolicySet,
    by_id: HashMap<PolicyId, usize>,
    routes: HashMap<u32, Route>,
    actions: Vec<EntityUid>,
    action_entities: Entities,
    authorizer: Authorizer,
}

#[derive(Debug)]
struct Route {
    /// By the place of the method; none where the route has another one.
    methods: Vec<Option<(RouteEntity, Arc<Slice>)>>,
}

impl Policies {
    /// Reads policies, checks them against the schema and the routes, and slices them. All mistakes are reported at
    /// once.
    pub fn load(
        files: &[PolicyFile<'_>],
        routes: &[RouteSpec<'_>],
        defaults: Defaults,
    ) -> Result<Policies, PolicyErrors> {
        let schema = schema("schema.cedarschema", include_str!("schema.cedarschema"))?;
        let embedded = PolicyFile { name: "default.cedar", text: include_str!("default.cedar") };
        let mut all = files.to_vec();
        if defaults == Defaults::Keep {
            all.push(embedded);
        }
        let policies = source::read(&all, &schema)?;
        check_names(&all, &policies, routes)?;
        let bug = |text: String| PolicyErrors::from(PolicyError::at("policies", "", 0, text, None));
        let whole = PolicySet::from_policies(policies.iter().map(|named| named.policy.clone()))
            .map_err(|error| bug(error.to_string()))?;
        let by_id = policies.iter().enumerate().map(|(index, named)| (named.policy.id().clone(), index)).collect();
        let mut slicer = Slicer::new(&policies);
        let mut by_number = HashMap::new();
        for spec in routes {
            let mut methods = Vec::new();
            for method in METHODS {
                let has = spec.method.is_none_or(|own| names::method(own) == names::method(method));
                let entity = has.then(|| RouteEntity::new(spec, spec.method.unwrap_or(method)));
                methods.push(match entity {
                    Some(entity) => {
                        let slice = slicer.slice(method, &entity).map_err(bug)?;
                        Some((entity, slice))
                    }
                    None => None,
                });
            }
            by_number.insert(spec.number, Route { methods });
        }
        Ok(Policies {
            whole,
            by_id,
            routes: by_number,
            actions: METHODS.iter().map(|method| names::uid(names::ACTION, method)).collect(),
            action_entities: schema.action_entities().map_err(|error| bug(error.to_string()))?,
            authorizer: Authorizer::new(),
            named: policies,
        })
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.named.len()
    }

    /// Whether there are none: then everything is refused.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// The ids of all policies, in the order of the files.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|named| named.policy.id().as_ref())
    }

    /// May this principal do this? Asks only the slice of the route and method.
    pub fn authorize(&self, principal: &PreparedPrincipal, facts: &AccessFacts<'_>) -> Decision {
        decide(self.sliced(principal, facts).as_ref(), &self.named, principal.is_stranger())
    }

    /// The same answer from all policies, by Cedar alone: what [`Policies::authorize`] is tested against.
    pub fn authorize_unsliced(&self, principal: &PreparedPrincipal, facts: &AccessFacts<'_>) -> Decision {
        decide(self.unsliced(principal, facts).as_ref(), &self.named, principal.is_stranger())
    }

    fn sliced(&self, principal: &PreparedPrincipal, facts: &AccessFacts<'_>) -> Option<Outcome> {
        let (action, route, slice) = self.find(facts)?;
        if let Some(outcome) = slice.direct(principal) {
            return Some(outcome);
        }
        let ask = || {
            let context = context(facts, &slice.uses)?;
            let request =
                Request::new(principal.uid().clone(), action.clone(), route.uid.clone(), context, None).ok()?;
            if slice.uses.route {
                let entities = self.entities(principal, route, facts)?;
                return self.evaluate(&request, &slice.policies, &entities);
            }
            self.evaluate(&request, &slice.policies, &*principal.entities()?)
        };
        if slice.uses.route {
            return ask();
        }
        // Policies are pure: the same question has the same answer.
        let question = Question::new(slice, facts);
        if let Some(outcome) = principal.answers().borrow().of(&question) {
            return Some(outcome.clone());
        }
        let outcome =
            if slice.uses.principal { ask()? } else { slice.shared.of(&question, slice.met(principal), ask)? };
        principal.answers().borrow_mut().keep(question, outcome.clone());
        Some(outcome)
    }

    fn unsliced(&self, principal: &PreparedPrincipal, facts: &AccessFacts<'_>) -> Option<Outcome> {
        let (action, route, _) = self.find(facts)?;
        let context = context(facts, &Uses::all())?;
        let request = Request::new(principal.uid().clone(), action.clone(), route.uid.clone(), context, None).ok()?;
        self.evaluate(&request, &self.whole, &self.entities(principal, route, facts)?)
    }

    fn find(&self, facts: &AccessFacts<'_>) -> Option<(&EntityUid, &RouteEntity, &Slice)> {
        let method = names::method(facts.method);
        let (route, slice) = self.routes.get(&facts.route)?.methods.get(method)?.as_ref()?;
        Some((self.actions.get(method)?, route, slice))
    }

    fn entities(
        &self,
        principal: &PreparedPrincipal,
        route: &RouteEntity,
        facts: &AccessFacts<'_>,
    ) -> Option<Entities> {
        let request = [route.entity(facts.params).ok()?].into_iter().chain(principal.entity()?.cloned());
        self.action_entities.clone().add_entities(request, None).ok()
    }

    fn evaluate(&self, request: &Request, policies: &PolicySet, entities: &Entities) -> Option<Outcome> {
        let response = self.authorizer.is_authorized(request, policies, entities);
        let place = |id: &PolicyId| self.by_id.get(id).copied();
        let diagnostics = response.diagnostics();
        let mut determining = diagnostics.reason().map(place).collect::<Option<Vec<usize>>>()?;
        let mut errors = diagnostics.errors().map(|error| place(failed(error))).collect::<Option<Vec<usize>>>()?;
        determining.sort_unstable();
        errors.sort_unstable();
        Some(Outcome { allowed: response.decision() == cedar_policy::Decision::Allow, determining, errors })
    }
}

/// The policy that could not be evaluated.
pub(crate) fn failed(error: &AuthorizationError) -> &PolicyId {
    match error {
        AuthorizationError::PolicyEvaluationError(error) => error.policy_id(),
    }
}

pub(crate) fn schema(name: &str, text: &str) -> Result<Schema, PolicyErrors> {
    match Schema::from_cedarschema_str(text) {
        Ok((schema, _)) => Ok(schema),
        Err(error) => Err(PolicyError::cedar(name, text, &error, 0).into()),
    }
}

/// The context that the policies of a slice read.
fn context(facts: &AccessFacts<'_>, uses: &Uses) -> Option<Context> {
    if uses.context.as_ref().is_some_and(BTreeSet::is_empty) {
        return Some(Context::empty());
    }
    let long = RestrictedExpression::new_long;
    let mut pairs = Vec::with_capacity(10);
    let mut add = |name: &str, value: &dyn Fn() -> RestrictedExpression| {
        if uses.reads(name) {
            pairs.push((name.to_owned(), value()));
        }
    };
    add("acr", &|| long(i64::from(facts.acr)));
    add("auth_age", &|| long(facts.auth_age()));
    add("risk", &|| long(i64::from(facts.risk)));
    add("device_bound", &|| RestrictedExpression::new_bool(facts.device_bound));
    add("device_known", &|| RestrictedExpression::new_bool(facts.device_known));
    add("network", &|| network(facts.address.to_canonical()));
    add("hour", &|| long(facts.hour()));
    add("weekday", &|| long(facts.weekday()));
    if let Some(app) = facts.app {
        add("app", &|| RestrictedExpression::new_entity_uid(names::uid(names::APP, app)));
    }
    if let Some(build) = facts.build {
        add("build", &|| RestrictedExpression::new_string(build.to_string()));
    }
    Context::from_pairs(pairs).ok()
}

/// Addresses whose expression a thread keeps.
const MOST_NETWORKS: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

thread_local! {
    static NETWORKS: RefCell<LruCache<IpAddr, RestrictedExpression>> = RefCell::new(LruCache::new(MOST_NETWORKS));
}

/// An address as an expression. It is kept, since Cedar parses the name of its function each time one is made, which
/// takes longer than all the rest of a context.
fn network(address: IpAddr) -> RestrictedExpression {
    let new = || RestrictedExpression::new_ip(address.to_string());
    NETWORKS.with(|networks| match networks.try_borrow_mut() {
        Ok(mut networks) => networks.get_or_insert(address, new).clone(),
        Err(_) => new(),
    })
}

/// Routes, paths, operations and tags that policies name must exist, or a misspelt `forbid` would forbid nothing.
fn check_names(files: &[PolicyFile<'_>], policies: &[Named], routes: &[RouteSpec<'_>]) -> Result<(), PolicyErrors> {
    let methods = |spec: &RouteSpec<'_>| match spec.method {
        Some(method) => vec![method.to_owned()],
        None => METHODS.map(str::to_owned).to_vec(),
    };
    let route_names = routes.iter().flat_map(|spec| {
        methods(spec).into_iter().map(|method| format!("{method} {}", spec.template)).collect::<Vec<_>>()
    });
    let route_names: BTreeSet<String> = route_names.collect();
    let path_names: BTreeSet<String> = routes.iter().flat_map(|spec| paths(spec.template)).map(str::to_owned).collect();
    let operations: BTreeSet<String> = routes.iter().filter_map(|spec| spec.operation).map(str::to_owned).collect();
    let tags: BTreeSet<String> = routes.iter().flat_map(|spec| spec.tags).cloned().collect();
    let known = [
        (names::ROUTE, "route", route_names),
        (names::PATH, "path", path_names),
        (names::OPERATION, "operation", operations),
        (names::TAG, "tag", tags),
    ];
    let mut errors = Vec::new();
    for named in policies {
        for uid in named.policy.entity_literals() {
            let Some((_, word, known)) = known.iter().find(|(kind, ..)| ***kind == *uid.type_name()) else { continue };
            let id: &str = uid.id().as_ref();
            if known.contains(id) {
                continue;
            }
            let help = match nearest(id, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("name a {word} of the contract"),
            };
            if let Some(file) = files.get(named.place.0) {
                let (at, literal) = (named.place.1, uid.to_string());
                let text = file.text.get(at..).unwrap_or_default();
                let at = at + text.find(&literal).unwrap_or(0);
                let what = format!("the contract has no {word} `{id}`");
                errors.push(PolicyError::at(file.name, file.text, at, what, Some(help)));
            }
        }
    }
    PolicyErrors::unless_empty(errors)
}

#[cfg(test)]
mod tests;
