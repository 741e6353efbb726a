//! What happened, as one type for the journal, detection, export and the console.
//!
//! The plain part of an event holds no personal data: people, devices and addresses stand there as keyed pseudonyms
//! that the store makes. What is personal (address, path, user agent, `personal`) is sealed under the person's key.
//!
//! Classes follow OCSF 1.4 (`class_uid`, `activity_id`), ECS 8 (`event.category`, `event.action`) and Sigma's
//! `logsource`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{BuildId, ClientId, Control, DeviceId, FamilyId, PersonId, RequestId, SessionId, Timestamp};

/// How an event reaches the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// In the transaction that it announces.
    Must,
    /// Through a bounded queue with group commit.
    Batched,
}

/// Whether what was tried came about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It came about.
    Success,
    /// It was refused or failed.
    Failure,
}

/// OCSF severity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Severity {
    /// Of interest.
    Informational = 1,
    /// Worth knowing.
    Low = 2,
    /// Worth looking at.
    Medium = 3,
    /// Look now.
    High = 4,
    /// Act now.
    Critical = 5,
}

impl Severity {
    /// All, from the least.
    pub const ALL: [Severity; 5] =
        [Severity::Informational, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Informational => "informational",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// The severity of this name.
    pub fn named(name: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The OCSF event class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum OcsfClass {
    /// Detection Finding.
    DetectionFinding = 2004,
    /// Incident Finding.
    IncidentFinding = 2005,
    /// Account Change.
    AccountChange = 3001,
    /// Authentication.
    Authentication = 3002,
    /// Authorize Session.
    AuthorizeSession = 3003,
    /// Entity Management.
    EntityManagement = 3004,
    /// User Access Management.
    UserAccess = 3005,
    /// HTTP Activity.
    HttpActivity = 4002,
    /// Application Lifecycle.
    ApplicationLifecycle = 6002,
    /// Remediation Activity.
    RemediationActivity = 7001,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $lane:ident, $class:ident / $activity:literal, $severity:ident;)+) => {
        /// The closed list of what can happen. The name is stable and stored in journals.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum EventKind { $($(#[$doc])* #[serde(rename = $name)] $variant,)+ }

        impl EventKind {
            /// All kinds, in the order of declaration.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$variant,)+];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(EventKind::$variant => $name,)+ }
            }

            const fn facts(self) -> (Lane, OcsfClass, u8, Severity) {
                match self {
                    $(EventKind::$variant => (Lane::$lane, OcsfClass::$class, $activity, Severity::$severity),)+
                }
            }
        }
    };
}

