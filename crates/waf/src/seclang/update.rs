//! Directives that remove or change rules, wherever in the files they stand (`ModSecurity` reference, `SecRuleRemoveById`
//! and its kin).

use regex_automata::meta::Regex;

use super::action::{Disruption, Ids, actions};
use super::rule::{Defaults, Parts, Rule};
use super::variable::targets;
use super::{Problem, Target};

/// Which rules are meant.
#[derive(Clone, Debug)]
pub(super) enum Which {
    Ids(Vec<Ids>),
    Tag(Text),
    Msg(Text),
}

/// What becomes of them.
#[derive(Debug)]
enum Change {
    Remove,
    /// More variables or exclusions; those of the second list are replaced.
    Targets(Vec<Target>, Vec<Target>),
    /// Actions, for the link of this number.
    Actions(Box<Parts>, usize),
}

/// A directive of this kind.
#[derive(Debug)]
pub(super) struct Update {
    which: Which,
    change: Change,
}

/// Text that is equal, or an expression that matches when it can't be plain text.
#[derive(Clone, Debug)]
pub(super) struct Text {
    text: String,
    pattern: Option<Regex>,
}

impl Text {
    fn parse(text: &str) -> Result<Text, Problem> {
        let is_pattern = text.contains(['^', '$', '|', '*', '+', '?', '(', '[', '\\']);
        let build = |text: &str| {
            Regex::new(text).map_err(|source| Problem::Selector { pattern: text.to_owned(), source: Box::new(source) })
        };
        Ok(Text { text: text.to_owned(), pattern: is_pattern.then(|| build(text)).transpose()? })
    }

    fn is(&self, text: &str) -> bool {
        text == self.text || self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }
}

impl Which {
    fn takes(&self, rule: &Rule) -> bool {
        match self {
            Which::Ids(ids) => ids.iter().any(|ids| ids.contains(rule.id)),
            Which::Tag(text) => rule.tags.iter().any(|tag| text.is(&tag.to_string())),
            Which::Msg(text) => rule.msg().is_some_and(|msg| text.is(&msg.to_string())),
        }
    }
}

impl Update {
    /// Reads one of these directives; nothing stands for every other.
    pub(super) fn parse(name: &str, words: &[String]) -> Result<Option<Update>, Problem> {
        let get =
            |index: usize, what: &'static str| words.get(index).map(String::as_str).ok_or(Problem::Missing { what });
        let first = || get(0, "what names the rules");
        let text = || Text::parse(first()?);
        let (which, change) = match name.to_ascii_lowercase().as_str() {
            "secruleremovebyid" => {
                first()?;
                let ids = words.iter().flat_map(|word| word.split([' ', ','])).filter(|word| !word.is_empty());
                (Which::Ids(ids.map(Ids::parse).collect::<Result<_, _>>()?), Change::Remove)
            }
            "secruleremovebytag" => (Which::Tag(text()?), Change::Remove),
            "secruleremovebymsg" => (Which::Msg(text()?), Change::Remove),
            "secruleupdatetargetbyid" => {
                let ids = first()?.split([' ', ',']).filter(|word| !word.is_empty());
                (Which::Ids(ids.map(Ids::parse).collect::<Result<_, _>>()?), targets_of(words)?)
            }
            "secruleupdatetargetbytag" => (Which::Tag(text()?), targets_of(words)?),
            "secruleupdatetargetbymsg" => (Which::Msg(text()?), targets_of(words)?),
            "secruleupdateactionbyid" => {
                let (id, link) = first()?.split_once(':').unwrap_or((first()?, "0"));
                let link = super::action::number(link, "number of a rule in its chain")?;
                let parts = Parts::sort(actions(get(1, "the actions")?)?);
                if parts.id.is_some() || parts.phase.is_some() || parts.chain {
                    let value = "id, phase or chain".to_owned();
                    return Err(Problem::Value { what: "change that an update can make", value });
                }
                (Which::Ids(vec![Ids::parse(id)?]), Change::Actions(Box::new(parts), link))
            }
            _ => return Ok(None),
        };
        Ok(Some(Update { which, change }))
    }

    /// Changes the rules.
    pub(super) fn apply(self, rules: &mut [Rule], defaults: &[Defaults; 5]) -> Result<(), Problem> {
        let mut found = false;
        for rule in rules.iter_mut().filter(|rule| !rule.links.is_empty() && self.which.takes(rule)) {
            found = true;
            match &self.change {
                Change::Remove => rule.links.clear(),
                Change::Targets(added, replaced) => {
                    let Some(link) = rule.links.first_mut() else { continue };
                    link.targets.retain(|target| !replaced.contains(target));
                    link.targets.extend(added.iter().cloned());
                }
                Change::Actions(parts, link) => {
                    let defaults = defaults.get(usize::from(rule.phase) - 1);
                    change(rule, parts, *link, defaults);
                }
            }
        }
        match &self.which {
            Which::Ids(ids) if !found => match ids.first() {
                Some(ids) if ids.first == ids.last => Err(Problem::NoRule(ids.first)),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// The variables behind the name of the rules; a third word names those that they replace.
fn targets_of(words: &[String]) -> Result<Change, Problem> {
    let added = targets(words.get(1).ok_or(Problem::Missing { what: "the variables" })?)?;
    let replaced = words.get(2).map(|word| targets(word)).transpose()?.unwrap_or_default();
    Ok(Change::Targets(added, replaced))
}

fn change(rule: &mut Rule, parts: &Parts, link: usize, defaults: Option<&Defaults>) {
    if let Some(disruption) = &parts.disruption {
        rule.block = *disruption == Disruption::Block;
        rule.disruption = if rule.block {
            defaults.and_then(|defaults| defaults.disruption.clone()).unwrap_or(Disruption::Pass)
        } else {
            disruption.clone()
        };
    }
    rule.status = parts.status.or(rule.status);
    rule.severity = parts.severity.or(rule.severity);
    rule.maturity = parts.maturity.unwrap_or(rule.maturity);
    rule.accuracy = parts.accuracy.unwrap_or(rule.accuracy);
    rule.log = parts.log.unwrap_or(rule.log);
    rule.audit_log = parts.audit_log.unwrap_or(rule.audit_log);
    rule.skip = parts.skip.unwrap_or(rule.skip);
    rule.skip_after = parts.skip_after.clone().or_else(|| rule.skip_after.take());
    rule.ver = parts.ver.clone().unwrap_or_else(|| std::mem::take(&mut rule.ver));
    rule.rev = parts.rev.clone().unwrap_or_else(|| std::mem::take(&mut rule.rev));
    rule.tags.extend(parts.tags.iter().cloned());
    let Some(link) = rule.links.get_mut(link) else { return };
    if parts.none {
        link.transformations.clear();
    }
    link.transformations.extend(&parts.link.transformations);
    link.capture |= parts.link.capture;
    link.multi_match |= parts.link.multi_match;
    link.assignments.extend(parts.link.assignments.iter().cloned());
    link.effects.extend(parts.link.effects.iter().cloned());
    link.msg = parts.link.msg.clone().or_else(|| link.msg.take());
    link.logdata = parts.link.logdata.clone().or_else(|| link.logdata.take());
}
