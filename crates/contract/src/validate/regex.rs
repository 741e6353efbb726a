//! Patterns of strings: ECMA-262 regular expressions, matched in linear time (JSON Schema 2020-12 validation, 6.3.3).
//!
//! A pattern is rewritten for `regex-automata`, with the same meaning for what both know. Look-around and back
//! references have no linear form, and are refused. Small patterns become a table, larger ones are matched lazily.

use std::fmt::Write as _;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::{Input, MatchKind, meta, nfa::thompson};
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// The longest pattern.
const MAX_PATTERN: usize = 4096;
/// The largest table in bytes.
const MAX_TABLE: usize = 64 << 10;
/// The largest automaton in bytes.
const MAX_AUTOMATON: usize = 4 << 20;
/// The longest text of a language that proves something.
pub(crate) const MAX_PLAIN: usize = 256;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    engine: Engine,
    /// The pattern as written, for messages.
    pub(crate) written: Box<str>,
    /// Whether all that it matches is made of plain characters.
    pub(crate) plain: bool,
    /// The longest text that it matches in bytes, where it matches whole texts and there is a longest.
    pub(crate) longest: Option<usize>,
}

#[derive(Debug)]
enum Engine {
    Table(Box<dense::DFA<Vec<u32>>>),
    Lazy(Box<meta::Regex>),
}

impl Pattern {
    /// Compiles a pattern; the error says why it can't be.
    pub(crate) fn new(written: &str) -> Result<Pattern, String> {
        if written.len() > MAX_PATTERN {
            return Err(format!("it is longer than {MAX_PATTERN} bytes"));
        }
        let text = translate(written)?;
        let hir = regex_syntax::Parser::new().parse(&text).map_err(|error| cause(&error.to_string()))?;
        let whole = is_whole(&hir);
        Ok(Pattern {
            engine: engine(&text, &hir)?,
            written: written.into(),
            plain: whole && is_plain_language(&hir),
            longest: if whole { hir.properties().maximum_len() } else { None },
        })
    }

    /// Whether it matches somewhere in the text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match &self.engine {
            Engine::Table(table) => {
                let found = table.try_search_fwd(&Input::new(text).earliest(true));
                matches!(found, Ok(Some(_)))
            }
            Engine::Lazy(regex) => regex.is_match(text),
        }
    }
}

fn engine(text: &str, hir: &Hir) -> Result<Engine, String> {
    let nfa = thompson::Config::new().nfa_size_limit(Some(4 * MAX_TABLE));
    let config = dense::Config::new()
        .match_kind(MatchKind::LeftmostFirst)
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(MAX_TABLE))
        .determinize_size_limit(Some(4 * MAX_TABLE));
    if let Ok(table) = dense::Builder::new().configure(config).thompson(nfa).build(text) {
        return Ok(Engine::Table(Box::new(table)));
    }
    let config = meta::Config::new().nfa_size_limit(Some(MAX_AUTOMATON)).hybrid_cache_capacity(MAX_AUTOMATON);
    let built = meta::Builder::new().configure(config).build_from_hir(hir);
    built
        .map(|regex| Engine::Lazy(Box::new(regex)))
        .map_err(|_| format!("it takes more than {} MiB", MAX_AUTOMATON >> 20))
}

fn cause(error: &str) -> String {
    error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Whether every match is a whole text.
fn is_whole(hir: &Hir) -> bool {
    holds(hir, Look::Start) && holds(hir, Look::End)
}

/// Whether every match begins with the start of the text, or ends with its end.
fn holds(hir: &Hir, edge: Look) -> bool {
    match hir.kind() {
        HirKind::Look(look) => *look == edge,
        HirKind::Concat(parts) => {
            let part = if edge == Look::Start { parts.first() } else { parts.last() };
            part.is_some_and(|part| holds(part, edge))
        }
        HirKind::Alternation(parts) => parts.iter().all(|part| holds(part, edge)),
        HirKind::Capture(capture) => holds(&capture.sub, edge),
        _ => false,
    }
}

fn is_plain_language(hir: &Hir) -> bool {
    let mut todo = vec![hir];
    while let Some(hir) = todo.pop() {
        let plain = match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => true,
            HirKind::Literal(literal) => literal.0.iter().all(|byte| is_plain(*byte)),
            HirKind::Class(class) => is_plain_class(class),
            HirKind::Repetition(repetition) => {
                todo.push(&repetition.sub);
                true
            }
            HirKind::Capture(capture) => {
                todo.push(&capture.sub);
                true
            }
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                todo.extend(parts);
                true
            }
        };
        if !plain {
            return false;
        }
    }
    true
}

