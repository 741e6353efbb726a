//! The index: what an import keeps, how ranges are evaluated, what is refused, and what changed between two.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::similar_names,
    clippy::cast_possible_truncation
)]

mod dependencies;

use dependencies::Mistakes;
use serde_json::json;
use testudo_scan::dependencies::{
    Ecosystem, Event, Imported, Importer, Index, IndexError, Level, Outcome, Range, Scheme, diff,
};

fn import(records: &[serde_json::Value]) -> Imported {
    let mut importer = Importer::new();
    for record in records {
        importer.add("record", record.to_string().as_bytes()).unwrap();
    }
    importer.finish(Some(1_700_000_000)).unwrap()
}

fn okhttp() -> serde_json::Value {
    json!({
        "schema_version": "1.6.0",
        "id": "GHSA-w33c-445m-f8w7",
        "modified": "2024-02-12T08:10:00.123Z",
        "published": "2023-07-12T21:30:00Z",
        "aliases": ["CVE-2023-3635"],
        "summary": "Okio Signed to Unsigned Conversion Error\u{7} vulnerability",
        "details": "not kept",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],
        "affected": [
            {"package": {"ecosystem": "Maven", "name": "com.squareup.okio:okio", "purl": "pkg:maven/x"},
             "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "2.0.0-RC1"}, {"fixed": "3.4.0"}]}],
             "versions": ["2.0.0", "3.0.0", "0.9-odd"]},
            {"package": {"ecosystem": "Maven", "name": "com.squareup.okio:okio"},
             "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0.5.0"}, {"fixed": "1.17.6"}]}]},
            {"package": {"ecosystem": "Debian:12", "name": "okio"}, "versions": ["1"]}
        ],
        "database_specific": {"cwe_ids": ["CWE-195", "CWE-681", "odd"], "severity": "HIGH"}
    })
}

#[test]
fn a_record_reads_as_it_was_imported() {
    let imported = import(&[okhttp()]);
    assert_eq!((imported.advisories, imported.packages), (1, 1));
    let index = Index::open(&imported.bytes).unwrap();
    index.verify().unwrap();
    assert_eq!(index.about().imported, Some(1_700_000_000));
    assert_eq!(index.about().newest, 1_707_725_400);
    assert_eq!(index.about().age_in_days(1_707_725_400 + 86_400 * 3 + 5), 3);
    let entries: Vec<_> =
        index.affected(Ecosystem::Maven, "com.squareup.okio:okio").unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(entries.len(), 1);
    let advisory = index.advisory(entries[0].advisory).unwrap();
    assert_eq!((&*advisory.id, &*advisory.aliases[0]), ("GHSA-w33c-445m-f8w7", "CVE-2023-3635"));
    assert_eq!((advisory.level, advisory.score), (Some(Level::High), Some(75)));
    assert_eq!(advisory.weaknesses, [195, 681]);
    assert_eq!(advisory.summary, "Okio Signed to Unsigned Conversion Error vulnerability");
    assert_eq!(advisory.published, 1_689_197_400);
    // Only what no range covers is kept by name.
    assert_eq!(entries[0].versions, ["0.9-odd"]);
    for (version, affected) in [
        ("0.4.0", false),
        ("0.5.0", true),
        ("1.17.5", true),
        ("1.17.6", false),
        ("2.0.0-alpha1", false),
        ("2.0.0-RC1", true),
        ("3.3.9", true),
        ("3.4.0", false),
        ("0.9-odd", true),
        ("v0.9-odd", true),
        ("9", false),
    ] {
        assert_eq!(entries[0].has(version), affected, "{version}");
    }
    assert!(index.affected(Ecosystem::Npm, "com.squareup.okio:okio").unwrap().next().is_none());
    assert!(index.affected(Ecosystem::Maven, "com.squareup.okio").unwrap().next().is_none());
    assert_eq!(index.find("GHSA-w33c-445m-f8w7").unwrap(), Some(0));
    assert_eq!(index.find("GHSA").unwrap(), None);
    assert_eq!(
        index.packages().collect::<Result<Vec<_>, _>>().unwrap(),
        [(Ecosystem::Maven, "com.squareup.okio:okio")]
    );
}

