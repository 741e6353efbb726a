//! What rules do, in small: chains, skips, exclusions, captures, settings of a transaction, refusals.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use support::drive::CONNECTION;
use support::rules::Disk;
use testudo_core::{Proven, ProvenKind, Span, Timestamp};
use testudo_waf::seclang::{LoadError, Loader};
use testudo_waf::{BUDGET_RULE, HarmlessHead, Intervention, LIMIT_RULE, Options, RequestLine, Transaction, Waf};

fn load(rules: &str, options: Options) -> Result<Arc<Waf>, Vec<LoadError>> {
    let disk = Disk;
    let mut loader = Loader::new(&disk);
    loader.text("test.conf", rules);
    Ok(Waf::new(loader.finish()?, options).unwrap())
}

fn ask(rules: &str, target: &str, body: &[u8]) -> Transaction {
    let rules = format!("SecRuleEngine On\n{rules}");
    let mut answers = Vec::new();
    for options in [Options::default(), Options { prefilter: false, fold: false, ..Options::default() }] {
        let waf = load(&rules, options).unwrap_or_else(|errors| panic!("{}", errors[0]));
        let mut transaction = waf.open(&CONNECTION, "id", Timestamp::from_seconds(1_772_407_800));
        transaction.request_line(&RequestLine {
            method: b"POST",
            target: target.as_bytes(),
            protocol: b"HTTP/1.1",
            raw: None,
        });
        transaction.request_header(b"Host", b"a.example");
        transaction.request_header(b"Cookie", b"a=1; b=2");
        transaction.request_header(b"Content-Type", b"application/x-www-form-urlencoded");
        transaction.request_head();
        transaction.request_body(body);
        transaction.request_end();
        transaction.finish();
        answers.push(transaction);
    }
    assert_eq!(answers[0].matches(), answers[1].matches(), "shortcuts change nothing");
    answers.swap_remove(0)
}

/// Rules of the kinds that proven values are told apart by.
const LOOKING: &str = r#"
SecRuleEngine On
SecRequestBodyAccess On
SecRule REQUEST_HEADERS:Content-Type "@contains json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule ARGS|REQUEST_HEADERS|REQUEST_COOKIES "@rx evil" "id:10,phase:2,pass,tag:'attack-test'"
SecRule ARGS|REQUEST_HEADERS|REQUEST_COOKIES "@rx evil" "id:11,phase:2,pass,tag:'attack-test',t:lowercase,multiMatch"
SecRule ARGS "@rx evil" "id:20,phase:2,pass,tag:'policy'"
SecRule &ARGS "@gt 0" "id:21,phase:2,pass,tag:'attack-test'"
SecRule ARGS "!@rx ^[a-z]+$" "id:22,phase:2,pass,tag:'attack-test'"
SecRule ARGS_NAMES "@rx evil" "id:23,phase:2,pass,tag:'attack-test'"
SecRule QUERY_STRING "@rx evil" "id:24,phase:2,pass,tag:'attack-test'"
"#;

fn looked(kind: &str, target: &str, body: &[u8], prove: impl Fn(&mut Transaction)) -> Vec<u64> {
    let mut answers = Vec::new();
    for options in [Options::default(), Options { prefilter: false, fold: false, ..Options::default() }] {
        let waf = load(LOOKING, options).unwrap_or_else(|errors| panic!("{}", errors[0]));
        // The second transaction takes over the tables of the first, in which nothing is proven any more.
        for prove in [Some(&prove), None] {
            let mut transaction = waf.open(&CONNECTION, "id", Timestamp::from_seconds(1_772_407_800));
            transaction.request_line(&RequestLine {
                method: b"POST",
                target: target.as_bytes(),
                protocol: b"HTTP/1.1",
                raw: None,
            });
            transaction.request_header(b"Content-Type", kind.as_bytes());
            if let Some(prove) = prove {
                prove(&mut transaction);
            }
            transaction.request_head();
            transaction.request_body(body);
            transaction.request_end();
            answers.push(ids(&transaction));
        }
    }
    assert_eq!(answers[0], answers[2], "shortcuts change nothing");
    assert_eq!(answers[1], answers[3], "shortcuts change nothing");
    assert!(answers[1].contains(&10) && answers[1].contains(&11), "without proof it is looked at: {:?}", answers[1]);
    answers.swap_remove(0)
}

