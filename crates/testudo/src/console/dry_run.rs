//! A dry run of policies: yesterday's requests are asked again, of the policies in force and of a candidate.
//!
//! What a request was is rebuilt from its entry: person and path from the sealed part, scopes from the refresh family,
//! roles from the account as it is now, strength and time of the sign-in from the session. What can't be rebuilt is
//! counted as such. Risk and what is known of the device are not in entries: they count as none.

#![expect(clippy::map_entry, reason = "the value is made only if there is room")]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::Method;
use testudo_access::{AccessFacts, PreparedPrincipal, PrincipalFacts};
use testudo_core::{Decision, Event, EventKind, FamilyId, PersonId, SessionId, Timestamp, Verdict};
use testudo_identity::Family;
use testudo_store::{JournalFilter, ReadError};
use testudo_web::console::{Change, DryRun, HouseError};

use crate::node::Node;
use crate::snapshot::Snapshot;

/// How far back is looked.
const BACK: Duration = Duration::from_hours(24);
/// Decisions that are made again at most.
const MOST: usize = 5_000;
/// Entries that are read at once.
const PAGE: usize = 500;
/// Lines of each list.
const LINES: usize = 50;

/// A request as policies see it.
struct Asked {
    principal: Option<(PersonId, testudo_core::ClientId, Vec<String>, Vec<String>)>,
    service: Option<(testudo_core::ClientId, Vec<String>)>,
    method: Method,
    path: String,
    acr: u8,
    auth_time: Timestamp,
    address: IpAddr,
    at: Timestamp,
    count: u64,
    request: Option<String>,
}

/// Runs it.
pub async fn run(node: &Node, candidate: Option<String>) -> Result<DryRun, HouseError> {
    let snapshot = node.try_snapshot().ok_or_else(|| HouseError::Unavailable("the server is starting".into()))?;
    let candidate = match candidate {
        None => None,
        Some(text) => {
            let files = [("candidate.cedar".to_owned(), text)];
            match crate::policies::load(&snapshot.config, &files, &snapshot.contract) {
                Ok(policies) => Some(policies),
                Err(error) => {
                    let mistakes = error.to_string().lines().skip(1).map(str::to_owned).collect();
                    return Ok(DryRun { mistakes, ..DryRun::default() });
                }
            }
        }
    };
    let (asked, mut run) = collect(node).await.map_err(|error| HouseError::Unavailable(error.to_string()))?;
    let work = tokio::task::spawn_blocking(move || {
        judge(&snapshot, candidate.as_ref(), &asked, &mut run);
        run
    });
    work.await.map_err(|_| HouseError::Unavailable("the dry run was broken off".into()))
}

/// The decisions of the last day, newest first, with what they were about.
async fn collect(node: &Node) -> Result<(Vec<Asked>, DryRun), ReadError> {
    let since = node.clock.now().minus(BACK);
    let (mut asked, mut run) = (Vec::new(), DryRun::default());
    let mut known = Known::default();
    let mut below = u64::MAX;
    loop {
        let filter = JournalFilter {
            kinds: vec![EventKind::RequestDecided],
            since: Some(since),
            newest_below: Some(below),
            ..JournalFilter::default()
        };
        // The index leads through days without requests; the bound is on what is opened.
        let entries = node.store.read_journal(0, PAGE, &filter).await?;
        let whole = entries.len() < PAGE;
        for entry in &entries {
            if asked.len() >= MOST {
                run.cut = true;
                return Ok((asked, run));
            }
            let event = node.store.open_entry(entry).await?.event;
            // What the server answers itself, and what never got to the policies.
            let Some(path) = event.http.as_ref().and_then(|http| http.path.clone()) else {
                run.unknown += u64::from(event.count);
                continue;
            };
            run.since = Some(entry.plain.at);
            match known.rebuild(node, &event, path).await {
                Some(one) => asked.push(one),
                None => run.unknown += u64::from(event.count),
            }
        }
        match entries.last() {
            Some(last) if !whole => below = last.seq,
            _ => return Ok((asked, run)),
        }
    }
}

/// What was looked up already.
#[derive(Default)]
struct Known {
    roles: HashMap<PersonId, Option<Vec<String>>>,
    families: HashMap<PersonId, HashMap<FamilyId, Family>>,
    sessions: HashMap<SessionId, Option<(u8, Timestamp)>>,
}

