//! Bodies in both directions. Nothing is copied and nothing is read ahead of who asks, so back-pressure goes through.

mod error;
mod inbound;
pub(crate) mod outgoing;
mod pace;
mod response;

pub use error::BodyError;
pub(crate) use inbound::CallerFault;
pub use inbound::{BodyWatch, Collected, InboundBody};
pub(crate) use pace::Pace;
pub use response::{BodyEnd, EndOutcome, ResponseBody};
