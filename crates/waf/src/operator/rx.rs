//! `@rx` and `@rxGlobal`: regular expressions in linear time, and the groups that they capture.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use regex_automata::Input;
use regex_automata::meta::{self, Cache};
use regex_automata::util::primitives::NonMaxUsize;
use regex_syntax::hir::Hir;

use super::caches::{Caches, Lent};
use super::captures::{Capture, Captures, MOST_GROUPS};
use super::error::PatternError;
use super::literals::Needs;
use super::pcre::{Translated, translate};

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Regex {
    automata: meta::Regex,
    caches: Caches,
    /// Whether it takes the end behind a last newline for an empty line, which PCRE does not.
    last_line: bool,
}

/// How large the automata of one pattern may become, in bytes.
const PATTERN_LIMIT: usize = 16 << 20;
/// The same for a pattern that is compiled while a request waits.
const EXPANDED_LIMIT: usize = 1 << 20;
/// How long such a pattern may be.
const EXPANDED_LENGTH: usize = 4096;
/// How often `@rxGlobal` searches a value behind empty matches.
const MOST_SEARCHES: usize = 64;
/// How large a lazy automaton may become, in bytes.
const LAZY_CACHE: usize = 256 << 10;

impl Regex {
    /// Compiles a pattern of PCRE, and says what its matches need.
    pub(super) fn new(pattern: &[u8]) -> Result<(Regex, Needs), PatternError> {
        let hir = parse(pattern)?;
        let needs = Needs::of_pattern(&hir);
        Ok((Regex::build(&hir, PATTERN_LIMIT)?, needs))
    }

    fn build(hir: &Hir, limit: usize) -> Result<Regex, PatternError> {
        let config = meta::Config::new()
            .utf8_empty(false)
            .nfa_size_limit(Some(limit))
            .onepass_size_limit(Some(256 << 10))
            .hybrid_cache_capacity(LAZY_CACHE);
        let built = meta::Builder::new().configure(config).build_from_hir(hir);
        let regex = built.map_err(|_| PatternError::TooLarge { limit })?;
        // What they leave behind is not kept.
        let tried = Caches::default();
        let matches_behind =
            |byte: u8| is_match(&regex, tried.lend(&regex, &mut Lent::default()), Input::new(&[byte]).range(1..));
        let last_line = matches_behind(b'\n') && !matches_behind(0) && !matches_behind(b'a');
        Ok(Regex { automata: regex, caches: Caches::default(), last_line })
    }