kinds! {
    /// A request was decided, and answered if it was allowed.
    RequestDecided = "request.decided", Batched, HttpActivity / 99, Informational;
    /// Bytes that are not a request came in.
    RequestMalformed = "request.malformed", Batched, HttpActivity / 99, Low;
    /// Somebody signed up.
    SignedUp = "person.signed-up", Must, AccountChange / 1, Informational;
    /// An administrator made an account.
    PersonCreated = "person.created", Must, AccountChange / 1, Informational;
    /// An account was changed.
    PersonChanged = "person.changed", Must, AccountChange / 99, Informational;
    /// An account may no longer sign in.
    PersonLocked = "person.locked", Must, AccountChange / 9, Medium;
    /// An account may sign in again.
    PersonUnlocked = "person.unlocked", Must, AccountChange / 99, Low;
    /// A person's key was destroyed.
    PersonErased = "person.erased", Must, AccountChange / 6, Medium;
    /// Somebody tried to sign in.
    SignIn = "sign-in", Must, Authentication / 1, Informational;
    /// Somebody signed out.
    SignOut = "sign-out", Must, Authentication / 2, Informational;
    /// A second factor was tried.
    SecondFactor = "second-factor", Must, Authentication / 99, Informational;
    /// A password was changed.
    PasswordChanged = "password.changed", Must, AccountChange / 3, Low;
    /// A second factor was enrolled.
    FactorEnrolled = "factor.enrolled", Must, AccountChange / 10, Low;
    /// A second factor was removed.
    FactorRemoved = "factor.removed", Must, AccountChange / 11, Medium;
    /// A session began.
    SessionStarted = "session.started", Must, AuthorizeSession / 1, Informational;
    /// A session and all of its tokens ended.
    SessionRevoked = "session.revoked", Must, AuthorizeSession / 99, Low;
    /// All sessions of a person ended.
    PersonRevoked = "person.revoked", Must, AuthorizeSession / 99, Medium;
    /// All sessions that began before an instant ended (a restore, a lost key).
    AllRevoked = "all.revoked", Must, AuthorizeSession / 99, High;
    /// A code was given to a client through the browser.
    CodeIssued = "code.issued", Must, AuthorizeSession / 1, Informational;
    /// A person allowed a client to act in her name.
    ConsentGiven = "consent.given", Must, AuthorizeSession / 1, Informational;
    /// A person took back what she had allowed to a client.
    ConsentWithdrawn = "consent.withdrawn", Must, AuthorizeSession / 99, Low;
    /// Tokens were issued for a code or credential.
    TokenIssued = "token.issued", Must, AuthorizeSession / 1, Informational;
    /// Tokens were issued for a refresh token.
    TokenRefreshed = "token.refreshed", Must, AuthorizeSession / 1, Informational;
    /// Tokens were refused.
    TokenRefused = "token.refused", Must, AuthorizeSession / 99, Low;
    /// A refresh token was used twice; its family ended.
    RefreshReused = "refresh.reused", Must, AuthorizeSession / 99, High;
    /// A code was used twice; what it gave ended.
    CodeReused = "code.reused", Must, AuthorizeSession / 99, High;
    /// A refresh family ended.
    FamilyRevoked = "family.revoked", Must, AuthorizeSession / 99, Low;
    /// A person must show a second factor.
    StepUpRequired = "step-up.required", Must, AuthorizeSession / 99, Medium;
    /// A person showed what was asked for.
    StepUpDone = "step-up.done", Must, AuthorizeSession / 99, Informational;
    /// A client was registered.
    ClientCreated = "client.created", Must, EntityManagement / 1, Low;
    /// A client was changed.
    ClientChanged = "client.changed", Must, EntityManagement / 3, Low;
    /// A client was disabled.
    ClientDisabled = "client.disabled", Must, EntityManagement / 9, Medium;
    /// A disabled client was enabled.
    ClientEnabled = "client.enabled", Must, EntityManagement / 8, Low;
    /// A client was removed.
    ClientRemoved = "client.removed", Must, EntityManagement / 4, Medium;
    /// A role was given.
    RoleGranted = "role.granted", Must, UserAccess / 1, Medium;
    /// A role was taken.
    RoleRevoked = "role.revoked", Must, UserAccess / 2, Medium;
    /// An administrator did, or tried, something that has no kind of its own.
    AdminActed = "admin.acted", Must, EntityManagement / 99, Low;
    /// A peer is refused for a time.
    PeerBlocked = "peer.blocked", Must, EntityManagement / 99, Medium;
    /// A peer is no longer refused.
    PeerUnblocked = "peer.unblocked", Must, EntityManagement / 99, Low;
    /// A build may get no tokens.
    BuildSuspended = "build.suspended", Must, EntityManagement / 9, High;
    /// A suspended build may get tokens again.
    BuildReinstated = "build.reinstated", Must, EntityManagement / 8, Medium;
    /// A key of the ring was rotated.
    KeyRotated = "key.rotated", Must, EntityManagement / 3, Low;
    /// A new configuration is in force.
    ConfigReloaded = "config.reloaded", Must, ApplicationLifecycle / 99, Informational;
    /// A new configuration was refused; the old one stays.
    ConfigRefused = "config.refused", Must, ApplicationLifecycle / 99, Medium;
    /// A node started.
    NodeStarted = "node.started", Must, ApplicationLifecycle / 3, Informational;
    /// A node stopped in order.
    NodeStopped = "node.stopped", Must, ApplicationLifecycle / 4, Informational;
    /// An upstream stopped answering its health check.
    UpstreamDown = "upstream.down", Must, ApplicationLifecycle / 99, High;
    /// An upstream answers again.
    UpstreamUp = "upstream.up", Must, ApplicationLifecycle / 99, Informational;
    /// A backup was made.
    BackupMade = "backup.made", Must, ApplicationLifecycle / 99, Informational;
    /// A backup was restored.
    BackupRestored = "backup.restored", Must, ApplicationLifecycle / 99, High;
    /// Old entries were exported and pruned.
    JournalPruned = "journal.pruned", Must, ApplicationLifecycle / 99, Low;
    /// Data was shown or exported.
    Disclosed = "data.disclosed", Must, EntityManagement / 2, Low;
    /// A rule of detection fits; its severity is the rule's level.
    AlertRaised = "alert.raised", Must, DetectionFinding / 1, Medium;
    /// Something about how a person comes is new: a device, a network, a client, an hour.
    RiskNoted = "risk.noted", Batched, DetectionFinding / 1, Low;
    /// Alerts became an incident.
    IncidentOpened = "incident.opened", Must, IncidentFinding / 1, High;
    /// An incident grew, or somebody worked on it.
    IncidentChanged = "incident.changed", Must, IncidentFinding / 2, Informational;
    /// An incident is over.
    IncidentClosed = "incident.closed", Must, IncidentFinding / 3, Informational;
    /// Somebody became aware that personal data were breached: the clock of GDPR article 33 runs.
    BreachAware = "breach.aware", Must, IncidentFinding / 99, Critical;
    /// An action waits for a second administrator.
    ResponseProposed = "response.proposed", Must, RemediationActivity / 99, Medium;
    /// A second administrator allowed an action.
    ResponseApproved = "response.approved", Must, RemediationActivity / 99, Low;
    /// An administrator refused an action that waited.
    ResponseDeclined = "response.declined", Must, RemediationActivity / 99, Low;
    /// An incident acted.
    ResponsePerformed = "response.performed", Must, RemediationActivity / 99, Medium;
    /// What an incident did was undone, by a person or because its time was over.
    ResponseUndone = "response.undone", Must, RemediationActivity / 99, Low;
    /// An action could not be done.
    ResponseFailed = "response.failed", Must, RemediationActivity / 99, High;
    /// Limits are tighter for a time.
    LimitsTightened = "limits.tightened", Must, EntityManagement / 99, Medium;
    /// Limits are as configured again.
    LimitsRestored = "limits.restored", Must, EntityManagement / 99, Low;
    /// Routes may only be read for a time.
    RoutesRestricted = "routes.restricted", Must, EntityManagement / 99, Medium;
    /// Routes may be written again.
    RoutesReleased = "routes.released", Must, EntityManagement / 99, Low;
    /// A person need not show a second factor after all.
    StepUpWaived = "step-up.waived", Must, AuthorizeSession / 99, Low;
    /// Somebody was told: by mail or webhook.
    NoticeSent = "notice.sent", Must, ApplicationLifecycle / 99, Informational;
    /// Somebody could not be told.
    NoticeFailed = "notice.failed", Must, ApplicationLifecycle / 99, Medium;
    /// A target of exports takes nothing at present; what waits is kept.
    ExportStalled = "export.stalled", Must, ApplicationLifecycle / 99, Medium;
    /// A target of exports takes events again.
    ExportResumed = "export.resumed", Must, ApplicationLifecycle / 99, Informational;
    /// A target of exports refused events for good; they were skipped.
    ExportRejected = "export.rejected", Must, ApplicationLifecycle / 99, High;
    /// The firewall answered a request otherwise without its shortcuts.
    ShortcutDiffers = "firewall.shortcut-differs", Must, ApplicationLifecycle / 99, High;
}

