//! Syslog over TCP (RFC 6587, octet counting) and TLS (RFC 5425).
//!
//! The protocol has no acknowledgement: what a sender wrote may lie in a buffer of a receiver that dies. So each batch has a
//! connection of its own: it is written, our side is closed, and the batch counts as taken when the receiver, which has
//! then read to the end, closes its side too. A receiver that does not can be trusted with what was written instead
//! ([`Acknowledge::Written`]).

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

use super::{Delivery, SendError};
use crate::format::Format;
use crate::format::syslog::{self, MAX_MESSAGE};
use crate::wire::{Place, WireError, is_loopback_host};
use crate::{Origin, Record};

/// Bytes after which no more message is added to a batch.
const ENOUGH_BYTES: usize = 1024 * 1024;
/// Until a batch is written, and until the receiver has closed its side.
const WRITE: Duration = Duration::from_secs(30);
const HELP: &str = "write `tls://host:6514` or `tcp://host:601`";

/// When a batch counts as taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Acknowledge {
    /// When the receiver has closed its side after ours.
    #[default]
    Closed,
    /// When it was written; what is under way when a receiver dies is lost.
    Written,
}

/// Sends to a syslog receiver.
#[derive(Debug)]
pub struct SyslogTarget {
    url: Url,
    place: Place,
    format: Format,
    facility: u8,
    acknowledge: Acknowledge,
}

impl SyslogTarget {
    /// To `tls://host:port` or `tcp://host:port`.
    pub fn new(
        url: &str,
        ca_file: Option<&Path>,
        format: Format,
        facility: u8,
        acknowledge: Acknowledge,
    ) -> Result<SyslogTarget, WireError> {
        let (url, place) = Place::parse(url, [("tcp", None), ("tls", Some(6514))], ca_file, HELP)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(WireError::Address { address: url.as_str().to_owned(), help: HELP });
        }
        Ok(SyslogTarget { url, place, format, facility, acknowledge })
    }

    /// Whether what is sent is encrypted, or does not leave this machine.
    pub fn is_private(&self) -> bool {
        self.place.is_secure() || self.url.host_str().is_some_and(is_loopback_host)
    }

    pub(super) async fn send(&mut self, records: &[&Record], origin: &Origin) -> Result<Delivery, SendError> {
        let (mut bytes, mut count) = (Vec::new(), 0);
        for record in records {
            let message = syslog::message(record, origin, self.facility, Some(self.format), MAX_MESSAGE);
            syslog::frame(&message, &mut bytes);
            count += 1;
            if bytes.len() >= ENOUGH_BYTES {
                break;
            }
        }
        let mut stream = self.place.connect().await?;
        let exchange = async {
            stream.write_all(&bytes).await?;
            stream.shutdown().await?;
            if self.acknowledge == Acknowledge::Closed {
                // A receiver has nothing to say; what it says all the same is no acknowledgement.
                let mut heard = [0; 512];
                loop {
                    match stream.read(&mut heard).await {
                        Ok(0) => break,
                        Ok(_) => {}
                        // rsyslog closes TLS without a word, after it has read everything. A connection that was reset
                        // is another error.
                        Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                        Err(error) => return Err(error),
                    }
                }
            }
            Ok::<(), std::io::Error>(())
        };
        match tokio::time::timeout(WRITE, exchange).await {
            Ok(Ok(())) => Ok(Delivery::taken(count)),
            Ok(Err(error)) => Err(SendError::new(format!("`{}` broke the connection off: {error}", self.url))),
            Err(_) => Err(SendError::new(format!(
                "`{}` did not take a batch within {} s (if it never closes a connection that we have closed, set `acknowledge = \"written\"`)",
                self.url,
                WRITE.as_secs()
            ))),
        }
    }
}
