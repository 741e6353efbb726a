//! Compiles OSV records to an index.
//!
//! The same record may come many times (single files beside an export): the newest stays. Withdrawn records are dropped,
//! and so is what the ecosystems here do not order. Of a list of versions only those stay that no range covers.

use std::collections::HashMap;

use testudo_crypto::digest::Sha256;

use super::osv::{self, Record, Specific};
use super::wire::{put, put_text};
use super::{DIGEST_FROM, Event, HEADER, MAGIC, PACKAGE, Range, VERSION, hash, ident};
use crate::dependencies::cvss::{Level, score};
use crate::dependencies::{Ecosystem, Scheme};

/// The largest record.
const MAX_RECORD: usize = 32 << 20;
/// The longest summary that is kept.
const MAX_SUMMARY: usize = 200;

/// Why a record was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no OSV record.
    #[error("{name}: this is no OSV record: {source}")]
    Record {
        /// The file.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// It is larger than any is.
    #[error("{name}: a record of {bytes} bytes; at most {MAX_RECORD} are read")]
    Large {
        /// The file.
        name: String,
        /// Its size.
        bytes: usize,
    },
    /// A time in it is none.
    #[error("{name}: `{time}` is no time of RFC 3339")]
    Time {
        /// The file.
        name: String,
        /// What stands there.
        time: String,
    },
    /// There is more than the format holds.
    #[error("more than 4 GiB of {what}: import fewer ecosystems")]
    Full {
        /// Of what.
        what: &'static str,
    },
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// It is in the index.
    Taken,
    /// It is withdrawn.
    Withdrawn,
    /// It names no package of an ecosystem that is known here, or no versions of it.
    Foreign,
    /// A newer one with its identifier is there.
    Older,
}

/// What an import made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imported {
    /// The index.
    pub bytes: Vec<u8>,
    /// How many advisories are in it.
    pub advisories: u32,
    /// How many packages.
    pub packages: u32,
}

/// Takes records and makes an index of them.
#[derive(Debug, Default)]
pub struct Importer {
    texts: Texts,
    records: HashMap<Box<str>, Entry>,
}

/// Texts that are stored once.
#[derive(Debug, Default)]
struct Texts {
    numbers: HashMap<Box<str>, u32>,
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.into(), number);
        number
    }
}

/// A record as it waits for the index; texts by their numbers.
#[derive(Debug)]
struct Entry {
    modified: i64,
    withdrawn: bool,
    /// All but the packages, as the index stores it, with the vector's number apart.
    head: Vec<u8>,
    tail: Vec<u8>,
    vector: Option<u32>,
    fingerprint: u64,
    packages: Vec<(Ecosystem, u32, Versions)>,
}

#[derive(Debug, Default)]
struct Versions {
    ranges: Vec<(bool, Vec<(u8, u32)>)>,
    single: Vec<u32>,
}

impl Importer {
    /// Starts without records.
    pub fn new() -> Importer {
        Importer::default()
    }

    /// Takes one record in JSON; `name` stands in errors.
    pub fn add(&mut self, name: &str, json: &[u8]) -> Result<Outcome, ImportError> {
        if json.len() > MAX_RECORD {
            return Err(ImportError::Large { name: name.to_owned(), bytes: json.len() });
        }
        let record: Record =
            serde_json::from_slice(json).map_err(|source| ImportError::Record { name: name.to_owned(), source })?;
        let time = |text: &str| seconds(text).ok_or_else(|| ImportError::Time { name: name.into(), time: text.into() });
        let modified = time(&record.modified)?;
        let published = record.published.as_deref().map(time).transpose()?;
        if self.records.get(record.id.as_str()).is_some_and(|known| known.modified >= modified) {
            return Ok(Outcome::Older);
        }
        if record.withdrawn.is_some() {
            // It stays as a mark, so that an older copy does not come back.
            let entry = Entry {
                modified,
                withdrawn: true,
                head: Vec::new(),
                tail: Vec::new(),
                vector: None,
                fingerprint: 0,
                packages: Vec::new(),
            };
            self.records.insert(record.id.into(), entry);
            return Ok(Outcome::Withdrawn);
        }
        let packages = self.packages(&record);
        if packages.is_empty() {
            self.records.remove(record.id.as_str());
            return Ok(Outcome::Foreign);
        }
        let entry = self.entry(&record, modified, published.unwrap_or_default(), packages);
        self.records.insert(record.id.into(), entry);
        Ok(Outcome::Taken)
    }

