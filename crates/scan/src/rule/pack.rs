//! The rules of a scan, with one hash that says which they were.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use testudo_crypto::digest::sha256;

use super::{FileError, Rule, RuleId, Source, builtin, nearest, read};
use crate::{code, facts};

/// Why rules do not make a pack.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PackError {
    /// A file is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The pack's facts could not be written for the hash.
    #[error("the rule `{0}` could not be hashed")]
    Hash(RuleId),
}

/// Rules by id, with the conditions that find what they are about.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RulePack {
    rules: BTreeMap<RuleId, Rule>,
    facts: Vec<facts::Condition>,
    code: Vec<code::Condition>,
}

impl RulePack {
    /// The rules that Testudo brings.
    pub fn builtin() -> Result<RulePack, PackError> {
        RulePack::read(builtin::FILES.iter().copied())
    }

    /// The rules that Testudo brings, and more, each file a name and a text.
    pub fn builtin_with<'a>(more: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<RulePack, PackError> {
        RulePack::read(builtin::FILES.iter().copied().chain(more))
    }

    /// Reads files of `[[rule]]`, `[[fact]]` and `[[code]]` tables, each a name and a text. An id that comes twice is an
    /// error, and a condition stands in the file of its rule.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<RulePack, PackError> {
        let mut pack = RulePack::default();
        for (file, text) in files {
            let source = Source { file, text };
            let read::Contents { rules, facts, code } = read::read(file, text)?;
            let here: BTreeSet<RuleId> = rules.iter().map(|(_, rule)| rule.id.clone()).collect();
            for (span, rule) in rules {
                let id = rule.id.clone();
                if pack.rules.insert(id.clone(), rule).is_some() {
                    let help = "an id belongs to one rule for ever; take another";
                    return Err(source.wrong(&span, format!("the rule `{id}` is there already"), help).into());
                }
            }
            let of_facts = facts.iter().map(|(span, condition)| (span, &condition.rule));
            let of_code = code.iter().map(|(span, condition)| (span, &condition.rule));
            if let Some((span, rule)) = of_facts.chain(of_code).find(|(_, rule)| !here.contains(rule)) {
                let help = match nearest(rule.as_str(), here.iter().map(RuleId::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "a condition stands in the file of its rule".to_owned(),
                };
                return Err(source.wrong(span, format!("there is no rule `{rule}` in this file"), help).into());
            }
            pack.facts.extend(facts.into_iter().map(|(_, condition)| condition));
            pack.code.extend(code.into_iter().map(|(_, condition)| condition));
        }
        Ok(pack)
    }

    /// The conditions over facts, in the order of the files.
    pub fn facts(&self) -> &[facts::Condition] {
        &self.facts
    }

    /// The conditions over code, in the order of the files.
    pub fn code(&self) -> &[code::Condition] {
        &self.code
    }

    /// The rules, by id.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.rules.values()
    }

    /// The rule of this id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        id.parse().ok().and_then(|id: RuleId| self.rules.get(&id))
    }

    /// The id that a misspelt one meant.
    pub fn meant(&self, wrong: &str) -> Option<&str> {
        nearest(wrong, self.rules.keys().map(RuleId::as_str))
    }

    /// SHA-256 over the rules and their conditions in the order of their ids: comments, order and names of files do not
    /// change it.
    pub fn hash(&self) -> Result<[u8; 32], PackError> {
        let mut all = b"testudo rule pack 2\n".to_vec();
        for rule in self.rules.values() {
            write(&mut all, &rule.id, rule)?;
        }
        let mut facts: Vec<_> = self.facts.iter().collect();
        facts.sort_by(|one, other| one.rule.cmp(&other.rule));
        facts.into_iter().try_for_each(|condition| write(&mut all, &condition.rule, condition))?;
        let mut code: Vec<_> = self.code.iter().collect();
        code.sort_by(|one, other| one.rule.cmp(&other.rule));
        code.into_iter().try_for_each(|condition| write(&mut all, &condition.rule, condition))?;
        Ok(sha256(&all))
    }
}

fn write(all: &mut Vec<u8>, rule: &RuleId, value: &impl Serialize) -> Result<(), PackError> {
    serde_json::to_writer(&mut *all, value).map_err(|_| PackError::Hash(rule.clone()))?;
    all.push(b'\n');
    Ok(())
}
