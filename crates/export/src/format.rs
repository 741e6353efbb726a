//! Formats: how a record looks outside. Pure: records in, bytes out.

pub mod bulk;
mod cef;
mod ecs;
mod ocsf;
pub mod otlp;
pub mod syslog;
mod view;

#[cfg(test)]
mod laws;
#[cfg(test)]
pub(crate) mod samples;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use view::{HttpView, View, Who};

use crate::{Origin, Record};

/// The longest line of a file and the longest document of a bulk request, in bytes.
pub const MAX_LINE: usize = 64 * 1024;

/// How a record is written where the format can be chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The syslog of RFC 5424 with structured data.
    Rfc5424,
    /// Common Event Format, version 0.
    Cef,
    /// JSON of OCSF 1.4, one class per kind of event.
    Ocsf,
    /// JSON of the Elastic Common Schema 8.
    Ecs,
}

/// A text that names no format.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no format; use `rfc5424`, `cef`, `ocsf` or `ecs`")]
pub struct UnknownFormat(String);

impl Format {
    /// All formats.
    pub const ALL: [Format; 4] = [Format::Rfc5424, Format::Cef, Format::Ocsf, Format::Ecs];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Rfc5424 => "rfc5424",
            Format::Cef => "cef",
            Format::Ocsf => "ocsf",
            Format::Ecs => "ecs",
        }
    }

    /// A record as one line without its end, at most `most` bytes long (8 KiB and more are always kept).
    pub fn line(self, record: &Record, origin: &Origin, most: usize) -> Vec<u8> {
        match self {
            Format::Rfc5424 => syslog::message(record, origin, syslog::AUDIT, None, most),
            Format::Cef => view::fit(record, origin, most, cef::line),
            Format::Ocsf => view::fit(record, origin, most, |view| json(&ocsf::document(view))),
            Format::Ecs => view::fit(record, origin, most, |view| json(&ecs::document(view))),
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Format, UnknownFormat> {
        let known = Format::ALL.into_iter().find(|format| format.name() == text);
        known.ok_or_else(|| UnknownFormat(text.chars().take(64).collect()))
    }
}

fn json(document: &serde_json::Value) -> Vec<u8> {
    document.to_string().into_bytes()
}
