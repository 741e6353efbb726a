//! Reads an index where it lies.

use std::borrow::Cow;

use testudo_crypto::digest::sha256;

use super::build::scheme;
use super::wire::Cursor;
use super::{
    DIGEST_FROM, Event, HEADER, IndexError, MAGIC, PACKAGE, PARTS, PARTS_AT, Part, Range, VERSION, hash, ident,
};
use crate::dependencies::Ecosystem;
use crate::dependencies::cvss::Level;

/// What an index says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About {
    /// When it was made, in seconds since 1970, if it tells.
    pub imported: Option<i64>,
    /// When its newest record was changed, in seconds since 1970.
    pub newest: i64,
    /// How many advisories it has.
    pub advisories: u32,
    /// How many packages.
    pub packages: u32,
    /// The SHA-256 digest of its content, which names it.
    pub digest: [u8; 32],
}

impl About {
    /// How many days have passed since its newest record was changed: what was published since is not in it.
    pub fn age_in_days(&self, now: i64) -> i64 {
        now.saturating_sub(self.newest).max(0) / 86_400
    }
}

/// An index in memory.
#[derive(Clone, Copy, Debug)]
pub struct Index<'a> {
    bytes: &'a [u8],
    parts: [(usize, usize); 6],
    about: About,
}

/// An advisory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advisory<'a> {
    /// Its identifier.
    pub id: Cow<'a, str>,
    /// Identifiers of the same vulnerability elsewhere.
    pub aliases: Vec<Cow<'a, str>>,
    /// When it was changed, in seconds since 1970.
    pub modified: i64,
    /// When it was published; 0 when unknown.
    pub published: i64,
    /// How bad it is.
    pub level: Option<Level>,
    /// Its CVSS base score in tenths.
    pub score: Option<u8>,
    /// The CVSS vector.
    pub vector: Option<&'a str>,
    /// CWE numbers.
    pub weaknesses: Vec<u32>,
    /// One line.
    pub summary: &'a str,
    /// A hash of its content, but for the time of the change.
    pub fingerprint: u64,
}

/// What an advisory says about a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Affected<'a> {
    /// The advisory's position.
    pub advisory: u32,
    /// Ranges of versions.
    pub ranges: Vec<Range<'a>>,
    /// Versions beside the ranges.
    pub versions: Vec<&'a str>,
}

impl Affected<'_> {
    /// Whether the version is meant: by a range or by name, a `v` in front aside.
    pub fn has(&self, version: &str) -> bool {
        let bare = |text: &str| text.strip_prefix('v').unwrap_or(text).to_owned();
        self.ranges.iter().any(|range| range.has(version))
            || self.versions.iter().any(|one| *one == version || bare(one) == bare(version))
    }
}

