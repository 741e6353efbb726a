//! Laws: the compiled engine agrees with the plain meaning of rules, and a replay agrees with what was live.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;
use testudo_core::{Alert, EventKind, Outcome, Pseudonym, Timestamp};
use testudo_detection::{Detector, Options, Record, Rules, pack};

/// Texts that overlap, so that chance matches.
const WORDS: [&str; 8] = ["a", "ab", "aba", "bab", "b", "abab", "", "AB"];
const FIELDS: [&str; 3] = ["x", "y", "z"];

#[derive(Clone, Debug)]
enum Ask {
    Whole(usize),
    Contains(usize),
    Starts(usize),
    Ends(usize),
    Glob(usize, usize),
    Exists(bool),
    Null,
    Regex(usize),
}

#[derive(Clone, Debug)]
enum Tree {
    Leaf(usize, Ask),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Two(Vec<Tree>),
}

type Event = [Option<usize>; 3];

fn ask() -> impl Strategy<Value = Ask> {
    let word = 0..WORDS.len();
    prop_oneof![
        word.clone().prop_map(Ask::Whole),
        word.clone().prop_map(Ask::Contains),
        word.clone().prop_map(Ask::Starts),
        word.clone().prop_map(Ask::Ends),
        (word.clone(), word.clone()).prop_map(|(a, b)| Ask::Glob(a, b)),
        any::<bool>().prop_map(Ask::Exists),
        Just(Ask::Null),
        word.prop_map(Ask::Regex),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = (0..FIELDS.len(), ask()).prop_map(|(field, ask)| Tree::Leaf(field, ask));
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Tree::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Tree::Any),
            prop::collection::vec(inner, 2..4).prop_map(Tree::Two),
        ]
    })
}

/// What the tree means, in the simplest words.
fn means(tree: &Tree, event: &Event) -> bool {
    match tree {
        Tree::Leaf(field, ask) => {
            let value = event.get(*field).copied().flatten().and_then(|word| WORDS.get(word)).map(|w| w.to_lowercase());
            let word = |index: &usize| WORDS.get(*index).unwrap().to_lowercase();
            match (ask, value) {
                (Ask::Null, value) => value.is_none(),
                (Ask::Exists(there), value) => value.is_some() == *there,
                (_, None) => false,
                (Ask::Whole(index), Some(value)) => value == word(index),
                (Ask::Contains(index), Some(value)) => value.contains(&word(index)),
                (Ask::Starts(index) | Ask::Regex(index), Some(value)) => value.starts_with(&word(index)),
                (Ask::Ends(index), Some(value)) => value.ends_with(&word(index)),
                (Ask::Glob(a, b), Some(value)) => {
                    let (a, b) = (word(a), word(b));
                    value.len() >= a.len() + b.len() && value.starts_with(&a) && value.ends_with(&b)
                }
            }
        }
        Tree::Not(inner) => !means(inner, event),
        Tree::All(parts) => parts.iter().all(|part| means(part, event)),
        Tree::Any(parts) => parts.iter().any(|part| means(part, event)),
        Tree::Two(parts) => parts.iter().filter(|part| means(part, event)).count() >= 2,
    }
}

