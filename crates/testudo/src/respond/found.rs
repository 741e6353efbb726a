//! Who and what the events of an alert name, by opening their entries.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use testudo_core::{
    Action, Alert, BuildId, ClientId, DeviceId, Event, EventKind, FamilyId, Outcome, PersonId, Pseudonym, SessionId,
    Timestamp,
};
use testudo_response::{Entity, Incident, Situation, network_of};
use testudo_store::{Plain, ReadError};

use crate::node::Node;

/// Who and what the events of an alert name.
#[derive(Debug, Default)]
pub struct Found {
    /// The people whom the alert names, or who did what its events say.
    pub people: BTreeMap<PersonId, Pseudonym>,
    /// The people whose accounts a successful sign-in among them opened.
    pub opened: BTreeMap<PersonId, Pseudonym>,
    sessions: BTreeSet<SessionId>,
    families: BTreeSet<FamilyId>,
    devices: BTreeSet<DeviceId>,
    /// Addresses with the pseudonyms of their networks.
    pub addresses: BTreeMap<IpAddr, Pseudonym>,
    clients: BTreeSet<ClientId>,
    builds: BTreeSet<BuildId>,
}

impl Found {
    /// Opens the entries of an alert.
    pub async fn of(node: &Node, alert: &Alert) -> Result<Found, ReadError> {
        let mut found = Found::default();
        for (_, entry) in node.store.entries_at(&alert.places).await? {
            let opened = node.store.open_entry(&entry).await?;
            found.take(alert, &entry.plain, &opened.event);
        }
        Ok(found)
    }

    fn take(&mut self, alert: &Alert, plain: &Plain, event: &Event) {
        let group = |field: &str| alert.group.get(field).map(String::as_str);
        let is =
            |field: &str, value: Option<String>| group(field).is_none_or(|wanted| value.as_deref() == Some(wanted));
        // Who the alert names; where it names nobody, who did it, not to whom it was done.
        let pairs = [(event.actor.person, plain.person), (event.subject, plain.subject)];
        for (person, name) in pairs {
            if let (Some(person), Some(name)) = (person, name) {
                let meant = match group("person") {
                    Some(wanted) => name.to_string() == wanted,
                    None => Some(person) == event.actor.person,
                };
                if meant {
                    self.people.insert(person, name);
                }
            }
        }
        let comes_in = matches!(event.kind, EventKind::SignIn | EventKind::SecondFactor | EventKind::SessionStarted);
        if comes_in && event.outcome == Outcome::Success {
            let whose = event.subject.zip(plain.subject).or_else(|| event.actor.person.zip(plain.person));
            self.opened.extend(whose);
        }
        let session = event.actor.session.or_else(|| event.target.as_deref().and_then(|target| target.parse().ok()));
        self.sessions.extend(session.filter(|session| is("session", Some(session.to_string()))));
        let family = event.actor.family.or_else(|| event.target.as_deref().and_then(|target| target.parse().ok()));
        self.families.extend(family.filter(|family| is("family", Some(family.to_string()))));
        self.devices.extend(event.actor.device.filter(|_| is("device", plain.device.map(|name| name.to_string()))));
        self.builds.extend(event.actor.build.filter(|build| is("build", Some(build.to_string()))));
        let client = event.actor.client.clone();
        self.clients.extend(client.filter(|client| is("client", Some(client.to_string()))));
        if let (Some(peer), Some(network)) = (event.peer, plain.network)
            && is("network", Some(network.to_string()))
            && is("address", plain.address.map(|name| name.to_string()))
        {
            self.addresses.insert(peer.address, network);
        }
    }

    /// Joins what another alert's events name.
    pub fn join(&mut self, other: Found) {
        let Found { people, opened, sessions, families, devices, addresses, clients, builds } = other;
        self.people.extend(people);
        self.opened.extend(opened);
        self.sessions.extend(sessions);
        self.families.extend(families);
        self.devices.extend(devices);
        self.addresses.extend(addresses);
        self.clients.extend(clients);
        self.builds.extend(builds);
    }

    /// Whom and what an incident is about because of it: by what accounts were opened, and from where.
    pub fn entities(&self) -> Vec<Entity> {
        let people = self.opened.values().chain(self.people.values()).map(|name| Entity::Person(*name));
        let networks = self.addresses.values().map(|name| Entity::Network(*name));
        people.chain(networks).collect()
    }