    #[inline]
    fn is_match_with<'a>(&'a self, value: &[u8], lent: &mut Lent<'a>) -> bool {
        if self.last_line && value.last() == Some(&b'\n') {
            return self.find_from(value, 0, lent).is_some();
        }
        is_match(&self.automata, self.caches.lend(&self.automata, lent), Input::new(value))
    }

    #[inline]
    fn matches<'a>(&'a self, value: &[u8], captures: Option<&mut Captures>, all: bool, lent: &mut Lent<'a>) -> bool {
        match captures {
            Some(captures) if all => self.capture_all(value, captures, lent),
            Some(captures) => self.capture(value, captures, lent),
            None => self.is_match_with(value, lent),
        }
    }

    #[cfg(test)]
    pub(super) fn is_match(&self, value: &[u8]) -> bool {
        self.is_match_with(value, &mut Lent::default())
    }

    /// Whether a match is the empty one behind the last newline, where only `^` could let the pattern match.
    fn is_last_line(&self, found: &Range<usize>, value: &[u8]) -> bool {
        self.last_line && found.start == value.len() && value.last() == Some(&b'\n')
    }

    /// The leftmost match in a part of the value.
    pub(super) fn find_from<'a>(&'a self, value: &[u8], start: usize, lent: &mut Lent<'a>) -> Option<Range<usize>> {
        let start = Some(start).filter(|start| *start <= value.len())?;
        let input = Input::new(value).range(start..);
        let found = self.automata.search_with(self.caches.lend(&self.automata, lent), &input)?.range();
        (!self.is_last_line(&found, value)).then_some(found)
    }

    /// Captures the groups of the leftmost match.
    pub(super) fn capture<'a>(&'a self, value: &[u8], captures: &mut Captures, lent: &mut Lent<'a>) -> bool {
        captures.clear();
        self.capture_from(value, 0, captures, lent).is_some()
    }

    /// Captures the groups of every match, one match behind the other; an empty match counts only as the first.
    pub(super) fn capture_all<'a>(&'a self, value: &[u8], captures: &mut Captures, lent: &mut Lent<'a>) -> bool {
        captures.clear();
        let Some(mut found) = self.capture_from(value, 0, captures, lent) else { return false };
        // Searches may each look at the whole rest.
        let mut searches = 0;
        while captures.len() < MOST_GROUPS {
            let mut start = found.end + usize::from(found.is_empty());
            let next = loop {
                searches += 1;
                match self.find_from(value, start, lent) {
                    Some(empty) if empty.is_empty() && searches < MOST_SEARCHES => start = empty.end + 1,
                    next => break next.filter(|next| !next.is_empty()),
                }
            };
            let Some(next) = next else { break };
            let Some(again) = self.capture_from(value, next.start, captures, lent) else { break };
            found = again;
        }
        true
    }

    /// Adds the groups of the leftmost match from `start` on, and gives its place.
    fn capture_from<'a>(
        &'a self,
        value: &[u8],
        start: usize,
        captures: &mut Captures,
        lent: &mut Lent<'a>,
    ) -> Option<Range<usize>> {
        let mut slots: [Option<NonMaxUsize>; MOST_GROUPS * 2] = [None; MOST_GROUPS * 2];
        let used = slots.get_mut(..self.automata.captures_len().min(MOST_GROUPS) * 2)?;
        let input = Input::new(value).range(start..);
        self.automata.search_slots_with(self.caches.lend(&self.automata, lent), &input, used)?;
        let (groups, _) = used.as_chunks::<2>();
        let spans = groups.iter().map(|[start, end]| Some(start.as_ref()?.get()..end.as_ref()?.get()));
        let last = spans.clone().rposition(|span| span.is_some())?;
        let whole = spans.clone().next().flatten().filter(|whole| !self.is_last_line(whole, value))?;
        for span in spans.take(last + 1) {
            captures.push(span.map(Capture::Span));
        }
        Some(whole)
    }
}

#[inline]
fn is_match(regex: &meta::Regex, cache: &mut Cache, input: Input<'_>) -> bool {
    regex.search_half_with(cache, &input.earliest(true)).is_some()
}

/// The meaning of a pattern. An empty one matches everything.
pub(super) fn parse(pattern: &[u8]) -> Result<Hir, PatternError> {
    let translated = translate(pattern)?;
    let mut parser = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .multi_line(true)
        .build();
    parser.parse(&translated.text).map_err(|error| of_syntax(&error, &translated))
}

fn of_syntax(error: &regex_syntax::Error, translated: &Translated) -> PatternError {
    let (reason, span) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(error.span())),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(error.span())),
        other => (other.to_string(), None),
    };
    PatternError::Syntax { reason, offset: span.map_or(0, |span| translated.source_offset(span.start.offset)) }
}

/// A pattern, fixed or with macros.
#[derive(Debug)]
pub(super) enum Pattern {
    Fixed(Regex),
    /// Compiled when the macros are known; the last ones are kept, and so is that one could not be compiled.
    Expanded(Mutex<Vec<Kept>>),
}

type Kept = (Box<[u8]>, Option<Arc<Regex>>);

/// How many expansions are kept.
const MOST_KEPT: usize = 16;