fn span(text: &[u8], part: &str) -> Proven {
    let start = text.windows(part.len()).position(|window| window == part.as_bytes()).unwrap();
    Proven { span: Span { start, end: start + part.len() }, kind: ProvenKind::Free }
}

#[test]
fn rules_about_attacks_skip_what_is_proven_and_all_others_look_at_it() {
    let json = br#"{"a":"evil\"1","b":["x"]}"#;
    let proven = span(json, r#""evil\"1""#);
    let found = looked("application/json", "/", json, |transaction| transaction.prove_body(&[proven], false, &[]));
    assert_eq!(found, [20, 21, 22], "its place in a JSON body");

    let off = Proven { span: Span { start: proven.span.start, end: proven.span.end - 1 }, ..proven };
    let found = looked("application/json", "/", json, |transaction| transaction.prove_body(&[off], false, &[]));
    assert_eq!(found, [10, 11, 20, 21, 22], "another place proves nothing");

    let twice = br#"{"a":"evil","b":"evil"}"#;
    let found = looked("application/json", "/", twice, |transaction| {
        transaction.prove_body(&[span(twice, r#""evil""#)], false, &[]);
    });
    assert_eq!(found, [10, 11, 20, 21], "the same text elsewhere is looked at");

    let named = br#"{"evil":"evil"}"#;
    for (names, expected) in [(false, &[10, 11, 20, 21, 23][..]), (true, &[10, 11, 20, 21])] {
        let found = looked("application/json", "/", named, |transaction| transaction.prove_body(&[], names, &[]));
        assert_eq!(found, expected, "names that are proven: {names}");
    }
    let form = b"evil=evil";
    let kind = "application/x-www-form-urlencoded";
    let found = looked(kind, "/", form, |transaction| transaction.prove_body(&[], true, &[]));
    assert_eq!(found, [10, 11, 20, 21, 23], "names of a form may be others than the contract read");

    let form = b"a=evil+1&b=x";
    let kind = "application/x-www-form-urlencoded";
    let found = looked(kind, "/", form, |transaction| transaction.prove_body(&[span(form, "evil+1")], false, &[]));
    assert_eq!(found, [20, 21, 22], "its place in a form");

    let parts = b"--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nevil\r\n--B--\r\n";
    let kind = "multipart/form-data; boundary=B";
    let found = looked(kind, "/", parts, |transaction| transaction.prove_body(&[span(parts, "evil")], false, &[]));
    assert_eq!(found, [20, 21], "its place among parts");

    let kind = "text/plain";
    let query = b"a=evil&evil=x";
    let found = looked(kind, "/?a=evil&evil=x", b"", |transaction| {
        transaction.prove_head(&HarmlessHead { query: &[span(query, "evil")], ..HarmlessHead::default() });
    });
    assert_eq!(found, [20, 21, 23, 24], "its place in a query; names and the query itself are looked at");
}

#[test]
fn proven_headers_and_cookies_are_skipped_by_their_names() {
    let rules = r#"
SecRuleEngine On
SecRule REQUEST_HEADERS:X-One "@rx evil" "id:1,phase:2,pass,tag:'attack-test'"
SecRule REQUEST_HEADERS:Cookie "@rx evil" "id:2,phase:2,pass,tag:'attack-test'"
SecRule REQUEST_COOKIES "@rx evil" "id:3,phase:2,pass,tag:'attack-test'"
SecRule REQUEST_HEADERS:Authorization "@rx evil" "id:4,phase:1,pass,tag:'attack-test'"
SecRule REQUEST_HEADERS:Authorization "@rx evil" "id:5,phase:1,pass"
"#;
    let found = |say: &dyn Fn(&mut Transaction)| {
        let waf = load(rules, Options::default()).unwrap_or_else(|errors| panic!("{}", errors[0]));
        let mut transaction = waf.open(&CONNECTION, "id", Timestamp::from_seconds(1_772_407_800));
        say(&mut transaction);
        transaction.request_head();
        transaction.request_end();
        ids(&transaction)
    };
    let say = |transaction: &mut Transaction| {
        transaction.request_header(b"X-One", b"evil");
        transaction.request_header(b"Cookie", b"one=evil");
        transaction.request_header(b"Authorization", b"evil");
    };
    assert_eq!(found(&say), [4, 5, 1, 2, 3]);
    let proven = found(&|transaction| {
        say(transaction);
        let (headers, cookies) = (["x-one".into()], ["one".into()]);
        transaction.prove_head(&HarmlessHead { headers: &headers, cookies: &cookies, ..HarmlessHead::default() });
    });
    assert_eq!(proven, [4, 5, 2], "the header of the cookies is another value");
    assert_eq!(found(&|transaction| transaction.request_header_proven(b"Authorization", b"evil")), [5]);
}

fn ids(transaction: &Transaction) -> Vec<u64> {
    transaction.matches().iter().map(|found| found.id).collect()
}

#[test]
fn a_rule_set_that_nobody_can_change_loses_what_is_not_supported_and_says_so() {
    let rules = r#"
SecRule ARGS "@rx a(?!b)" "id:1,phase:2,deny,chain"
SecRule ARGS "@rx b" "chain"
SecRule ARGS "@rx c"
SecRule ARGS "@rx d" "id:2,phase:2,pass,chain"
SecRule ARGS "@rbl list.example" "chain"
SecRule ARGS "@rx e"
SecRule ARGS "@rx f" "id:3,phase:2,pass"
SecRule ARGS "@rxx g" "id:4,phase:2,pass"
"#;
    let disk = Disk;
    let read = |lenient: bool, rules: &str| {
        let mut loader = Loader::new(&disk);
        loader.leave_out_unsupported(lenient);
        loader.text("test.conf", rules);
        loader.finish()
    };
    let lines = |errors: Vec<LoadError>| errors.iter().map(|error| error.line).collect::<Vec<_>>();
    assert_eq!(lines(read(false, rules).unwrap_err()), [2, 6, 9]);
    assert_eq!(lines(read(true, rules).unwrap_err()), [9], "what nobody knows stays an error");
    let program = read(true, &rules.replace("@rxx", "@rx")).unwrap();
    let left: Vec<(u32, bool)> = program.notes.iter().map(|note| (note.line, note.left_out)).collect();
    assert_eq!(left, [(2, true), (6, true)], "{:?}", program.notes);
    assert!(program.notes[1].text.starts_with("rule 2 is left out"), "{}", program.notes[1].text);
    assert_eq!(Waf::new(program, Options::default()).unwrap().rules().len(), 2);
}

#[test]
fn chains_match_as_a_whole_and_capture() {
    let rules = r#"
SecRule ARGS:a "@rx ^(\w+)-(\d+)$" "id:1,phase:2,deny,status:418,capture,chain,msg:'%{TX.1} and %{tx.2}',setvar:tx.seen=+1"
SecRule TX:2 "@ge 10" "setvar:tx.done=1"
"#;
    let mut passed = ask(rules, "/?a=x-9", b"");
    assert!(passed.matches().is_empty());
    assert_eq!(passed.tx("seen").unwrap(), b"1", "the first rule has run");
    assert_eq!(passed.tx("done"), None);
    let refused = ask(rules, "/?a=x-10", b"");
    assert_eq!(refused.intervention(), Some(&Intervention::Deny { rule: 1, status: 418 }));
    assert_eq!(refused.matches()[0].msg, "x and 10");
    assert!(refused.log_lines()[0].contains("[id \"1\"]"), "{:?}", refused.log_lines());
}

/// `MATCHED_VARS` grows along a chain, as in both versions of `ModSecurity`.
#[test]
fn a_chain_knows_all_that_it_matched() {
    let rules = r#"
SecRule ARGS "@rx ^x" "id:1,phase:2,pass,log,chain"
SecRule MATCHED_VARS "@contains 1" "chain"
SecRule MATCHED_VARS "@contains 2" ""
"#;
    assert_eq!(ids(&ask(rules, "/?a=x1&b=x2", b"")), [1]);
    assert_eq!(ids(&ask(rules, "/?a=x1&b=2", b"")), [0u64; 0]);
}

#[test]
fn skips_leave_rules_out() {
    let rules = r#"
SecAction "id:1,phase:1,pass,nolog,setvar:tx.level=2"
SecRule TX:level "@lt 3" "id:2,phase:1,pass,nolog,skipAfter:END"
SecRule ARGS "@rx ." "id:3,phase:1,pass,log"
SecMarker END
SecRule ARGS "@rx ." "id:4,phase:1,pass,log,skip:1"
SecRule ARGS "@rx ." "id:5,phase:1,pass,log"
SecRule ARGS "@rx ." "id:6,phase:1,pass,log"
"#;
    assert_eq!(ids(&ask(rules, "/?a=1", b"")), [4, 6]);
}

#[test]
fn a_gate_that_is_removed_opens() {
    let rules = r#"
SecAction "id:1,phase:1,pass,nolog,setvar:tx.level=1"
SecRule ARGS:open "@streq 1" "id:2,phase:1,pass,nolog,ctl:ruleRemoveById=3"
SecRule TX:level "@lt 2" "id:3,phase:1,pass,nolog,skipAfter:END"
SecRule ARGS "@rx ." "id:4,phase:1,pass,log"
SecMarker END
"#;
    assert_eq!(ids(&ask(rules, "/?open=0", b"")), [0u64; 0]);
    assert_eq!(ids(&ask(rules, "/?open=1", b"")), [4]);
}

/// Rules that sum up what others found, with a place for one more.
fn sums(more: &str) -> String {
    format!(
        r#"
SecAction "id:1,phase:1,pass,nolog,setvar:tx.score=0,setvar:tx.total=0"
SecAction "id:2,phase:1,pass,nolog,setvar:tx.limit=5"
SecRule ARGS "@rx evil" "id:10,phase:2,pass,tag:'attack-test',setvar:tx.score=+5"
SecRule ARGS:first "@rx half" "id:11,phase:2,pass,nolog,tag:'attack-test',chain,setvar:tx.score=+2"
    SecRule ARGS:second "@rx other"
{more}
SecAction "id:13,phase:2,pass,nolog,setvar:tx.total=+%{{tx.score}}"
SecAction "id:14,phase:2,pass,nolog,setvar:tx.total=+1"
SecMarker END
SecRule TX:total "@ge %{{tx.limit}}" "id:20,phase:2,pass"
SecRule TX:total "@lt %{{tx.limit}}" "id:21,phase:2,pass,nolog,skipAfter:QUIET"
SecAction "id:22,phase:2,pass"
SecMarker QUIET
SecRule TX:total "@eq 1" "id:23,phase:2,pass"
SecRule TX:total "@gt 0" "id:24,phase:5,pass"
"#
    )
}

#[test]
fn what_sums_up_knows_what_matched() {
    let skips = r#"SecRule ARGS:gone "@rx x" "id:12,phase:2,pass,nolog,tag:'attack-test',skipAfter:END""#;
    for (more, target, expected) in [
        ("", "/?a=1", &[23, 24][..]),
        ("", "/?a=evil", &[10, 20, 22, 24]),
        // The first link assigns, whatever the second says.
        ("", "/?first=half", &[24]),
        ("", "/?first=half&second=other", &[24]),
        (skips, "/?a=1", &[23, 24]),
        (skips, "/?gone=x", &[]),
        (skips, "/?gone=x&a=evil", &[10]),
    ] {
        assert_eq!(ids(&ask(&sums(more), target, b"")), expected, "{more} {target}");
    }
    let waf = load(&sums(""), Options::default()).unwrap();
    assert!(waf.rules().settled_while_quiet() > waf.rules().settled(), "sums are settled while nothing matches");
}

#[test]
fn what_the_setup_rules_out_is_settled_and_what_a_broken_chain_did_stays() {
    let rules = r#"
SecAction "id:1,phase:1,pass,nolog,setvar:tx.level=1,setvar:tx.score=0"
SecRule TX:level "@ge 2" "id:2,phase:1,pass,nolog,setvar:tx.score=+5"
SecRule TX:level "@ge 1" "id:3,phase:1,pass,nolog,chain,setvar:tx.score=+1"
    SecRule TX:level "@ge 3"
SecRule TX:score "@eq 1" "id:4,phase:1,pass"
SecRule ARGS:a "@rx evil" "id:5,phase:1,pass,nolog,setvar:tx.anomaly_score_pl1=+1"
SecRule TX:anomaly_score_pl1 "@gt 0" "id:6,phase:1,pass"
"#;
    assert_eq!(ids(&ask(rules, "/", b"")), [4]);
    assert_eq!(ids(&ask(rules, "/?a=evil", b"")), [4, 6], "no tag says that it is about attacks");
    let waf = load(rules, Options::default()).unwrap();
    assert!(waf.rules().settled() > 0);
    assert!(waf.rules().settled_while_quiet() > waf.rules().settled());
}

#[test]
fn rules_that_need_nothing_are_asked_where_there_is_something() {
    let rules = r#"
SecRule REQUEST_HEADERS:X-None "!@rx ^a$" "id:1,phase:1,pass"
SecRule REQUEST_HEADERS:Host "!@streq b.example" "id:2,phase:1,pass"
SecRule REQUEST_METHOD "!@within GET HEAD" "id:3,phase:2,pass,chain"
    SecRule ARGS "@rx needle"
SecRule ARGS "!@pm wicked evil" "id:4,phase:2,pass"
SecRule ARGS:b "!@pm wicked evil" "id:5,phase:2,pass,t:lowercase"
SecRule &REQUEST_HEADERS:X-None "@eq 0" "id:6,phase:2,pass"
"#;
    for (target, expected) in [
        ("/", &[2, 6][..]),
        ("/?a=needle", &[2, 3, 4, 6]),
        ("/?a=evil", &[2, 6]),
        ("/?a=evil&b=EVIL", &[2, 6]),
        ("/?a=evil&b=good", &[2, 4, 5, 6]),
    ] {
        assert_eq!(ids(&ask(rules, target, b"")), expected, "{target}");
    }
}

#[test]
fn what_a_rule_writes_is_read_in_the_same_phase() {
    let rules = r#"
SecAction "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_PROCESSOR "@streq JSON" "id:2,phase:1,pass"
SecRule REQUEST_METHOD "@streq POST" "id:3,phase:1,pass,chain"
    SecRule REQBODY_PROCESSOR "@streq JSON"
"#;
    assert_eq!(ids(&ask(rules, "/", b"{}")), [2, 3]);
}

#[test]
fn exclusions_name_what_is_left_out() {
    let rules = r#"
SecRule ARGS:skip "@streq 1" "id:1,phase:1,pass,nolog,ctl:ruleRemoveTargetById=2;ARGS:b"
SecRule ARGS|!ARGS:a|REQUEST_COOKIES|!REQUEST_COOKIES:/^a/ "@rx attack|2" "id:2,phase:2,pass,log"
SecRuleUpdateTargetById 2 "!ARGS:c"
"#;
    let variable =
        |target: &str| ask(rules, target, b"").matches().iter().map(|found| found.variable.clone()).collect::<Vec<_>>();
    assert_eq!(variable("/?a=attack&c=attack"), ["REQUEST_COOKIES:b"]);
    assert_eq!(variable("/?b=attack")[0], "REQUEST_COOKIES:b");
    let scored = |target: &str| {
        let rules = format!("{rules}\nSecRule ARGS|!ARGS:a \"@rx attack\" \"id:3,phase:2,pass,log,tag:x\"");
        ids(&ask(&rules, target, b""))
    };
    assert_eq!(scored("/?b=attack&skip=1"), [2, 3]);
}

#[test]
fn counts_and_sums() {
    let rules = r#"
SecRule &ARGS "@eq 3" "id:1,phase:2,pass,log"
SecRule ARGS "@rx ^x" "id:2,phase:2,pass,log,setvar:tx.score=+5,setvar:tx.last=%{MATCHED_VAR_NAME}"
SecRule TX:score "@ge 10" "id:3,phase:2,pass,log"
SecRule TX:/^sc/ "!@eq 10" "id:4,phase:2,pass,log"
"#;
    let mut found = ask(rules, "/?a=x1&b=y", b"c=x2");
    assert_eq!(ids(&found), [1, 2, 3]);
    assert_eq!(found.tx("last").unwrap(), b"ARGS:c");
}

#[test]
fn allow_ends_what_it_says() {
    let rules = r#"
SecRule ARGS:a "@streq phase" "id:1,phase:1,allow:phase,log"
SecRule ARGS:a "@streq all" "id:2,phase:1,allow,log"
SecRule ARGS "@rx ." "id:3,phase:1,pass,log"
SecRule ARGS "@rx ." "id:4,phase:2,pass,log"
SecAction "id:5,phase:5,pass,log"
"#;
    assert_eq!(ids(&ask(rules, "/?a=phase", b"")), [1, 4, 5]);
    assert_eq!(ids(&ask(rules, "/?a=all", b"")), [2, 5]);
}

#[test]
fn multi_match_asks_about_each_step() {
    let rules = r#"SecRule ARGS "@rx ^%41$" "id:1,phase:2,pass,log,t:urlDecode,t:lowercase,multiMatch""#;
    assert_eq!(ids(&ask(rules, "/?a=%2541", b"")), [1]);
    let rules = r#"SecRule ARGS "@rx ^%41$" "id:1,phase:2,pass,log,t:urlDecode,t:lowercase""#;
    assert_eq!(ids(&ask(rules, "/?a=%2541", b"")), [0u64; 0]);
}

#[test]
fn json_within_arguments_is_read_when_asked() {
    let rules =
        "SecRuleEngine On\nSecRule ARGS:filter.name|REQUEST_COOKIES:c.array_0 \"@streq x\" \"id:1,phase:1,pass,log\"";
    for (json_in_arguments, count) in [(false, 0), (true, 1)] {
        let waf = load(rules, Options { json_in_arguments, ..Options::default() }).unwrap();
        for (target, cookie) in [("/?filter={%22name%22:%22x%22}", "d=1"), ("/", "c=[%22x%22]")] {
            let mut transaction = waf.open(&CONNECTION, "id", Timestamp::from_seconds(0));
            transaction.request_line(&RequestLine {
                method: b"GET",
                target: target.as_bytes(),
                protocol: b"HTTP/1.1",
                raw: None,
            });
            transaction.request_header(b"Cookie", cookie.as_bytes());
            transaction.request_head();
            assert_eq!(transaction.matches().len(), count, "{target}");
        }
    }
}

/// As in version 2 of `ModSecurity` and in the tests of the rule set; forced, as in version 3.
#[test]
fn the_body_of_a_form_is_there_and_any_when_it_is_forced() {
    let rules = "SecRuleEngine On\n\
        SecRule REQUEST_HEADERS:Content-Type \"@contains json\" \"id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n\
        SecRule REQUEST_BODY \"@contains needle\" \"id:2,phase:2,pass,log\"\n\
        SecRule &ARGS \"@eq 1\" \"id:3,phase:2,pass,log\"";
    let force = "SecAction \"id:4,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On\"";
    let (plain, forced) = (rules.to_owned(), format!("{rules}\n{force}"));
    let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nneedle\r\n--b--\r\n";
    let list = r#"{"needle":[{"a":[]},["x"],{}]}"#;
    let cases: [(&str, &str, &[u64], &[u64]); 4] = [
        ("application/json", list, &[3], &[2, 3]),
        ("multipart/form-data; boundary=b", part, &[3], &[2, 3]),
        ("application/x-www-form-urlencoded", "needle=1", &[2, 3], &[2, 3]),
        ("text/plain", "a needle", &[], &[2]),
    ];
    for (kind, body, usual, whole) in cases {
        for (rules, expected) in [(&plain, usual), (&forced, whole)] {
            let mut transaction =
                load(rules, Options::default()).unwrap().open(&CONNECTION, "id", Timestamp::from_seconds(0));
            transaction.request_header(b"Content-Type", kind.as_bytes());
            transaction.request_head();
            transaction.request_body(body.as_bytes());
            transaction.request_end();
            assert_eq!(ids(&transaction), expected, "{kind}");
        }
    }
}

#[test]
fn limits_refuse() {
    let large = ask("SecRequestBodyLimit 10", "/", b"a=0123456789");
    assert_eq!(large.intervention().map(Intervention::rule), Some(LIMIT_RULE));
    let options = Options { budget: 10_000, ..Options::default() };
    let rules =
        "SecRuleEngine On\nSecRule ARGS \"@rx a.*b\" \"id:1,phase:2,pass,log\"\nSecAction \"id:2,phase:2,pass\"";
    let waf = load(rules, options).unwrap();
    let mut transaction = waf.open(&CONNECTION, "id", Timestamp::from_seconds(0));
    transaction.request_header(b"Content-Type", b"application/x-www-form-urlencoded");
    transaction.request_head();
    transaction.request_body(format!("a={}", "ab".repeat(20_000)).as_bytes());
    assert_eq!(transaction.request_end().map(Intervention::rule), Some(BUDGET_RULE));
}

#[test]
fn errors_name_place_and_nearest_name() {
    let wrong = |rules: &str| load(rules, Options::default()).unwrap_err()[0].to_string();
    assert_eq!(
        wrong("\nSecRul ARGS \"@rx a\" \"id:1\""),
        "test.conf:2: unknown directive `SecRul`: did you mean `SecRule`?"
    );
    assert_eq!(wrong("SecRule ARGS \"@rx a\" \"id:1,skipAfter:END\""), "test.conf:1: no `SecMarker END` follows");
    assert_eq!(wrong("SecRule ARGS a \"phase:1\""), "test.conf:1: the id of the rule is missing");
    let twice = "SecAction \"id:7\"\nSecAction \"id:7\"";
    assert_eq!(wrong(twice), "test.conf:2: the id 7 is already that of the rule at test.conf:1");
}

proptest! {
    #[test]
    fn no_text_breaks_the_loader(text in "(SecRule|SecAction|SecMarker|ARGS|[ \"'|,:!&/%{}@\\\\\n#]|rx|id:1|chain|t:none|setvar:tx.a=\\+1|[a-z]|é){0,40}") {
        let _ = load(&text, Options::default());
    }

    #[test]
    fn no_request_breaks_the_engine(head in proptest::collection::vec(any::<u8>(), 0..60), body in proptest::collection::vec(any::<u8>(), 0..200), kind in 0usize..4) {
        let rules = "SecRuleEngine On\n\
            SecRule REQUEST_HEADERS:Content-Type \"@contains json\" \"id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n\
            SecRule REQUEST_HEADERS:Content-Type \"@contains xml\" \"id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n\
            SecRule ARGS|ARGS_NAMES|XML:/*|XML://@*|REQUEST_BODY|FILES|REQUEST_URI|REQUEST_COOKIES \"@rx (?i)a(.)\" \
                \"id:3,phase:2,pass,log,capture,t:urlDecodeUni,t:htmlEntityDecode,t:jsDecode,t:lowercase,msg:'%{TX.1} %{MATCHED_VAR}'\"\n\
            SecRule ARGS \"@detectSQLi\" \"id:4,phase:2,pass,log,capture\"";
        let kinds = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json", "text/xml"];
        let waf = load(rules, Options::default()).unwrap();
        let mut transaction = waf.open(&CONNECTION, "id", Timestamp::from_seconds(0));
        transaction.request_line(&RequestLine { method: b"POST", target: &head, protocol: b"HTTP/1.1", raw: None });
        transaction.request_header(b"Content-Type", kinds[kind].as_bytes());
        transaction.request_header(b"Cookie", &head);
        transaction.request_head();
        let (one, other) = body.split_at(body.len() / 2);
        transaction.request_body(one);
        transaction.request_body(other);
        transaction.request_end();
        transaction.finish();
        for line in transaction.log_lines() {
            prop_assert!(!line.contains('\n'));
        }
    }
}

#[test]
fn rules_that_only_ask_for_a_form_skip_file_names_whose_form_is_known() {
    let rules = r#"
SecRuleEngine On
SecRequestBodyAccess On
SecRule FILES|FILES_NAMES "!@rx ^[a-z.]*$" "id:30,phase:2,pass,tag:'attack-protocol'"
SecRule FILES "!@rx ^[a-z.]*$" "id:31,phase:2,pass"
SecRule FILES "@rx '" "id:32,phase:2,pass,tag:'attack-injection'"
SecRule &FILES "@eq 2" "id:33,phase:2,pass,tag:'attack-protocol'"
"#;
    let file = |field: &str, name: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\r\nx\r\n")
    };
    let found = |fields: [&str; 2], names: [&str; 2], formed: &[&str]| {
        let body = file(fields[0], names[0]) + &file(fields[1], names[1]) + "--B--\r\n";
        let formed: Vec<Box<[u8]>> = formed.iter().map(|name| name.as_bytes().into()).collect();
        let waf = load(rules, Options::default()).unwrap_or_else(|errors| panic!("{}", errors[0]));
        let mut transaction = waf.open(&CONNECTION, "id", Timestamp::from_seconds(1_772_407_800));
        transaction.request_line(&RequestLine { method: b"POST", target: b"/", protocol: b"HTTP/1.1", raw: None });
        transaction.request_header(b"Content-Type", b"multipart/form-data; boundary=B");
        transaction.request_head();
        transaction.prove_body(&[], false, &formed);
        transaction.request_body(body.as_bytes());
        transaction.request_end();
        ids(&transaction)
    };
    assert_eq!(found(["a", "b"], ["o'x.png", "y.png"], &[]), [30, 31, 32, 33]);
    assert_eq!(
        found(["a", "b"], ["o'x.png", "y.png"], &["o'x.png"]),
        [31, 32, 33],
        "those that look for something look"
    );
    assert_eq!(found(["a", "b"], ["o'x.png", "y'.png"], &["o'x.png"]), [30, 31, 32, 33], "the other is not known");
    assert_eq!(found(["a'", "b"], ["x.png", "y.png"], &["x.png"]), [30, 33], "names of fields are no names of files");
}

#[test]
fn a_target_rests_when_all_of_it_is_proven() {
    let rules = r#"
SecRuleEngine On
SecRule REQUEST_FILENAME|REQUEST_BASENAME "@rx evil" "id:40,phase:2,pass,tag:'attack-test'"
SecRule QUERY_STRING "@rx evil" "id:41,phase:2,pass,tag:'attack-test'"
SecRule REQUEST_URI|REQUEST_URI_RAW "@rx evil" "id:42,phase:2,pass,tag:'attack-test'"
SecRule REQUEST_LINE "@rx evil" "id:43,phase:2,pass,tag:'attack-test'"
SecRule REQUEST_URI "@rx evil" "id:44,phase:2,pass"
"#;
    let found = |target: &str, path: bool, whole_query: bool| {
        let waf = load(rules, Options::default()).unwrap_or_else(|errors| panic!("{}", errors[0]));
        let mut transaction = waf.open(&CONNECTION, "id", Timestamp::from_seconds(1_772_407_800));
        let line = RequestLine { method: b"GET", target: target.as_bytes(), protocol: b"HTTP/1.1", raw: None };
        transaction.request_line(&line);
        transaction.request_head();
        transaction.prove_head(&HarmlessHead { path, whole_query, ..HarmlessHead::default() });
        transaction.request_end();
        ids(&transaction)
    };
    let target = "/evil?evil=1";
    assert_eq!(found(target, false, false), [40, 41, 42, 43, 44]);
    assert_eq!(found(target, true, false), [41, 42, 43, 44]);
    assert_eq!(found(target, false, true), [40, 42, 43, 44]);
    assert_eq!(found(target, true, true), [43, 44]);
    assert_eq!(found("http://evil/?a=1", true, true), [42, 43], "another host is no part of the path");
    assert_eq!(found("/?a=1#evil", true, true), [42, 43], "nor is a fragment");
}