impl EventKind {
    /// The lane of this kind. Denials of known callers go to [`Lane::Must`] whatever their kind: see [`Event::lane`].
    pub const fn lane(self) -> Lane {
        self.facts().0
    }

    /// The OCSF class.
    pub const fn ocsf_class(self) -> OcsfClass {
        self.facts().1
    }

    /// The OCSF activity id within the class (99 is "other").
    pub const fn ocsf_activity(self) -> u8 {
        self.facts().2
    }

    /// The OCSF type id: class * 100 + activity.
    pub const fn ocsf_type(self) -> u64 {
        self.ocsf_class() as u64 * 100 + self.ocsf_activity() as u64
    }

    /// The severity when it succeeded.
    pub const fn severity(self) -> Severity {
        self.facts().3
    }

    /// The ECS `event.category`.
    pub const fn ecs_category(self) -> &'static str {
        match self.ocsf_class() {
            OcsfClass::HttpActivity => "web",
            OcsfClass::Authentication => "authentication",
            OcsfClass::AuthorizeSession => "session",
            OcsfClass::AccountChange | OcsfClass::UserAccess => "iam",
            OcsfClass::DetectionFinding | OcsfClass::IncidentFinding | OcsfClass::RemediationActivity => {
                "intrusion_detection"
            }
            OcsfClass::EntityManagement | OcsfClass::ApplicationLifecycle => "configuration",
        }
    }

    /// The Sigma `logsource.category`.
    pub const fn sigma_category(self) -> &'static str {
        match self.ocsf_class() {
            OcsfClass::HttpActivity => "webserver",
            OcsfClass::Authentication | OcsfClass::AuthorizeSession => "authentication",
            _ => "application",
        }
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for EventKind {
    type Err = UnknownEventKind;

    fn from_str(text: &str) -> Result<EventKind, UnknownEventKind> {
        EventKind::ALL.iter().copied().find(|kind| kind.name() == text).ok_or_else(|| UnknownEventKind(text.into()))
    }
}

/// A text that names no event kind.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not an event kind")]
pub struct UnknownEventKind(String);

