//! Laws: the output is the masking of the parsed document, whatever the cuts, and nothing else changes.

use proptest::prelude::*;
use serde_json::{Map, Value};
use testudo_body::json::{Path, Text, Token};

use super::*;
use crate::detect;
use crate::partial::HIDDEN;
use crate::{ClassSet, Mark};

#[derive(Clone, Debug)]
enum Step {
    Member(&'static str),
    AnyMember,
    AnyItem,
    Deep,
}

#[derive(Clone, Debug)]
enum Segment {
    Key(String),
    Index,
}

type Pairs = Vec<(Vec<Step>, Mark)>;

fn pattern(steps: &[Step]) -> String {
    let mut text = "$".to_owned();
    let mut deep = false;
    for step in steps {
        match (step, std::mem::take(&mut deep)) {
            (Step::Deep, _) => deep = true,
            (Step::Member(key), true) => text.extend(["..", key]),
            (Step::Member(key), false) => text.extend(["['", key, "']"]),
            (Step::AnyMember, deep) => text += if deep { "..*" } else { ".*" },
            (Step::AnyItem, deep) => text += if deep { "..[]" } else { "[*]" },
        }
    }
    text
}

fn leads(steps: &[Step], path: &[Segment]) -> bool {
    match (steps, path) {
        ([], path) => path.is_empty(),
        ([Step::Deep, rest @ ..], path) => {
            (0..=path.len()).any(|skipped| !rest.is_empty() && leads(rest, &path[skipped..]))
        }
        ([Step::Member(key), rest @ ..], [Segment::Key(own), path @ ..]) => key == own && leads(rest, path),
        ([Step::AnyMember, rest @ ..], [Segment::Key(_), path @ ..])
        | ([Step::AnyItem, rest @ ..], [Segment::Index, path @ ..]) => leads(rest, path),
        _ => false,
    }
}

/// Masks a parsed document, in the simplest way. What is removed is nothing.
struct Oracle<'a> {
    masking: &'a Masking,
    pairs: &'a Pairs,
    key: String,
}

impl Oracle<'_> {
    fn find(&self, text: &str, key: &str) -> Vec<detect::Found> {
        let mut found = Vec::new();
        detect::find(text.as_bytes(), key.as_bytes(), self.masking.plan.treated(), &mut found);
        found
    }

    fn mask(&mut self, value: &Value, path: &mut Vec<Segment>, above: ClassSet, exempt: bool) -> Option<Value> {
        let marks: Vec<Mark> =
            self.pairs.iter().filter(|(steps, _)| leads(steps, path)).map(|(_, mark)| *mark).collect();
        let own = marks.iter().filter_map(|mark| if let Mark::Class(class) = mark { Some(*class) } else { None });
        let classes = above.union(own.collect());
        let exempt = exempt || marks.contains(&Mark::None);
        let (treatment, class) = self.masking.plan.strictest(classes).unwrap_or((Treatment::Plain, DataClass::Name));
        let texts = [DataClass::FreeText, DataClass::Health, DataClass::Address, DataClass::Name];
        let looks = self.masking.plan.detects() && !exempt && classes.iter().all(|class| texts.contains(&class));
        let show = |text: &str| match treatment {
            Treatment::Drop => None,
            Treatment::Null => Some(Value::Null),
            _ if text.len() > self.masking.hold => Some(HIDDEN.into()),
            _ => Some(self.masking.shown(treatment, class, text).into()),
        };
        match value {
            _ if treatment == Treatment::Drop => None,
            Value::Object(members) => {
                let mut shown = Map::new();
                for (key, value) in members {
                    self.key.clone_from(key);
                    path.push(Segment::Key(key.clone()));
                    let exempt_key =
                        exempt || self.pairs.iter().any(|(steps, mark)| *mark == Mark::None && leads(steps, path));
                    let found = if self.masking.plan.detects() && !exempt_key { self.find(key, "") } else { vec![] };
                    let strictest = self.masking.strictest_of(&found).map(|(treatment, _)| treatment);
                    if strictest < Some(Treatment::Null)
                        && let Some(value) = self.mask(value, path, classes, exempt)
                    {
                        shown.insert(self.masking.replaced(key, &found, &mut Masked::default()), value);
                    }
                    path.pop();
                }
                Some(shown.into())
            }
            Value::Array(items) => {
                path.push(Segment::Index);
                let shown = items.iter().filter_map(|item| self.mask(item, path, classes, exempt)).collect();
                path.pop();
                Some(Value::Array(shown))
            }
            Value::Null => Some(Value::Null),
            Value::Bool(_) => Some(if treatment == Treatment::Plain { value.clone() } else { Value::Null }),
            Value::Number(number) if treatment != Treatment::Plain => {
                Some(self.masking.shown(treatment, class, &number.to_string()).into())
            }
            Value::Number(number) => {
                let class = detect::number(number.to_string().as_bytes(), self.masking.plan.treated());
                match class.filter(|_| looks) {
                    None => Some(value.clone()),
                    Some(class) => match self.masking.plan.treatment(class) {
                        Treatment::Drop => None,
                        treatment => Some(self.masking.shown(treatment, class, &number.to_string()).into()),
                    },
                }
            }
            Value::String(text) if treatment != Treatment::Plain => {
                if text.is_empty() {
                    Some(value.clone())
                } else {
                    show(text)
                }
            }
            Value::String(text) if looks => {
                let found = self.find(text, &self.key);
                match self.masking.strictest_of(&found) {
                    _ if text.len() > self.masking.hold => Some(HIDDEN.into()),
                    Some((Treatment::Drop, _)) => None,
                    Some((Treatment::Null, _)) => Some(Value::Null),
                    _ => Some(self.masking.replaced(text, &found, &mut Masked::default()).into()),
                }
            }
            Value::String(_) => Some(value.clone()),
        }
    }
}

