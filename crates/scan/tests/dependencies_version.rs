//! The order of versions, per registry, from the specifications' own examples and rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use std::cmp::Ordering;

use proptest::prelude::*;
use testudo_scan::dependencies::Scheme;

/// Each list ascends strictly.
fn ascends(scheme: Scheme, versions: &[&str]) {
    for (at, low) in versions.iter().enumerate() {
        assert_eq!(scheme.compare(low, low), Ordering::Equal, "{low}");
        for high in &versions[at + 1..] {
            assert_eq!(scheme.compare(low, high), Ordering::Less, "{low} < {high}");
            assert_eq!(scheme.compare(high, low), Ordering::Greater, "{high} > {low}");
        }
    }
}

fn equal(scheme: Scheme, versions: &[&str]) {
    for one in versions {
        for other in versions {
            assert_eq!(scheme.compare(one, other), Ordering::Equal, "{one} = {other}");
        }
    }
}

#[test]
fn maven_orders_qualifiers_and_numbers() {
    let scheme = Scheme::Maven;
    ascends(
        scheme,
        &[
            "1-alpha2snapshot",
            "1-alpha2",
            "1-alpha-123",
            "1-beta-2",
            "1-beta123",
            "1-m2",
            "1-m11",
            "1-rc",
            "1-cr2",
            "1-rc123",
            "1-SNAPSHOT",
            "1",
            "1-sp",
            "1-sp2",
            "1-sp123",
            "1-abc",
            "1-def",
            "1-pom-1",
            "1-1-snapshot",
            "1-1",
            "1-2",
            "1-123",
        ],
    );
    ascends(
        scheme,
        &[
            "2.0", "2.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0", "2.1-a", "2.1b", "2.1-c", "2.1-1", "2.1.0.1", "2.2",
            "2.123", "11.a2", "11.a11", "11.b2", "11.b11", "11.m2", "11.m11", "11", "11.a", "11b", "11c", "11m",
        ],
    );
    ascends(scheme, &["1.0.0.RC1", "1.0.0-RC2", "1.0.0.Final", "1.0.0.SP1", "1.0.1"]);
    ascends(scheme, &["29.0-android", "29.0-jre", "30.0-android", "31.1-jre", "33.0.0-jre"]);
    ascends(scheme, &["20190829123456", "99999999999999999999998", "99999999999999999999999"]);
    equal(scheme, &["1", "1.0", "1.0.0", "1-0", "1.0-0", "1.0-final", "1-ga", "1.0.Final", "1-RELEASE", "01"]);
    equal(scheme, &["1a1", "1-alpha-1", "1.0-alpha1", "1.0.0-A1", "1-ALPHA01"]);
    equal(scheme, &["1x", "1.0.0-x", "1.0.0x", "1-X"]);
    equal(scheme, &["1-cr1", "1-rc1", "1-RC-1"]);
}

#[test]
fn semver_orders_pre_releases_and_ignores_builds() {
    let scheme = Scheme::SemVer;
    // SemVer 2.0, section 11.
    ascends(
        scheme,
        &[
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "2.0.0",
            "2.1.0",
            "2.1.1",
            "2.10.0",
            "10.0.0",
        ],
    );
    ascends(scheme, &["1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0--", "1.0.0-1a", "1.0.0-A", "1.0.0-a"]);
    ascends(scheme, &["1.1.1", "1.1.1k", "1.1.1l", "1.1.1za", "2"]);
    equal(scheme, &["1.2.0", "v1.2.0", "1.2", "1.2.0.0", "1.2.0+build.7", "=1.2.0", "1.02.0"]);
    ascends(scheme, &["18446744073709551615.0.0", "18446744073709551616.0.0"]);
}

#[test]
fn pub_counts_builds() {
    let scheme = Scheme::Pub;
    ascends(
        scheme,
        &["1.0.0-alpha", "1.0.0-alpha+1", "1.0.0", "1.0.0+1", "1.0.0+2", "1.0.0+10", "1.0.0+a", "1.0.0+a.1", "1.0.1"],
    );
    equal(scheme, &["1.0.0+1", "1.0.0+01"]);
}

