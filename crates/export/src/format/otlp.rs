//! OTLP logs over HTTP (OpenTelemetry protocol 1.x): `ExportLogsServiceRequest` as binary protobuf, which every receiver
//! takes, where JSON is an option; and the answer's `partial_success`.
//!
//! The few messages are written and read by hand. Field numbers: `opentelemetry/proto/logs/v1/logs.proto`,
//! `common/v1/common.proto`, `collector/logs/v1/logs_service.proto`.

use testudo_core::Severity;

use super::MAX_LINE;
use super::view::{View, fit};
use crate::{Origin, Record};

/// The media type of requests and answers.
pub const MEDIA_TYPE: &str = "application/x-protobuf";
/// Records of one request.
pub const MOST_RECORDS: usize = 500;
/// Bytes after which no more record is added to a request.
pub const ENOUGH_BYTES: usize = 2 * 1024 * 1024;

/// A request's body, and how many records, from the first on, are in it.
pub fn request(records: &[&Record], origin: &Origin) -> (Vec<u8>, usize) {
    let mut scope = Message::default();
    scope.message(1, |scope| {
        scope.text(1, "testudo");
        scope.text(2, origin.version);
    });
    let mut count = 0;
    for record in records.iter().take(MOST_RECORDS) {
        scope.bytes(2, &fit(record, origin, MAX_LINE, log_record));
        count += 1;
        if scope.0.len() >= ENOUGH_BYTES {
            break;
        }
    }
    let mut request = Message::default();
    request.message(1, |resource_logs| {
        resource_logs.message(1, |resource| {
            for (key, value) in [
                ("service.name", "testudo"),
                ("service.version", origin.version),
                ("host.name", &*origin.host),
                ("testudo.log", &*origin.log),
            ] {
                resource.message(1, |pair| attribute(pair, key, &Any::Text(value)));
            }
        });
        resource_logs.bytes(2, &scope.0);
    });
    (request.0, count)
}

enum Any<'v> {
    Text(&'v str),
    Int(u64),
    Bool(bool),
}

fn log_record(view: &View<'_>) -> Vec<u8> {
    let mut record = Message::default();
    let nanos = u64::try_from(view.at.micros()).unwrap_or(0).saturating_mul(1_000);
    record.fixed64(1, nanos);
    record.fixed64(11, nanos);
    let number = match view.severity {
        Severity::Informational => 9,
        Severity::Low => 10,
        Severity::Medium => 13,
        Severity::High => 17,
        Severity::Critical => 21,
    };
    record.varint(2, number);
    record.text(3, view.severity.name());
    record.message(5, |body| body.text(1, &view.summary()));
    let mut add = |key: &str, value: Any<'_>| record.message(6, |pair| attribute(pair, key, &value));
    add("event.id", Any::Text(&view.id));
    add("event.sequence", Any::Int(view.seq));
    add("event.outcome", Any::Text(view.outcome()));
    add("event.category", Any::Text(view.kind.ecs_category()));
    if view.count != 1 {
        add("testudo.count", Any::Int(view.count.into()));
    }
    let ip = view.ip.map(|ip| ip.to_string());
    let http = view.http.as_ref();
    let texts = [
        ("testudo.control", view.control),
        ("event.code", view.code.as_deref()),
        ("http.request.id", view.request.as_deref()),
        ("user.id", view.person.as_ref().map(|who| &*who.id)),
        ("user.hash", view.person.as_ref().map(|who| &*who.hash)),
        ("user.target.id", view.subject.as_ref().map(|who| &*who.id)),
        ("user.target.hash", view.subject.as_ref().map(|who| &*who.hash)),
        ("testudo.client", view.client),
        ("session.id", view.session.as_deref()),
        ("testudo.family", view.family.as_deref()),
        ("device.id", view.device.as_deref()),
        ("testudo.build", view.build.as_deref()),
        ("client.address", ip.as_deref().or(view.address.as_deref())),
        ("testudo.address", view.address.as_deref()),
        ("testudo.network", view.network.as_deref()),
        ("testudo.target", view.target.as_deref()),
        ("http.request.method", http.map(|http| &*http.method)),
        ("http.route", http.map(|http| &*http.route)),
        ("url.path", http.and_then(|http| http.path.as_deref())),
        ("user_agent.original", http.and_then(|http| http.agent.as_deref())),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            add(key, Any::Text(value));
        }
    }
    if let Some(http) = http {
        if let Some(status) = http.status {
            add("http.response.status_code", Any::Int(status.into()));
        }
        add("http.request.body.size", Any::Int(http.bytes_in));
        add("http.response.body.size", Any::Int(http.bytes_out));
        add("event.duration", Any::Int(http.micros.saturating_mul(1_000)));
    }
    for (prefix, facts) in [("testudo.fact", &view.facts), ("testudo.personal", &view.personal)] {
        for (name, value) in facts {
            add(&format!("{prefix}.{name}"), Any::Text(value));
        }
    }
    if view.cut {
        add("testudo.cut", Any::Bool(true));
    }
    record.text(12, view.kind.name());
    record.0
}

