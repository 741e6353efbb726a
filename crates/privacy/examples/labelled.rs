//! How much of a labelled set the detectors find, and how much of what they find is labelled.
//!
//! The file is JSON in the form of `presidio-research`: a list of `{"full_text": "...", "spans": [{"entity_type": "...",
//! "start_position": 0, "end_position": 0}]}`, positions in characters.
//!
//! `cargo run --release -p testudo-privacy --example labelled -- <file> [--misses]`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a measurement for people")]

use std::process::ExitCode;

use serde_json::Value;
use testudo_privacy::{ClassSet, DataClass, detect};

const LABELS: &[(&str, DataClass)] = &[
    ("EMAIL_ADDRESS", DataClass::Email),
    ("PHONE_NUMBER", DataClass::Phone),
    ("CREDIT_CARD", DataClass::Pan),
    ("IBAN_CODE", DataClass::Iban),
    ("IBAN", DataClass::Iban),
    ("US_SSN", DataClass::NationalId),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(samples) = arguments.first().and_then(|path| read(path)) else {
        eprintln!("give a readable file of labelled texts");
        return ExitCode::from(2);
    };
    let misses = arguments.iter().any(|argument| argument == "--misses");
    let all: ClassSet = DataClass::ALL.into_iter().collect();
    let mut counts = [[0_usize; 4]; DataClass::ALL.len()];
    for (text, gold) in &samples {
        let mut found = Vec::new();
        detect::find(text.as_bytes(), b"", all, &mut found);
        let meets = |start: usize, end: usize, other: &detect::Found| start < other.end && other.start < end;
        for (class, start, end) in gold {
            let hit = found.iter().any(|each| each.class == *class && meets(*start, *end, each));
            count(&mut counts, *class, usize::from(!hit));
            if misses && !hit {
                println!("missed {class}: {}", text.get(*start..*end).unwrap_or_default());
            }
        }
        for each in &found {
            let right = gold.iter().any(|(class, start, end)| *class == each.class && meets(*start, *end, each));
            count(&mut counts, each.class, 2 + usize::from(!right));
            if misses && !right {
                println!("wrong {}: {}", each.class, text.get(each.start..each.end).unwrap_or_default());
            }
        }
    }
    println!("{:<12} {:>8} {:>8} {:>8} {:>8}", "class", "labelled", "found", "right", "wrong");
    for (class, [hit, missed, right, wrong]) in DataClass::ALL.into_iter().zip(counts) {
        if hit + missed + right + wrong > 0 {
            println!("{:<12} {:>8} {hit:>8} {right:>8} {wrong:>8}", class.name(), hit + missed);
        }
    }
    ExitCode::SUCCESS
}

fn count(counts: &mut [[usize; 4]], class: DataClass, column: usize) {
    let row = DataClass::ALL.iter().position(|own| *own == class).and_then(|row| counts.get_mut(row));
    row.and_then(|row| row.get_mut(column)).into_iter().for_each(|count| *count += 1);
}

type Sample = (String, Vec<(DataClass, usize, usize)>);

fn read(path: &str) -> Option<Vec<Sample>> {
    let samples: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let sample = |value: &Value| {
        let text = value.get("full_text")?.as_str()?.to_owned();
        let bytes = |at: &Value| {
            text.char_indices().map(|(byte, _)| byte).chain([text.len()]).nth(usize::try_from(at.as_u64()?).ok()?)
        };
        let span = |span: &Value| {
            let label = span.get("entity_type")?.as_str()?;
            let (_, class) = LABELS.iter().find(|(name, _)| *name == label)?;
            Some((*class, bytes(span.get("start_position")?)?, bytes(span.get("end_position")?)?))
        };
        let spans = value.get("spans")?.as_array()?.iter().filter_map(span).collect();
        Some((text, spans))
    };
    samples.as_array()?.iter().map(sample).collect()
}