fn is_plain_class(class: &Class) -> bool {
    let plain = |first: u32, last: u32| last < 128 && (first..=last).all(|byte| u8::try_from(byte).is_ok_and(is_plain));
    match class {
        Class::Unicode(class) => class.ranges().iter().all(|range| plain(range.start().into(), range.end().into())),
        Class::Bytes(class) => class.ranges().iter().all(|range| plain(range.start().into(), range.end().into())),
    }
}

/// Whether a byte means nothing to any interpreter.
pub(crate) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-')
}

/// Rewrites a pattern of ECMA-262 for `regex-syntax`.
fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars();
    while let Some(next) = rest.next() {
        match next {
            '\\' => escape(&mut rest, false, &mut out)?,
            '[' => class(&mut rest, &mut out)?,
            '.' => out.push_str(r"[^\n\r\x{2028}\x{2029}]"),
            '(' => {
                out.push('(');
                let ahead = rest.as_str();
                if ["?=", "?!", "?<=", "?<!"].iter().any(|look| ahead.starts_with(look)) {
                    return Err("look-around is not supported".into());
                }
            }
            _ => out.push(next),
        }
    }
    Ok(out)
}

/// What follows a backslash. Says whether it stands for a class where it stands in one.
fn escape(rest: &mut std::str::Chars<'_>, within: bool, out: &mut String) -> Result<(), String> {
    let next = rest.next().ok_or("it ends with a backslash")?;
    match next {
        'd' | 'w' if within => out.push_str(if next == 'd' { "0-9" } else { "A-Za-z0-9_" }),
        'd' => out.push_str("[0-9]"),
        'w' => out.push_str("[A-Za-z0-9_]"),
        'D' => out.push_str("[^0-9]"),
        'W' => out.push_str("[^A-Za-z0-9_]"),
        'b' if within => out.push_str(r"\x08"),
        'b' => out.push_str(r"(?-u:\b)"),
        '0' => out.push_str(r"\x00"),
        '1'..='9' | 'k' => return Err("back references are not supported".into()),
        'c' => {
            let letter = rest.next().filter(char::is_ascii_alphabetic).ok_or("`\\c` needs a letter")?;
            let _ = write!(out, r"\x{{{:x}}}", u32::from(letter) % 32);
        }
        'u' => unicode(rest, out)?,
        's' | 'S' | 'B' | 'p' | 'P' | 'x' | 't' | 'n' | 'r' | 'f' | 'v' => {
            out.push('\\');
            out.push(next);
        }
        _ if next.is_ascii_punctuation() => {
            out.push('\\');
            out.push(next);
        }
        _ if next.is_ascii_alphanumeric() => return Err(format!("`\\{next}` means nothing")),
        _ => out.push(next),
    }
    Ok(())
}

/// `\u0041`, `\ud83d\ude00` or `\u{1F600}`.
fn unicode(rest: &mut std::str::Chars<'_>, out: &mut String) -> Result<(), String> {
    let wrong = || "`\\u` needs four hexadecimal digits".to_owned();
    if let Some(braced) = rest.as_str().strip_prefix('{') {
        let (digits, after) = braced.split_once('}').ok_or_else(wrong)?;
        let _ = write!(out, r"\x{{{digits}}}");
        *rest = after.chars();
        return Ok(());
    }
    let unit = |text: &str| text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let first = unit(rest.as_str()).ok_or_else(wrong)?;
    let mut after = rest.as_str().get(4..).unwrap_or_default();
    let second = after.strip_prefix("\\u").and_then(unit).filter(|_| (0xd800..0xdc00).contains(&first));
    if second.is_some() {
        after = after.get(6..).unwrap_or_default();
    }
    let mut decoded = char::decode_utf16([Some(first), second].into_iter().flatten());
    let character = decoded.next().and_then(Result::ok).ok_or_else(wrong)?;
    let _ = write!(out, r"\x{{{:x}}}", u32::from(character));
    *rest = after.chars();
    Ok(())
}

