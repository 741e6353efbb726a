//! A thousand seeded secrets over all kinds and two thousand decoys, in realistic carriers: recall and precision.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use testudo_scan::secrets::{Form, Kind, Piece, Scanner};

use super::carrier::{BARE, Carried, Carrier, NAMED, plain_name};
use super::decoy::decoys;
use super::template::{Dice, expand};

/// A carried string, and the kind that must be found in it.
struct Seeded {
    expected: Option<String>,
    what: String,
    value: String,
    carried: Carried,
}

fn carriers(kind: &Kind) -> Vec<Carrier> {
    let mut carriers = NAMED.to_vec();
    if kind.sample.is_none() {
        carriers.extend(BARE);
    }
    carriers
}

fn secrets(scanner: &Scanner, count: usize, dice: &mut Dice) -> Vec<Seeded> {
    let kinds: Vec<&Kind> = scanner.kinds().iter().filter(|kind| kind.magic.is_none()).collect();
    let mut out = Vec::new();
    for round in 0.. {
        for (index, kind) in kinds.iter().enumerate() {
            if out.len() == count {
                return out;
            }
            let template = &kind.matches[round % kind.matches.len()];
            let value = String::from_utf8(expand(template, dice)).unwrap();
            let name = kind.sample.clone().unwrap_or_else(|| plain_name(dice));
            let carriers = carriers(kind);
            let (_, carry) = carriers[(index + round * 7) % carriers.len()];
            let carried = carry(&name, &value, dice);
            out.push(Seeded { expected: Some(kind.id.clone()), what: template.clone(), value, carried });
        }
    }
    out
}

fn harmless(count: usize, dice: &mut Dice) -> Vec<Seeded> {
    let mut out = Vec::new();
    for (index, decoy) in decoys(count, dice).into_iter().enumerate() {
        let (_, carry) = NAMED[(index / 3) % NAMED.len()];
        let carried = carry(&decoy.name, &decoy.value, dice);
        out.push(Seeded { expected: None, what: decoy.what.to_owned(), value: decoy.value, carried });
    }
    out
}

#[derive(Default)]
struct Score {
    right: usize,
    missed: Vec<String>,
    wrong: Vec<String>,
}

fn score(scanner: &Scanner, corpus: &[Seeded]) -> Score {
    let mut score = Score::default();
    for seeded in corpus {
        let carried = &seeded.carried;
        let piece = Piece { bytes: &carried.bytes, name: carried.name.as_deref(), form: carried.form };
        let result = scanner.scan(&piece);
        assert!(result.complete, "{}", seeded.what);
        let mut hit = false;
        for found in &result.matches {
            if !hit && seeded.expected.as_ref() == Some(&found.kind.id) {
                hit = true;
                score.right += 1;
            } else {
                let expected = seeded.expected.as_deref().unwrap_or("nothing");
                let value = &seeded.value[..seeded.value.len().min(70)];
                score.wrong.push(format!(
                    "{} for {expected}: {} `{value}` in {}",
                    found.kind.id, seeded.what, carried.carrier
                ));
            }
        }
        if !hit && let Some(expected) = &seeded.expected {
            score.missed.push(format!("{expected}: `{}` in {}", seeded.what, carried.carrier));
        }
    }
    score
}

#[test]
fn a_thousand_seeded_secrets_are_found_and_decoys_are_left() {
    let scanner = Scanner::builtin().unwrap();
    for seed in [1, 2, 3] {
        let mut dice = Dice::new(seed);
        let mut corpus = secrets(&scanner, 1_000, &mut dice);
        corpus.extend(harmless(2_200, &mut dice));
        let score = score(&scanner, &corpus);
        let found = score.right + score.wrong.len();
        let precision = score.right as f64 / found as f64;
        println!("seed {seed}: {} of 1000 found, {} wrong, precision {precision:.4}", score.right, score.wrong.len());
        assert!(score.missed.is_empty(), "seed {seed}: {} missed:\n{}", score.missed.len(), score.missed.join("\n"));
        assert!(precision >= 0.98, "seed {seed}: precision {precision:.4}:\n{}", score.wrong.join("\n"));
    }
}

