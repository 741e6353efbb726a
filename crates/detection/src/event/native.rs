//! The fields of our own events, under their own names and those of OCSF, ECS and the Sigma taxonomy.

use std::borrow::Cow;

use testudo_core::{OcsfClass, Outcome};

use super::EventView;
use super::value::Value;

/// Where a field of our own events comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Native {
    Kind,
    Outcome,
    OcsfStatus,
    OcsfStatusId,
    Control,
    Code,
    Request,
    Person,
    Subject,
    /// To whom it was done, else who did it.
    Account,
    Client,
    Session,
    Family,
    Device,
    Build,
    Address,
    /// The address in plain where it may be seen, else its pseudonym.
    PeerAddress,
    Network,
    Target,
    Count,
    Severity,
    SeverityName,
    Class,
    Activity,
    Type,
    OcsfCategory,
    Category,
    Dataset,
    Millis,
    Instant,
    Method,
    Route,
    Status,
    BytesIn,
    BytesOut,
    Micros,
    DurationMillis,
    DurationNanos,
    PathAndQuery,
    Path,
    Query,
    Agent,
    Detail(Box<str>),
    Personal(Box<str>),
}

/// All names, grouped by what they mean.
const NAMES: [(Native, &[&str]); 41] = [
    (Native::Kind, &["kind", "event.action", "metadata.event_code", "api.operation"]),
    (Native::Outcome, &["outcome", "event.outcome"]),
    (Native::OcsfStatus, &["status"]),
    (Native::OcsfStatusId, &["status_id"]),
    (Native::Control, &["control", "event.provider", "rule.ruleset"]),
    (Native::Code, &["code", "event.code", "event.reason", "status_code", "status_detail", "rule.name"]),
    (Native::Request, &["request", "http.request.id", "http_request.uid", "trace.id"]),
    (Native::Person, &["person", "user.id", "actor.user.uid", "cs-username"]),
    (Native::Subject, &["subject", "user.target.id", "user.uid"]),
    (Native::Account, &["account"]),
    (Native::Client, &["client", "actor.app_uid", "application.id"]),
    (Native::Session, &["session", "session.id", "session.uid", "actor.session.uid"]),
    (Native::Family, &["family"]),
    (Native::Device, &["device", "device.id", "device.uid"]),
    (Native::Build, &["build", "package.checksum", "app.build"]),
    (Native::Address, &["address"]),
    (Native::PeerAddress, &["c-ip", "src_ip", "source.ip", "client.ip", "source.address", "src_endpoint.ip"]),
    (Native::Network, &["network", "src_endpoint.subnet_uid"]),
    (Native::Target, &["target", "resource.uid", "entity.uid"]),
    (Native::Count, &["count"]),
    (Native::Severity, &["severity_id", "event.severity"]),
    (Native::SeverityName, &["severity", "log.level"]),
    (Native::Class, &["class_uid"]),
    (Native::Activity, &["activity_id"]),
    (Native::Type, &["type_uid"]),
    (Native::OcsfCategory, &["category_uid"]),
    (Native::Category, &["category", "event.category"]),
    (Native::Dataset, &["event.module", "event.dataset", "metadata.product.name"]),
    (Native::Millis, &["time"]),
    (Native::Instant, &["@timestamp", "at"]),
    (Native::Method, &["method", "cs-method", "http.request.method", "http_request.http_method"]),
    (Native::Route, &["route", "http.route", "api.operation_path"]),
    (Native::Status, &["sc-status", "http.response.status_code", "http_response.code"]),
    (Native::BytesIn, &["bytes_in", "cs-bytes", "http.request.bytes", "http_request.length"]),
    (Native::BytesOut, &["bytes_out", "sc-bytes", "http.response.bytes", "http_response.length"]),
    (Native::Micros, &["micros"]),
    (Native::DurationMillis, &["time-taken", "duration"]),
    (Native::DurationNanos, &["event.duration"]),
    (Native::PathAndQuery, &["c-uri", "cs-uri", "url.original", "http_request.url.url_string"]),
    (Native::Path, &["path", "cs-uri-stem", "c-uri-path", "url.path", "http_request.url.path"]),
    (Native::Query, &["query", "cs-uri-query", "c-uri-query", "url.query", "http_request.url.query_string"]),
];

/// The names of the user agent; apart, because the table above would be too wide.
const AGENT: [&str; 6] =
    ["user_agent", "cs-user-agent", "c-useragent", "cs-useragent", "user_agent.original", "http_request.user_agent"];

/// All names of fields that our own events have, beside `details.<name>` and `personal.<name>`.
pub fn native_fields() -> impl Iterator<Item = &'static str> {
    NAMES.iter().flat_map(|(_, names)| names.iter().copied()).chain(AGENT)
}

impl Native {
    pub(crate) fn of(name: &str) -> Option<Native> {
        if let Some(detail) = name.strip_prefix("details.") {
            return Some(Native::Detail(detail.into()));
        }
        if let Some(fact) = name.strip_prefix("personal.") {
            return Some(Native::Personal(fact.into()));
        }
        if AGENT.contains(&name) {
            return Some(Native::Agent);
        }
        NAMES.iter().find(|(_, names)| names.contains(&name)).map(|(native, _)| native.clone())
    }