const KEYS: &[&str] = &["a", "b", "c", "phone", "ada@example.org"];

const TEXTS: &[&str] = &[
    "",
    "x",
    "Ada",
    "ada@example.org",
    "4111111111111111",
    "+4930123456",
    "a \"q\" é😀\n4111 1111 1111 1111",
    "030 123456",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::from(4_111_111_111_111_111_u64)),
        proptest::sample::select(TEXTS).prop_map(Value::from),
        "[a-z\\\\\"\u{1}é ]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(KEYS), inner), 0..5).prop_map(|members| {
                Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}

fn any_pairs() -> impl Strategy<Value = Pairs> {
    let step = prop_oneof![
        3 => proptest::sample::select(&["a", "b", "c"][..]).prop_map(Step::Member),
        1 => Just(Step::AnyMember),
        2 => Just(Step::AnyItem),
    ];
    let steps = proptest::collection::vec((prop::bool::weighted(0.3), step), 0..4).prop_map(|steps| {
        steps.into_iter().flat_map(|(deep, step)| deep.then_some(Step::Deep).into_iter().chain([step])).collect()
    });
    let marks = DataClass::ALL.map(Mark::Class).into_iter().chain([Mark::None]).collect::<Vec<_>>();
    proptest::collection::vec((steps, proptest::sample::select(marks)), 0..4)
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let treatments = proptest::collection::vec(proptest::sample::select(&Treatment::ALL[..]), 10);
    (treatments, any::<bool>()).prop_map(|(treatments, detect)| {
        let plan = DataClass::ALL
            .into_iter()
            .zip(treatments)
            .fold(Plan::PLAIN, |plan, (class, treatment)| plan.with(class, treatment));
        if detect { plan.detecting() } else { plan }
    })
}

fn built(pairs: &Pairs, plan: Plan, hold: usize) -> Masking {
    let marks = Marks::compile(pairs.iter().map(|(steps, mark)| (pattern(steps), *mark))).unwrap();
    let keys = MaskKeys::new(KeyRing::generate(Timestamp::default()));
    Masking::new(Arc::new(marks), plan, Some(keys)).unwrap().hold(hold)
}