    /// What the record says about packages, joined for each of them.
    fn packages(&mut self, record: &Record) -> Vec<(Ecosystem, u32, Versions)> {
        let mut packages: Vec<(Ecosystem, u32, Versions)> = Vec::new();
        let mut places: HashMap<(Ecosystem, u32), usize> = HashMap::new();
        for affected in &record.affected {
            let Some(package) = &affected.package else { continue };
            let Some(ecosystem) = Ecosystem::of_osv(&package.ecosystem) else { continue };
            let versions = self.versions(ecosystem, affected);
            if versions.ranges.is_empty() && versions.single.is_empty() {
                continue;
            }
            let name = self.texts.number(&ecosystem.key(&package.name));
            let place = *places.entry((ecosystem, name)).or_insert(packages.len());
            match packages.get_mut(place) {
                Some((_, _, known)) => {
                    known.ranges.extend(versions.ranges);
                    known.single.extend(versions.single);
                }
                None => packages.push((ecosystem, name, versions)),
            }
        }
        for (_, _, versions) in &mut packages {
            versions.single.sort_unstable();
            versions.single.dedup();
        }
        packages
    }

    fn versions(&mut self, ecosystem: Ecosystem, affected: &osv::Affected) -> Versions {
        let mut ranges = Vec::new();
        for range in &affected.ranges {
            let semver = match range.kind.as_str() {
                "SEMVER" => true,
                "ECOSYSTEM" => false,
                // Commits are not versions.
                _ => continue,
            };
            let events = range.events.iter().flat_map(|event| {
                let introduced = event
                    .introduced
                    .as_deref()
                    .map(|from| if from == "0" { Event::Always } else { Event::Introduced(from) });
                let others = [
                    event.fixed.as_deref().map(Event::Fixed),
                    event.last_affected.as_deref().map(Event::LastAffected),
                    event.limit.as_deref().map(Event::Limit),
                ];
                introduced.into_iter().chain(others.into_iter().flatten())
            });
            let range = Range::new(scheme(ecosystem, semver), events.collect());
            if !range.events.is_empty() {
                ranges.push((semver, range));
            }
        }
        let mut versions = Versions::default();
        for version in &affected.versions {
            if !ranges.iter().any(|(_, range)| range.has(version)) {
                versions.single.push(self.texts.number(version));
            }
        }
        for (semver, range) in ranges {
            let mut events = Vec::with_capacity(range.events.len());
            for event in range.events {
                let code = match event {
                    Event::Always => 0,
                    Event::Introduced(_) => 1,
                    Event::Fixed(_) => 2,
                    Event::LastAffected(_) => 3,
                    Event::Limit(_) => 4,
                };
                events.push((code, event.version().map_or(0, |version| self.texts.number(version))));
            }
            versions.ranges.push((semver, events));
        }
        versions
    }

    fn entry(
        &mut self,
        record: &Record,
        modified: i64,
        published: i64,
        packages: Vec<(Ecosystem, u32, Versions)>,
    ) -> Entry {
        let mut head = Vec::with_capacity(160);
        ident::write(&mut head, &record.id);
        let aliases: Vec<&String> = record.aliases.iter().take(64).collect();
        put(&mut head, aliases.len() as u64);
        for alias in &aliases {
            ident::write(&mut head, alias);
        }
        put(&mut head, u64::try_from(modified).unwrap_or_default());
        put(&mut head, u64::try_from(published).unwrap_or_default());
        let (level, tenths, vector) = severity(record);
        head.push(level.map_or(0, Level::code));
        head.push(tenths.unwrap_or(u8::MAX));
        let mut tail = Vec::with_capacity(96);
        let weaknesses = weaknesses(record);
        put(&mut tail, weaknesses.len() as u64);
        for weakness in weaknesses {
            put(&mut tail, u64::from(weakness));
        }
        put_text(&mut tail, &summary(record));
        let vector_text = vector.unwrap_or_default();
        let fingerprint = fingerprint(&tail, vector_text, published, record);
        let vector = (!vector_text.is_empty()).then(|| self.texts.number(vector_text));
        Entry { modified, withdrawn: false, head, tail, vector, fingerprint, packages }
    }

