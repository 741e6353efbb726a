//! Actions of rules (`ModSecurity` reference, "Actions").

mod parse;
#[cfg(test)]
mod tests;

pub(super) use self::parse::{actions, audit, control, mode, number};
use super::{Problem, Target, Template, Variable};
use crate::transform::Transformation;

/// What happens to the transaction when a rule matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Disruption {
    /// Goes on.
    Pass,
    /// What the default actions of the phase say.
    Block,
    /// Refuses with the rule's status.
    Deny,
    /// Closes the connection.
    Drop,
    /// Sends the caller elsewhere.
    Redirect(Template),
    /// Lets pass, and looks no further.
    Allow(Scope),
}

/// How far an `allow` reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// To the end of the transaction, but for logging.
    Transaction,
    /// To the end of the request's phases.
    Request,
    /// To the end of the phase.
    Phase,
}

/// The collections that rules write to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Store {
    /// Of the transaction.
    Tx,
    /// Of an address.
    Ip,
    /// Of all requests.
    Global,
    /// Of a session.
    Session,
    /// Of a user.
    User,
    /// Of a resource.
    Resource,
}

impl Store {
    /// The variable that reads it.
    pub const fn variable(self) -> Variable {
        match self {
            Store::Tx => Variable::Tx,
            Store::Ip => Variable::Ip,
            Store::Global => Variable::Global,
            Store::Session => Variable::Session,
            Store::User => Variable::User,
            Store::Resource => Variable::Resource,
        }
    }

    /// By the variable that reads it.
    pub const fn of(variable: Variable) -> Option<Store> {
        Some(match variable {
            Variable::Tx => Store::Tx,
            Variable::Ip => Store::Ip,
            Variable::Global => Store::Global,
            Variable::Session => Store::Session,
            Variable::User => Store::User,
            Variable::Resource => Store::Resource,
            _ => return None,
        })
    }
}

/// How `setvar` changes a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// To this text.
    Set(Template),
    /// By adding this number.
    Add(Template),
    /// By subtracting this number.
    Subtract(Template),
    /// By removing it.
    Remove,
}

/// `setvar`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// The collection.
    pub store: Store,
    /// The member.
    pub name: Template,
    /// What becomes of it.
    pub change: Change,
}

/// Whether rules run, and whether they disrupt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// No rule runs.
    Off,
    /// Rules run and match, but nothing is disrupted.
    DetectionOnly,
    /// Rules run and disrupt.
    #[default]
    On,
}

/// Which reader takes the request's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Processor {
    /// `application/x-www-form-urlencoded`.
    UrlEncoded,
    /// `multipart/form-data`.
    Multipart,
    /// JSON.
    Json,
    /// XML.
    Xml,
}

impl Processor {
    /// As `REQBODY_PROCESSOR` says it.
    pub const fn name(self) -> &'static str {
        match self {
            Processor::UrlEncoded => "URLENCODED",
            Processor::Multipart => "MULTIPART",
            Processor::Json => "JSON",
            Processor::Xml => "XML",
        }
    }

    pub(super) fn parse(name: &str) -> Result<Processor, Problem> {
        let all = [Processor::UrlEncoded, Processor::Multipart, Processor::Json, Processor::Xml];
        let known = all.into_iter().find(|processor| processor.name().eq_ignore_ascii_case(name));
        known.ok_or_else(|| Problem::unknown("body processor", name, all.iter().map(|processor| processor.name())))
    }
}

/// Whether a transaction is written to the audit log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Audit {
    /// Never.
    #[default]
    Off,
    /// Always.
    On,
    /// When a rule or the status says so.
    RelevantOnly,
}

/// `ctl`: a setting for the rest of this transaction.
#[derive(Clone, PartialEq, Debug)]
pub enum Control {
    /// Whether the audit log is written.
    AuditEngine(Audit),
    /// Which parts it gets.
    AuditLogParts(Box<str>),
    /// Makes `REQUEST_BODY` available whatever the body's type.
    ForceRequestBody(bool),
    /// Whether the request's body is read.
    RequestBodyAccess(bool),
    /// Which reader it has.
    RequestBodyProcessor(Processor),
    /// Whether the response's body is read.
    ResponseBodyAccess(bool),
    /// The most bytes of the request's body.
    RequestBodyLimit(u64),
    /// The most bytes of the response's body.
    ResponseBodyLimit(u64),
    /// Whether rules run.
    RuleEngine(Mode),
    /// Leaves rules out by id.
    RemoveById(Ids),
    /// Leaves rules out by tag.
    RemoveByTag(Box<str>),
    /// Leaves rules out by message.
    RemoveByMsg(Box<str>),
    /// Leaves a variable out of rules by id.
    RemoveTargetById(Ids, Target),
    /// Leaves a variable out of rules by tag.
    RemoveTargetByTag(Box<str>, Target),
    /// Leaves a variable out of rules by message.
    RemoveTargetByMsg(Box<str>, Target),
}

/// A range of ids, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ids {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Ids {
    /// Whether the id is one of them.
    pub const fn contains(self, id: u64) -> bool {
        self.first <= id && id <= self.last
    }

    /// `942100` or `942100-942199`.
    pub(super) fn parse(text: &str) -> Result<Ids, Problem> {
        let wrong = || Problem::Value { what: "rule id or range of ids", value: text.to_owned() };
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let ids = Ids { first: number(first)?, last: number(last)? };
        if ids.first > ids.last { Err(wrong()) } else { Ok(ids) }
    }
}

/// One action.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// `id`.
    Id(u64),
    /// `phase`, from 1.
    Phase(u8),
    /// `chain`.
    Chain,
    /// `capture`.
    Capture,
    /// `multiMatch`.
    MultiMatch,
    /// `t`; nothing stands for `none`.
    Transform(Option<Transformation>),
    /// What is done to the transaction.
    Disrupt(Disruption),
    /// `status`.
    Status(u16),
    /// `msg`.
    Msg(Template),
    /// `logdata`.
    LogData(Template),
    /// `tag`.
    Tag(Template),
    /// `ver`.
    Ver(Box<str>),
    /// `rev`.
    Rev(Box<str>),
    /// `severity`, from 0, the gravest, to 7.
    Severity(u8),
    /// `maturity`.
    Maturity(u8),
    /// `accuracy`.
    Accuracy(u8),
    /// `log` or `nolog`.
    Log(bool),
    /// `auditlog` or `noauditlog`.
    AuditLog(bool),
    /// `setvar`.
    SetVar(Assignment),
    /// `setenv`.
    SetEnv(Template, Template),
    /// `setsid`, `setuid`, `setrsc`, `initcol`: a key for a collection.
    Key(Store, Template),
    /// `ctl`.
    Control(Control),
    /// `skip`.
    Skip(u32),
    /// `skipAfter`.
    SkipAfter(Box<str>),
    /// What is read and has no effect: `xmlns` without `XPath`, `expirevar` and the like without a store.
    Nothing,
}
