//! An OTLP receiver over HTTP.

use std::path::Path;

use bytes::Bytes;
use testudo_core::Secret;

use super::{Delivery, Refused, SendError, Verdict, verdict};
use crate::format::otlp;
use crate::{HttpSender, Origin, Record, WireError};

/// The largest answer that is read.
const MAX_ANSWER: usize = 64 * 1024;

/// Sends to an OTLP receiver.
#[derive(Debug)]
pub struct OtlpTarget {
    http: HttpSender,
    /// Records of a request: fewer after one that was too large or not understood.
    most: usize,
    /// The last request was taken.
    works: bool,
}

impl OtlpTarget {
    /// To this URL, which by custom ends in `/v1/logs`.
    pub fn new(
        url: &str,
        ca_file: Option<&Path>,
        authorization: Option<&Secret<String>>,
    ) -> Result<OtlpTarget, WireError> {
        Ok(OtlpTarget {
            http: HttpSender::new(url, ca_file, authorization, MAX_ANSWER)?,
            most: otlp::MOST_RECORDS,
            works: false,
        })
    }

    pub(super) async fn send(&mut self, records: &[&Record], origin: &Origin) -> Result<Delivery, SendError> {
        let some = records.get(..self.most.min(records.len())).unwrap_or(records);
        let (body, count) = otlp::request(some, origin);
        let answer = self.http.post(otlp::MEDIA_TYPE, &[], Bytes::from(body)).await?;
        match verdict(&answer) {
            Verdict::Read => {
                self.works = true;
                self.most = (self.most + self.most / 8 + 1).min(otlp::MOST_RECORDS);
                // A receiver that answers 200 in another language has taken them all the same.
                let refused_unnamed = otlp::rejected(&answer.body).unwrap_or(0).min(count as u64);
                Ok(Delivery { count, refused_unnamed, wait: answer.retry_after, ..Delivery::default() })
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
