//! What the gateway saw touched: for the facts of a breach.

use std::collections::{BTreeMap, BTreeSet};

use testudo_core::{Action, EventKind, Outcome, Pseudonym};
use testudo_response::{BreachFacts, ClassFacts, Incident};
use testudo_store::{JournalFilter, ReadError};

use crate::node::Node;

/// The most people that are looked at.
const MOST_PEOPLE: usize = 500;
/// The most answers that are counted for one person.
const MOST_EACH: usize = 5_000;
/// The most answers in all.
const MOST: u64 = 200_000;

/// Counts the answers that left to the people of an incident since its first event; where its networks are known, only
/// those that went there.
pub async fn facts(node: &Node, incident: &Incident) -> Result<BreachFacts, ReadError> {
    let now = node.clock.now();
    let classes = route_classes(node);
    let networks: BTreeSet<Pseudonym> = incident.networks.keys().copied().collect();
    let mut facts = BreachFacts { counted: now, ..BreachFacts::default() };
    let mut by_class: BTreeMap<String, (BTreeSet<Pseudonym>, u64)> = BTreeMap::new();
    let ended = |person| {
        let is = |action: &Action| matches!(action, Action::RevokePerson { person: own } if *own == person);
        incident.responses.iter().any(|response| response.performed.is_some() && is(&response.action))
    };
    facts.partial = incident.people.len() > MOST_PEOPLE;
    for (name, person) in incident.people.iter().take(MOST_PEOPLE) {
        let filter = JournalFilter {
            kinds: vec![EventKind::RequestDecided],
            person: Some(*name),
            outcome: Some(Outcome::Success),
            since: Some(incident.first_event),
            ..JournalFilter::default()
        };
        let entries = node.store.read_journal(0, MOST_EACH, &filter).await?;
        facts.partial |= entries.len() >= MOST_EACH;
        let mut touched = ended(*person);
        for entry in entries {
            let there = networks.is_empty() || entry.plain.network.is_some_and(|network| networks.contains(&network));
            let Some(http) = entry.plain.http.as_ref().filter(|http| there && (200..300).contains(&http.status)) else {
                continue;
            };
            touched = true;
            facts.answers += u64::from(entry.plain.count);
            facts.bytes += http.bytes_out;
            let named =
                classes.get(&(http.method.to_string(), http.route.to_string())).filter(|named| !named.is_empty());
            match named {
                None => facts.unmarked += u64::from(entry.plain.count),
                Some(named) => {
                    for class in named {
                        let counted = by_class.entry((*class).to_owned()).or_default();
                        counted.0.insert(*name);
                        counted.1 += u64::from(entry.plain.count);
                    }
                }
            }
        }
        facts.accounts += u64::from(touched);
        if facts.answers >= MOST {
            facts.partial = true;
            break;
        }
    }
    let class = |(name, (people, answers)): (String, (BTreeSet<Pseudonym>, u64))| {
        (name, ClassFacts { people: people.len() as u64, answers })
    };
    facts.classes = by_class.into_iter().map(class).collect();
    Ok(facts)
}

/// The classes of data that the contract names for each route.
fn route_classes(node: &Node) -> BTreeMap<(String, String), Vec<&'static str>> {
    let Some(snapshot) = node.try_snapshot() else { return BTreeMap::new() };
    let routes = snapshot.contract.routes().iter();
    routes
        .map(|route| {
            let method = route.method.as_ref().map_or("*", http::Method::as_str).to_owned();
            let classes = route.data.iter().map(|class| class.name()).collect();
            ((method, route.template.to_string()), classes)
        })
        .collect()
}