    /// Makes the index. `imported` is the time of the import in seconds since 1970, when it is to be told.
    pub fn finish(self, imported: Option<i64>) -> Result<Imported, ImportError> {
        let mut records: Vec<(Box<str>, Entry)> =
            self.records.into_iter().filter(|(_, entry)| !entry.withdrawn).collect();
        records.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let strings = Strings::order(self.texts, &records);
        let newest = records.iter().map(|(_, entry)| entry.modified).max().unwrap_or_default();

        let (mut places, mut advisories) = (Vec::new(), Vec::new());
        let mut packages: HashMap<(Ecosystem, u32), Vec<(u32, &Versions)>> = HashMap::new();
        for (number, (_, entry)) in (0u32..).zip(&records) {
            place(&mut places, &advisories, "advisories")?;
            advisories.extend_from_slice(&entry.head);
            put(&mut advisories, entry.vector.map_or(0, |vector| u64::from(strings.place(vector)) + 1));
            advisories.extend_from_slice(&entry.tail);
            advisories.extend_from_slice(&entry.fingerprint.to_le_bytes());
            for (ecosystem, name, versions) in &entry.packages {
                packages.entry((*ecosystem, *name)).or_default().push((number, versions));
            }
        }
        place(&mut places, &advisories, "advisories")?;

        let mut sorted: Vec<_> = packages
            .into_iter()
            .map(|((ecosystem, name), entries)| (hash(ecosystem, strings.text(name)), ecosystem, name, entries))
            .collect();
        sorted.sort_unstable_by(|one, other| {
            (one.0, one.1, strings.text(one.2)).cmp(&(other.0, other.1, strings.text(other.2)))
        });
        let (mut table, mut ranges) = (Vec::with_capacity(sorted.len() * PACKAGE), Vec::new());
        for (hash, ecosystem, name, entries) in &sorted {
            table.extend_from_slice(&hash.to_le_bytes());
            table.extend_from_slice(&strings.place(*name).to_le_bytes());
            place(&mut table, &ranges, "ranges")?;
            ranges.push(ecosystem.code());
            put(&mut ranges, entries.len() as u64);
            for (number, versions) in entries {
                put(&mut ranges, u64::from(*number));
                versions.write(&strings, &mut ranges);
            }
        }
        let (string_places, string_bytes) = strings.write()?;
        let counts = [records.len(), sorted.len(), strings.order.len()];
        let parts: [&[u8]; 6] = [&table, &ranges, &places, &advisories, &string_places, &string_bytes];
        let bytes = assemble(imported, newest, counts, parts)?;
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Imported { bytes, advisories: count(counts[0]), packages: count(counts[1]) })
    }
}

/// A hash of all that is kept but the time of the change.
fn fingerprint(tail: &[u8], vector: &str, published: i64, record: &Record) -> u64 {
    let mut digest = Sha256::new();
    let mut field = |text: &str| {
        digest.update(&(text.len() as u64).to_le_bytes());
        digest.update(text.as_bytes());
    };
    field(vector);
    for alias in &record.aliases {
        field(alias);
    }
    for affected in &record.affected {
        let Some(package) = &affected.package else { continue };
        field(&package.ecosystem);
        field(&package.name);
        for range in &affected.ranges {
            field(&range.kind);
            for event in &range.events {
                for part in [&event.introduced, &event.fixed, &event.last_affected, &event.limit] {
                    field(part.as_deref().unwrap_or_default());
                }
            }
        }
        affected.versions.iter().for_each(|version| field(version));
    }
    digest.update(tail);
    digest.update(&published.to_le_bytes());
    let digest = digest.finish();
    u64::from_le_bytes(digest.first_chunk().copied().unwrap_or_default())
}

