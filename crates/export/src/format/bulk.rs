//! The bulk API of Elasticsearch, `OpenSearch` and Quickwit: NDJSON of actions and documents, and its answers.
//!
//! Each document is a `create` under an `_id` that is the same each time it is sent, so that a repeat changes nothing
//! (409 is then an answer as good as 201). An answer names the fate of each document: taken, to be sent again (429 and
//! 5xx, and what lies in the index or the credentials), or refused for good.

#![expect(clippy::needless_pass_by_value, reason = "what is handed over is done with")]

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::json;

use super::{Format, MAX_LINE};
use crate::{Origin, Record};

/// Documents of one request.
pub const MOST_DOCUMENTS: usize = 500;
/// Bytes after which no more document is added to a request.
pub const ENOUGH_BYTES: usize = 2 * 1024 * 1024;

/// A request's body, and how many records, from the first on, are in it.
pub fn request(records: &[&Record], origin: &Origin, format: Format, index: &str) -> (Vec<u8>, usize) {
    let mut body = Vec::new();
    let mut count = 0;
    for record in records.iter().take(MOST_DOCUMENTS) {
        let action = json!({ "create": { "_index": index, "_id": record.id(origin) } });
        body.extend_from_slice(action.to_string().as_bytes());
        body.push(b'\n');
        body.extend(format.line(record, origin, MAX_LINE));
        body.push(b'\n');
        count += 1;
        if body.len() >= ENOUGH_BYTES {
            break;
        }
    }
    (body, count)
}

/// What became of the documents of a request, by their places in it; those that are not named were taken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fates {
    /// To be sent again.
    pub again: Vec<usize>,
    /// Refused for good, with the status and the type of the error. Not its text: that may quote the document.
    pub refused: Vec<(usize, String)>,
}

/// Why an answer is not understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnswerError {
    /// It is no JSON of a bulk answer.
    #[error("the answer is not that of a bulk API")]
    Format,
    /// It says that documents failed, and names another number of documents than were sent.
    #[error("the answer is about {0} documents and {1} were sent")]
    Count(usize, usize),
}

#[derive(Deserialize)]
struct Answer<'a> {
    errors: bool,
    #[serde(borrow, default)]
    items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, alias = "index")]
    create: Fate<'a>,
}

#[derive(Deserialize)]
struct Fate<'a> {
    status: u16,
    #[serde(borrow, default)]
    error: Option<Cause<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Cause<'a> {
    Typed {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
    },
    // Older servers write the whole error as a text.
    Other(serde::de::IgnoredAny),
}

/// Reads the answer to a request with `count` documents.
pub fn fates(body: &[u8], count: usize) -> Result<Fates, AnswerError> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| AnswerError::Format)?;
    if !answer.errors {
        return Ok(Fates::default());
    }
    if answer.items.len() != count {
        return Err(AnswerError::Count(answer.items.len(), count));
    }
    let mut fates = Fates::default();
    for (place, Item { create: fate }) in answer.items.into_iter().enumerate() {
        match fate.status {
            // 409: it is there already.
            200..=299 | 409 => {}
            // 401, 403, 404: not the document, but who sends it, or the index, has to be mended.
            401 | 403 | 404 | 429 | 500..=599 => fates.again.push(place),
            status => fates.refused.push((place, cause(status, fate.error))),
        }
    }
    Ok(fates)
}

fn cause(status: u16, error: Option<Cause<'_>>) -> String {
    let kind = match &error {
        Some(Cause::Typed { kind }) => {
            kind.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect()
        }
        _ => String::new(),
    };
    if kind.is_empty() { format!("status {status}") } else { format!("status {status}, {kind}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use serde_json::Value;

    use super::*;
    use crate::format::samples;

    #[test]
    fn a_request_is_lines_of_action_and_document_with_stable_ids() {
        let (records, origin) = (samples::records(), samples::origin());
        let records: Vec<&Record> = records.iter().collect();
        let (body, count) = request(&records, &origin, Format::Ecs, "testudo");
        assert_eq!(count, records.len());
        assert_eq!(body.last(), Some(&b'\n'));
        let lines: Vec<Value> = body
            .split(|byte| *byte == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect();
        assert_eq!(lines.len(), 2 * count);
        for (pair, record) in lines.chunks(2).zip(&records) {
            assert_eq!(pair[0]["create"]["_index"], "testudo");
            assert_eq!(pair[0]["create"]["_id"], format!("testudo-00ff-{}", record.seq));
            assert_eq!(pair[1]["event"]["id"], pair[0]["create"]["_id"]);
        }
        let many: Vec<&Record> = std::iter::repeat_n(records[0], 2_000).collect();
        assert_eq!(request(&many, &origin, Format::Ocsf, "testudo").1, MOST_DOCUMENTS);
    }

    #[test]
    fn an_answer_tells_the_fate_of_each_document() {
        assert_eq!(fates(br#"{"took":3,"errors":false,"items":[]}"#, 2), Ok(Fates::default()));
        let body = br#"{"took":1,"errors":true,"items":[
            {"create":{"_index":"t","_id":"1","status":201}},
            {"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"x"}}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}},
            {"index":{"status":503,"error":"unavailable"}},
            {"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"ada@example.org"}}}]}"#;
        let read = fates(body, 5).unwrap();
        assert_eq!(read.again, [2, 3]);
        assert_eq!(read.refused, [(4, "status 400, mapper_parsing_exception".to_owned())]);
        assert_eq!(fates(body, 4), Err(AnswerError::Count(5, 4)));
        assert_eq!(fates(b"<html>", 1), Err(AnswerError::Format));
        assert_eq!(fates(br#"{"items":[]}"#, 1), Err(AnswerError::Format));
    }
}
