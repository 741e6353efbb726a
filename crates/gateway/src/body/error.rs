//! Why a body broke off.

use testudo_core::Fault;

use crate::framing::MalformedCode;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The caller's chunks or trailers are malformed.
    #[error("the body is malformed: {}", .0.text())]
    Malformed(MalformedCode),
    /// The caller sends more than the handler takes.
    #[error("the body is larger than this route takes")]
    TooLarge,
    /// The caller sends slower than the minimum rate.
    #[error("the body arrives too slowly; send it faster")]
    TooSlow,
    /// The caller did not finish in time.
    #[error("the body did not arrive in time; send it in smaller parts")]
    Deadline,
    /// Whoever watched the body refused it, for this reason (a stable code).
    #[error("the body was refused: {0}")]
    Refused(&'static str),
    /// The caller went away within the body.
    #[error("the caller closed the connection within the body")]
    CallerGone(#[source] hyper::Error),
    /// The upstream closed or failed before its answer was complete.
    #[error("the upstream ended its answer early")]
    UpstreamBroken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The upstream sent nothing for too long.
    #[error("the upstream stopped sending within its answer")]
    UpstreamStalled,
    /// The stream was ended by its [`crate::CloseSignal`].
    #[error("the stream was ended: {0}")]
    Closed(&'static str),
    /// The handler holds back the rest of the answer, for this reason (a stable code).
    #[error("the rest of the answer is withheld: {0}")]
    Withheld(&'static str),
    /// A body given by the handler failed.
    #[error("the answer could not be produced")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BodyError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            BodyError::Malformed(_)
            | BodyError::TooLarge
            | BodyError::TooSlow
            | BodyError::Deadline
            | BodyError::Refused(_)
            | BodyError::CallerGone(_) => Fault::Client,
            BodyError::UpstreamBroken(_) | BodyError::UpstreamStalled | BodyError::Withheld(_) => Fault::Peer,
            BodyError::Closed(_) => Fault::Dependency,
            BodyError::Source(_) => Fault::Bug,
        }
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            BodyError::Malformed(code) => code.as_str(),
            BodyError::TooLarge => "body-too-large",
            BodyError::TooSlow => "body-too-slow",
            BodyError::Deadline => "body-deadline",
            BodyError::CallerGone(_) => "caller-gone",
            BodyError::UpstreamBroken(_) => "upstream-broken",
            BodyError::UpstreamStalled => "upstream-stalled",
            BodyError::Closed(reason) | BodyError::Withheld(reason) | BodyError::Refused(reason) => reason,
            BodyError::Source(_) => "answer-failed",
        }
    }

    /// The status to answer with, if nothing was answered yet.
    pub fn status(&self) -> u16 {
        match self {
            BodyError::Malformed(code) => code.status(),
            BodyError::TooLarge => 413,
            BodyError::TooSlow | BodyError::Deadline => 408,
            BodyError::CallerGone(_) => 400,
            BodyError::Refused(_) => 403,
            BodyError::UpstreamStalled => 504,
            BodyError::Closed(_) => 503,
            BodyError::UpstreamBroken(_) | BodyError::Withheld(_) | BodyError::Source(_) => self.fault().status(),
        }
    }
}