/// Bytes between tokens, and the tokens as written with what they say.
fn pieces(text: &[u8]) -> (Vec<u8>, Vec<(Vec<u8>, String)>) {
    let (mut between, mut tokens, mut done) = (Vec::new(), Vec::new(), 0);
    let mut visit = |token: &Token<'_>, _: &Path| {
        let (span, said) = match token {
            Token::Key { text, .. } | Token::String(text @ Text { .. }) => (text.span, text.decode().into_owned()),
            Token::Number { span, raw } => (*span, String::from_utf8(raw.to_vec()).unwrap()),
            Token::Bool { span, value } => (*span, value.to_string()),
            Token::Null(span) => (*span, "null".to_owned()),
            _ => return Ok::<(), ()>(()),
        };
        between.extend_from_slice(&text[done..span.start]);
        tokens.push((text[span.start..span.end].to_vec(), said));
        done = span.end;
        Ok(())
    };
    let mut reader = Reader::new(Limits::STREAM);
    reader.push(text, &mut visit).unwrap();
    reader.finish(&mut visit).unwrap();
    between.extend_from_slice(&text[done..]);
    (between, tokens)
}

/// The same document, written otherwise: letters escaped, and space between tokens.
fn rewritten(value: &Value, odd: bool) -> String {
    let text = serde_json::to_string_pretty(value).unwrap();
    if odd { text.replace('b', "\\u0062").replace('\n', "\r\n \t") } else { text }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_output_is_the_masking_of_the_document(value in any_json(), pairs in any_pairs(), plan in any_plan(),
                                                 hold in prop_oneof![Just(1000usize), Just(12)]) {
        let masking = built(&pairs, plan, hold);
        // Without escapes, so that lengths as written are lengths as read; with them in the next law.
        let text = serde_json::to_string(&value).unwrap();
        prop_assume!(hold == 1000 || !text.contains('\\'));
        let (out, _) = run(&masking, Format::Json, &[text.as_bytes()]).unwrap();
        let mut oracle = Oracle { masking: &masking, pairs: &pairs, key: String::new() };
        let expected = oracle.mask(&value, &mut Vec::new(), ClassSet::EMPTY, false).unwrap_or(Value::Null);
        prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected, "{}", out);
    }

    #[test]
    fn every_cut_gives_the_same_output(value in any_json(), pairs in any_pairs(), plan in any_plan(), odd in any::<bool>(),
                                       hold in 0usize..40, cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let masking = built(&pairs, plan, hold);
        let text = rewritten(&value, odd);
        let whole = run(&masking, Format::Json, &[text.as_bytes()]).unwrap();
        prop_assert!(serde_json::from_str::<Value>(&whole.0).is_ok(), "{}", whole.0);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        places.extend([0, text.len()]);
        places.sort_unstable();
        let chunks: Vec<&[u8]> = places.windows(2).map(|ends| &text.as_bytes()[ends[0]..ends[1]]).collect();
        prop_assert_eq!(&run(&masking, Format::Json, &chunks).unwrap(), &whole);
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        prop_assert_eq!(&run(&masking, Format::Json, &bytes).unwrap(), &whole);
    }

    #[test]
    fn nothing_else_changes(value in any_json(), pairs in any_pairs(), plan in any_plan(), odd in any::<bool>()) {
        let gentle = DataClass::ALL.into_iter().fold(Plan::PLAIN, |gentle, class| {
            let treatment = plan.treatment(class);
            gentle.with(class, if treatment >= Treatment::Null { Treatment::Partial } else { treatment })
        });
        let masking = built(&pairs, if plan.detects() { gentle.detecting() } else { gentle }, 1000);
        let text = rewritten(&value, odd);
        let (out, masked) = run(&masking, Format::Json, &[text.as_bytes()]).unwrap();
        let (before, after) = (pieces(text.as_bytes()), pieces(out.as_bytes()));
        prop_assert_eq!(before.0, after.0, "between the tokens");
        prop_assert_eq!(before.1.len(), after.1.len());
        for ((was, said), (is, says)) in before.1.iter().zip(&after.1) {
            prop_assert!(was == is || said != says || is.starts_with(b"\"") != was.starts_with(b"\""));
        }
        if masked.total() == 0 {
            prop_assert_eq!(out, text);
        }
    }

    #[test]
    fn a_plain_plan_changes_nothing(value in any_json(), pairs in any_pairs(), odd in any::<bool>()) {
        let text = rewritten(&value, odd);
        let masking = built(&pairs, Plan::PLAIN.detecting(), 10);
        prop_assert_eq!(run(&masking, Format::Json, &[text.as_bytes()]).unwrap().0, text);
    }
}
