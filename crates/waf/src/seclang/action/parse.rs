//! Reads the last word of a rule.

use super::{
    Action, Assignment, Audit, Change, Control, Disruption, Ids, Mode, Processor, Scope, Store, Template, Variable,
};
use crate::seclang::Problem;
use crate::seclang::variable::target;
use crate::seclang::words::quoted;
use crate::transform::Transformation;

/// The names of all actions, for suggestions.
const NAMES: [&str; 42] = [
    "accuracy",
    "allow",
    "append",
    "auditlog",
    "block",
    "capture",
    "chain",
    "ctl",
    "deny",
    "deprecatevar",
    "drop",
    "exec",
    "expirevar",
    "id",
    "initcol",
    "log",
    "logdata",
    "maturity",
    "msg",
    "multiMatch",
    "noauditlog",
    "nolog",
    "pass",
    "pause",
    "phase",
    "prepend",
    "proxy",
    "redirect",
    "rev",
    "sanitiseArg",
    "setenv",
    "setrsc",
    "setsid",
    "setuid",
    "setvar",
    "severity",
    "skip",
    "skipAfter",
    "status",
    "t",
    "tag",
    "ver",
];

const CONTROLS: [&str; 18] = [
    "auditEngine",
    "auditLogParts",
    "debugLogLevel",
    "forceRequestBodyVariable",
    "hashEngine",
    "hashEnforcement",
    "requestBodyAccess",
    "requestBodyLimit",
    "requestBodyProcessor",
    "responseBodyAccess",
    "responseBodyLimit",
    "ruleEngine",
    "ruleRemoveById",
    "ruleRemoveByMsg",
    "ruleRemoveByTag",
    "ruleRemoveTargetById",
    "ruleRemoveTargetByMsg",
    "ruleRemoveTargetByTag",
];

/// The last word of a rule: actions that commas separate.
pub(in crate::seclang) fn actions(text: &str) -> Result<Vec<Action>, Problem> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find([':', ',']).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default().trim();
        let after = rest.get(end..).unwrap_or_default();
        let (value, behind) = match after.strip_prefix(':') {
            Some(value) => argument(value)?,
            None => (None, after),
        };
        rest = behind.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if rest.is_empty() => rest,
            None => return Err(Problem::Trailing(rest.chars().take(40).collect())),
        };
        if !name.is_empty() {
            found.push(action(name, value.as_deref())?);
        }
    }
    Ok(found)
}

/// The argument of an action, in single quotes or up to the next comma.
fn argument(text: &str) -> Result<(Option<String>, &str), Problem> {
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix('\'') {
        let (value, behind) = quoted(rest, '\'')?;
        return Ok((Some(value), behind));
    }
    let mut within = false;
    let end = text.find(|character| {
        within ^= character == '\'';
        character == ',' && !within
    });
    let (value, behind) = text.split_at(end.unwrap_or(text.len()));
    let value = value.trim();
    // `setvar:tx.name='value'` and `ctl:name='value'` quote only what follows the sign.
    let value = match value.strip_suffix('\'').and_then(|value| value.split_once("='")) {
        Some((name, value)) => format!("{name}={value}"),
        None => value.to_owned(),
    };
    Ok((Some(value), behind))
}