#[test]
fn every_kind_is_found_in_every_carrier() {
    let scanner = Scanner::builtin().unwrap();
    let mut dice = Dice::new(11);
    let mut corpus = Vec::new();
    for kind in scanner.kinds().iter().filter(|kind| kind.magic.is_none()) {
        for (_, carry) in carriers(kind) {
            let template = &kind.matches[0];
            let value = String::from_utf8(expand(template, &mut dice)).unwrap();
            let name = kind.sample.clone().unwrap_or_else(|| plain_name(&mut dice));
            let carried = carry(&name, &value, &mut dice);
            corpus.push(Seeded { expected: Some(kind.id.clone()), what: template.clone(), value, carried });
        }
    }
    let score = score(&scanner, &corpus);
    assert!(score.missed.is_empty(), "{} of {} missed:\n{}", score.missed.len(), corpus.len(), score.missed.join("\n"));
    assert!(score.wrong.len() * 100 <= corpus.len(), "{} wrong:\n{}", score.wrong.len(), score.wrong.join("\n"));
}

/// Writes the corpus as files, for scanners that read folders: `TESTUDO_SECRETS_OUT=DIR`. The truth stands in `truth.tsv`:
/// the file, the kind or `-`, and what it is.
#[test]
fn the_corpus_can_be_written_for_other_scanners() {
    let Some(folder) = std::env::var_os("TESTUDO_SECRETS_OUT").map(std::path::PathBuf::from) else {
        eprintln!("skipped: TESTUDO_SECRETS_OUT names no folder");
        return;
    };
    let scanner = Scanner::builtin().unwrap();
    let mut dice = Dice::new(1);
    let mut corpus = secrets(&scanner, 1_000, &mut dice);
    corpus.extend(harmless(2_200, &mut dice));
    let endings: BTreeMap<&str, &str> = [
        ("strings.xml", "xml"),
        ("manifest", "xml"),
        ("json", "json"),
        ("bundle", "js"),
        ("plist", "plist"),
        ("kotlin", "kt"),
        ("swift", "swift"),
        ("properties", "properties"),
        ("native", "so"),
        ("rodata", "so"),
    ]
    .into();
    let mut truth = String::new();
    std::fs::create_dir_all(folder.join("files")).unwrap();
    for (index, seeded) in corpus.iter().enumerate() {
        let carried = &seeded.carried;
        let ending = endings.get(carried.carrier).unwrap_or(&"txt");
        let name = format!("{index:05}.{ending}");
        let bytes = match &carried.name {
            Some(field) => [format!("{field} = \"").as_bytes(), &carried.bytes, b"\"\n"].concat(),
            None => carried.bytes.clone(),
        };
        std::fs::write(folder.join("files").join(&name), bytes).unwrap();
        let expected = seeded.expected.as_deref().unwrap_or("-");
        let _ = writeln!(truth, "{name}\t{expected}\t{}\t{}", carried.carrier, seeded.what);
    }
    std::fs::write(folder.join("truth.tsv"), truth).unwrap();
}

#[test]
fn key_stores_are_told_from_trust_stores() {
    let scanner = Scanner::builtin().unwrap();
    let mut dice = Dice::new(5);
    for (template, expected) in
        [("{store:jks}", 1), ("{store:jks-trust}", 0), ("{store:bks}", 1), ("{store:bks-trust}", 0), ("{store:p12}", 1)]
    {
        let bytes = expand(template, &mut dice);
        assert_eq!(
            scanner.scan(&Piece { bytes: &bytes, name: None, form: Form::Binary }).matches.len(),
            expected,
            "{template}"
        );
    }
}
