//! What leaves the house: events to other systems, and notices to people.
//!
//! - A [`Record`] is an entry of the journal as it is exported; [`format`] renders it: RFC 5424, CEF, OCSF, ECS, OTLP.
//!   Formatters are pure: records in, bytes out, lines of bounded length.
//! - A [`Target`] takes records: a file, a syslog receiver, a bulk API, an OTLP receiver.
//! - An [`Exporter`] reads a [`Feed`] in order, sends, and moves the feed's place when the target has taken what was sent:
//!   at least once, however long the target is down, with one batch in memory.
//! - [`notice`] tells people: by mail, or by a signed webhook.
//!
//! To add a format: a module in `format/` that renders a [`format::View`], its row in [`format::Format`], snapshots. To
//! add a kind of target: a module in `target/`, its variant in [`Target`], and its keys in the configuration of the top
//! floor.

mod backoff;
mod exporter;
mod http;
mod progress;
mod record;
mod text;
mod wire;

pub mod format;
pub mod notice;
pub mod target;

pub use backoff::Backoff;
pub use exporter::{Batch, Ended, Exporter, Feed, FeedError};
pub use http::{HttpAnswer, HttpError, HttpSender};
pub use progress::{Progress, State, Status};
pub use record::{Masker, Origin, Record, unmasked};
pub use target::{Delivery, Refused, SendError, Target};
pub use wire::{Place, WireError, trust_anchors};