#[test]
fn ranges_are_evaluated_as_the_schema_says() {
    use Event::{Always, Fixed, Introduced, LastAffected, Limit};
    for (events, inside, outside) in [
        (vec![Always], vec!["0", "0.0.0-a", "99"], vec![]),
        (vec![Fixed("2.0.0"), Always], vec!["1.9.9", "2.0.0-rc"], vec!["2.0.0", "3"]),
        (vec![Introduced("1.0.0"), LastAffected("1.5.0")], vec!["1.0.0", "1.5.0"], vec!["0.9", "1.5.1"]),
        (
            vec![Introduced("3.0.0"), Fixed("3.1.0"), Introduced("1.0.0"), Fixed("1.2.0")],
            vec!["1.1.9", "3.0.0"],
            vec!["0.1", "1.2.0", "2.0.0", "3.1.0"],
        ),
        (vec![Introduced("1.0.0"), Limit("2.0.0")], vec!["1.0.0", "1.9"], vec!["2.0.0", "0.9"]),
        (vec![Introduced("1.0.0"), Limit("2.0.0"), Limit("*")], vec!["1.0.0", "7"], vec!["0.9"]),
        (vec![Fixed("1.0.0")], vec![], vec!["0.1", "1.0.0"]),
        (vec![], vec![], vec!["1.0.0"]),
    ] {
        let range = Range::new(Scheme::SemVer, events);
        for version in inside {
            assert!(range.has(version), "{version} in {range:?}");
        }
        for version in outside {
            assert!(!range.has(version), "{version} not in {range:?}");
        }
    }
    let shown = |events| Range::new(Scheme::SemVer, events).shown();
    assert_eq!(shown(vec![Always, Fixed("2")]), "< 2");
    assert_eq!(shown(vec![Always]), "*");
    assert_eq!(shown(vec![Introduced("1"), Fixed("2"), Introduced("3"), LastAffected("4")]), ">= 1, < 2 || >= 3, <= 4");
    let range = Range::new(Scheme::SemVer, vec![Introduced("1"), Fixed("2"), Introduced("3"), Fixed("3.1")]);
    assert_eq!(
        (range.fixed_above("1.5"), range.fixed_above("3.0.1"), range.fixed_above("4")),
        (Some("2"), Some("3.1"), None)
    );
}

#[test]
fn the_newest_copy_counts_and_the_withdrawn_are_dropped() {
    let record = |id: &str, modified: &str, withdrawn: Option<&str>, fixed: &str| {
        json!({"id": id, "modified": modified, "withdrawn": withdrawn, "affected": [
            {"package": {"ecosystem": "npm", "name": "a"},
             "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]},
                        {"type": "GIT", "repo": "https://x", "events": [{"introduced": "0"}]}]}]})
    };
    let mut importer = Importer::new();
    let mut add = |record: &serde_json::Value| importer.add("r", record.to_string().as_bytes()).unwrap();
    assert_eq!(add(&record("A", "2024-01-02T00:00:00Z", None, "2.0.0")), Outcome::Taken);
    assert_eq!(add(&record("A", "2024-01-01T00:00:00Z", None, "9.0.0")), Outcome::Older);
    assert_eq!(add(&record("B", "2024-01-01T00:00:00Z", None, "9.0.0")), Outcome::Taken);
    assert_eq!(add(&record("B", "2024-01-02T00:00:00Z", Some("2024-01-02T00:00:00Z"), "9.0.0")), Outcome::Withdrawn);
    assert_eq!(add(&record("B", "2024-01-01T00:00:00Z", None, "9.0.0")), Outcome::Older);
    assert_eq!(add(&json!({"id": "C", "modified": "2024-01-01T00:00:00Z", "affected": null})), Outcome::Foreign);
    let imported = importer.finish(None).unwrap();
    let index = Index::open(&imported.bytes).unwrap();
    assert_eq!((imported.advisories, index.about().imported), (1, None));
    let entry = index.affected(Ecosystem::Npm, "a").unwrap().next().unwrap().unwrap();
    assert_eq!(entry.ranges.len(), 1, "commits are no versions");
    assert!(entry.has("1.9.9") && !entry.has("2.0.0"));
}

#[test]
fn records_that_are_none_are_named() {
    let mut importer = Importer::new();
    for (json, expected) in [
        ("{", "bad.json: this is no OSV record: EOF while parsing an object at line 1 column 1"),
        ("{\"id\":\"a\"}", "bad.json: this is no OSV record: missing field `modified` at line 1 column 10"),
        ("{\"id\":\"a\",\"modified\":\"now\"}", "bad.json: `now` is no time of RFC 3339"),
    ] {
        assert_eq!(importer.add("bad.json", json.as_bytes()).unwrap_err().to_string(), expected);
    }
}

#[test]
fn severity_is_the_newest_score_or_the_databases_word() {
    let with = |extra: serde_json::Value| {
        let mut record = json!({"id": "A", "modified": "2024-01-01T00:00:00Z", "affected": [
            {"package": {"ecosystem": "crates.io", "name": "a"}, "versions": ["1"]}]});
        for (key, value) in extra.as_object().unwrap() {
            record[key] = value.clone();
        }
        let imported = import(&[record]);
        let advisory = Index::open(&imported.bytes).unwrap().advisory(0).unwrap();
        (advisory.level, advisory.score, advisory.vector.map(str::to_owned))
    };
    let v3 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    let v4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
    let both = json!({"severity": [{"type": "CVSS_V4", "score": v4}, {"type": "CVSS_V3", "score": v3}]});
    assert_eq!(with(both), (Some(Level::Critical), Some(93), Some(v4.into())));
    let word =
        json!({"severity": [{"type": "CVSS_V3", "score": "odd"}], "database_specific": {"severity": "MODERATE"}});
    assert_eq!(with(word), (Some(Level::Medium), None, None));
    assert_eq!(with(json!({})), (None, None, None));
    assert_eq!(with(json!({"id": "MAL-2024-1"})), (Some(Level::Critical), None, None));
}

