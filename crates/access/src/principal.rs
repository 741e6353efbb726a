//! Who asks, prepared once per token.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use cedar_policy::{Entities, Entity, EntityUid, PrincipalConstraint, RestrictedExpression};
use testudo_core::{ClientId, PersonId};

use crate::answers::Answers;
use crate::names;

/// What a verified token says of its holder.
#[derive(Clone, Copy, Debug)]
pub struct PrincipalFacts<'a> {
    /// The person.
    pub person: PersonId,
    /// The client that holds the token.
    pub client: &'a ClientId,
    /// The token's scopes.
    pub scopes: &'a [String],
    /// The person's roles in the app.
    pub roles: &'a [String],
}

/// Somebody who asks, in the form that policies are evaluated with. Prepare it once per token and keep it beside the
/// verified token.
#[derive(Clone)]
pub struct PreparedPrincipal {
    uid: EntityUid,
    roles: HashSet<EntityUid>,
    entity: Option<Entity>,
    entities: Entities,
    answers: RefCell<Answers>,
}

impl fmt::Debug for PreparedPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedPrincipal({})", self.uid)
    }
}

/// Why a principal can't be prepared; a bug, since ids and text always make entities.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the token's facts can't be written as an entity: {0}")]
pub struct PrincipalError(String);

impl PreparedPrincipal {
    /// The holder of a token.
    pub fn person(facts: &PrincipalFacts<'_>) -> Result<PreparedPrincipal, PrincipalError> {
        let id = facts.person.to_string();
        let uid = names::uid(names::PERSON, &id);
        let roles: HashSet<EntityUid> = facts.roles.iter().map(|role| names::uid(names::ROLE, role)).collect();
        let mut attributes = token(facts.client, facts.scopes);
        attributes.insert("id".to_owned(), RestrictedExpression::new_string(id));
        PreparedPrincipal::with_token(uid, attributes, roles)
    }

    /// A client with a token of its own, which acts for no person.
    pub fn service(client: &ClientId, scopes: &[String]) -> Result<PreparedPrincipal, PrincipalError> {
        let uid = names::uid(names::SERVICE, client.as_str());
        PreparedPrincipal::with_token(uid, token(client, scopes), HashSet::new())
    }

    fn with_token(
        uid: EntityUid,
        attributes: HashMap<String, RestrictedExpression>,
        roles: HashSet<EntityUid>,
    ) -> Result<PreparedPrincipal, PrincipalError> {
        let entity =
            Entity::new(uid.clone(), attributes, roles.clone()).map_err(|error| PrincipalError(error.to_string()))?;
        let entities =
            Entities::from_entities([entity.clone()], None).map_err(|error| PrincipalError(error.to_string()))?;
        Ok(PreparedPrincipal { uid, roles, entity: Some(entity), entities, answers: RefCell::default() })
    }

    /// Somebody without a token.
    pub fn stranger() -> PreparedPrincipal {
        let uid = names::uid(names::STRANGER, "stranger");
        let (roles, entities) = (HashSet::new(), Entities::empty());
        PreparedPrincipal { uid, roles, entity: None, entities, answers: RefCell::default() }
    }

    /// Whether it is somebody without a token.
    pub fn is_stranger(&self) -> bool {
        self.entity.is_none()
    }

    pub(crate) fn uid(&self) -> &EntityUid {
        &self.uid
    }

    pub(crate) fn entity(&self) -> Option<&Entity> {
        self.entity.as_ref()
    }

    /// What policies answered before.
    pub(crate) fn answers(&self) -> &RefCell<Answers> {
        &self.answers
    }

    pub(crate) fn entities(&self) -> &Entities {
        &self.entities
    }

    /// Whether the constraint in a policy's scope holds for it.
    pub(crate) fn satisfies(&self, constraint: &PrincipalConstraint) -> bool {
        let within = |uid: &EntityUid| *uid == self.uid || self.roles.contains(uid);
        match constraint {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Eq(uid) => *uid == self.uid,
            PrincipalConstraint::In(uid) => within(uid),
            PrincipalConstraint::Is(kind) => kind == self.uid.type_name(),
            PrincipalConstraint::IsIn(kind, uid) => kind == self.uid.type_name() && within(uid),
        }
    }
}

/// What every token says.
fn token(client: &ClientId, scopes: &[String]) -> HashMap<String, RestrictedExpression> {
    let client = names::uid(names::CLIENT, client.as_str());
    let scopes = scopes.iter().map(|scope| RestrictedExpression::new_string(scope.clone()));
    HashMap::from([
        ("client".to_owned(), RestrictedExpression::new_entity_uid(client)),
        ("scopes".to_owned(), RestrictedExpression::new_set(scopes)),
    ])
}
