//! How the archive's bytes are shared out: what overlaps, what belongs to nothing, and what the directory hides.

use std::ops::Range;

use memchr::memmem::Finder;

use super::anomaly::{Anomalies, AnomalyKind, shown};
use super::end::End;
use super::entry::{Entry, LOCAL_SIGNATURE, Local};
use crate::le::{slice_at, u64_at};

const MAGIC: &[u8] = b"APK Sig Block 42";

/// The place of the signing block, from its first size to its magic: right before the directory.
pub(super) fn signing_block(bytes: &[u8], end: &End, anomalies: &mut Anomalies) -> Option<Range<usize>> {
    let stop = end.directory.start;
    let magic = stop.checked_sub(MAGIC.len())?;
    if slice_at(bytes, magic, MAGIC.len()) != Some(MAGIC) {
        return None;
    }
    let size_after = u64_at(bytes, magic.checked_sub(8)?)?;
    let start = usize::try_from(size_after).ok().and_then(|size| stop.checked_sub(size)?.checked_sub(8));
    let Some(start) = start.filter(|start| size_after >= 24 && u64_at(bytes, *start) == Some(size_after)) else {
        anomalies.add(None, magic, AnomalyKind::SigningBlockBroken);
        return None;
    };
    Some(start..stop)
}

/// Notes overlaps and gaps, and the local headers in gaps.
pub(super) fn note(
    bytes: &[u8],
    end: &End,
    entries: &[Entry<'_>],
    signing_block: Option<&Range<usize>>,
    anomalies: &mut Anomalies,
) {
    let mut spans: Vec<(Range<usize>, Option<usize>)> = entries
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| Some((entry.span(bytes)?, Some(index))))
        .chain(signing_block.map(|block| (block.clone(), None)))
        .collect();
    spans.sort_unstable_by_key(|(span, index)| (span.start, span.end, *index));

    let hidden = Finder::new(LOCAL_SIGNATURE);
    let (mut reached, mut last) = (0, None);
    for (span, index) in spans {
        if span.start > reached {
            gap(bytes, reached..span.start, &hidden, anomalies);
        } else if span.start < reached {
            let other = last.and_then(|last: usize| u32::try_from(last).ok()).unwrap_or(u32::MAX);
            anomalies.add(index, span.start, AnomalyKind::Overlap { other });
        }
        if span.end > reached {
            (reached, last) = (span.end, index);
        }
    }
    if reached < end.directory.start {
        gap(bytes, reached..end.directory.start, &hidden, anomalies);
    }
    if end.directory.end < end.start() {
        gap(bytes, end.directory.end..end.start(), &hidden, anomalies);
    }
    if !entries.is_empty() && !bytes.starts_with(LOCAL_SIGNATURE) {
        anomalies.add(None, 0, AnomalyKind::LeadingBytes);
    }
}

fn gap(bytes: &[u8], range: Range<usize>, hidden: &Finder<'_>, anomalies: &mut Anomalies) {
    let Some(within) = bytes.get(range.clone()) else { return };
    let zero = within.iter().all(|byte| *byte == 0);
    anomalies.add(None, range.start, AnomalyKind::Gap { bytes: within.len(), zero });
    for at in hidden.find_iter(within) {
        let offset = range.start + at;
        // Packers fill freed space with headers that have no name.
        if let Some(name) = Local::name_at(bytes, offset).filter(|name| !name.is_empty()) {
            anomalies.add(None, offset, AnomalyKind::Unlisted { name: shown(name) });
        }
    }
}