    /// Adds to an incident what it found.
    pub fn name_in(&self, incident: &mut Incident) {
        incident.name_entities(self.entities());
        for (person, name) in self.opened.iter().chain(&self.people) {
            if incident.people.len() < Incident::MAX_ENTITIES {
                incident.people.insert(*name, *person);
            }
        }
        for (address, name) in &self.addresses {
            if incident.networks.len() < Incident::MAX_ENTITIES {
                incident.networks.insert(*name, network_of(*address));
            }
        }
    }

    /// What a plan must know.
    pub(super) async fn situation(&self, node: &Node, incident: &Incident, now: Timestamp) -> Situation {
        let networks: BTreeSet<Pseudonym> = self.addresses.values().copied().collect();
        let named = |name| incident.entities.contains(&Entity::Person(name));
        let counted = node.responder.population.lock().count(&networks, &self.clients, named, now);
        let of = |address: &IpAddr, name: &Pseudonym| {
            Some((network_of(*address), counted.networks.get(name).copied().unwrap_or_default()))
        };
        let wide = self.addresses.keys().map(|address| network_of(*address));
        let narrow = self.addresses.keys().map(|address| ipnet::IpNet::from(*address));
        let ourselves = wide.chain(narrow).filter_map(|net| Some((net, node.hits_ourselves(net)?))).collect();
        let opened: BTreeSet<PersonId> = self.opened.keys().copied().collect();
        let people: BTreeSet<PersonId> = self.people.keys().copied().collect();
        let (administrators, mut in_force) = self.people_in_force(node).await;
        in_force.extend(node.standing_in_force());
        Situation {
            crowds: self.addresses.iter().filter_map(|(address, name)| of(address, name)).collect(),
            people,
            opened,
            sessions: self.sessions.clone(),
            families: self.families.clone(),
            devices: self.devices.clone(),
            addresses: self.addresses.keys().copied().collect(),
            clients: self.clients.clone(),
            builds: self.builds.clone(),
            active: counted.active,
            client_crowds: counted.clients,
            ourselves,
            administrators,
            in_force,
            channels: node.notice_channels(),
        }
    }

    /// The administrators among the people, and who is locked; asked only when a playbook locks.
    async fn people_in_force(&self, node: &Node) -> (BTreeSet<PersonId>, Vec<(Action, Option<Timestamp>)>) {
        let (mut administrators, mut in_force) = (BTreeSet::new(), Vec::new());
        let locks =
            node.responder.playbooks().iter().any(|playbook| {
                playbook.steps.iter().any(|step| matches!(step.does, testudo_response::Does::LockPerson))
            });
        if !locks {
            return (administrators, in_force);
        }
        let identity = node.identity();
        for person in self.people.keys().chain(self.opened.keys()).take(testudo_response::MAX_TARGETS) {
            // Who can't be read is treated as an administrator: she is asked about.
            let Ok(Some(found)) = identity.person(*person).await else {
                administrators.insert(*person);
                continue;
            };
            let found = found.document;
            if found.roles().iter().any(|role| role.parse::<testudo_access::Role>().is_ok()) {
                administrators.insert(*person);
            }
            if found.state() == testudo_identity::PersonState::Locked {
                in_force.push((Action::LockPerson { person: *person }, None));
            }
        }
        (administrators, in_force)
    }
}

impl Node {
    /// Blocks, tightened limits and read-only routes that are in force.
    fn standing_in_force(&self) -> Vec<(Action, Option<Timestamp>)> {
        use testudo_core::BlockTarget;
        let duration = std::time::Duration::ZERO;
        let blocks = self.standing.blocks().into_iter().map(|(network, held)| {
            (Action::Block { target: BlockTarget::Network(network), duration }, Some(held.until))
        });
        let limits = self.standing.tightened().into_iter().map(|limit| {
            let action = Action::TightenLimits { target: limit.target, percent: limit.percent, duration };
            (action, Some(limit.held.until))
        });
        let routes = self.standing.restricted().into_iter().map(|(path, held)| {
            (Action::RestrictRoutes { path: String::from(path).into(), duration }, Some(held.until))
        });
        blocks.chain(limits).chain(routes).collect()
    }

    /// The channels by which people can be told.
    pub(super) fn notice_channels(&self) -> BTreeSet<String> {
        self.config().notify.iter().map(|channel| channel.name.clone()).collect()
    }
}