fn attribute(pair: &mut Message, key: &str, value: &Any<'_>) {
    pair.text(1, key);
    pair.message(2, |any| match value {
        Any::Text(text) => any.text(1, text),
        Any::Bool(value) => any.varint(2, u64::from(*value)),
        Any::Int(value) => any.varint(3, (*value).min(i64::MAX as u64)),
    });
}

/// A message of protobuf as it is written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn raw(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push((value & 0x7f) as u8);
    }

    fn varint(&mut self, field: u32, value: u64) {
        self.raw(u64::from(field) << 3);
        self.raw(value);
    }

    fn fixed64(&mut self, field: u32, value: u64) {
        self.raw(u64::from(field) << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, field: u32, value: &[u8]) {
        self.raw(u64::from(field) << 3 | 2);
        self.raw(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    fn text(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    fn message(&mut self, field: u32, fill: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }
}

/// An answer that is no protobuf.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the answer is not that of an OTLP receiver")]
pub struct AnswerError;

/// How many records the receiver refused for good, from an `ExportLogsServiceResponse`. They are not named, and must not
/// be sent again.
pub fn rejected(body: &[u8]) -> Result<u64, AnswerError> {
    let mut rejected = 0;
    fields(body, |field, value| {
        if let (1, Field::Bytes(partial)) = (field, value) {
            fields(partial, |field, value| {
                if let (1, Field::Number(count)) = (field, value) {
                    rejected = u64::try_from(count.cast_signed()).unwrap_or(0);
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(rejected)
}

enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

fn fields<'b>(
    mut rest: &'b [u8],
    mut each: impl FnMut(u64, Field<'b>) -> Result<(), AnswerError>,
) -> Result<(), AnswerError> {
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let value = match tag & 7 {
            0 => Field::Number(varint(&mut rest)?),
            1 => Field::Bytes(take(&mut rest, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).map_err(|_| AnswerError)?;
                Field::Bytes(take(&mut rest, length)?)
            }
            5 => Field::Bytes(take(&mut rest, 4)?),
            _ => return Err(AnswerError),
        };
        if tag >> 3 == 0 {
            return Err(AnswerError);
        }
        each(tag >> 3, value)?;
    }
    Ok(())
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Result<&'b [u8], AnswerError> {
    let (taken, left) = rest.split_at_checked(length).ok_or(AnswerError)?;
    *rest = left;
    Ok(taken)
}

fn varint(rest: &mut &[u8]) -> Result<u64, AnswerError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, left) = rest.split_first().ok_or(AnswerError)?;
        *rest = left;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(AnswerError);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(AnswerError)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
    };
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::format::samples;

    #[test]
    fn a_request_is_read_by_the_protocols_own_types() {
        let (records, origin) = (samples::records(), samples::origin());
        let records: Vec<&Record> = records.iter().collect();
        let (body, count) = request(&records, &origin);
        assert_eq!(count, records.len());
        let request = ExportLogsServiceRequest::decode(&*body).unwrap();
        // Written again by them, it is the same: nothing is unknown, nothing out of place.
        assert_eq!(request.encoded_len(), body.len());
        let scope = &request.resource_logs[0].scope_logs[0];
        assert_eq!(scope.scope.as_ref().unwrap().name, "testudo");
        insta::assert_debug_snapshot!("otlp", scope.log_records[1]);
        for (log, record) in scope.log_records.iter().zip(&records) {
            assert_eq!(log.event_name, record.plain.kind.name());
            assert_eq!(i64::try_from(log.time_unix_nano).unwrap(), record.plain.at.micros() * 1_000);
        }
    }

    #[test]
    fn an_answer_says_how_many_were_rejected() {
        let answer = |partial_success| ExportLogsServiceResponse { partial_success }.encode_to_vec();
        assert_eq!(rejected(&answer(None)), Ok(0));
        let partial = ExportLogsPartialSuccess { rejected_log_records: 7, error_message: "full".into() };
        assert_eq!(rejected(&answer(Some(partial))), Ok(7));
        assert_eq!(rejected(b"{}"), Err(AnswerError));
        assert_eq!(rejected(&[0x0a, 0xff]), Err(AnswerError));
    }

    proptest! {
        #[test]
        fn no_answer_breaks_the_reader(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = rejected(&body);
        }

        #[test]
        fn numbers_are_read_as_they_were_written(value: u64) {
            let mut message = Message::default();
            message.raw(value);
            let mut rest = &*message.0;
            prop_assert_eq!(varint(&mut rest), Ok(value));
            prop_assert!(rest.is_empty());
        }
    }
}
