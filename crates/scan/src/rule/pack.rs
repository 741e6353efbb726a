//! The rules of a scan, with one hash that says which they were.

use std::collections::BTreeMap;

use testudo_crypto::digest::sha256;

use super::{FileError, Rule, RuleId, Source, nearest, read};

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

/// Rules by id.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RulePack {
    rules: BTreeMap<RuleId, Rule>,
}

impl RulePack {
    /// Reads files of `[[rule]]` tables, each a name and a text. An id that comes twice is an error.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<RulePack, PackError> {
        let mut rules = BTreeMap::new();
        for (file, text) in files {
            for (span, rule) in read::read(file, text)? {
                let id = rule.id.clone();
                if rules.insert(id.clone(), rule).is_some() {
                    let source = Source { file, text };
                    let help = "an id belongs to one rule for ever; take another";
                    return Err(source.wrong(&span, format!("the rule `{id}` is there already"), help).into());
                }
            }
        }
        Ok(RulePack { rules })
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

    /// SHA-256 over the rules in the order of their ids: comments, order and names of files do not change it.
    pub fn hash(&self) -> Result<[u8; 32], PackError> {
        let mut all = b"testudo rule pack 1\n".to_vec();
        for rule in self.rules.values() {
            serde_json::to_writer(&mut all, rule).map_err(|_| PackError::Hash(rule.id.clone()))?;
            all.push(b'\n');
        }
        Ok(sha256(&all))
    }
}