impl Versions {
    fn write(&self, strings: &Strings, out: &mut Vec<u8>) {
        put(out, self.ranges.len() as u64);
        for (semver, events) in &self.ranges {
            put(out, (events.len() as u64) << 1 | u64::from(*semver));
            for (code, version) in events {
                let version = if *code == 0 { 0 } else { strings.place(*version) };
                put(out, u64::from(version) << 3 | u64::from(*code));
            }
        }
        put(out, self.single.len() as u64);
        for version in &self.single {
            put(out, u64::from(strings.place(*version)));
        }
    }
}

/// The texts in the order of the index.
struct Strings {
    texts: Vec<Box<str>>,
    /// The numbers of the texts, the most used first.
    order: Vec<u32>,
    /// Places by number.
    places: Vec<u32>,
}

impl Strings {
    fn order(texts: Texts, records: &[(Box<str>, Entry)]) -> Strings {
        let mut uses = vec![0u32; texts.numbers.len()];
        let mut note = |number: u32| {
            if let Some(uses) = usize::try_from(number).ok().and_then(|index| uses.get_mut(index)) {
                *uses = uses.saturating_add(1);
            }
        };
        for (_, entry) in records {
            entry.vector.into_iter().for_each(&mut note);
            for (_, name, versions) in &entry.packages {
                note(*name);
                versions.single.iter().copied().for_each(&mut note);
                let events = versions.ranges.iter().flat_map(|(_, events)| events);
                events.filter(|(code, _)| *code != 0).for_each(|(_, version)| note(*version));
            }
        }
        let mut named: Vec<(Box<str>, u32)> = texts.numbers.into_iter().collect();
        named.sort_unstable_by_key(|(_, number)| *number);
        let texts: Vec<Box<str>> = named.into_iter().map(|(text, _)| text).collect();
        let count =
            |number: &u32| usize::try_from(*number).ok().and_then(|index| uses.get(index)).copied().unwrap_or(0);
        let said = |number: &u32| usize::try_from(*number).ok().and_then(|index| texts.get(index));
        let all = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (0..all).filter(|number| count(number) > 0).collect();
        order.sort_unstable_by(|one, other| count(other).cmp(&count(one)).then_with(|| said(one).cmp(&said(other))));
        let mut places = vec![0; texts.len()];
        for (place, number) in (0u32..).zip(&order) {
            if let Some(slot) = usize::try_from(*number).ok().and_then(|index| places.get_mut(index)) {
                *slot = place;
            }
        }
        Strings { texts, order, places }
    }

    fn text(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|index| self.texts.get(index)).map_or("", |text| text)
    }

    fn place(&self, number: u32) -> u32 {
        usize::try_from(number).ok().and_then(|index| self.places.get(index)).copied().unwrap_or_default()
    }

    fn write(&self) -> Result<(Vec<u8>, Vec<u8>), ImportError> {
        let (mut places, mut bytes) = (Vec::with_capacity(self.order.len() * 4 + 4), Vec::new());
        for number in &self.order {
            place(&mut places, &bytes, "texts")?;
            bytes.extend_from_slice(self.text(*number).as_bytes());
        }
        place(&mut places, &bytes, "texts")?;
        Ok((places, bytes))
    }
}

/// Appends where the next thing will stand.
fn place(places: &mut Vec<u8>, bytes: &[u8], what: &'static str) -> Result<(), ImportError> {
    let at = u32::try_from(bytes.len()).map_err(|_| ImportError::Full { what })?;
    places.extend_from_slice(&at.to_le_bytes());
    Ok(())
}

