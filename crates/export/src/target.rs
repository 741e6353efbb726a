//! Targets: who takes records.

#![expect(clippy::match_same_arms, reason = "each arm is a row of a table")]

mod bulk;
mod file;
mod otlp;
mod syslog;

use std::time::Duration;

pub use bulk::BulkTarget;
pub use file::FileTarget;
pub use otlp::OtlpTarget;
pub use syslog::{Acknowledge, SyslogTarget};

use crate::http::HttpError;
use crate::wire::WireError;
use crate::{HttpAnswer, Origin, Record};

/// Where records go.
#[derive(Debug)]
pub enum Target {
    /// Lines of a file.
    File(FileTarget),
    /// A syslog receiver over TCP or TLS.
    Syslog(SyslogTarget),
    /// The bulk API of Elasticsearch, `OpenSearch` or Quickwit.
    Bulk(BulkTarget),
    /// An OTLP receiver over HTTP.
    Otlp(OtlpTarget),
}

/// A record, by its place among those that were handed over, that the target will never take, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Its place.
    pub index: usize,
    /// Why.
    pub cause: String,
}

/// What became of the first records of those that were handed over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Delivery {
    /// How many this is about.
    pub count: usize,
    /// Those of them that must be sent again.
    pub again: Vec<usize>,
    /// Those of them that are refused for good.
    pub refused: Vec<Refused>,
    /// Refused for good, and not named: OTLP says only how many.
    pub refused_unnamed: u64,
    /// How long the target asks to wait before the next request.
    pub wait: Option<Duration>,
}

impl Delivery {
    /// The first so many were taken.
    pub(crate) fn taken(count: usize) -> Delivery {
        Delivery { count, ..Delivery::default() }
    }
}

/// Nothing was taken, or nobody knows: it must be sent again.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct SendError {
    /// Why, without secrets.
    pub cause: String,
    /// How long the target asks to wait.
    pub wait: Option<Duration>,
}

impl SendError {
    pub(crate) fn new(cause: impl std::fmt::Display) -> SendError {
        SendError { cause: cause.to_string(), wait: None }
    }
}

impl From<WireError> for SendError {
    fn from(error: WireError) -> SendError {
        SendError::new(error)
    }
}

impl From<HttpError> for SendError {
    fn from(error: HttpError) -> SendError {
        SendError::new(error)
    }
}

impl Target {
    /// Sends the first records of these, at least one, and says what became of them.
    pub async fn send(&mut self, records: &[&Record], origin: &Origin) -> Result<Delivery, SendError> {
        match self {
            Target::File(target) => target.send(records, origin).await,
            Target::Syslog(target) => target.send(records, origin).await,
            Target::Bulk(target) => target.send(records, origin).await,
            Target::Otlp(target) => target.send(records, origin).await,
        }
    }
}

/// What the status of an answer means for the records of a request.
enum Verdict {
    /// The body says more.
    Read,
    /// Send fewer at once; a single one is refused for good.
    TooLarge,
    /// The request itself is not understood: fewer at once find the record at which that lies. A single one is refused for
    /// good only where others were taken just before: else it is not the record, and everything waits.
    Malformed(SendError),
    /// Try again later, as long as it takes.
    Later(SendError),
}

fn verdict(answer: &HttpAnswer) -> Verdict {
    let later = |help: &str| {
        Verdict::Later(SendError {
            cause: format!("the answer is {}{help}", answer.status.as_u16()),
            wait: answer.retry_after,
        })
    };
    match answer.status.as_u16() {
        200..=299 => Verdict::Read,
        300..=399 => later(": redirects are not followed, name the URL that it leads to"),
        401 | 403 => later(": check the credentials in `authorization-file`"),
        404 | 405 | 410 => later(": check `url`"),
        408 | 425 | 429 | 500..=599 => later(""),
        413 => Verdict::TooLarge,
        400 | 422 => Verdict::Malformed(SendError {
            cause: format!("the answer is {}: the target does not understand what is sent", answer.status.as_u16()),
            wait: answer.retry_after,
        }),
        _ => later(""),
    }
}