#[test]
fn gems_and_pods_have_pre_releases_of_letters() {
    ascends(
        Scheme::Gem,
        &[
            "1.0.a",
            "1.0.a.2",
            "1.0.a10",
            "1.0.b1",
            "1.0-2",
            "1.0",
            "1.0.1",
            "1.2.b1",
            "1.2",
            "1.10",
            "2.0.0.pre",
            "2.0",
        ],
    );
    equal(Scheme::Gem, &["1", "1.0", "1.0.0"]);
    equal(Scheme::Gem, &["1.a", "1.0.a", "1.0.0.a"]);
    ascends(
        Scheme::CocoaPods,
        &[
            "0.9",
            "1.0.0-alpha",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc",
            "1.0.0",
            "1.0.0.1",
            "1.2.b1",
            "1.2",
            "1.10",
        ],
    );
    equal(Scheme::CocoaPods, &["1", "1.0", "1.0.0"]);
}

/// Files of lines `one < other`, one per scheme, from a folder outside the repository.
#[test]
fn orders_of_another_implementation() {
    let Some(folder) = std::env::var_os("TESTUDO_VERSION_FIXTURES") else {
        eprintln!(
            "SKIPPED: set TESTUDO_VERSION_FIXTURES to a folder with maven.txt, semver.txt, pub.txt, rubygems.txt"
        );
        return;
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, scheme) in
        [("maven", Scheme::Maven), ("semver", Scheme::SemVer), ("pub", Scheme::Pub), ("rubygems", Scheme::Gem)]
    {
        let path = std::path::Path::new(&folder).join(format!("{name}.txt"));
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(['#', '/'])) {
            let parts: Vec<&str> = line.split_whitespace().collect();
            let [one, sign, other] = parts[..] else { panic!("{name}: `{line}`") };
            let expected = match sign {
                "<" => Ordering::Less,
                ">" => Ordering::Greater,
                _ => Ordering::Equal,
            };
            count += 1;
            if scheme.compare(one, other) != expected {
                wrong.push(format!("{name}: {line}, not {:?}", scheme.compare(one, other)));
            }
        }
    }
    eprintln!("{count} pairs, {} differ", wrong.len());
    let known = std::env::var("TESTUDO_VERSION_DIFFERENCES").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    assert!(count > 0 && wrong.len() <= known, "{}", wrong.join("\n"));
}

proptest! {
    /// Every order is one: of any two texts, one way; of any three, without a circle.
    #[test]
    fn every_order_is_total(
        one in "[v]?[0-9]{1,2}([.-]?[0-9a-cr]{1,2}){0,4}(\\+[0-9a]{1,2})?",
        two in "[v]?[0-9]{1,2}([.-]?[0-9a-cr]{1,2}){0,4}(\\+[0-9a]{1,2})?",
        three in "[0-9]{1,2}([.-]?[0-9a-cr]{1,2}){0,4}",
        any in ".{0,12}",
    ) {
        for scheme in [Scheme::SemVer, Scheme::Pub, Scheme::CocoaPods, Scheme::Gem] {
            for (a, b, c) in [(&one, &two, &three), (&one, &any, &three), (&any, &two, &one)] {
                prop_assert_eq!(scheme.compare(a, b), scheme.compare(b, a).reverse());
                let mut sorted = [a, b, c];
                sorted.sort_by(|x, y| scheme.compare(x, y));
                prop_assert!(scheme.compare(sorted[0], sorted[2]).is_le(), "{:?} {:?}", scheme, sorted);
            }
        }
        // Maven's own rules are no order for every three texts, but for every two.
        for (a, b) in [(&one, &two), (&one, &any), (&any, &three)] {
            prop_assert_eq!(Scheme::Maven.compare(a, b), Scheme::Maven.compare(b, a).reverse());
        }
    }
}

#[test]
fn long_versions_are_compared_in_bounded_time() {
    let long = format!("1{}", ".1-a".repeat(100_000));
    let other = format!("1{}", ".1-b".repeat(100_000));
    for scheme in [Scheme::Maven, Scheme::SemVer, Scheme::Pub, Scheme::CocoaPods, Scheme::Gem] {
        assert_ne!(scheme.compare(&long, &other), Ordering::Equal, "{scheme:?}");
        assert_eq!(scheme.compare(&long, &long.clone()), Ordering::Equal);
    }
}
