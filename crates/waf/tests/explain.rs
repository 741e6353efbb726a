//! What is told about a match: the values with their way through the transformations, the score, and what transactions can
//! begin with.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::sync::Arc;

use support::drive::CONNECTION;
use support::rules::Disk;
use testudo_core::Timestamp;
use testudo_waf::seclang::Loader;
use testudo_waf::{Opening, Options, RequestLine, Transaction, Waf};

const RULES: &str = r#"
SecRuleEngine On
SecRequestBodyAccess On
SecAction "id:1,phase:1,pass,nolog,setvar:tx.critical_anomaly_score=5,setvar:tx.inbound_anomaly_score_pl1=0"
SecRule ARGS "@contains union select" "id:10,phase:2,pass,log,tag:'attack-sqli',severity:CRITICAL,t:none,t:urlDecodeUni,\
    t:replaceComments,t:compressWhitespace,t:lowercase,setvar:'tx.inbound_anomaly_score_pl1=+%{tx.critical_anomaly_score}'"
SecRule ARGS "@streq ab" "id:11,phase:2,pass,log,multiMatch,t:none,t:removeNulls,t:hexEncode"
SecRule REQUEST_HEADERS:X-A "@streq 1" "id:12,phase:2,pass,log,chain"
    SecRule ARGS_NAMES "@beginsWith w" "t:none,t:lowercase,setvar:tx.inbound_anomaly_score_pl1=+3"
SecRule &ARGS "@ge 2" "id:13,phase:2,pass,log"
SecRule TX:inbound_anomaly_score_pl1 "@ge 5" "id:20,phase:2,deny,status:403,log"
"#;

/// Updates that transactions begin with.
const PROFILES: [&[&str]; 4] = [
    &["ruleRemoveTargetById=10;ARGS:q", "ruleRemoveTargetByTag=attack-sqli;ARGS:/^w/"],
    &["ruleRemoveById=10"],
    &["ruleEngine=DetectionOnly"],
    &["ruleEngine=Off"],
];

fn waf(options: Options) -> Arc<Waf> {
    let disk = Disk;
    let mut loader = Loader::new(&disk);
    loader.text("test.conf", RULES);
    for (number, settings) in PROFILES.iter().enumerate() {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        assert_eq!(loader.profile(&settings).unwrap(), number);
    }
    assert!(loader.profile(&["ruleRemoveTargetById=10;ARGZ:q".into()]).unwrap_err().to_string().contains("`ARGS`"));
    assert!(loader.profile(&["ruleRemove=10".into()]).is_err());
    Waf::new(loader.finish().unwrap_or_else(|errors| panic!("{}", errors[0])), options).unwrap()
}

fn plain() -> Options {
    Options { prefilter: false, fold: false, ..Options::default() }
}

fn ask(waf: &Arc<Waf>, target: &str, opening: Opening) -> Transaction {
    let mut transaction = waf.open_with(&CONNECTION, "id", Timestamp::from_seconds(1_772_407_800), opening);
    let target = target.as_bytes();
    transaction.request_line(&RequestLine { method: b"GET", target, protocol: b"HTTP/1.1", raw: None });
    transaction.request_header(b"X-A", b"1");
    transaction.request_head();
    transaction.request_end();
    transaction
}

fn ids(transaction: &Transaction) -> Vec<u64> {
    transaction.matches().iter().map(|found| found.id).collect()
}

#[test]
fn a_match_tells_how_its_value_came_about() {
    for options in [Options::default(), plain()] {
        let waf = waf(options);
        let transaction = ask(&waf, "/?q=1%2527%20UNION/**/%20Select&w=union%20select&n=a%2500b", Opening::default());
        let found = &transaction.matches()[0];
        assert_eq!((found.id, found.score), (10, 10), "it matched two arguments, and added 5 for each");
        let hits: Vec<(&str, &[u8])> = found.hits().collect();
        assert_eq!(hits, [("ARGS:q", b"1' union select".as_slice()), ("ARGS:w", b"union select")]);
        let trace = transaction.trace(found, "ARGS:q", b"1' union select").unwrap();
        assert_eq!(trace.sent, b"1%27 UNION/**/ Select");
        let steps: Vec<(&str, Option<&[u8]>)> =
            trace.steps.iter().map(|step| (step.name, step.output.as_deref())).collect();
        assert_eq!(
            steps,
            [
                ("urlDecodeUni", Some(b"1' UNION/**/ Select".as_slice())),
                ("replaceComments", Some(b"1' UNION  Select")),
                ("compressWhitespace", Some(b"1' UNION Select")),
                ("lowercase", Some(b"1' union select")),
            ]
        );
        let other = transaction.trace(found, "ARGS:w", b"union select").unwrap();
        assert!(other.steps.iter().all(|step| step.output.is_none()), "nothing changed it: {other:?}");
        assert_eq!(transaction.trace(found, "ARGS:n", b"union select"), None, "that is not what came of it");
        assert_eq!(transaction.trace(found, "ARGS:nothing", b""), None);
    }
}

