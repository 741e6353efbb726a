//! Recognises personal data that nobody marked, by shape and checksum.
//!
//! Precision comes first: a number is taken for personal only when its checksum, its grouping or its context leaves
//! little doubt. Numbers whose check digit is right by chance too often (a bare nine-digit number is a valid Dutch BSN
//! one time in eleven) count only when the key or the words before them say what they are. Names, addresses, dates of
//! birth and health have no detector: they are masked by mark only.

mod card;
mod checksum;
mod email;
mod iban;
mod national;
mod phone;
mod words;

use memchr::memchr;

use crate::{ClassSet, DataClass};

/// The least digits that anything but an email has.
const LEAST_DIGITS: usize = 7;
/// Most groups of digits that are read together.
const MOST_GROUPS: usize = 20;
/// Most groups of one number.
const MOST_JOINED: usize = 9;
/// Most digits and letters of anything that is found; an IBAN has up to 34.
const MOST_CHARS: usize = 40;

/// Personal data in a text, by its place in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Found {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What it is.
    pub class: DataClass,
}

/// Whether a class can be recognised at all.
pub fn has_detector(class: DataClass) -> bool {
    use DataClass::{Email, Iban, NationalId, Pan, Phone};
    matches!(class, Email | Phone | Pan | Iban | NationalId)
}

/// Finds what is of these classes in a text (UTF-8), in order and without overlaps. `key` is the name under which the
/// text stands; it is a hint only.
pub fn find(text: &[u8], key: &[u8], classes: ClassSet, found: &mut Vec<Found>) {
    found.clear();
    if memchr(b'@', text).is_some() {
        email::find(text, found);
    }
    if has_digits(text) {
        find_numbers(text, key, found);
    }
    found.retain(|each| classes.has(each.class));
}

/// The class of a bare JSON number: only card numbers are told from other numbers.
pub fn number(raw: &[u8], classes: ClassSet) -> Option<DataClass> {
    let sound = classes.has(DataClass::Pan) && (14..=16).contains(&raw.len()) && card::is_card(raw);
    sound.then_some(DataClass::Pan)
}

#[inline]
fn has_digits(text: &[u8]) -> bool {
    text.len() >= LEAST_DIGITS && text.iter().filter(|byte| byte.is_ascii_digit()).count() >= LEAST_DIGITS
}

/// Groups of digits and letters, which one separator may join, between boundaries.
#[derive(Default)]
struct Run {
    /// Letters and digits, in capitals.
    chars: Vec<u8>,
    /// Where the groups begin and end in the text, and their first place in `chars`.
    groups: Vec<Group>,
}

#[derive(Clone, Copy)]
struct Group {
    start: usize,
    end: usize,
    first: usize,
}

/// A number in a text: the groups from one boundary to another.
struct Candidate<'a> {
    text: &'a [u8],
    groups: &'a [Group],
    /// Letters and digits, in capitals.
    chars: &'a [u8],
    /// What the key and the words before say.
    hint: &'a words::Hint<'a>,
    /// The byte before is `+`.
    plus: bool,
    all_digits: bool,
}

impl Candidate<'_> {
    /// Whether the groups have these lengths.
    fn has_shape(&self, shape: &[usize]) -> bool {
        self.groups.len() == shape.len()
            && self.groups.iter().zip(shape).all(|(group, length)| group.end - group.start == *length)
    }

    /// Whether exactly this stands between all groups.
    fn joined_by(&self, separator: &[u8]) -> bool {
        self.groups.array_windows().all(|[one, next]| self.text.get(one.end..next.start) == Some(separator))
    }

    fn is_bare(&self) -> bool {
        self.groups.len() == 1
    }
}

type Recognise = fn(&Candidate<'_>) -> bool;

/// In the order in which they are asked.
const RECOGNISERS: [(DataClass, Recognise); 4] = [
    (DataClass::Iban, iban::recognise),
    (DataClass::Pan, card::recognise),
    (DataClass::NationalId, national::recognise),
    (DataClass::Phone, phone::recognise),
];

fn find_numbers(text: &[u8], key: &[u8], found: &mut Vec<Found>) {
    let emails = found.len();
    let mut run = Run::default();
    let key = words::Key::new(key);
    let mut at = 0;
    while let Some(start) = next_start(text, at) {
        at = read_run(text, start, &mut run);
        if run.chars.iter().filter(|byte| byte.is_ascii_digit()).count() >= LEAST_DIGITS {
            find_in_run(text, &key, &run, found);
        }
        // What begins within a run that was cut is read again.
        if run.groups.len() == MOST_GROUPS
            && let Some(group) = run.groups.get(MOST_GROUPS - MOST_JOINED)
        {
            at = found.get(emails..).and_then(<[Found]>::last).map_or(0, |last| last.end).max(group.start);
        }
    }
    let (head, tail) = found.split_at(emails);
    if !head.is_empty() && !tail.is_empty() {
        let overlaps = |one: &Found| head.iter().any(|mail| one.start < mail.end && mail.start < one.end);
        let tail: Vec<Found> = tail.iter().filter(|one| !overlaps(one)).copied().collect();
        found.truncate(emails);
        found.extend(tail);
        found.sort_unstable();
    }
}

/// The next letter or digit that begins a word.
fn next_start(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.iter().position(u8::is_ascii_alphanumeric).map(|skip| from + skip)
}

/// Reads the run that begins at `start`; gives the index behind it.
fn read_run(text: &[u8], start: usize, run: &mut Run) -> usize {
    run.chars.clear();
    run.groups.clear();
    let mut at = start;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or(rest);
        // What follows an x is an extension, and no part of the number.
        let extension = word.iter().position(|byte| *byte == b'x').filter(|at| *at >= 3 && is_extended(word, *at));
        let length = extension.unwrap_or(length);
        let word = word.get(..length).unwrap_or(word);
        let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        // A word without digits ends the run before it, unless it may be the letter or block of an id.
        let digitless = digits == 0 && (length > 4 || !word.iter().all(u8::is_ascii_uppercase));
        if length > MOST_CHARS || (digitless && !run.groups.is_empty()) || run.groups.len() == MOST_GROUPS {
            return if run.groups.is_empty() || length > MOST_CHARS { at + length.max(1) } else { at };
        }
        run.groups.push(Group { start: at, end: at + length, first: run.chars.len() });
        run.chars.extend(word.iter().map(u8::to_ascii_uppercase));
        at += length;
        if digitless {
            return at;
        }
        match separator(text, at).filter(|_| extension.is_none()) {
            Some(length) => at += length,
            None => return at,
        }
    }
}