impl<'a> Index<'a> {
    /// Looks at the header alone.
    pub fn open(bytes: &'a [u8]) -> Result<Index<'a>, IndexError> {
        if bytes.get(..8) != Some(&MAGIC) {
            return Err(IndexError::Foreign);
        }
        let found = number(bytes, 8)?;
        if found != VERSION {
            return Err(IndexError::Version { found, expected: VERSION });
        }
        let mut parts = [(0, 0); 6];
        for (index, part) in parts.iter_mut().enumerate() {
            let at = PARTS_AT + index * 8;
            let start = usize::try_from(number(bytes, at)?).unwrap_or(usize::MAX);
            let length = usize::try_from(number(bytes, at + 4)?).unwrap_or(usize::MAX);
            let end = start.saturating_add(length);
            if start < HEADER || end > bytes.len() {
                return Err(IndexError::Damaged { offset: at, what: "a part lies outside the file" });
            }
            *part = (start, end);
        }
        let (advisories, packages, strings) = (number(bytes, 64)?, number(bytes, 68)?, number(bytes, 72)?);
        let imported = long(bytes, DIGEST_FROM)?;
        let digest = bytes.get(16..48).and_then(|digest| digest.try_into().ok()).unwrap_or_default();
        let about = About {
            imported: (imported != i64::MIN).then_some(imported),
            newest: long(bytes, DIGEST_FROM + 8)?,
            advisories,
            packages,
            digest,
        };
        let index = Index { bytes, parts, about };
        for (part, expected) in [
            (Part::Packages, u64::from(packages) * PACKAGE as u64),
            (Part::AdvisoryPlaces, (u64::from(advisories) + 1) * 4),
            (Part::StringPlaces, (u64::from(strings) + 1) * 4),
        ] {
            if index.part(part).0.len() as u64 != expected {
                return Err(IndexError::Damaged { offset: PARTS_AT, what: "a part's size is not that of its count" });
            }
        }
        Ok(index)
    }

    /// Checks the digest over the whole file, at about a gigabyte a second.
    pub fn verify(&self) -> Result<(), IndexError> {
        let covered = self.bytes.get(DIGEST_FROM..).unwrap_or_default();
        if sha256(covered) == self.about.digest { Ok(()) } else { Err(IndexError::Digest) }
    }

    /// What it says about itself.
    pub fn about(&self) -> About {
        self.about
    }

    /// What is known about a package, by its name in the registry.
    pub fn affected(&self, ecosystem: Ecosystem, name: &str) -> Result<Entries<'a>, IndexError> {
        let key = ecosystem.key(name);
        let wanted = hash(ecosystem, &key);
        let (table, _) = self.part(Part::Packages);
        let (mut low, mut high) = (0, table.len() / PACKAGE);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.package(middle)?.0 < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        while low < table.len() / PACKAGE {
            let (hash, string, place) = self.package(low)?;
            if hash != wanted {
                break;
            }
            if self.string(string)? == key {
                let mut cursor = self.ranges(place)?;
                if cursor.byte()? == ecosystem.code() {
                    let left = cursor.count()?;
                    return Ok(Entries { index: *self, cursor, left, ecosystem });
                }
            }
            low += 1;
        }
        Ok(Entries { index: *self, cursor: Cursor::new(&[], self.bytes.len()), left: 0, ecosystem })
    }

    /// All packages, in the order of the index.
    pub fn packages(&self) -> impl Iterator<Item = Result<(Ecosystem, &'a str), IndexError>> {
        let index = *self;
        (0..self.part(Part::Packages).0.len() / PACKAGE).map(move |position| {
            let (_, string, place) = index.package(position)?;
            let mut cursor = index.ranges(place)?;
            let ecosystem = Ecosystem::of_code(cursor.byte()?).ok_or_else(|| cursor.damaged("an unknown ecosystem"))?;
            Ok((ecosystem, index.string(string)?))
        })
    }

