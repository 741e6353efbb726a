//! The law of the prefilter: whatever matches has what the pattern needs.
//!
//! Proved on random patterns with all short values, and on every `@rx` of the Core Rule Set (`TESTUDO_CRS`, a checkout)
//! with strings made from the pattern itself.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use regex_syntax::hir::{Class, HirKind, Look};

use crate::operator::literals::*;
use crate::operator::rx::{Regex, parse};

fn holds(needs: &Needs, value: &[u8]) -> Result<(), String> {
    if value.len() < needs.length {
        return Err(format!("shorter than {}", needs.length));
    }
    if let Some(literals) = needs.literals.as_ref().filter(|literals| !literals.occurs_in(value)) {
        return Err(format!("none of {literals:?}"));
    }
    let occurring = ByteClasses::of(value);
    match needs.bytes.iter().find(|set| !set.intersects(&occurring)) {
        Some(set) => Err(format!("none of {set:?}")),
        None => Ok(()),
    }
}

/// Patterns over few letters, so that short values match often.
fn pattern() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        6 => "[abAB<]{1,3}",
        2 => prop::sample::select(vec!["[ab]", "[^a]", ".", "[a-c<]", r"\w", "^", "$", r"\b", ""])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            2 => (inner.clone(), prop::sample::select(vec!["?", "*", "+", "{2}", "{1,2}", "{2,}", "+?"]))
                .prop_map(|(part, times)| format!("(?:{part}){times}")),
            1 => inner.clone().prop_map(|part| format!("(?i:{part})")),
            1 => inner.prop_map(|part| format!("({part})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_matches_has_what_it_needs(pattern in pattern(), values in prop::collection::vec("[abAB<\n]{0,8}", 60)) {
        let (regex, needs) = Regex::new(pattern.as_bytes()).unwrap();
        let hir = parse(pattern.as_bytes()).unwrap();
        let mut random = TestRng::from_seed(RngAlgorithm::XorShift, &[7; 16]);
        let made = (0..20).map(|_| {
            let mut made = Vec::new();
            make(&hir, &mut random, &mut made);
            made
        });
        for value in values.into_iter().map(String::into_bytes).chain(made) {
            if regex.is_match(&value) {
                let held = holds(&needs, &value);
                prop_assert!(held.is_ok(), "{} on {}: {:?}", pattern, value.escape_ascii(), held);
            }
        }
    }

    #[test]
    fn reduced_sets_say_the_same(literals in prop::collection::vec("[ab]{1,5}", 1..12), value in "[abc]{0,12}") {
        let set = LiteralSet::new(literals.iter().map(|literal| literal.clone().into_bytes())).unwrap();
        prop_assert_eq!(set.occurs_in(value.as_bytes()), literals.iter().any(|literal| value.contains(literal)));
    }
}

/// Writes a string that the pattern is likely to match.
fn make(hir: &Hir, random: &mut TestRng, output: &mut Vec<u8>) {
    let mut below = |most: usize| (random.next_u32() as usize) % most.max(1);
    match hir.kind() {
        HirKind::Literal(literal) => output.extend_from_slice(&literal.0),
        HirKind::Class(Class::Bytes(class)) => {
            if class.ranges().is_empty() {
                return;
            }
            let range = class.ranges()[below(class.ranges().len())];
            let width = usize::from(range.end() - range.start()) + 1;
            output.push(range.start() + u8::try_from(below(width)).unwrap());
        }
        HirKind::Class(Class::Unicode(class)) => {
            let range = class.ranges()[below(class.ranges().len())];
            output.extend_from_slice(range.start().to_string().as_bytes());
        }
        HirKind::Look(Look::StartLF) if !output.is_empty() => output.push(b'\n'),
        HirKind::Look(Look::WordAscii) if below(3) == 0 => output.push(b' '),
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Capture(capture) => make(&capture.sub, random, output),
        HirKind::Repetition(repetition) => {
            let more = repetition.max.map_or(3, |max| (max - repetition.min).min(3)) as usize;
            let times = repetition.min as usize + below(more + 1);
            for _ in 0..times.min(200) {
                make(&repetition.sub, random, output);
            }
        }
        HirKind::Concat(parts) => parts.iter().for_each(|part| make(part, random, output)),
        HirKind::Alternation(branches) => {
            let branch = &branches[below(branches.len())];
            make(branch, random, output);
        }
    }
}

/// Every distinct pattern of the rule set.
fn rule_set_patterns() -> Option<Vec<Vec<u8>>> {
    let Some(folder) = std::env::var_os("TESTUDO_CRS").map(PathBuf::from) else {
        assert!(std::env::var_os("TESTUDO_REQUIRE_CRS").is_none(), "TESTUDO_CRS names no checkout of the rule set");
        eprintln!("SKIPPED: no rule set; set TESTUDO_CRS to a checkout of the Core Rule Set");
        return None;
    };
    let mut patterns = std::collections::BTreeSet::new();
    let mut uses = 0;
    for entry in std::fs::read_dir(folder.join("rules")).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".conf") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap().replace("\\\n", "");
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("SecRule")) {
            let Some((_, after)) = line.split_once("@rx ") else { continue };
            let mut pattern = String::new();
            let mut escaped = false;
            for character in after.chars() {
                match character {
                    '"' if !escaped => break,
                    '"' => {
                        pattern.pop();
                    }
                    _ => {}
                }
                pattern.push(character);
                escaped = character == '\\' && !escaped;
            }
            uses += 1;
            patterns.insert(pattern.into_bytes());
        }
    }
    eprintln!("{uses} uses of @rx, {} distinct", patterns.len());
    Some(patterns.into_iter().collect())
}

#[test]
fn the_rule_set_is_never_filtered_out() {
    let Some(patterns) = rule_set_patterns() else { return };
    let mut random = TestRng::from_seed(RngAlgorithm::XorShift, &[3; 16]);
    let [mut tried, mut matched, mut with_literals, mut with_bytes, mut unmatched] = [0usize; 5];
    for pattern in &patterns {
        if crate::operator::has_macro(pattern) {
            continue;
        }
        let text = pattern.escape_ascii();
        let (regex, needs) = Regex::new(pattern).unwrap_or_else(|error| panic!("{text}: {error}"));
        let hir = parse(pattern).unwrap();
        with_literals += usize::from(needs.literals.is_some());
        with_bytes += usize::from(!needs.bytes.is_empty());
        let before = matched;
        for round in 0..200 {
            let mut value = Vec::new();
            make(&hir, &mut random, &mut value);
            match round % 4 {
                0 => {}
                1 => value.iter_mut().for_each(|byte| *byte = byte.to_ascii_uppercase()),
                2 => value.iter_mut().filter(|_| random.next_u32().is_multiple_of(8)).for_each(|byte| *byte ^= 0x20),
                _ => {
                    let cut = random.next_u32() as usize % (value.len() + 1);
                    value.drain(..cut);
                }
            }
            tried += 1;
            if regex.is_match(&value) {
                matched += 1;
                let held = holds(&needs, &value);
                assert!(held.is_ok(), "{text} on {}: {held:?}", value.escape_ascii());
            }
        }
        unmatched += usize::from(matched == before);
    }
    eprintln!(
        "{} patterns, {with_literals} with literals, {with_bytes} with bytes; {matched} of {tried} strings matched; \
         {unmatched} patterns without a match",
        patterns.len()
    );
    assert!(matched * 2 > tried, "{matched} of {tried} strings matched: too few to prove anything");
    assert!(unmatched * 50 <= patterns.len(), "{unmatched} patterns were never matched");
}
