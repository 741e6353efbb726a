//! The bulk API of Elasticsearch, `OpenSearch` and Quickwit.

use std::path::Path;

use bytes::Bytes;
use testudo_core::Secret;

use super::{Delivery, Refused, SendError, Verdict, verdict};
use crate::format::{Format, bulk};
use crate::{HttpSender, Origin, Record, WireError};

/// The largest answer that is read: a line of a few hundred bytes for each document.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// Sends to a bulk API.
#[derive(Debug)]
pub struct BulkTarget {
    http: HttpSender,
    index: String,
    format: Format,
    /// Documents of a request: fewer after one that was too large or not understood.
    most: usize,
    /// The last request was taken.
    works: bool,
}

impl BulkTarget {
    /// To this URL, which ends in `_bulk`, into this index or data stream.
    pub fn new(
        url: &str,
        ca_file: Option<&Path>,
        authorization: Option<&Secret<String>>,
        index: String,
        format: Format,
    ) -> Result<BulkTarget, WireError> {
        let http = HttpSender::new(url, ca_file, authorization, MAX_ANSWER)?;
        Ok(BulkTarget { http, index, format, most: bulk::MOST_DOCUMENTS, works: false })
    }

    pub(super) async fn send(&mut self, records: &[&Record], origin: &Origin) -> Result<Delivery, SendError> {
        let some = records.get(..self.most.min(records.len())).unwrap_or(records);
        let (body, count) = bulk::request(some, origin, self.format, &self.index);
        let answer = self.http.post("application/x-ndjson", &[], Bytes::from(body)).await?;
        match verdict(&answer) {
            Verdict::Read => {
                let fates = bulk::fates(&answer.body, count).map_err(SendError::new)?;
                self.works = true;
                self.most = (self.most + self.most / 8 + 1).min(bulk::MOST_DOCUMENTS);
                let refused = fates.refused.into_iter().map(|(index, cause)| Refused { index, cause }).collect();
                Ok(Delivery { count, again: fates.again, refused, wait: answer.retry_after, ..Delivery::default() })
            }
            Verdict::TooLarge | Verdict::Malformed(_) if count > 1 => {
                self.most = count / 2;
                Ok(Delivery::default())
            }
            Verdict::Malformed(error) if !self.works => Err(error),
            Verdict::TooLarge | Verdict::Malformed(_) => {
                self.works = false;
                let cause = format!("status {}", answer.status.as_u16());
                Ok(Delivery { count, refused: vec![Refused { index: 0, cause }], ..Delivery::default() })
            }
            Verdict::Later(error) => Err(error),
        }
    }
}