impl Known {
    async fn rebuild(&mut self, node: &Node, event: &Event, path: String) -> Option<Asked> {
        let http = event.http.as_ref()?;
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let mut asked = Asked {
            principal: None,
            service: None,
            method: http.method.parse().ok()?,
            path,
            acr: 0,
            auth_time: Timestamp::EPOCH,
            address: event.peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.address),
            at: event.at,
            count: u64::from(event.count),
            request: event.request.map(|request| request.to_string()),
        };
        let Some(person) = event.actor.person else {
            if let Some(client) = &event.actor.client {
                // A client that acts for itself has the scopes that it is registered with.
                let found = node.identity().find_client(client).await.ok().flatten()?;
                let scopes = found.scopes.iter().map(ToString::to_string).collect();
                asked.service = Some((client.clone(), scopes));
            }
            return Some(asked);
        };
        let (client, family) = (event.actor.client.clone()?, event.actor.family?);
        if !self.roles.contains_key(&person) {
            let found = node.identity().person(person).await.ok()?;
            let roles = found.map(|stored| stored.document.roles().iter().cloned().collect());
            self.roles.insert(person, roles);
            let families = node.identity().list_families(person).await.ok()?;
            self.families.insert(person, families.into_iter().map(|family| (family.id, family)).collect());
        }
        let roles = self.roles.get(&person)?.clone()?;
        let family = self.families.get(&person)?.get(&family)?;
        let scopes: Vec<String> = family.scopes.to_string().split(' ').map(str::to_owned).collect();
        if let Some(session) = event.actor.session {
            if !self.sessions.contains_key(&session) {
                let found = node.identity().find_session(session).await.ok()?;
                self.sessions.insert(session, found.map(|found| (found.acr.level(), found.auth_time)));
            }
            if let Some((acr, auth_time)) = self.sessions.get(&session)? {
                (asked.acr, asked.auth_time) = (*acr, *auth_time);
            }
        }
        asked.principal = Some((person, client, scopes, roles));
        Some(asked)
    }
}

fn judge(snapshot: &Snapshot, candidate: Option<&testudo_access::Policies>, asked: &[Asked], run: &mut DryRun) {
    let mut changes: [HashMap<(String, String), Change>; 2] = [HashMap::new(), HashMap::new()];
    for one in asked {
        let decisions = decide(snapshot, &snapshot.policies, one)
            .and_then(|before| Some((before, decide(snapshot, candidate.unwrap_or(&snapshot.policies), one)?)));
        let Some((before, after)) = decisions else {
            run.unknown += one.count;
            continue;
        };
        run.looked_at += one.count;
        let allows = |decision: &Decision| decision.verdict() == Verdict::Allow;
        match (allows(&before), allows(&after)) {
            (true, true) => run.same.0 += one.count,
            (false, false) => run.same.1 += one.count,
            (was, _) => {
                let (list, told) = if was { (&mut changes[0], &after) } else { (&mut changes[1], &before) };
                if was {
                    run.changed.0 += one.count;
                } else {
                    run.changed.1 += one.count;
                }
                let route = snapshot.contract.route(&one.method, &one.path);
                let template = found(&route).map_or("?", |found| &*found.route.template);
                let route = format!("{} {template}", one.method);
                let why = told.reasons().first().map_or(String::new(), |reason| reason.text.to_string());
                let why = if was { why } else { format!("refused before: {why}") };
                let example = one.request.clone();
                let change =
                    list.entry((route.clone(), why.clone())).or_insert(Change { route, why, count: 0, example });
                change.count += one.count;
            }
        }
    }
    let sorted = |list: HashMap<(String, String), Change>| {
        let mut list: Vec<Change> = list.into_values().collect();
        list.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.route.cmp(&other.route)));
        list.truncate(LINES);
        list
    };
    let [refused, allowed] = changes;
    (run.newly_refused, run.newly_allowed) = (sorted(refused), sorted(allowed));
}

fn decide(snapshot: &Snapshot, policies: &testudo_access::Policies, one: &Asked) -> Option<Decision> {
    let matched = snapshot.contract.route(&one.method, &one.path);
    let found = found(&matched)?;
    let principal = match (&one.principal, &one.service) {
        (Some((person, client, scopes, roles)), _) => {
            PreparedPrincipal::person(&PrincipalFacts { person: *person, client, scopes, roles })
        }
        (None, Some((client, scopes))) => PreparedPrincipal::service(client, scopes),
        (None, None) => PreparedPrincipal::stranger(),
    };
    let params: Vec<(&str, &str)> = found.params.iter().collect();
    Some(policies.authorize(
        &principal,
        &AccessFacts {
            route: found.route.id.0,
            method: one.method.as_str(),
            params: &params,
            acr: one.acr,
            auth_time: one.auth_time,
            risk: 0,
            device_bound: false,
            device_known: true,
            address: one.address,
            app: None,
            build: None,
            now: one.at,
        },
    ))
}

fn found<'a, 'b>(matched: &'b testudo_contract::RouteMatch<'a>) -> Option<&'b testudo_contract::Found<'a>> {
    match matched {
        testudo_contract::RouteMatch::Found(found) => Some(found),
        _ => None,
    }
}
