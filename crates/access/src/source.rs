//! Policy files: parsed, named, and validated against the schema, so that what loads can be evaluated.

use std::collections::{BTreeMap, HashSet};

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};

use crate::errors::{PolicyError, PolicyErrors};

/// The largest policy file that is read.
const MOST_BYTES: usize = 1 << 20;
/// The most policies of all files together.
const MOST_POLICIES: usize = 10_000;

/// A policy file.
#[derive(Clone, Copy, Debug)]
pub struct PolicyFile<'a> {
    /// Its name, for errors and for the ids of policies that have none.
    pub name: &'a str,
    /// Cedar text.
    pub text: &'a str,
}

/// What a policy's annotations say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Note {
    /// A second factor would lift it.
    pub step_up: bool,
    /// What the caller is told.
    pub text: Option<String>,
}

/// A policy with its own id.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub policy: Policy,
    pub note: Note,
    /// The number of its file and the byte where it begins, for errors that are found later.
    pub place: (usize, usize),
}

/// Reads all files.
pub(crate) fn read(files: &[PolicyFile<'_>], schema: &Schema) -> Result<Vec<Named>, PolicyErrors> {
    let (mut policies, mut errors) = (Vec::new(), Vec::new());
    let mut ids = HashSet::new();
    for (number, file) in files.iter().enumerate() {
        if file.text.len() > MOST_BYTES {
            let text = "the file is larger than 1 MiB";
            errors.push(PolicyError::at(file.name, "", 0, text, Some("split it".into())));
            continue;
        }
        match read_one(file, number, schema, &mut errors) {
            Ok(read) => policies.extend(read),
            Err(parse) => errors.extend(parse),
        }
    }
    for named in &policies {
        if !ids.insert(named.policy.id().clone())
            && let Some(file) = files.get(named.place.0)
        {
            let text = format!("the id `{}` names two policies", named.policy.id());
            errors.push(PolicyError::at(file.name, file.text, named.place.1, text, Some("rename one of them".into())));
        }
    }
    if policies.len() > MOST_POLICIES
        && let Some(file) = files.last()
    {
        let help = Some("write policies over roles and paths instead of single routes".into());
        errors.push(PolicyError::at(file.name, "", 0, "there are more than 10000 policies", help));
    }
    PolicyErrors::unless_empty(errors)?;
    Ok(policies)
}

fn read_one(
    file: &PolicyFile<'_>,
    number: usize,
    schema: &Schema,
    errors: &mut Vec<PolicyError>,
) -> Result<Vec<Named>, Vec<PolicyError>> {
    let set: PolicySet = file.text.parse().map_err(|parse: cedar_policy::ParseErrors| {
        parse.iter().map(|error| PolicyError::cedar(file.name, file.text, error, 0)).collect::<Vec<_>>()
    })?;
    let places = places(&set);
    let place = |id: &PolicyId| places.get(id).copied().unwrap_or(0);
    for template in set.templates() {
        let help = Some("write the policy for each of them, or for a role or path".into());
        let text = "policies with slots such as `?principal` are not read here";
        errors.push(PolicyError::at(file.name, file.text, place(template.id()), text, help));
    }
    let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    for error in result.validation_errors() {
        errors.push(PolicyError::cedar(file.name, file.text, error, place(error.policy_id())));
    }
    for warning in result.validation_warnings() {
        errors.push(PolicyError::cedar(file.name, file.text, warning, place(warning.policy_id())));
    }
    let mut named: Vec<(usize, &Policy)> = set.policies().map(|policy| (place(policy.id()), policy)).collect();
    named.sort_by_key(|(place, _)| *place);
    let mut read = Vec::new();
    for (order, (offset, policy)) in named.into_iter().enumerate() {
        match note(policy) {
            Ok((id, note)) => {
                let id = id.map_or_else(|| format!("{}#{}", file.name, order + 1), str::to_owned);
                read.push(Named { policy: policy.new_id(PolicyId::new(id)), note, place: (number, offset) });
            }
            Err((text, help)) => {
                errors.push(PolicyError::at(file.name, file.text, offset, text, Some(help.to_owned())));
            }
        }
    }
    Ok(read)
}

/// Where each policy begins, by byte.
fn places(set: &PolicySet) -> BTreeMap<PolicyId, usize> {
    let place = |policy: &Policy| policy.as_ref().loc().map_or(0, |loc| loc.span.offset());
    set.policies().map(|policy| (policy.id().clone(), place(policy))).collect()
}

fn note(policy: &Policy) -> Result<(Option<&str>, Note), (String, &'static str)> {
    let (mut id, mut note) = (None, Note { step_up: false, text: None });
    for (name, value) in policy.annotations() {
        match (name, value) {
            ("id", value) => {
                let clean = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                if !(1..=64).contains(&value.len()) || !value.bytes().all(clean) {
                    let text = format!("`{value}` can't be the id of a policy");
                    return Err((text, "use 1 to 64 letters, digits, `.`, `_` or `-`"));
                }
                id = Some(value);
            }
            ("advice", "step-up") if policy.effect() == Effect::Forbid => note.step_up = true,
            ("advice", "step-up") => {
                return Err(("only a `forbid` can advise `step-up`".into(), "drop the annotation"));
            }
            ("advice", other) => {
                return Err((format!("`{other}` is not an advice"), "the only advice is `step-up`"));
            }
            ("text", value) => {
                if value.len() > 200 || value.chars().any(char::is_control) {
                    return Err(("the text is too long".into(), "use one line of at most 200 bytes"));
                }
                note.text = Some(value.to_owned());
            }
            (other, _) => {
                return Err((format!("`@{other}` is not an annotation"), "use `@id`, `@advice` or `@text`"));
            }
        }
    }
    Ok((id, note))
}