fn action(name: &str, value: Option<&str>) -> Result<Action, Problem> {
    let needed = || value.filter(|value| !value.is_empty()).ok_or(Problem::Missing { what: "the value of an action" });
    let template = || Template::parse(value.unwrap_or_default());
    Ok(match name.to_ascii_lowercase().as_str() {
        "id" => Action::Id(number(needed()?, "rule id")?),
        "phase" => Action::Phase(phase(needed()?)?),
        "chain" => Action::Chain,
        "capture" => Action::Capture,
        "multimatch" => Action::MultiMatch,
        "t" => transformation(needed()?)?,
        "pass" => Action::Disrupt(Disruption::Pass),
        "block" => Action::Disrupt(Disruption::Block),
        "deny" => Action::Disrupt(Disruption::Deny),
        "drop" => Action::Disrupt(Disruption::Drop),
        "redirect" => {
            needed()?;
            Action::Disrupt(Disruption::Redirect(template()?))
        }
        "allow" => Action::Disrupt(Disruption::Allow(scope(value.unwrap_or_default())?)),
        "status" => Action::Status(status(needed()?)?),
        "msg" => Action::Msg(template()?),
        "logdata" => Action::LogData(template()?),
        "tag" => Action::Tag(template()?),
        "ver" => Action::Ver(needed()?.into()),
        "rev" => Action::Rev(needed()?.into()),
        "severity" => Action::Severity(severity(needed()?)?),
        "maturity" => Action::Maturity(number(needed()?, "maturity from 0 to 9")?),
        "accuracy" => Action::Accuracy(number(needed()?, "accuracy from 0 to 9")?),
        "log" => Action::Log(true),
        "nolog" => Action::Log(false),
        "auditlog" => Action::AuditLog(true),
        "noauditlog" => Action::AuditLog(false),
        "setvar" => Action::SetVar(assignment(needed()?)?),
        "setenv" => {
            let (name, value) = needed()?.split_once('=').unwrap_or((needed()?, ""));
            Action::SetEnv(Template::parse(name)?, Template::parse(value)?)
        }
        "setsid" => Action::Key(Store::Session, template()?),
        "setuid" => Action::Key(Store::User, template()?),
        "setrsc" => Action::Key(Store::Resource, template()?),
        "initcol" => initcol(needed()?)?,
        "ctl" => control(needed()?)?.map_or(Action::Nothing, Action::Control),
        "skip" => Action::Skip(number(needed()?, "number of rules")?),
        "skipafter" => Action::SkipAfter(needed()?.into()),
        "xmlns" => namespace(needed()?)?,
        "expirevar"
        | "deprecatevar"
        | "sanitisearg"
        | "sanitisematched"
        | "sanitisematchedbytes"
        | "sanitiserequestheader"
        | "sanitiseresponseheader" => Action::Nothing,
        "exec" => return Err(unsupported(name, "the engine runs no programs; use a playbook")),
        "proxy" => return Err(unsupported(name, "use a route of the gateway")),
        "pause" => return Err(unsupported(name, "use the limits of the gateway")),
        "append" | "prepend" => return Err(unsupported(name, "the engine changes no bodies")),
        _ => return Err(Problem::unknown("action", name, NAMES)),
    })
}

fn unsupported(name: &str, instead: &'static str) -> Problem {
    Problem::Unsupported { name: name.to_owned(), instead }
}

pub(in crate::seclang) fn number<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Problem> {
    text.trim().parse().map_err(|_| Problem::Value { what, value: text.to_owned() })
}

fn phase(text: &str) -> Result<u8, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "request" => Ok(2),
        "response" => Ok(4),
        "logging" => Ok(5),
        text => match text.parse() {
            Ok(phase @ 1..=5) => Ok(phase),
            _ => Err(Problem::Value { what: "phase from 1 to 5", value: text.to_owned() }),
        },
    }
}

fn status(text: &str) -> Result<u16, Problem> {
    match text.trim().parse() {
        Ok(status @ 100..=599) => Ok(status),
        _ => Err(Problem::Value { what: "status from 100 to 599", value: text.to_owned() }),
    }
}

fn severity(text: &str) -> Result<u8, Problem> {
    const LEVELS: [&str; 8] = ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];
    let named = LEVELS.iter().position(|level| level.eq_ignore_ascii_case(text));
    let level = named.and_then(|level| u8::try_from(level).ok()).or_else(|| text.parse().ok());
    level.filter(|level| *level <= 7).ok_or_else(|| Problem::unknown("severity", text, LEVELS))
}

fn scope(text: &str) -> Result<Scope, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(Scope::Transaction),
        "request" => Ok(Scope::Request),
        "phase" => Ok(Scope::Phase),
        _ => Err(Problem::unknown("scope of `allow`", text, ["request", "phase"])),
    }
}

fn transformation(name: &str) -> Result<Action, Problem> {
    if name.eq_ignore_ascii_case("none") {
        return Ok(Action::Transform(None));
    }
    match Transformation::from_name(name.as_bytes()) {
        Some(transformation) => Ok(Action::Transform(Some(transformation))),
        None => Err(Problem::unknown("transformation", name, Transformation::NAMES.iter().copied())),
    }
}

fn store(name: &str) -> Result<Store, Problem> {
    let known = ["TX", "IP", "GLOBAL", "SESSION", "USER", "RESOURCE"];
    let store = Variable::from_name(name.trim()).and_then(Store::of);
    store.ok_or_else(|| Problem::unknown("collection", name, known))
}

