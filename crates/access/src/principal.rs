//! Who asks, prepared once per token.

#![expect(clippy::option_option, reason = "not read yet, read and none, read and there")]

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
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
/// verified token. What conditions read of it is made when the first of them does.
#[derive(Clone)]
pub struct PreparedPrincipal {
    uid: EntityUid,
    roles: HashSet<EntityUid>,
    token: Option<Token>,
    form: OnceCell<Option<Form>>,
    answers: RefCell<Answers>,
}

/// What a token says, beside who holds it.
#[derive(Clone)]
struct Token {
    client: ClientId,
    scopes: Vec<String>,
    id: Option<String>,
}

/// The holder of a token as an entity.
#[derive(Clone)]
struct Form {
    entity: Entity,
    entities: Entities,
}

impl fmt::Debug for PreparedPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedPrincipal({})", self.uid)
    }
}

impl PreparedPrincipal {
    /// The holder of a token.
    pub fn person(facts: &PrincipalFacts<'_>) -> PreparedPrincipal {
        let id = facts.person.to_string();
        let uid = names::uid(names::PERSON, &id);
        let roles = facts.roles.iter().map(|role| names::uid(names::ROLE, role)).collect();
        let token = Token { client: facts.client.clone(), scopes: facts.scopes.to_vec(), id: Some(id) };
        PreparedPrincipal::new(uid, roles, Some(token))
    }

    /// A client with a token of its own, which acts for no person.
    pub fn service(client: &ClientId, scopes: &[String]) -> PreparedPrincipal {
        let uid = names::uid(names::SERVICE, client.as_str());
        let token = Token { client: client.clone(), scopes: scopes.to_vec(), id: None };
        PreparedPrincipal::new(uid, HashSet::new(), Some(token))
    }

    /// Somebody without a token.
    pub fn stranger() -> PreparedPrincipal {
        PreparedPrincipal::new(names::uid(names::STRANGER, "stranger"), HashSet::new(), None)
    }

    fn new(uid: EntityUid, roles: HashSet<EntityUid>, token: Option<Token>) -> PreparedPrincipal {
        PreparedPrincipal { uid, roles, token, form: OnceCell::new(), answers: RefCell::default() }
    }

    /// Whether it is somebody without a token.
    pub fn is_stranger(&self) -> bool {
        self.token.is_none()
    }

    pub(crate) fn uid(&self) -> &EntityUid {
        &self.uid
    }

    /// The entity of the holder of a token; some none for a stranger. None when it can't be written as one, which is a
    /// bug, since ids and text always make entities.
    pub(crate) fn entity(&self) -> Option<Option<&Entity>> {
        match &self.token {
            Some(token) => self.form(token).map(|form| Some(&form.entity)),
            None => Some(None),
        }
    }

    /// The entities that a policy may ask about when it asks about nobody else.
    pub(crate) fn entities(&self) -> Option<Cow<'_, Entities>> {
        match &self.token {
            Some(token) => self.form(token).map(|form| Cow::Borrowed(&form.entities)),
            None => Some(Cow::Owned(Entities::empty())),
        }
    }

    fn form(&self, token: &Token) -> Option<&Form> {
        let make = || {
            let entity = Entity::new(self.uid.clone(), token.attributes(), self.roles.clone()).ok()?;
            let entities = Entities::from_entities([entity.clone()], None).ok()?;
            Some(Form { entity, entities })
        };
        self.form.get_or_init(make).as_ref()
    }

    /// What policies answered before.
    pub(crate) fn answers(&self) -> &RefCell<Answers> {
        &self.answers
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

impl Token {
    fn attributes(&self) -> HashMap<String, RestrictedExpression> {
        let client = names::uid(names::CLIENT, self.client.as_str());
        let scopes = self.scopes.iter().map(|scope| RestrictedExpression::new_string(scope.clone()));
        let id = self.id.iter().map(|id| ("id".to_owned(), RestrictedExpression::new_string(id.clone())));
        let always = [
            ("client".to_owned(), RestrictedExpression::new_entity_uid(client)),
            ("scopes".to_owned(), RestrictedExpression::new_set(scopes)),
        ];
        always.into_iter().chain(id).collect()
    }
}
