//! Which keys an object had already, compared with escapes resolved.

use super::Text;

/// Objects up to this many keys are searched one by one; larger ones get an index.
const SMALL: usize = 32;

/// The keys of the objects that are open.
#[derive(Default, Debug)]
pub(super) struct Keys {
    /// Resolved keys of open objects, one after the other.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    objects: Vec<Object>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    start: usize,
    end: usize,
}

#[derive(Debug)]
struct Object {
    /// Its first entry.
    first: usize,
    /// Open addressing over entries, once there are many; 0 is free, else one more than the entry's index.
    index: Vec<usize>,
}

impl Keys {
    pub(super) fn open(&mut self) {
        self.objects.push(Object { first: self.entries.len(), index: Vec::new() });
    }

    pub(super) fn close(&mut self) {
        let Some(object) = self.objects.pop() else { return };
        if let Some(entry) = self.entries.get(object.first) {
            self.bytes.truncate(entry.start);
        }
        self.entries.truncate(object.first);
    }

    pub(super) fn clear(&mut self) {
        self.objects.clear();
        self.entries.clear();
        self.bytes.clear();
    }

    /// Notes a key of the innermost object; whether it had it before.
    pub(super) fn repeats(&mut self, key: &Text<'_>) -> bool {
        let said = key.bytes();
        let hash = hash(&said);
        let Some(object) = self.objects.last_mut() else { return false };
        let own = self.entries.get(object.first..).unwrap_or_default();
        let bytes = &self.bytes;
        let same = |entry: &Entry| entry.hash == hash && bytes.get(entry.start..entry.end) == Some(&*said);
        let found = if object.index.is_empty() {
            own.iter().any(same)
        } else {
            probe(&object.index, hash).any(|entry| own.get(entry).is_some_and(same))
        };
        if found {
            return true;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&said);
        self.entries.push(Entry { hash, start, end: self.bytes.len() });
        let own = self.entries.get(object.first..).unwrap_or_default();
        if own.len() > SMALL {
            if own.len() * 2 > object.index.len() {
                let size = (own.len() * 4).next_power_of_two();
                object.index = vec![0; size];
                own.iter().enumerate().for_each(|(at, entry)| insert(&mut object.index, entry.hash, at));
            } else {
                insert(&mut object.index, hash, own.len() - 1);
            }
        }
        false
    }
}

/// The entries that may have this hash.
fn probe(index: &[usize], hash: u64) -> impl Iterator<Item = usize> {
    let places = slots(index.len(), hash);
    places.map_while(|slot| index.get(slot).and_then(|entry| entry.checked_sub(1)))
}

fn insert(index: &mut [usize], hash: u64, entry: usize) {
    for slot in slots(index.len(), hash) {
        if let Some(free) = index.get_mut(slot)
            && *free == 0
        {
            *free = entry + 1;
            return;
        }
    }
}

fn slots(size: usize, hash: u64) -> impl Iterator<Item = usize> {
    let mask = size.saturating_sub(1);
    let first = (hash >> 20) as usize;
    (0..size).map(move |step| first.wrapping_add(step) & mask)
}

/// A quick hash. Equal hashes are compared byte by byte, so that it decides nothing.
fn hash(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = bytes.len() as u64 ^ ODD;
    for block in bytes.chunks(8) {
        let mut word = [0; 8];
        word.iter_mut().zip(block).for_each(|(to, from)| *to = *from);
        let product = u128::from(state ^ u64::from_le_bytes(word)) * u128::from(ODD);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are folded")]
        let folded = (product as u64) ^ ((product >> 64) as u64);
        state = folded;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use testudo_core::Span;

    fn key(raw: &[u8]) -> Text<'_> {
        Text { span: Span { start: 0, end: 0 }, raw, escaped: raw.contains(&b'\\') }
    }

    #[test]
    fn repeats_are_found_in_small_and_large_objects() {
        let mut keys = Keys::default();
        keys.open();
        assert!(!keys.repeats(&key(b"outer")));
        keys.open();
        let names: Vec<String> = (0..500).map(|number| format!("k{number}")).collect();
        for name in &names {
            assert!(!keys.repeats(&key(name.as_bytes())), "{name}");
        }
        for name in &names {
            assert!(keys.repeats(&key(name.as_bytes())), "{name}");
        }
        assert!(!keys.repeats(&key(b"outer")));
        assert!(keys.repeats(&key(br"\u006b0")), "compared with escapes resolved");
        keys.close();
        assert!(keys.repeats(&key(b"outer")));
        assert!(!keys.repeats(&key(b"k0")));
    }
}