fn is_extended(word: &[u8], at: usize) -> bool {
    let (number, extension) = word.split_at(at);
    number.iter().all(u8::is_ascii_digit) && extension.iter().skip(1).all(u8::is_ascii_digit)
}

/// The length of what may stand between two groups: one of ` -./`, or a bracket with a space.
fn separator(text: &[u8], at: usize) -> Option<usize> {
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let rest = text.get(at..)?;
    let length = match rest {
        [b')', b' ' | b'-', ..] | [b' ', b'(', ..] => 2,
        [b' ' | b'-' | b'.' | b'/' | b'(' | b')', ..] => 1,
        _ => return None,
    };
    is_word(rest.get(length)).then_some(length)
}

/// Tries the groups from each boundary, the longest stretch first.
fn find_in_run(text: &[u8], key: &words::Key<'_>, run: &Run, found: &mut Vec<Found>) {
    let groups = run.groups.as_slice();
    let mut from = 0;
    while let Some(first) = groups.get(from) {
        let most = groups.len().min(from + MOST_JOINED);
        let ends = (from + 1..=most).rev().filter(|to| begins(text, groups, from) && ends(text, groups, *to));
        let mut next = from + 1;
        let hint = words::Hint::new(text, first.start, key);
        for to in ends {
            let stretch = groups.get(from..to).unwrap_or_default();
            let end = groups.get(to).map_or(run.chars.len(), |group| group.first);
            let chars = run.chars.get(first.first..end).unwrap_or_default();
            // No number is written one by one.
            if !(LEAST_DIGITS..=MOST_CHARS).contains(&chars.len()) || chars.len() + 1 < 2 * stretch.len() {
                continue;
            }
            let plus = first.start.checked_sub(1).and_then(|at| text.get(at)) == Some(&b'+');
            let candidate = Candidate {
                text,
                groups: stretch,
                chars,
                hint: &hint,
                plus,
                all_digits: chars.iter().all(u8::is_ascii_digit),
            };
            if let Some((class, _)) = RECOGNISERS.iter().find(|(_, recognise)| recognise(&candidate)) {
                let end = stretch.last().map_or(first.end, |group| group.end);
                let bracket =
                    text.get(first.end) == Some(&b')') && text.get(..first.start).is_some_and(|b| b.ends_with(b"("));
                found.push(Found { start: first.start - usize::from(plus || bracket), end, class: *class });
                next = to;
                break;
            }
        }
        from = next;
    }
}

/// Whether a number may begin at this group: it is not the rest of a longer token.
fn begins(text: &[u8], groups: &[Group], at: usize) -> bool {
    let Some(group) = groups.get(at) else { return false };
    let before = text.get(..group.start).unwrap_or_default();
    match before {
        [.., b'\\' | b'_' | 0x80..] => false,
        [.., word, b'-' | b'.'] => !word.is_ascii_alphanumeric() && *word < 0x80,
        _ => true,
    }
}

/// A word of letters alone, such as `Office` behind a number; not a part of an id.
fn is_label(text: &[u8]) -> bool {
    let word = text.iter().take(MOST_CHARS).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_');
    word.clone().count() >= 3 && word.clone().all(u8::is_ascii_alphabetic)
}

/// Whether a number may end before this group.
fn ends(text: &[u8], groups: &[Group], to: usize) -> bool {
    let Some(group) = to.checked_sub(1).and_then(|last| groups.get(last)) else { return false };
    match text.get(group.end..).unwrap_or_default() {
        [b'_' | 0x80.., ..] => false,
        [b'-', label @ ..] if label.first().is_some_and(u8::is_ascii_alphabetic) => is_label(label),
        [b'-' | b'.' | b':' | b',', word, ..] => !word.is_ascii_alphanumeric(),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