    /// The value in an event, if it has one.
    pub(crate) fn get<'e>(&self, event: &EventView<'e>) -> Option<Value<'e>> {
        let text = |text: &'e str| Value::Text(Cow::Borrowed(text));
        let owned = |id: String| Value::Text(Cow::Owned(id));
        let int = |value: u64| Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
        let path = || event.http.and_then(|http| http.path.as_deref());
        Some(match self {
            Native::Kind => text(event.kind.name()),
            Native::Outcome => text(if event.outcome == Outcome::Success { "success" } else { "failure" }),
            Native::OcsfStatus => text(if event.outcome == Outcome::Success { "Success" } else { "Failure" }),
            Native::OcsfStatusId => Value::Int(if event.outcome == Outcome::Success { 1 } else { 2 }),
            Native::Control => text(event.control?.name()),
            Native::Code => text(event.code?),
            Native::Request => owned(event.request?.to_string()),
            Native::Person => Value::Name(event.names.person?),
            Native::Subject => Value::Name(event.names.subject?),
            Native::Account => Value::Name(event.names.subject.or(event.names.person)?),
            Native::Client => text(event.client?.as_str()),
            Native::Session => owned(event.session?.to_string()),
            Native::Family => owned(event.family?.to_string()),
            Native::Device => Value::Name(event.names.device?),
            Native::Build => owned(event.build?.to_string()),
            Native::Address => Value::Name(event.names.address?),
            Native::PeerAddress => match event.peer {
                Some(address) => owned(address.to_string()),
                None => Value::Name(event.names.address?),
            },
            Native::Network => Value::Name(event.names.network?),
            Native::Target => text(event.target?),
            Native::Count => Value::Int(event.count.into()),
            Native::Severity => Value::Int(severity(event) as i64),
            Native::SeverityName => text(match severity(event) {
                testudo_core::Severity::Informational => "Informational",
                testudo_core::Severity::Low => "Low",
                testudo_core::Severity::Medium => "Medium",
                testudo_core::Severity::High => "High",
                testudo_core::Severity::Critical => "Critical",
            }),
            Native::Class => Value::Int(event.kind.ocsf_class() as i64),
            Native::Activity => Value::Int(event.kind.ocsf_activity().into()),
            Native::Type => int(event.kind.ocsf_type()),
            Native::OcsfCategory => Value::Int(event.kind.ocsf_class() as i64 / 1000),
            Native::Category => text(event.kind.ecs_category()),
            Native::Dataset => text("testudo"),
            Native::Millis => Value::Int(event.at.millis()),
            Native::Instant => owned(event.at.to_string()),
            Native::Method => text(&event.http?.method),
            Native::Route => text(&event.http?.route),
            Native::Status => match event.http?.status {
                0 => return None,
                status => Value::Int(status.into()),
            },
            Native::BytesIn => int(event.http?.bytes_in),
            Native::BytesOut => int(event.http?.bytes_out),
            Native::Micros => int(event.http?.micros),
            Native::DurationMillis => int(event.http?.micros / 1_000),
            Native::DurationNanos => int(event.http?.micros.saturating_mul(1_000)),
            Native::PathAndQuery => text(path()?),
            Native::Path => text(path().map(|path| path.split_once('?').map_or(path, |(path, _)| path))?),
            Native::Query => text(path()?.split_once('?')?.1),
            Native::Agent => text(event.http?.user_agent.as_deref()?),
            Native::Detail(name) => text(event.details?.get(&**name)?),
            Native::Personal(name) => text(event.personal?.get(&**name)?),
        })
    }
}

fn severity(event: &EventView<'_>) -> testudo_core::Severity {
    let own = event.kind.severity();
    if event.outcome == Outcome::Failure { own.max(testudo_core::Severity::Low) } else { own }
}

/// What Sigma's keywords are looked for in.
pub(crate) fn each_text<'e>(event: &EventView<'e>, mut each: impl FnMut(&Value<'e>)) {
    const TEXTS: [Native; 8] = [
        Native::Kind,
        Native::Code,
        Native::Target,
        Native::Method,
        Native::Route,
        Native::Status,
        Native::PathAndQuery,
        Native::Agent,
    ];
    for native in TEXTS {
        // Only requests have the last five.
        if event.http.is_none() && event.kind.ocsf_class() != OcsfClass::HttpActivity && native == Native::Method {
            break;
        }
        if let Some(value) = native.get(event) {
            each(&value);
        }
    }
    for details in [event.details, event.personal].into_iter().flatten() {
        for value in details.values() {
            each(&Value::Text(Cow::Borrowed(value)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_name_means_one_thing() {
        let mut seen = HashSet::new();
        for name in native_fields() {
            assert!(seen.insert(name), "{name} stands twice");
            assert!(Native::of(name).is_some(), "{name}");
        }
        assert_eq!(Native::of("details.grant"), Some(Native::Detail("grant".into())));
        assert_eq!(Native::of("CommandLine"), None);
    }
}