#[test]
fn names_of_swift_packages_have_no_case() {
    let imported = import(&[json!({"id": "A", "modified": "2024-01-01T00:00:00Z", "affected": [
        {"package": {"ecosystem": "SwiftURL", "name": "github.com/Vapor/vapor"},
         "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "4.84.2"}]}]}]})]);
    let index = Index::open(&imported.bytes).unwrap();
    let entry = index.affected(Ecosystem::SwiftUrl, "GitHub.com/vapor/Vapor").unwrap().next().unwrap().unwrap();
    assert!(entry.has("4.84.1") && !entry.has("4.84.2"));
}

#[test]
fn changes_between_two_indexes() {
    let mut other = okhttp();
    other["id"] = "CVE-2020-0001".into();
    let mut gone = okhttp();
    gone["id"] = "ZZZ-1".into();
    let old = import(&[okhttp(), gone]);
    let mut touched = okhttp();
    touched["modified"] = "2025-01-01T00:00:00Z".into();
    let same = import(&[touched.clone(), other.clone()]);
    let changes = diff(&Index::open(&old.bytes).unwrap(), &Index::open(&same.bytes).unwrap()).unwrap();
    assert_eq!(
        (changes.added, changes.removed, changes.changed),
        (vec!["CVE-2020-0001".into()], vec!["ZZZ-1".into()], vec![])
    );
    touched["affected"][0]["ranges"][0]["events"][1]["fixed"] = "3.5.0".into();
    let new = import(&[touched, other]);
    let changes = diff(&Index::open(&same.bytes).unwrap(), &Index::open(&new.bytes).unwrap()).unwrap();
    assert_eq!(
        (changes.added.len(), changes.removed.len(), changes.changed),
        (0, 0, vec!["GHSA-w33c-445m-f8w7".into()])
    );
}

#[test]
fn the_same_records_in_any_order_give_the_same_bytes() {
    let mut records: Vec<_> = (0..50)
        .map(|n| {
            let mut record = okhttp();
            record["id"] = format!("CVE-2024-{:04}", n * 7 % 50).into();
            record["affected"][0]["package"]["name"] = format!("g:a{}", n % 13).into();
            record
        })
        .collect();
    let one = import(&records);
    records.reverse();
    assert_eq!(one.bytes, import(&records).bytes);
}

#[test]
fn what_is_no_index_is_refused() {
    let bytes = import(&[okhttp()]).bytes;
    assert_eq!(Index::open(b"").unwrap_err(), IndexError::Foreign);
    assert_eq!(Index::open(b"PK\x03\x04aaaaaaaaaaaaaaaa").unwrap_err(), IndexError::Foreign);
    let mut newer = bytes.clone();
    newer[8] = 9;
    assert_eq!(Index::open(&newer).unwrap_err(), IndexError::Version { found: 9, expected: 1 });
    for length in 8..bytes.len() {
        assert!(matches!(Index::open(&bytes[..length]), Err(IndexError::Damaged { .. })), "{length}");
    }
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(Index::open(&flipped).unwrap().verify().unwrap_err(), IndexError::Digest);
}

/// A damaged index gives errors or other answers, in bounded time, and nothing else.
#[test]
fn a_damaged_index_never_panics() {
    let records: Vec<_> = (0..40)
        .map(|n| {
            let mut record = okhttp();
            record["id"] = format!("CVE-2024-{n:04}").into();
            record["affected"][0]["package"]["name"] = format!("g:a{}", n % 13).into();
            record
        })
        .collect();
    let bytes = import(&records).bytes;
    let sound = Index::open(&bytes).unwrap();
    let names: Vec<_> = sound.packages().map(Result::unwrap).collect();
    let mut mistakes = Mistakes::new(7);
    let mut errors = 0;
    for _ in 0..600 {
        let mut damaged = bytes.clone();
        for _ in 0..=mistakes.next(4) {
            let at = mistakes.next(damaged.len());
            damaged[at] = mistakes.next(256) as u8;
        }
        let Ok(index) = Index::open(&damaged) else {
            errors += 1;
            continue;
        };
        for (ecosystem, name) in &names {
            match index.affected(*ecosystem, name) {
                Ok(entries) => errors += entries.filter(Result::is_err).count(),
                Err(_) => errors += 1,
            }
        }
        for position in 0..index.about().advisories.min(100) {
            errors += usize::from(index.advisory(position).is_err());
        }
        errors += index.packages().take(100).filter(Result::is_err).count();
        errors += usize::from(diff(&sound, &index).is_err());
    }
    assert!(errors > 150, "mistakes are seen: {errors}");
}

#[test]
fn broken_records_never_panic() {
    let record = okhttp().to_string().into_bytes();
    let mut mistakes = Mistakes::new(11);
    let mut importer = Importer::new();
    let mut refused = 0;
    for _ in 0..4000 {
        refused += usize::from(importer.add("r", &mistakes.make(&record)).is_err());
    }
    assert!(refused > 1000, "{refused}");
    let imported = importer.finish(None).unwrap();
    Index::open(&imported.bytes).unwrap().verify().unwrap();
}