/// Who did it, as far as known.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Actor {
    /// The person; a pseudonym in the plain part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The OAuth client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The refresh family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<FamilyId>,
    /// The device; a pseudonym in the plain part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The app build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildId>,
}

/// The other end of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Peer {
    /// The client's address (after trusted proxies); a pseudonym in the plain part, as is its /24 or /64.
    pub address: IpAddr,
}

/// The facts of an HTTP request.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HttpFacts {
    /// The method.
    pub method: Cow<'static, str>,
    /// The route's template, such as `/accounts/{id}`; never the path.
    pub route: Cow<'static, str>,
    /// The status of the answer; 0 until there is one.
    pub status: u16,
    /// Body bytes read from the caller.
    pub bytes_in: u64,
    /// Body bytes sent to the caller.
    pub bytes_out: u64,
    /// From the first byte of the head to the last byte of the answer, in microseconds.
    pub micros: u64,
    /// The raw path and query; sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The `User-Agent`; sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// When, by the clock of the node that saw it.
    pub at: Timestamp,
    /// Whether it came about.
    pub outcome: Outcome,
    /// The control that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// The reason's stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// The request in which it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// Who did it.
    pub actor: Actor,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
    /// Over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpFacts>,
    /// What it was done to, such as `ses_…`; no personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Cow<'static, str>>,
    /// The person that it was done to, when that is not the actor; a pseudonym in the plain part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<PersonId>,
    /// How many times, for folded events.
    pub count: u32,
    /// More facts in plain; no personal data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<Cow<'static, str>, String>,
    /// More facts that are personal (a tried user name); sealed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub personal: BTreeMap<Cow<'static, str>, String>,
}

impl Event {
    /// A successful event with nothing else known.
    pub fn new(kind: EventKind, at: Timestamp) -> Event {
        Event {
            kind,
            at,
            outcome: Outcome::Success,
            control: None,
            code: None,
            request: None,
            actor: Actor::default(),
            peer: None,
            http: None,
            target: None,
            subject: None,
            count: 1,
            details: BTreeMap::new(),
            personal: BTreeMap::new(),
        }
    }

    /// The same event as a failure for the reason `code`.
    #[must_use]
    pub fn failed(mut self, control: Control, code: impl Into<Cow<'static, str>>) -> Event {
        self.outcome = Outcome::Failure;
        self.control = Some(control);
        self.code = Some(code.into());
        self
    }

    /// Sets who did it.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Event {
        self.actor = actor;
        self
    }

    /// Sets from where.
    #[must_use]
    pub fn from(mut self, address: IpAddr) -> Event {
        self.peer = Some(Peer { address });
        self
    }

    /// Sets the request.
    #[must_use]
    pub fn during(mut self, request: RequestId) -> Event {
        self.request = Some(request);
        self
    }

    /// Sets what it was done to.
    #[must_use]
    pub fn on(mut self, target: impl Into<Cow<'static, str>>) -> Event {
        self.target = Some(target.into());
        self
    }

    /// Sets the person that it was done to.
    #[must_use]
    pub fn to(mut self, subject: PersonId) -> Event {
        self.subject = Some(subject);
        self
    }

    /// Adds a plain fact.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl Into<String>) -> Event {
        self.details.insert(Cow::Borrowed(name), value.into());
        self
    }

    /// Adds a personal fact.
    #[must_use]
    pub fn personal(mut self, name: &'static str, value: impl Into<String>) -> Event {
        self.personal.insert(Cow::Borrowed(name), value.into());
        self
    }

    /// The person under whose key the personal part is sealed: whom it was done to, else who did it. Nobody: the key
    /// of the day.
    pub fn sealed_for(&self) -> Option<PersonId> {
        self.subject.or(self.actor.person)
    }

    /// How it reaches the journal: by kind, and denials of known callers always in the transaction's lane.
    pub fn lane(&self) -> Lane {
        match (self.kind.lane(), self.outcome, self.actor.person) {
            (Lane::Batched, Outcome::Failure, Some(_)) => Lane::Must,
            (lane, _, _) => lane,
        }
    }

    /// The severity: that of the kind, and at least low when it failed. Alerts and incidents say their own in the detail
    /// `level`.
    pub fn severity(&self) -> Severity {
        if let EventKind::AlertRaised | EventKind::IncidentOpened = self.kind
            && let Some(level) = self.details.get("level").and_then(|level| Severity::named(level))
        {
            return level;
        }
        match self.outcome {
            Outcome::Success => self.kind.severity(),
            Outcome::Failure => self.kind.severity().max(Severity::Low),
        }
    }
}
