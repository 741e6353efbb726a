//! Routes as policies see them.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entity, EntityUid, RestrictedExpression};

use crate::names;

/// A route of the contract.
#[derive(Clone, Copy, Debug)]
pub struct RouteSpec<'a> {
    /// Its number in the contract.
    pub number: u32,
    /// Its method; nothing stands for every method (only without a contract file).
    pub method: Option<&'a str>,
    /// Its path template, such as `/accounts/{id}`.
    pub template: &'a str,
    /// Whether it needs no token.
    pub public: bool,
    /// The operation's id.
    pub operation: Option<&'a str>,
    /// The operation's tags.
    pub tags: &'a [String],
}

/// A route's entity for one method.
#[derive(Clone, Debug)]
pub(crate) struct RouteEntity {
    pub uid: EntityUid,
    pub parents: HashSet<EntityUid>,
    attributes: HashMap<String, RestrictedExpression>,
}

impl RouteEntity {
    pub fn new(spec: &RouteSpec<'_>, method: &str) -> RouteEntity {
        let text = RestrictedExpression::new_string;
        let mut parents: HashSet<EntityUid> = paths(spec.template).map(|path| names::uid(names::PATH, path)).collect();
        parents.extend(spec.operation.map(|operation| names::uid(names::OPERATION, operation)));
        parents.extend(spec.tags.iter().map(|tag| names::uid(names::TAG, tag)));
        parents.extend(spec.public.then(|| names::uid(names::ACCESS, "public")));
        RouteEntity {
            uid: names::uid(names::ROUTE, &format!("{method} {}", spec.template)),
            parents,
            attributes: HashMap::from([
                ("method".to_owned(), text(method.to_owned())),
                ("template".to_owned(), text(spec.template.to_owned())),
                ("public".to_owned(), RestrictedExpression::new_bool(spec.public)),
            ]),
        }
    }

    /// The entity with the parameters of one request's path.
    pub fn entity(&self, params: &[(&str, &str)]) -> Result<Entity, String> {
        let tags = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), RestrictedExpression::new_string((*value).to_owned())));
        Entity::new_with_tags(self.uid.clone(), self.attributes.clone(), self.parents.clone(), tags)
            .map_err(|error| error.to_string())
    }
}

/// A template and all paths above it, the root last.
pub(crate) fn paths(template: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(template), |path| above(path))
}

fn above(path: &str) -> Option<&str> {
    match path.rfind('/') {
        Some(0) if path.len() > 1 => Some("/"),
        Some(0) | None => None,
        Some(slash) => path.get(..slash),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_above_a_template() {
        let all = |template| paths(template).collect::<Vec<_>>();
        assert_eq!(all("/accounts/{id}/cards"), ["/accounts/{id}/cards", "/accounts/{id}", "/accounts", "/"]);
        assert_eq!(all("/x"), ["/x", "/"]);
        assert_eq!(all("/"), ["/"]);
        assert_eq!(all("/x/"), ["/x/", "/x", "/"]);
        assert_eq!(all(""), [""]);
    }
}