#[test]
fn of_several_stages_the_one_that_matched_is_told() {
    let waf = waf(Options::default());
    let transaction = ask(&waf, "/?n=a%00b", Opening::default());
    let found = transaction.matches().iter().find(|found| found.id == 11).unwrap();
    let trace = transaction.trace(found, "ARGS:n", b"ab").unwrap();
    assert_eq!(trace.sent, b"a\0b");
    assert_eq!(trace.steps.iter().map(|step| step.name).collect::<Vec<_>>(), ["removeNulls"]);
}

#[test]
fn of_a_chain_the_first_rule_and_the_last_are_told() {
    let waf = waf(Options::default());
    let transaction = ask(&waf, "/?W=1", Opening::default());
    let found = transaction.matches().iter().find(|found| found.id == 12).unwrap();
    assert_eq!(found.hits().collect::<Vec<_>>(), [("REQUEST_HEADERS:X-A", b"1".as_slice())]);
    assert_eq!((found.variable.as_str(), found.score), ("ARGS_NAMES:W", 3));
    let trace = transaction.trace(found, "ARGS_NAMES:W", b"w").unwrap();
    assert_eq!((trace.sent.as_slice(), trace.steps.len()), (b"W".as_slice(), 1));
    let counted = ask(&waf, "/?a=1&b=2", Opening::default());
    let found = counted.matches().iter().find(|found| found.id == 13).unwrap();
    let hit = found.hits().next().unwrap();
    assert_eq!((hit.0, counted.trace(found, hit.0, hit.1)), ("&ARGS", None), "a count was never sent");
}

#[test]
fn transactions_begin_with_updates_and_modes() {
    let attack = "/?q=union%20select";
    for options in [Options::default(), plain()] {
        let waf = waf(options);
        let with = |profile: Option<usize>, target: &str| ask(&waf, target, Opening { profile, taped: false });
        assert_eq!(ids(&with(None, attack)), [10, 20]);
        assert!(with(None, attack).intervention().is_some());
        assert_eq!(ids(&with(Some(0), attack)), [0; 0], "the variable is left out");
        assert_eq!(ids(&with(Some(0), "/?w1=union%20select")), [12], "and by tag and pattern");
        assert_eq!(ids(&with(Some(0), "/?p=union%20select")), [10, 20], "others are not");
        assert_eq!(ids(&with(Some(1), "/?p=union%20select")), [0; 0], "the rule is left out");
        let reported = with(Some(2), attack);
        assert_eq!((ids(&reported), reported.intervention()), (vec![10, 20], None));
        assert_eq!(ids(&with(Some(3), attack)), [0; 0], "nothing is looked at");
        assert_eq!(ids(&with(Some(99), attack)), [10, 20], "what is not there changes nothing");
        assert_eq!(ids(&with(None, attack)), [10, 20], "and the next one begins as always");
    }
}

#[test]
fn rules_are_known_by_id_and_tag() {
    let waf = waf(Options::default());
    assert_eq!(waf.rules().ids().collect::<Vec<_>>(), [1, 10, 11, 12, 13, 20]);
    assert_eq!(waf.rules().tags().into_iter().collect::<Vec<_>>(), ["attack-sqli"]);
}

#[test]
fn another_that_is_told_the_same_answers_the_same() {
    let (fast, plain) = (waf(Options::default()), waf(plain()));
    for (profile, target) in [
        (None, "/?q=union%20select&W=2"),
        (Some(0), "/?q=union%20select&n=a%00b"),
        (Some(2), "/?q=UNION%2f%2a*/%20select"),
    ] {
        let mut transaction = ask(&fast, target, Opening { profile, taped: true });
        transaction.finish();
        let tape = transaction.take_tape().unwrap();
        assert!(tape.compare(&plain).unwrap().is_none());
        assert_eq!(tape.replay(&plain).matches(), transaction.matches());
        assert!(transaction.take_tape().is_none(), "it is taken once");
    }
    assert!(ask(&fast, "/", Opening::default()).take_tape().is_none());
}

#[test]
fn a_screen_that_is_blind_for_a_rule_is_found_out() {
    let (blind, plain) = (waf(Options { blind: Some(10), ..Options::default() }), waf(plain()));
    let mut transaction = ask(&blind, "/?q=union%20select", Opening { profile: None, taped: true });
    assert_eq!(ids(&transaction), [0; 0]);
    let difference = transaction.take_tape().unwrap().compare(&plain).unwrap();
    assert_eq!(difference.missed.iter().copied().collect::<Vec<_>>(), [10, 20]);
    assert!(difference.extra.is_empty() && difference.decision);
}

#[test]
fn what_is_too_much_or_came_to_the_end_of_its_budget_is_not_compared() {
    let (fast, plain) = (waf(Options { budget: 10, ..Options::default() }), waf(plain()));
    let mut transaction = ask(&fast, "/?q=union%20select", Opening { profile: None, taped: true });
    assert_eq!(transaction.take_tape().unwrap().compare(&plain), None);
    let mut transaction = ask(&plain, "/", Opening { profile: None, taped: true });
    for _ in 0..5 {
        transaction.request_body(&vec![b'a'; 300 << 10]);
    }
    assert!(transaction.take_tape().is_none());
}
