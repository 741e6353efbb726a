//! Pruning: old entries are exported and their bodies removed; their hashes stay, so that all proofs still hold.
//!
//! A pruned entry gets another authentication code, one that says that its body may be gone; so a body that somebody
//! else removed is found.

use std::io::Write;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use serde_json::json;
use testudo_core::{Event, EventKind, Timestamp};
use testudo_crypto::digest::Sha256;

use super::appender::{self, Presence, Row};
use super::filter::JournalFilter;
use super::read;
use crate::backend::{Op, Prepared, Pruned};
use crate::store::Core;
use crate::{UpkeepError, prepare};

/// Entries that are pruned in one transaction.
const BATCH: usize = 4_096;

/// What to prune.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PruneRequest {
    /// Entries of these kinds; [`EventKind::JournalPruned`] stays.
    pub kinds: Vec<EventKind>,
    /// That happened before.
    pub before: Timestamp,
    /// The file to which they are appended before they go: JSON lines with `seq`, `entry` (base64) and `leaf` (hex).
    pub export: PathBuf,
}

/// What was pruned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PruneReport {
    /// The number of entries.
    pub entries: u64,
    /// The first and the last place.
    pub range: Option<(u64, u64)>,
    /// For each transaction the SHA-256 of the lines that it exported, in hex; the events say the same.
    pub digests: Vec<String>,
}

/// Prunes what is asked for and no observer still has to read.
pub(crate) async fn prune(core: &Core, request: &PruneRequest) -> Result<PruneReport, UpkeepError> {
    let kinds: Vec<EventKind> =
        request.kinds.iter().copied().filter(|kind| *kind != EventKind::JournalPruned).collect();
    if kinds.is_empty() {
        return Err(UpkeepError::Refused(
            "name at least one kind of event to prune, other than `journal.pruned`".into(),
        ));
    }
    let names = kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" ");
    let filter = JournalFilter { kinds, until: Some(request.before), ..JournalFilter::default() };
    let size = *core.backend.head().borrow();
    let end = core.backend.lowest_cursor().await?.map_or(size, |cursor| cursor.min(size));
    let (mut report, mut from) = (PruneReport::default(), 0);
    loop {
        let ring = core.ring();
        let found = read::scan(core.backend.as_ref(), &ring, from..end, BATCH, &filter).await?;
        let (Some((first, _)), Some((last, _))) = (found.first(), found.last()) else { break };
        let (first, last) = (first.seq, last.seq);
        let rows: Vec<Row> = found.into_iter().map(|(row, _)| row).collect();
        let digest = export(request.export.clone(), lines(&rows)).await?;
        let pruned: Vec<Pruned> = rows
            .iter()
            .map(|row| Pruned {
                seq: row.seq,
                mac: appender::authenticate(&ring, Presence::Pruned, row.seq, &row.leaf).to_vec(),
            })
            .collect();
        let event = Event::new(EventKind::JournalPruned, core.clock.now())
            .detail("from", first.to_string())
            .detail("to", last.to_string())
            .detail("entries", rows.len().to_string())
            .detail("kinds", names.clone())
            .detail("sha256", digest.clone());
        let announced = prepare::event(core, event).await?;
        core.backend.commit(Prepared { ops: vec![Op::Prune(pruned)], ..announced }).await?;
        report.entries += rows.len() as u64;
        report.range = Some((report.range.map_or(first, |(first, _)| first), last));
        report.digests.push(digest);
        from = last + 1;
    }
    Ok(report)
}

fn lines(rows: &[Row]) -> Vec<u8> {
    let mut lines = Vec::new();
    for row in rows {
        let entry = row.entry.as_deref().map(|entry| BASE64.encode(entry));
        let line = json!({ "seq": row.seq, "leaf": HEXLOWER.encode(&row.leaf), "entry": entry });
        lines.extend_from_slice(line.to_string().as_bytes());
        lines.push(b'\n');
    }
    lines
}

async fn export(path: PathBuf, lines: Vec<u8>) -> Result<String, UpkeepError> {
    let work = tokio::task::spawn_blocking(move || {
        write(&path, &lines)?;
        let mut digest = Sha256::new();
        digest.update(&lines);
        Ok(HEXLOWER.encode(&digest.finish()))
    });
    work.await.unwrap_or_else(|_| Err(UpkeepError::Refused("the export was interrupted; nothing was pruned".into())))
}

fn write(path: &Path, lines: &[u8]) -> Result<(), UpkeepError> {
    use std::os::unix::fs::OpenOptionsExt;
    let open = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let mut file = open.map_err(UpkeepError::io("open the export file", path))?;
    file.write_all(lines).and_then(|()| file.sync_all()).map_err(UpkeepError::io("write the export file", path))
}