impl Pattern {
    /// Asks the compiled pattern for a match, or for all; there is none when the expansion is none.
    #[inline]
    pub(super) fn matches<'a>(
        &'a self,
        expanded: &[u8],
        value: &[u8],
        captures: Option<&mut Captures>,
        all: bool,
        lent: &mut Lent<'a>,
    ) -> bool {
        match self {
            Pattern::Fixed(regex) => regex.matches(value, captures, all, lent),
            Pattern::Expanded(kept) => {
                compiled(kept, expanded).is_some_and(|regex| regex.matches(value, captures, all, &mut Lent::default()))
            }
        }
    }
}

/// The expansion, compiled now or before.
fn compiled(kept: &Mutex<Vec<Kept>>, expanded: &[u8]) -> Option<Arc<Regex>> {
    let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
    {
        let mut kept = lock();
        if let Some(at) = kept.iter().position(|(pattern, _)| **pattern == *expanded) {
            kept.get_mut(..=at)?.rotate_right(1);
            return kept.first()?.1.clone();
        }
    }
    if expanded.len() > EXPANDED_LENGTH {
        return None;
    }
    let regex = parse(expanded).and_then(|hir| Regex::build(&hir, EXPANDED_LIMIT)).ok().map(Arc::new);
    let mut kept = lock();
    kept.truncate(MOST_KEPT - 1);
    kept.insert(0, (expanded.into(), regex.clone()));
    regex
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    fn groups(pattern: &str, value: &[u8], all: bool) -> Vec<Option<Vec<u8>>> {
        let (regex, _) = Regex::new(pattern.as_bytes()).unwrap();
        let mut captures = Captures::new();
        let matched = if all {
            regex.capture_all(value, &mut captures, &mut Lent::default())
        } else {
            regex.capture(value, &mut captures, &mut Lent::default())
        };
        assert_eq!(matched, regex.is_match(value));
        (0..captures.len()).map(|group| captures.get(group, value).map(<[u8]>::to_vec)).collect()
    }

    fn some(groups: &[&str]) -> Vec<Option<Vec<u8>>> {
        groups.iter().map(|group| Some(group.as_bytes().to_vec())).collect()
    }

    #[test]
    fn one_match() {
        assert_eq!(groups("(a)(b?)(c)", b"xac", false), some(&["ac", "a", "", "c"]));
        assert_eq!(groups("(a)|(b)|(c)", b"b", false), [Some(b"b".to_vec()), None, Some(b"b".to_vec())]);
        assert_eq!(groups("(x)", b"abc", false), []);
        assert_eq!(groups("(((((((((((a)))))))))))", b"a", false).len(), 10);
        assert_eq!(groups("^[a-z]*$", b"x y\n", false), []);
        assert_eq!(groups("^[a-z]*$", b"x y\n\n", false), some(&[""]));
        assert_eq!(groups("^$|$", b"x\n", false), some(&[""]));
    }

    #[test]
    fn every_match() {
        assert_eq!(groups("(^|a)(b|c)(d)", b"bdacd", true), some(&["bd", "", "b", "d", "acd", "a", "c", "d"]));
        assert_eq!(groups("[a-z]*", b"aaa00bbb", true), some(&["aaa", "bbb"]));
        assert_eq!(groups("([a-z]*)", b"", true), some(&["", ""]));
        assert_eq!(groups(".", b"abcdefghijklmn", true).len(), 10);
        assert_eq!(groups("^[a-z]*$", b"x\n", true), some(&["x"]));
        assert_eq!(groups("a*b|", &[b'a'; 1 << 12], true), some(&[""]));
    }

    #[test]
    fn expansions_are_kept() {
        let pattern = Pattern::Expanded(Mutex::default());
        let matches =
            |expanded: &[u8], value: &[u8]| pattern.matches(expanded, value, None, false, &mut Lent::default());
        for round in 0..40 {
            let text = format!("v{}", round % 20);
            assert!(matches(format!("^{text}$").as_bytes(), text.as_bytes()));
        }
        for none in [&b"("[..], b"(", &[b'a'; 5000]] {
            assert!(!matches(none, b"a"));
        }
        let Pattern::Expanded(kept) = &pattern else { unreachable!() };
        assert_eq!(kept.lock().unwrap().len(), MOST_KEPT);
    }
}