/// A class in brackets. What `regex-syntax` would take for a nested class, a set operation or a range is escaped.
fn class(rest: &mut std::str::Chars<'_>, out: &mut String) -> Result<(), String> {
    let negated = rest.as_str().starts_with('^');
    if negated {
        rest.next();
    }
    if rest.as_str().starts_with(']') {
        rest.next();
        out.push_str(if negated { r"[\s\S]" } else { r"[^\s\S]" });
        return Ok(());
    }
    out.push_str(if negated { "[^" } else { "[" });
    // Whether what came last can begin a range.
    let mut begins = false;
    while let Some(next) = rest.next() {
        match next {
            ']' => {
                out.push(']');
                return Ok(());
            }
            '\\' => {
                let class = rest.as_str().starts_with(['d', 'D', 'w', 'W', 's', 'S', 'p', 'P']);
                let braced = rest.as_str().starts_with(['p', 'P']);
                escape(rest, true, out)?;
                if braced && let Some((name, after)) = rest.as_str().split_once('}') {
                    out.push_str(name);
                    out.push('}');
                    *rest = after.chars();
                }
                begins = !class;
            }
            '-' => {
                let ahead = rest.as_str();
                let ends = ahead.starts_with(']')
                    || ahead
                        .strip_prefix('\\')
                        .is_some_and(|e| e.starts_with(['d', 'D', 'w', 'W', 's', 'S', 'p', 'P']));
                let range = begins && !ends;
                out.push_str(if range { "-" } else { r"\-" });
                // The end of a range begins none.
                if range && let Some(last) = rest.next() {
                    match last {
                        '\\' => escape(rest, true, out)?,
                        _ => literal(last, out),
                    }
                }
                begins = false;
            }
            _ => {
                literal(next, out);
                begins = true;
            }
        }
    }
    Err("a `[` is not closed".into())
}

fn literal(character: char, out: &mut String) {
    if matches!(character, '[' | '&' | '~' | '-' | '^') {
        out.push('\\');
    }
    out.push(character);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_ecma() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("b", &["abc"], &["ac"]),
            (r"^\d+$", &["12"], &["١٢", "1 ", "12\n"]),
            (r"^[\w-.]+$", &["a-b.c_1"], &["a b", "é"]),
            (r"^[\d-x]+$", &["1-x"], &["y"]),
            (r"^\/a\-b$", &["/a-b"], &["/a_b"]),
            (r"^[a&&b~~[]+$", &["a&b~["], &["c"]),
            (r"^[+--]$", &["+", ",", "-"], &["."]),
            (r"^\u0041\ud83d\ude00$", &["A😀"], &["A"]),
            ("^.$", &["é", "\u{85}"], &["\n", "\u{2028}"]),
            ("^[^]$", &["\n"], &[""]),
            ("[]", &[], &["", "]"]),
            (r"^(a|b)?\b!$", &["a!", "b!"], &["!", "c!"]),
            (r"^[\u00e0-\u00ff]+$", &["éü"], &["e"]),
            (r"^[\p{L}' ]{1,40}$", &["Sinéad O'Brien"], &["a<b"]),
            (r"^\+[0-9]{6,15}$", &["+491701234567"], &["491701234567"]),
            ("^.{1,140}$", &["any text"], &[""]),
        ];
        for (pattern, yes, no) in cases {
            let compiled = Pattern::new(pattern).expect(pattern);
            yes.iter().for_each(|text| assert!(compiled.matches(text), "{pattern} {text}"));
            no.iter().for_each(|text| assert!(!compiled.matches(text), "{pattern} {text}"));
        }
    }

    #[test]
    fn what_has_no_linear_form_is_refused() {
        for pattern in [r"(?=a)b", r"(?<!a)b", r"(a)\1", r"\k<x>", "a{", "(", "[a", "(a{1000}){1000}", r"\"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn plain_languages_are_told_from_others() {
        for (pattern, plain, longest) in [
            ("^acc-[0-9a-f]{12}$", true, Some(16)),
            (r"^\w{1,8}$", true, Some(8)),
            ("^(?:a|b)$", true, Some(1)),
            ("^a$|^b$", true, Some(1)),
            ("^[a-z]+$", true, None),
            ("^a|b$", false, None),
            ("[0-9]{4}", false, None),
            ("^[a-z ]{3}$", false, Some(3)),
            ("^.{3}$", false, Some(12)),
            (r"^\+[0-9]{1,3}$", false, Some(4)),
        ] {
            let compiled = Pattern::new(pattern).unwrap();
            assert_eq!((compiled.plain, compiled.longest), (plain, longest), "{pattern}");
        }
    }
}