/// Writes searches, and gives the condition for them.
fn write(tree: &Tree, searches: &mut String, count: &mut usize) -> String {
    match tree {
        Tree::Leaf(field, ask) => {
            *count += 1;
            let name = format!("s{count}");
            let field = FIELDS.get(*field).unwrap();
            let word = |index: &usize| *WORDS.get(*index).unwrap();
            let test = match ask {
                Ask::Whole(index) => format!("{field}: '{}'", word(index)),
                Ask::Contains(index) => format!("{field}|contains: '{}'", word(index)),
                Ask::Starts(index) => format!("{field}|startswith: '{}'", word(index)),
                Ask::Ends(index) => format!("{field}|endswith: '{}'", word(index)),
                Ask::Glob(a, b) => format!("{field}: '{}*{}'", word(a), word(b)),
                Ask::Exists(there) => format!("{field}|exists: {there}"),
                Ask::Null => format!("{field}: null"),
                Ask::Regex(index) => format!("{field}|re|i: '^{}'", word(index)),
            };
            writeln!(searches, "  {name}: {{{test}}}").unwrap();
            name
        }
        Tree::Not(inner) => format!("not ({})", write(inner, searches, count)),
        Tree::All(parts) | Tree::Any(parts) => {
            let joined = if matches!(tree, Tree::All(_)) { " and " } else { " or " };
            let parts: Vec<String> = parts.iter().map(|part| format!("({})", write(part, searches, count))).collect();
            parts.join(joined)
        }
        Tree::Two(parts) => {
            // `2 of` takes names only: any two of the parts, written out.
            let parts: Vec<String> = parts.iter().map(|part| format!("({})", write(part, searches, count))).collect();
            let mut pairs = Vec::new();
            for (index, left) in parts.iter().enumerate() {
                pairs.extend(parts.iter().skip(index + 1).map(|right| format!("({left} and {right})")));
            }
            pairs.join(" or ")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Several rules at once, so that they share predicates.
    #[test]
    fn the_engine_means_what_rules_say(
        trees in prop::collection::vec(tree(), 1..6),
        events in prop::collection::vec(prop::array::uniform3(prop::option::of(0..WORDS.len())), 1..12),
    ) {
        let mut rules = Rules::new();
        for (index, tree) in trees.iter().enumerate() {
            let mut searches = String::new();
            let condition = write(tree, &mut searches, &mut 0);
            let text = format!(
                "title: r{index}\nlogsource: {{category: x}}\ndetection:\n{searches}  condition: {condition}\n"
            );
            rules.add("r.yml", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        }
        let mut detector = rules.compile(Options::default()).unwrap_or_else(|errors| panic!("{errors}"));
        for event in &events {
            let fields: serde_json::Map<String, serde_json::Value> = FIELDS
                .iter()
                .zip(event)
                .filter_map(|(field, word)| Some(((*field).to_owned(), (*WORDS.get((*word)?)?).into())))
                .collect();
            let text = serde_json::Value::Object(fields).to_string();
            let found: Vec<String> = detector.matches_json(&text).unwrap().map(|rule| rule.id.clone()).collect();
            let meant: Vec<String> = trees
                .iter()
                .enumerate()
                .filter(|(_, tree)| means(tree, event))
                .map(|(index, _)| format!("r{index}"))
                .collect();
            prop_assert_eq!(found, meant, "{}", text);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever is saved and restored in between, and however often: the same events give the same alerts.
    #[test]
    fn a_replay_equals_what_was_live(
        steps in prop::collection::vec((0u8..7, 0u8..4, 0u8..3, -5i64..40), 20..200),
        cuts in prop::collection::vec(0usize..200, 0..4),
    ) {
        let mut now = 1_772_452_800;
        let events: Vec<Record> = steps.iter().map(|(what, person, network, pause)| {
            now += pause;
            let (kind, code) = [
                (EventKind::SignIn, "wrong-password"),
                (EventKind::SignIn, "wrong-password"),
                (EventKind::SignIn, "unknown-person"),
                (EventKind::SignIn, ""),
                (EventKind::SecondFactor, "wrong-code"),
                (EventKind::SecondFactor, ""),
                (EventKind::RefreshReused, "reused"),
            ][usize::from(*what)];
            let mut record = Record::new(kind, Timestamp::from_seconds(now));
            if !code.is_empty() {
                record.outcome = Outcome::Failure;
                record.code = Some(code.into());
            }
            record.person = (code != "unknown-person").then_some(Pseudonym([*person; 16]));
            record.network = Some(Pseudonym([*network + 100; 16]));
            record.client = Some("app".parse().unwrap());
            record.count = 1 + u32::from(*person);
            record
        }).collect();
        let (live, state) = run(&events, &[]);
        let (replayed, replayed_state) = run(&events, &cuts);
        prop_assert_eq!(live, replayed);
        prop_assert_eq!(state, replayed_state);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever stands in files: errors, not panics.
    #[test]
    fn nothing_makes_the_readers_panic(
        yaml in "[a-z|:*\\[\\]{}\"'#&!%>@\\\\ \n-]{0,80}",
        condition in "[a-z12 ()*|_]{0,40}",
        value in "\\PC{0,20}",
        key in "[a-z|.0-9]{0,30}",
        json in "[\\[\\]{}\",:0-9eE.\\\\a-z -]{0,60}",
    ) {
        let mut rules = Rules::new();
        let _ = rules.add("y", &yaml);
        let value = serde_json::Value::String(value).to_string();
        let text = format!("title: t\nlogsource: {{category: x}}\ndetection:\n  s:\n    '{key}': {value}\n  condition: {condition}\n");
        let _ = rules.add("t", &text);
        let text = text.replace(&format!("condition: {condition}"), "condition: s");
        let _ = rules.add("s", &text);
        if let Ok(mut detector) = rules.compile(Options::default()) {
            let mut alerts = Vec::new();
            let _ = detector.observe_line(&json, 0, &mut alerts);
            let event = format!("{{\"x\":{value},\"time\":{value}}}");
            detector.observe_line(&event, 1, &mut alerts).unwrap();
        }
    }
}

/// The alerts, and the state at the end.
fn run(events: &[Record], cuts: &[usize]) -> (Vec<Alert>, String) {
    let fresh = || -> Detector {
        let mut rules = Rules::new();
        pack(&mut rules).unwrap();
        rules.compile(Options { lateness: Duration::from_secs(20), groups: 3, ..Options::default() }).unwrap()
    };
    let mut detector = fresh();
    let mut alerts = Vec::new();
    for (place, event) in events.iter().enumerate() {
        if cuts.contains(&place) {
            let saved = serde_json::to_string(&detector.save()).unwrap();
            detector = fresh();
            detector.restore(serde_json::from_str(&saved).unwrap()).unwrap();
        }
        detector.observe(&event.view(), u64::try_from(place).unwrap(), &mut alerts);
    }
    (alerts, serde_json::to_string(&detector.save()).unwrap())
}