    /// The advisory at a position; they are in the order of their identifiers.
    pub fn advisory(&self, position: u32) -> Result<Advisory<'a>, IndexError> {
        let mut cursor = self.within(Part::AdvisoryPlaces, Part::Advisories, position)?;
        let id = ident::read(&mut cursor)?;
        let count = cursor.count()?;
        let aliases = (0..count).map(|_| ident::read(&mut cursor)).collect::<Result<_, _>>()?;
        let time = |cursor: &mut Cursor<'_>| cursor.number().map(|time| i64::try_from(time).unwrap_or(i64::MAX));
        let (modified, published) = (time(&mut cursor)?, time(&mut cursor)?);
        let (level, score) = (Level::of_code(cursor.byte()?), cursor.byte()?);
        let vector = match cursor.small()?.checked_sub(1) {
            Some(string) => Some(self.string(string)?),
            None => None,
        };
        let count = cursor.count()?;
        let weaknesses = (0..count).map(|_| cursor.small()).collect::<Result<_, _>>()?;
        let summary = cursor.text()?;
        let fingerprint = cursor.eight()?;
        let score = (score <= 100).then_some(score);
        Ok(Advisory { id, aliases, modified, published, level, score, vector, weaknesses, summary, fingerprint })
    }

    /// Where the advisory with this identifier is.
    pub fn find(&self, id: &str) -> Result<Option<u32>, IndexError> {
        let (mut low, mut high) = (0, self.about.advisories);
        while low < high {
            let middle = low + (high - low) / 2;
            match (*self.advisory(middle)?.id).cmp(id) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// A part and where it begins.
    fn part(&self, part: Part) -> (&'a [u8], usize) {
        let index = PARTS.iter().position(|one| std::mem::discriminant(one) == std::mem::discriminant(&part));
        let (start, end) = index.and_then(|index| self.parts.get(index)).copied().unwrap_or_default();
        (self.bytes.get(start..end).unwrap_or_default(), start)
    }

    /// Hash, name and place of a package.
    fn package(&self, position: usize) -> Result<(u64, u32, u32), IndexError> {
        let (table, start) = self.part(Part::Packages);
        let at = position.saturating_mul(PACKAGE);
        let mut cursor = Cursor::new(table.get(at..).unwrap_or_default(), start.saturating_add(at));
        Ok((cursor.eight()?, number(table, at + 8)?, number(table, at + 12)?))
    }

    fn ranges(&self, place: u32) -> Result<Cursor<'a>, IndexError> {
        let (ranges, start) = self.part(Part::Ranges);
        let at = usize::try_from(place).unwrap_or(usize::MAX);
        let Some(rest) = ranges.get(at..) else {
            return Err(IndexError::Damaged { offset: start, what: "a package's ranges lie outside" });
        };
        Ok(Cursor::new(rest, start + at))
    }

    fn string(&self, position: u32) -> Result<&'a str, IndexError> {
        let mut cursor = self.within(Part::StringPlaces, Part::Strings, position)?;
        cursor.rest()
    }

    /// The bytes of the thing at a position of a part, which another part has the places of.
    fn within(&self, places: Part, part: Part, position: u32) -> Result<Cursor<'a>, IndexError> {
        let (places, places_start) = self.part(places);
        let (bytes, start) = self.part(part);
        let at = usize::try_from(position).unwrap_or(usize::MAX).saturating_mul(4);
        let outside = IndexError::Damaged { offset: places_start.saturating_add(at), what: "a place lies outside" };
        let (from, to) = (number(places, at), number(places, at.saturating_add(4)));
        let (Ok(from), Ok(to)) = (from, to) else { return Err(outside) };
        let (from, to) = (usize::try_from(from).unwrap_or(usize::MAX), usize::try_from(to).unwrap_or(usize::MAX));
        match bytes.get(from..to) {
            Some(bytes) => Ok(Cursor::new(bytes, start + from)),
            None => Err(outside),
        }
    }
}

/// What is known about a package, one advisory after the other.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    index: Index<'a>,
    cursor: Cursor<'a>,
    left: usize,
    ecosystem: Ecosystem,
}

impl<'a> Entries<'a> {
    fn read(&mut self) -> Result<Affected<'a>, IndexError> {
        let advisory = self.cursor.small()?;
        let mut ranges = Vec::new();
        for _ in 0..self.cursor.count()? {
            let head = self.cursor.number()?;
            let count = usize::try_from(head >> 1).unwrap_or(usize::MAX);
            let mut events = Vec::new();
            for _ in 0..count {
                let event = self.cursor.number()?;
                let string = u32::try_from(event >> 3).map_err(|_| self.cursor.damaged("a number is too large"))?;
                let version = || self.index.string(string);
                events.push(match event & 7 {
                    0 => Event::Always,
                    1 => Event::Introduced(version()?),
                    2 => Event::Fixed(version()?),
                    3 => Event::LastAffected(version()?),
                    4 => Event::Limit(version()?),
                    _ => return Err(self.cursor.damaged("an unknown event")),
                });
            }
            ranges.push(Range { scheme: scheme(self.ecosystem, head & 1 == 1), events });
        }
        let mut versions = Vec::new();
        for _ in 0..self.cursor.count()? {
            let string = self.cursor.small()?;
            versions.push(self.index.string(string)?);
        }
        Ok(Affected { advisory, ranges, versions })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Affected<'a>, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let read = self.read();
        if read.is_err() {
            self.left = 0;
        }
        Some(read)
    }
}

fn number(bytes: &[u8], at: usize) -> Result<u32, IndexError> {
    let end = at.saturating_add(4);
    match bytes.get(at..end).and_then(|four| four.try_into().ok()) {
        Some(four) => Ok(u32::from_le_bytes(four)),
        None => Err(IndexError::Damaged { offset: at, what: "it ends within a value" }),
    }
}

fn long(bytes: &[u8], at: usize) -> Result<i64, IndexError> {
    let end = at.saturating_add(8);
    match bytes.get(at..end).and_then(|eight| eight.try_into().ok()) {
        Some(eight) => Ok(i64::from_le_bytes(eight)),
        None => Err(IndexError::Damaged { offset: at, what: "it ends within a value" }),
    }
}