/// `tx.name=value`, `tx.name=+1`, `tx.name=-1`, `tx.name`, `!tx.name`.
fn assignment(text: &str) -> Result<Assignment, Problem> {
    let (remove, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    let wrong = || Problem::Value { what: "member of a collection", value: text.to_owned() };
    let (collection, rest) = text.split_once(['.', ':']).ok_or_else(wrong)?;
    // The name may hold macros, and those may hold no `=`.
    let (name, value) = match rest.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (rest, None),
    };
    let change = match value {
        None if remove => Change::Remove,
        None => Change::Set(Template::parse("1")?),
        Some(value) => match (value.strip_prefix('+'), value.strip_prefix('-')) {
            (Some(number), _) => Change::Add(Template::parse(number)?),
            (_, Some(number)) => Change::Subtract(Template::parse(number)?),
            _ => Change::Set(Template::parse(value)?),
        },
    };
    Ok(Assignment { store: store(collection)?, name: Template::parse(name.trim())?, change })
}

/// A prefix of XML; the expressions that are known need none.
fn namespace(text: &str) -> Result<Action, Problem> {
    match text.split_once('=') {
        Some((prefix, uri)) if !prefix.is_empty() && uri.starts_with("http") => Ok(Action::Nothing),
        _ => Err(Problem::Value { what: "prefix with its address: write `prefix=http…`", value: text.to_owned() }),
    }
}

fn initcol(text: &str) -> Result<Action, Problem> {
    let wrong = || Problem::Value { what: "collection with its key", value: text.to_owned() };
    let (collection, key) = text.split_once('=').ok_or_else(wrong)?;
    Ok(Action::Key(store(collection)?, Template::parse(key)?))
}

fn switch(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(Problem::Value { what: "switch: write `On` or `Off`", value: text.to_owned() }),
    }
}

pub(in crate::seclang) fn mode(text: &str) -> Result<Mode, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Ok(Mode::On),
        "off" => Ok(Mode::Off),
        "detectiononly" => Ok(Mode::DetectionOnly),
        _ => Err(Problem::unknown("mode", text, ["On", "Off", "DetectionOnly"])),
    }
}

pub(in crate::seclang) fn audit(text: &str) -> Result<Audit, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Ok(Audit::On),
        "off" => Ok(Audit::Off),
        "relevantonly" => Ok(Audit::RelevantOnly),
        _ => Err(Problem::unknown("audit mode", text, ["On", "Off", "RelevantOnly"])),
    }
}

/// Nothing stands for what has no effect here.
pub(in crate::seclang) fn control(text: &str) -> Result<Option<Control>, Problem> {
    let (name, value) = text.split_once('=').ok_or(Problem::Missing { what: "the value of `ctl`" })?;
    let (name, value) = (name.trim(), value.trim());
    let with_target = || {
        let (rules, variable) = value.split_once(';').ok_or(Problem::Missing { what: "the variable behind `;`" })?;
        Ok::<_, Problem>((rules.trim(), target(variable.trim())?))
    };
    Ok(Some(match name.to_ascii_lowercase().as_str() {
        "auditengine" => Control::AuditEngine(audit(value)?),
        "auditlogparts" => Control::AuditLogParts(value.into()),
        "forcerequestbodyvariable" => Control::ForceRequestBody(switch(value)?),
        "requestbodyaccess" => Control::RequestBodyAccess(switch(value)?),
        "requestbodyprocessor" => Control::RequestBodyProcessor(Processor::parse(value)?),
        "responsebodyaccess" => Control::ResponseBodyAccess(switch(value)?),
        "requestbodylimit" => Control::RequestBodyLimit(number(value, "number of bytes")?),
        "responsebodylimit" => Control::ResponseBodyLimit(number(value, "number of bytes")?),
        "ruleengine" => Control::RuleEngine(mode(value)?),
        "ruleremovebyid" => Control::RemoveById(Ids::parse(value)?),
        "ruleremovebytag" => Control::RemoveByTag(value.into()),
        "ruleremovebymsg" => Control::RemoveByMsg(value.into()),
        "ruleremovetargetbyid" => {
            let (ids, target) = with_target()?;
            Control::RemoveTargetById(Ids::parse(ids)?, target)
        }
        "ruleremovetargetbytag" => {
            let (tag, target) = with_target()?;
            Control::RemoveTargetByTag(tag.into(), target)
        }
        "ruleremovetargetbymsg" => {
            let (msg, target) = with_target()?;
            Control::RemoveTargetByMsg(msg.into(), target)
        }
        "debugloglevel" => return Ok(None),
        "hashengine" | "hashenforcement" => return Err(unsupported(name, "the engine signs no links")),
        _ => return Err(Problem::unknown("`ctl` setting", name, CONTROLS)),
    }))
}
