//! The index of the journal: which entries have which kind, person, request, address, network, session or client.
//!
//! A random insert into a B-tree per entry and column would write a page each and end far below the rate that the
//! journal must hold. Instead the index grows like the log: every [`SEGMENT`] entries, their terms (64-bit digests of
//! field and value) are sorted and stored as a few immutable chunks, which are found by segment and first term. A search
//! reads one or two chunks per segment, newest or oldest first, and checks what it found against the entry itself. The
//! entries after the last full segment are indexed in memory ([`Tail`]).

use testudo_core::EventKind;

use super::entry::Plain;
use super::filter::JournalFilter;

/// Entries per index segment.
pub(crate) const SEGMENT: u64 = 16_384;
/// Pairs of term and offset in a chunk; ten bytes each.
const CHUNK: usize = 256;
const PAIR: usize = 10;

/// The fields by which entries are found.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Field {
    Kind = 1,
    Person = 2,
    Request = 3,
    Address = 4,
    Network = 5,
    Session = 6,
    Client = 7,
    Device = 8,
}

/// A term: FNV-1a over the field and the value. Collisions cost a read, never a wrong answer.
fn term(field: Field, value: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let start = 0xcbf2_9ce4_8422_2325 ^ (field as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// The terms of an entry.
pub(crate) fn terms(plain: &Plain) -> Vec<u64> {
    let mut terms = Vec::with_capacity(8);
    terms.push(term(Field::Kind, plain.kind.name().as_bytes()));
    let people = [plain.person, plain.subject];
    terms.extend(people.iter().flatten().map(|person| term(Field::Person, &person.0)));
    terms.extend(plain.request.map(|id| term(Field::Request, &id.to_bytes())));
    terms.extend(plain.address.map(|address| term(Field::Address, &address.0)));
    terms.extend(plain.network.map(|network| term(Field::Network, &network.0)));
    terms.extend(plain.sessions().map(|id| term(Field::Session, &id.to_bytes())));
    terms.extend(plain.client.as_ref().map(|id| term(Field::Client, id.as_str().as_bytes())));
    terms.extend(plain.device.map(|device| term(Field::Device, &device.0)));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The terms of a filter: an entry that passes has at least one of each inner list.
pub(crate) fn wanted(filter: &JournalFilter) -> Vec<Vec<u64>> {
    let mut wanted = Vec::new();
    if !filter.kinds.is_empty() {
        let kind = |kind: &EventKind| term(Field::Kind, kind.name().as_bytes());
        wanted.push(filter.kinds.iter().map(kind).collect());
    }
    wanted.extend(filter.person.map(|person| vec![term(Field::Person, &person.0)]));
    wanted.extend(filter.request.map(|id| vec![term(Field::Request, &id.to_bytes())]));
    wanted.extend(filter.address.map(|address| vec![term(Field::Address, &address.0)]));
    wanted.extend(filter.network.map(|network| vec![term(Field::Network, &network.0)]));
    wanted.extend(filter.session.map(|id| vec![term(Field::Session, &id.to_bytes())]));
    wanted.extend(filter.client.as_ref().map(|id| vec![term(Field::Client, id.as_str().as_bytes())]));
    wanted.extend(filter.device.map(|device| vec![term(Field::Device, &device.0)]));
    wanted
}

/// A stored piece of a segment's index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Chunk {
    pub segment: u64,
    pub number: u32,
    pub first: u64,
    pub data: Vec<u8>,
}

/// Sorts the terms of a full segment and cuts them into chunks.
pub(crate) fn chunks(segment: u64, pairs: &mut [(u64, u16)]) -> Vec<Chunk> {
    pairs.sort_unstable();
    let chunk = |(number, pairs): (usize, &[(u64, u16)])| Chunk {
        segment,
        number: u32::try_from(number).unwrap_or(u32::MAX),
        first: pairs.first().map_or(0, |(term, _)| *term),
        data: pairs.iter().flat_map(|(term, offset)| encode(*term, *offset)).collect(),
    };
    pairs.chunks(CHUNK).enumerate().map(chunk).collect()
}

fn encode(term: u64, offset: u16) -> [u8; PAIR] {
    let mut pair = [0; PAIR];
    let (to_term, to_offset) = pair.split_at_mut(8);
    to_term.copy_from_slice(&term.to_be_bytes());
    to_offset.copy_from_slice(&offset.to_be_bytes());
    pair
}

/// The offsets that a chunk has for a term.
pub(crate) fn offsets(data: &[u8], wanted: u64) -> impl Iterator<Item = u16> {
    data.chunks_exact(PAIR).filter_map(move |pair| {
        let (term, offset) = pair.split_first_chunk::<8>()?;
        let offset = offset.first_chunk::<2>()?;
        (u64::from_be_bytes(*term) == wanted).then(|| u16::from_be_bytes(*offset))
    })
}

/// The order-preserving signed form of a term, for SQL integers.
pub(crate) const fn signed(term: u64) -> i64 {
    (term ^ (1 << 63)).cast_signed()
}

/// The terms of the entries after the last full segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    /// The segment that is not full yet.
    pub segment: u64,
    pub pairs: Vec<(u64, u16)>,
}

impl Tail {
    /// The offsets within the segment of the entries from the place `from` on that may pass the filter, in order. Who
    /// follows the end of the journal asks at each commit, so that only what is new is looked at.
    pub fn search(&self, wanted: &[Vec<u64>], from: u64) -> Vec<u16> {
        let first = from.saturating_sub(self.segment * SEGMENT);
        let known = self.pairs.partition_point(|(_, offset)| u64::from(*offset) < first);
        let new = self.pairs.get(known..).unwrap_or_default();
        intersect(
            wanted
                .iter()
                .map(|terms| new.iter().filter(|(term, _)| terms.contains(term)).map(|(_, offset)| *offset).collect()),
        )
    }
}

/// What is in all of the lists; sorted.
pub(crate) fn intersect(lists: impl Iterator<Item = Vec<u16>>) -> Vec<u16> {
    let sorted = lists.map(|mut list| {
        list.sort_unstable();
        list.dedup();
        list
    });
    sorted
        .reduce(|kept, list| kept.into_iter().filter(|offset| list.binary_search(offset).is_ok()).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_term_is_found_in_the_chunks_that_can_hold_it() {
        let mut pairs: Vec<(u64, u16)> = (0..2_000u16).map(|offset| (u64::from(offset % 7), offset)).collect();
        let chunks = chunks(3, &mut pairs);
        assert_eq!(chunks.len(), 8);
        let found: Vec<u16> = chunks.iter().flat_map(|chunk| offsets(&chunk.data, 5)).collect();
        assert_eq!(found, (0..2_000).filter(|offset| offset % 7 == 5).collect::<Vec<u16>>());
        assert!(signed(0) < signed(1) && signed(1) < signed(u64::MAX));
    }

    #[test]
    fn the_tail_intersects_fields_and_joins_values() {
        let tail = Tail { segment: 0, pairs: vec![(1, 0), (9, 0), (1, 1), (2, 2), (9, 2)] };
        assert_eq!(tail.search(&[vec![1, 2]], 0), [0, 1, 2]);
        assert_eq!(tail.search(&[vec![1, 2], vec![9]], 0), [0, 2]);
        assert_eq!(tail.search(&[vec![1, 2]], 1), [1, 2]);
        assert_eq!(tail.search(&[vec![1, 2]], SEGMENT), [] as [u16; 0]);
        assert_eq!(tail.search(&[vec![7]], 0), [] as [u16; 0]);
    }
}
