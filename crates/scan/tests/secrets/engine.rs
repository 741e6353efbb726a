//! The engine apart from its kinds: redaction, boundaries, overlaps, encodings, names, status.

use testudo_core::{Confidence, Severity};
use testudo_scan::secrets::{Encoding, Form, Match, Piece, Reason, Scanner, Status};

use super::template::{Dice, expand};
use super::{decoy, forge};

fn value(template: &str, seed: u64) -> String {
    String::from_utf8(expand(template, &mut Dice::new(seed))).unwrap()
}

fn scan<'s>(scanner: &'s Scanner, text: &[u8], form: Form) -> Vec<Match<'s>> {
    scanner.scan(&Piece { bytes: text, name: None, form }).matches
}

fn ids(matches: &[Match<'_>]) -> Vec<String> {
    matches.iter().map(|found| found.kind.id.clone()).collect()
}

#[test]
fn no_secret_leaves_the_engine() {
    let scanner = Scanner::builtin().unwrap();
    for template in [
        "ghp_{crc62:30}",
        "AKIA{base32:16}",
        "postgres://app:{password}@db.acme.io/app",
        "{pem:PRIVATE KEY}",
        "{jwt:user}",
    ] {
        let secret = value(template, 1);
        let text = format!("val x = \"{}\"", secret.replace('\n', "\\n"));
        let matches = scan(&scanner, text.as_bytes(), Form::Text);
        assert_eq!(matches.len(), 1, "{template}: {:?}", ids(&matches));
        let said = format!("{matches:?} {}", matches[0].fingerprint);
        let longest = (8..secret.len()).rev().find(|length| {
            secret.as_bytes().windows(*length).any(|part| said.contains(std::str::from_utf8(part).unwrap_or("\u{0}")))
        });
        let allowed =
            ["-----BEGIN PRIVATE KEY-----", "postgres://", "PRIVATE KEY"].iter().any(|part| secret.contains(part));
        assert!(longest.is_none() || allowed, "{template}: {longest:?} characters of the secret in {said}");
        if template.contains("password") {
            let password = secret.split(':').nth(2).unwrap().split('@').next().unwrap();
            assert!(!said.contains(password), "{said}");
        }
    }
}

#[test]
fn the_same_secret_has_one_fingerprint_wherever_it_stands() {
    let scanner = Scanner::builtin().unwrap();
    let secret = value("ghp_{crc62:30}", 2);
    let plain = scan(&scanner, format!("token = \"{secret}\"").as_bytes(), Form::Text);
    let alone = scan(&scanner, secret.as_bytes(), Form::Value);
    let wide: Vec<u8> =
        [&[1, 2, 0, 0][..], &secret.bytes().flat_map(|byte| [byte, 0]).collect::<Vec<_>>(), &[0, 0]].concat();
    let wide = scan(&scanner, &wide, Form::Binary);
    assert_eq!(plain[0].fingerprint, alone[0].fingerprint);
    assert_eq!(plain[0].fingerprint, wide[0].fingerprint);
    assert_eq!(wide[0].encoding, Encoding::Utf16);
    let other = scan(&scanner, value("ghp_{crc62:30}", 3).as_bytes(), Form::Value);
    assert_ne!(plain[0].fingerprint, other[0].fingerprint);
}

#[test]
fn tokens_inside_longer_words_count_only_where_strings_have_no_separators() {
    let scanner = Scanner::builtin().unwrap();
    let secret = value("ghp_{crc62:30}", 4);
    let inside = format!("abc{secret}def");
    assert_eq!(ids(&scan(&scanner, inside.as_bytes(), Form::Text)), Vec::<String>::new());
    assert_eq!(ids(&scan(&scanner, inside.as_bytes(), Form::Binary)), ["github-personal-token"]);
    for text in [
        format!("line\\n{secret}\\n"),
        format!("\\u003d{secret}\\u0026"),
        format!("\\x3d{secret}"),
        format!("({secret})"),
        format!("--{secret}"),
    ] {
        assert_eq!(
            ids(&scan(&scanner, text.as_bytes(), Form::Text)).len(),
            usize::from(!text.starts_with("--")),
            "{text}"
        );
    }
}

#[test]
fn base64_is_opened_at_every_alignment() {
    let scanner = Scanner::builtin().unwrap();
    let secret = value("AKIA{base32:16}", 5);
    for before in ["", "a", "ab", "abc", "a=", "user:"] {
        let joined = if before.is_empty() || before.ends_with([':', '=']) { String::new() } else { " ".to_owned() };
        let wrapped = forge::base64(format!("{before}{joined}{secret}").as_bytes());
        let matches = scan(&scanner, format!("x = '{wrapped}'").as_bytes(), Form::Text);
        assert_eq!(ids(&matches), ["aws-access-key-id"], "after `{before}`");
        assert_eq!(matches[0].encoding, Encoding::Base64);
    }
}

#[test]
fn what_overlaps_is_reported_once_as_what_says_most() {
    let scanner = Scanner::builtin().unwrap();
    let token = value("ghp_{crc62:30}", 6);
    let text = format!("remote = \"https://x-access-token:{token}@github.com/acme/app.git\"");
    let matches = scan(&scanner, text.as_bytes(), Form::Text);
    assert_eq!(ids(&matches), ["github-personal-token"]);
    assert_eq!(&text[matches[0].span.clone()], token);
    let text = format!("github_secret_token: \"{token}\"");
    assert_eq!(ids(&scan(&scanner, text.as_bytes(), Form::Text)), ["github-personal-token"]);
}

#[test]
fn a_checksum_raises_confidence_and_a_wrong_one_makes_a_placeholder() {
    let scanner = Scanner::builtin().unwrap().with_placeholders();
    let right = scan(&scanner, value("ghp_{crc62:30}", 7).as_bytes(), Form::Value);
    assert_eq!((right[0].status, right[0].confidence), (Status::Unknown, Confidence::High));
    assert!(right[0].reasons.contains(&Reason::Verified("its checksum holds")));
    let wrong = scan(&scanner, value("ghp_{base62:36}", 7).as_bytes(), Form::Value);
    assert_eq!(wrong[0].status, Status::Placeholder);
    assert_eq!(wrong[0].severity(), Severity::Informational);
    let silent = Scanner::builtin().unwrap();
    assert!(scan(&silent, value("ghp_{base62:36}", 7).as_bytes(), Form::Value).is_empty());
}

#[test]
fn tokens_expire_when_the_caller_knows_the_time() {
    let secret = value("{jwt:anon}", 8);
    let fresh = Scanner::builtin().unwrap().at(1_800_000_000);
    let late = Scanner::builtin().unwrap().at(2_100_000_000);
    assert_eq!(scan(&fresh, secret.as_bytes(), Form::Value)[0].status, Status::Unknown);
    assert_eq!(scan(&late, secret.as_bytes(), Form::Value)[0].status, Status::Expired);
}

#[test]
fn names_and_values_can_come_apart() {
    let scanner = Scanner::builtin().unwrap();
    let secret = value("{hex:32}", 9);
    let named = |name: &str| {
        let result = scanner.scan(&Piece { bytes: secret.as_bytes(), name: Some(name), form: Form::Value });
        ids(&result.matches)
    };
    assert_eq!(named("facebook_app_secret"), ["facebook-app-secret"]);
    assert_eq!(named("algoliaAdminKey"), ["algolia-admin-key"]);
    assert_eq!(named("algoliaSearchKey"), ["algolia-search-key"]);
    assert_eq!(named("FACEBOOK_CLIENT_TOKEN"), ["facebook-client-token"]);
    assert_eq!(named("backendApiKey"), ["hard-coded-secret"]);
    assert_eq!(named("content_hash"), Vec::<String>::new());
    assert_eq!(named("tokenId"), Vec::<String>::new());
}

#[test]
fn nested_objects_keep_the_vendor_in_reach() {
    let scanner = Scanner::builtin().unwrap();
    let secret = value("{hex:32}", 10);
    let text = format!("config={{facebook:{{appId:\"1\",appSecret:\"{secret}\"}}}}");
    assert_eq!(ids(&scan(&scanner, text.as_bytes(), Form::Text)), ["facebook-app-secret"]);
}

#[test]
fn decoys_alone_give_nothing() {
    let scanner = Scanner::builtin().unwrap();
    let mut wrong = Vec::new();
    for decoy in decoy::decoys(3_000, &mut Dice::new(12)) {
        let result = scanner.scan(&Piece { bytes: decoy.value.as_bytes(), name: Some(&decoy.name), form: Form::Value });
        wrong.extend(result.matches.iter().map(|found| format!("{}: {} `{}`", found.kind.id, decoy.what, decoy.value)));
    }
    assert!(wrong.len() <= 15, "{} of 3000:\n{}", wrong.len(), wrong.join("\n"));
}