fn assemble(imported: Option<i64>, newest: i64, counts: [usize; 3], parts: [&[u8]; 6]) -> Result<Vec<u8>, ImportError> {
    let small = |number: usize| u32::try_from(number).map_err(|_| ImportError::Full { what: "data" });
    let mut body = Vec::with_capacity(HEADER - DIGEST_FROM + parts.iter().map(|part| part.len()).sum::<usize>());
    body.extend_from_slice(&imported.unwrap_or(i64::MIN).to_le_bytes());
    body.extend_from_slice(&newest.to_le_bytes());
    for count in counts {
        body.extend_from_slice(&small(count)?.to_le_bytes());
    }
    body.extend_from_slice(&[0; 4]);
    let mut at = HEADER;
    for part in parts {
        body.extend_from_slice(&small(at)?.to_le_bytes());
        body.extend_from_slice(&small(part.len())?.to_le_bytes());
        at += part.len();
    }
    for part in parts {
        body.extend_from_slice(part);
    }
    let mut digest = Sha256::new();
    digest.update(&body);
    let mut bytes = Vec::with_capacity(DIGEST_FROM + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&digest.finish());
    bytes.append(&mut body);
    Ok(bytes)
}

/// How versions of a range are ordered.
pub(super) fn scheme(ecosystem: Ecosystem, semver: bool) -> Scheme {
    match ecosystem.scheme() {
        // pub orders by SemVer, with its own rule for builds.
        Scheme::Pub => Scheme::Pub,
        _ if semver => Scheme::SemVer,
        other => other,
    }
}

/// Seconds since 1970 of a time of RFC 3339.
fn seconds(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(|time| time.as_second().max(0))
}

/// Level, score in tenths, and vector: of the newest CVSS that has a score, else the database's own word.
fn severity(record: &Record) -> (Option<Level>, Option<u8>, Option<&str>) {
    let specific = record.affected.iter().filter_map(|affected| affected.database_specific.as_ref());
    let cvss = specific.clone().filter_map(|specific| specific.cvss.as_ref()?.as_str());
    let own = record.severity.iter().chain(record.affected.iter().flat_map(|affected| &affected.severity));
    let vectors = own.map(|severity| severity.score.as_str()).chain(cvss);
    let best =
        vectors.filter_map(|vector| score(vector).map(|tenths| (vector, tenths))).max_by_key(|(vector, tenths)| {
            // 4.0 above 3.1 above 3.0; of one version the worst.
            (vector.get(5..8).unwrap_or_default().to_owned(), *tenths)
        });
    let mut words = record.database_specific.iter().chain(specific);
    let word = words.find_map(|specific| Level::of_word(specific.severity.as_ref()?.as_str()?));
    match best {
        Some((vector, tenths)) => (Some(Level::of(tenths)), Some(tenths), Some(vector)),
        // A malicious package has no score, and nothing is worse.
        None if record.id.starts_with("MAL-") => (Some(word.unwrap_or(Level::Critical)), None, None),
        None => (word, None, None),
    }
}

fn weaknesses(record: &Record) -> Vec<u32> {
    let affected = record.affected.iter().filter_map(|affected| affected.database_specific.as_ref());
    let lists = record
        .database_specific
        .iter()
        .chain(affected)
        .filter_map(|specific: &Specific| specific.cwe_ids.as_ref()?.as_array());
    let mut weaknesses: Vec<u32> =
        lists.flatten().filter_map(|weakness| weakness.as_str()?.strip_prefix("CWE-")?.parse().ok()).take(32).collect();
    weaknesses.sort_unstable();
    weaknesses.dedup();
    weaknesses
}

/// The summary, or the first line of the details; without control characters.
fn summary(record: &Record) -> String {
    let own = record.summary.as_deref().map(str::trim).filter(|summary| !summary.is_empty());
    let details =
        || record.details.as_deref()?.lines().map(|line| line.trim_matches(['#', ' '])).find(|line| !line.is_empty());
    let text = own.or_else(details).unwrap_or_default();
    let mut summary: String = text.chars().filter(|character| !character.is_control()).take(MAX_SUMMARY + 1).collect();
    if summary.chars().count() > MAX_SUMMARY {
        summary.pop();
        summary.push('…');
    }
    summary
}
