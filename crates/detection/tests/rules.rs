//! What rules mean: each modifier and condition on events that it fits and events that it does not, and what errors say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use testudo_detection::{Detector, LogSource, Options, Rules};

const HEAD: &str = "title: t\nid: r\nlogsource:\n  category: test\ndetection:\n";

fn compile(texts: &[&str]) -> Result<Detector, String> {
    let mut rules = Rules::new();
    rules.placeholder("hosts", vec!["alpha".into(), "be*ta".into()]);
    for text in texts {
        rules.add("rule.yml", text).map_err(|errors| errors.to_string())?;
    }
    let options = Options { repeat: Duration::ZERO, ..Options::default() };
    rules.compile(options).map_err(|errors| errors.to_string())
}

fn fits(rule: &str, event: &str) -> bool {
    let mut detector = compile(&[rule]).unwrap_or_else(|error| panic!("{rule}\n{error}"));
    detector.matches_json(event).unwrap().count() == 1
}

/// A selection, events that it fits, events that it does not fit.
type Case<'c> = (&'c str, &'c [&'c str], &'c [&'c str]);

fn check(cases: &[Case<'_>]) {
    for (selection, yes, no) in cases {
        let rule = format!("{HEAD}  selection:\n    {selection}\n  condition: selection\n");
        for event in *yes {
            assert!(fits(&rule, event), "`{selection}` must fit {event}");
        }
        for event in *no {
            assert!(!fits(&rule, event), "`{selection}` must not fit {event}");
        }
        // The negation is the opposite, whatever tables and witnesses do.
        let rule = rule.replace("condition: selection", "condition: not selection");
        for event in *yes {
            assert!(!fits(&rule, event), "not `{selection}` must not fit {event}");
        }
        for event in *no {
            assert!(fits(&rule, event), "not `{selection}` must fit {event}");
        }
    }
}

#[test]
fn values() {
    check(&[
        (
            "a: Foo",
            &[r#"{"a":"foo"}"#, r#"{"a":"FOO"}"#, r#"{"a":["x","foo"]}"#],
            &[r#"{"a":"foos"}"#, r#"{"b":"foo"}"#, "{}"],
        ),
        ("a: Straße", &[r#"{"a":"STRAßE"}"#], &[r#"{"a":"STRASSE"}"#]),
        ("a: ÄÖ", &[r#"{"a":"äö"}"#], &[r#"{"a":"ao"}"#]),
        ("a: f*o", &[r#"{"a":"fo"}"#, r#"{"a":"FxxO"}"#], &[r#"{"a":"fox"}"#]),
        ("a: 'f?o*x'", &[r#"{"a":"faox"}"#, r#"{"a":"fäO..x"}"#], &[r#"{"a":"fox"}"#]),
        (r"a: 'f\*o'", &[r#"{"a":"f*o"}"#], &[r#"{"a":"fxo"}"#]),
        (r"a: '\\\\srv\\*'", &[r#"{"a":"\\\\srv\\x"}"#], &[r#"{"a":"\\srv\\x"}"#]),
        ("a: '*'", &[r#"{"a":"x"}"#, r#"{"a":""}"#, r#"{"a":0}"#], &["{}", r#"{"a":null}"#]),
        ("a: 7", &[r#"{"a":7}"#, r#"{"a":"7"}"#], &[r#"{"a":70}"#, r#"{"a":"07"}"#]),
        ("a: '7'", &[r#"{"a":7}"#, r#"{"a":"7"}"#], &[r#"{"a":7.5}"#]),
        ("a: 7.5", &[r#"{"a":7.5}"#, r#"{"a":"7.5"}"#, r#"{"a":"7.50"}"#], &[r#"{"a":7}"#]),
        ("a: -3", &[r#"{"a":-3}"#], &[r#"{"a":3}"#]),
        ("a: true", &[r#"{"a":true}"#, r#"{"a":"True"}"#], &[r#"{"a":false}"#, r#"{"a":1}"#]),
        ("a: null", &["{}", r#"{"a":null}"#, r#"{"a":[]}"#], &[r#"{"a":""}"#, r#"{"a":0}"#, r#"{"a":{"b":1}}"#]),
        ("a: ''", &[r#"{"a":""}"#], &["{}", r#"{"a":null}"#, r#"{"a":"x"}"#]),
        ("a: [x, null]", &["{}", r#"{"a":"x"}"#], &[r#"{"a":"y"}"#]),
        (
            "a.b.c: x",
            &[r#"{"a":{"b":{"c":"x"}}}"#, r#"{"a.b.c":"x"}"#, r#"{"a":[{"b":{"c":"x"}}]}"#],
            &[r#"{"a":{"b":"x"}}"#],
        ),
        ("{a: x, b: y}", &[r#"{"a":"x","b":"y"}"#], &[r#"{"a":"x"}"#, r#"{"b":"y"}"#]),
        ("[{a: x}, {b: y}]", &[r#"{"a":"x"}"#, r#"{"b":"y"}"#], &[r#"{"a":"y"}"#]),
        (
            "[evil, 'wor?e']",
            &[r#"{"x":"so Evil."}"#, r#"{"y":{"z":"worse"}}"#, r#"{"q":["evil"]}"#],
            &[r#"{"x":"good"}"#, r#"{"evil":1}"#],
        ),
        ("{'|all': [one, two]}", &[r#"{"x":"one two"}"#, r#"{"x":"one","y":"two"}"#], &[r#"{"x":"one"}"#]),
    ]);
}

#[test]
fn modifiers() {
    check(&[
        ("a|contains: bc", &[r#"{"a":"abcd"}"#, r#"{"a":"BC"}"#], &[r#"{"a":"b c"}"#]),
        ("a|contains: 45", &[r#"{"a":1456}"#], &[r#"{"a":54}"#]),
        ("a|contains: ''", &[r#"{"a":"x"}"#], &["{}"]),
        ("a|contains: 'x*y'", &[r#"{"a":"..x..y.."}"#], &[r#"{"a":"y x"}"#]),
        ("a|contains|all: [x, y]", &[r#"{"a":"yx"}"#], &[r#"{"a":"x"}"#]),
        ("a|startswith: ab", &[r#"{"a":"ABc"}"#], &[r#"{"a":"cab"}"#]),
        ("a|endswith: [yz, ab]", &[r#"{"a":"cAB"}"#, r#"{"a":"xyz"}"#], &[r#"{"a":"abc"}"#]),
        ("a|startswith: aba", &[r#"{"a":"ababa"}"#], &[r#"{"a":"xaba"}"#]),
        ("a|endswith: aba", &[r#"{"a":"ababa"}"#, r#"{"a":"aba"}"#], &[r#"{"a":"abab"}"#]),
        ("a|cased: Foo", &[r#"{"a":"Foo"}"#], &[r#"{"a":"foo"}"#]),
        ("a|contains|cased: Oo", &[r#"{"a":"fOo"}"#], &[r#"{"a":"foo"}"#]),
        ("a|cased: 'F*o'", &[r#"{"a":"Fxo"}"#], &[r#"{"a":"fxo"}"#]),
        ("a|neq: x", &[r#"{"a":"y"}"#, "{}"], &[r#"{"a":"X"}"#]),
        ("a|exists: true", &[r#"{"a":null}"#, r#"{"a":""}"#, r#"{"a":{"x":1}}"#], &["{}"]),
        ("a|exists: false", &["{}"], &[r#"{"a":null}"#]),
        ("a|re: 'f[0-9]{2}$'", &[r#"{"a":"xf12"}"#], &[r#"{"a":"XF12"}"#, r#"{"a":"f123"}"#, "{}"]),
        ("a|re|i: '^f.$'", &[r#"{"a":"FX"}"#], &[r#"{"a":"F\n"}"#]),
        ("a|re|i|s: '^f.$'", &[r#"{"a":"F\n"}"#], &[r#"{"a":"FFF"}"#]),
        ("a|re|m: '^b$'", &[r#"{"a":"a\nb\nc"}"#], &[r#"{"a":"ab"}"#]),
        ("a|re: [x1, y2]", &[r#"{"a":"y2"}"#], &[r#"{"a":"y1"}"#]),
        ("a|base64: foobar", &[r#"{"a":"Zm9vYmFy"}"#], &[r#"{"a":"foobar"}"#]),
        ("a|base64|contains: foo", &[r#"{"a":"xxZm9vxx"}"#], &[r#"{"a":"foo"}"#]),
        (
            "a|base64offset|contains: secret",
            &[r#"{"a":"eHNlY3JldHk="}"#, r#"{"a":"c2VjcmV0"}"#, r#"{"a":"eHhzZWNyZXR5eQ=="}"#],
            &[r#"{"a":"secret"}"#],
        ),
        ("a|wide|base64offset|contains: ab", &[r#"{"a":"YQBiAA=="}"#], &[r#"{"a":"YWI="}"#]),
        ("a|utf16le|base64: ab", &[r#"{"a":"YQBiAA=="}"#], &[r#"{"a":"AGEAYg=="}"#]),
        ("a|utf16be|base64: ab", &[r#"{"a":"AGEAYg=="}"#], &[r#"{"a":"YQBiAA=="}"#]),
        ("a|utf16|base64: ab", &[r#"{"a":"//5hAGIA"}"#], &[r#"{"a":"YQBiAA=="}"#]),
        ("a|wide|contains: ab", &[r#"{"a":"xa\u0000b\u0000"}"#], &[r#"{"a":"ab"}"#]),
        (
            "a|windash|contains: ' -f '",
            &[r#"{"a":"x /f y"}"#, r#"{"a":"x –f y"}"#, r#"{"a":"x -F y"}"#],
            &[r#"{"a":"x +f y"}"#],
        ),
        (
            "a|cidr: 10.0.0.0/8",
            &[r#"{"a":"10.200.3.4"}"#, r#"{"a":"::ffff:10.0.0.1"}"#],
            &[r#"{"a":"11.0.0.1"}"#, r#"{"a":"10.0.0"}"#],
        ),
        (
            "a|cidr: ['2001:db8::/32', 192.0.2.7]",
            &[r#"{"a":"2001:db8:1::1"}"#, r#"{"a":"192.0.2.7"}"#],
            &[r#"{"a":"192.0.2.8"}"#],
        ),
        ("a|lt: 5", &[r#"{"a":4.9}"#, r#"{"a":"4"}"#, r#"{"a":-1}"#], &[r#"{"a":5}"#, r#"{"a":"x"}"#, "{}"]),
        ("a|lte: 5", &[r#"{"a":5}"#], &[r#"{"a":5.1}"#]),
        ("a|gt: 9007199254740992", &[r#"{"a":9007199254740993}"#], &[r#"{"a":9007199254740992}"#]),
        ("a|gte: 1.5", &[r#"{"a":1.5}"#, r#"{"a":2}"#], &[r#"{"a":1}"#]),
        (
            "a|fieldref: b",
            &[r#"{"a":"x","b":"X"}"#, r#"{"a":1,"b":"1"}"#],
            &[r#"{"a":"x","b":"y"}"#, r#"{"a":"x"}"#, "{}"],
        ),
        ("a|fieldref|endswith: b", &[r#"{"a":"xyz","b":"yz"}"#], &[r#"{"a":"yzx","b":"yz"}"#]),
        ("a|fieldref|neq: b", &[r#"{"a":"x","b":"y"}"#], &[r#"{"a":"x","b":"x"}"#]),
        ("a|expand: 'x-%hosts%'", &[r#"{"a":"x-alpha"}"#, r#"{"a":"x-beETAta"}"#], &[r#"{"a":"x-gamma"}"#]),
        ("a|minute: 30", &[r#"{"a":"2026-03-01T23:30:05Z"}"#], &[r#"{"a":"2026-03-01T23:31:00Z"}"#]),
        (
            "a|hour|gte: 22",
            &[r#"{"a":"2026-03-01T23:30:05Z"}"#, r#"{"a":1772407800}"#],
            &[r#"{"a":"2026-03-01T21:59:00Z"}"#, r#"{"a":"x"}"#],
        ),
        ("a|day: 1", &[r#"{"a":"2026-03-01T23:30:05Z"}"#], &[r#"{"a":"2026-03-02"}"#]),
        ("a|week: 9", &[r#"{"a":"2026-03-01T00:00:00Z"}"#], &[r#"{"a":"2026-03-02T00:00:00Z"}"#]),
        ("a|month: [3, 4]", &[r#"{"a":"2026-03-01T00:00:00Z"}"#], &[r#"{"a":"2026-05-02T00:00:00Z"}"#]),
        ("a|year|lt: 2026", &[r#"{"a":"2025-12-31T23:59:59Z"}"#], &[r#"{"a":"2025-12-31T23:59:59-01:00"}"#]),
    ]);
}

#[test]
fn conditions() {
    let rule = |condition: &str| {
        format!("{HEAD}  s1: {{a: 1}}\n  s2: {{b: 1}}\n  s3: {{c: 1}}\n  filter: {{d: 1}}\n  condition: {condition}\n")
    };
    let events = [r#"{"a":1}"#, r#"{"a":1,"b":1}"#, r#"{"a":1,"b":1,"c":1}"#, r#"{"a":1,"b":1,"c":1,"d":1}"#, "{}"];
    let cases = [
        ("1 of s* and not filter", [true, true, true, false, false]),
        ("2 of s* and not filter", [false, true, true, false, false]),
        ("all of s* and not filter", [false, false, true, false, false]),
        ("all of them", [false, false, false, true, false]),
        ("3 of them", [false, false, true, true, false]),
        ("s1 and not (s2 or s3 or filter)", [true, false, false, false, false]),
        ("not 1 of them", [false, false, false, false, true]),
        ("not 2 of s* or filter", [true, false, false, true, true]),
        ("not not s1 and not all of s? or filter", [true, true, false, true, false]),
        ("[s1 and s2, s3 or filter]", [false, true, true, true, false]),
    ];
    for (condition, expected) in cases {
        let unused: Vec<&str> = ["s1", "s2", "s3", "filter"].into_iter().collect();
        let mut text = rule(condition);
        // A search that a condition does not use is an error; it is not what is tested here.
        for name in unused {
            let named = condition.contains(name)
                || condition.contains("them")
                || (name != "filter" && condition.contains("s*"));
            if !named && !condition.contains("s?") {
                text = text.replace(&format!("  {name}:"), &format!("  _{name}:"));
            }
        }
        let found = events.map(|event| fits(&text, event));
        assert_eq!(found, expected, "{condition}");
    }
}

#[test]
fn log_sources_divide_rules() {
    let rule = |id: &str, source: &str| {
        format!("title: {id}\nid: {id}\nlogsource: {source}\ndetection: {{s: {{a: 1}}, condition: s}}\n")
    };
    let rules = [
        rule("any", "{category: web}"),
        rule("apache", "{category: web, service: apache}"),
        rule("okta", "{product: okta}"),
    ];
    let mut detector = compile(&rules.each_ref().map(String::as_str)).unwrap();
    let ids = |detector: &mut Detector| -> Vec<String> {
        detector.matches_json(r#"{"a":1}"#).unwrap().map(|rule| rule.id.clone()).collect()
    };
    assert_eq!(ids(&mut detector), ["any", "apache", "okta"]);
    let web = LogSource { category: Some("web".into()), ..LogSource::default() };
    detector.json_source(&web);
    assert_eq!(ids(&mut detector), ["any"]);
    detector.json_source(&LogSource { service: Some("apache".into()), ..web });
    assert_eq!(ids(&mut detector), ["any", "apache"]);
}

#[test]
fn filters_add_to_the_rules_that_they_name() {
    let rules = [
        "title: one\nid: one\nlogsource: {category: web, product: x}\ndetection: {s: {a: 1}, condition: s}\n",
        "title: two\nid: two\nname: deux\nlogsource: {category: web}\ndetection: {s: {a: 1}, condition: s}\n",
        "title: three\nid: three\nlogsource: {category: other}\ndetection: {s: {a: 1}, condition: s}\n",
    ];
    let run = |filter: &str| -> Vec<String> {
        let mut detector = compile(&[rules[0], rules[1], rules[2], filter]).unwrap_or_else(|error| panic!("{error}"));
        detector.matches_json(r#"{"a":1,"user":"adm_x"}"#).unwrap().map(|rule| rule.id.clone()).collect()
    };
    let filter = |rules: &str, condition: &str| {
        format!(
            "title: f\nlogsource: {{category: web}}\nfilter:\n  rules: {rules}\n  admins: {{user|startswith: adm_}}\n  condition: {condition}\n"
        )
    };
    assert_eq!(run(&filter("[one, three]", "not admins")), ["two", "three"], "three has another log source");
    assert_eq!(run(&filter("[deux]", "not admins")), ["one", "three"]);
    assert_eq!(run(&filter("any", "not admins")), ["three"]);
    assert_eq!(run(&filter("any", "admins")), ["one", "two", "three"]);
    let error = compile(&[rules[0], &filter("[oen]", "not admins")]).err().unwrap();
    assert_eq!(error, "rule.yml:4:11: the filter names the rule `oen`, which is not loaded; did you mean `one`?");
}

#[test]
fn errors_name_the_place_and_what_to_write() {
    let rule = |detection: &str| format!("{HEAD}{detection}");
    let own = "title: t\nlogsource: {product: testudo}\n";
    let counted = "title: c\ncorrelation:\n  type: event_count\n  rules: [r]\n  group-by: [a]\n  timespan: 1m\n  condition: {gte: 2}\n";
    let base = format!("{HEAD}  s: {{a: 1}}\n  condition: s\n");
    let cases: &[(String, &str)] = &[
        (
            rule("  s:\n    a|contain: x\n  condition: s\n"),
            "rule.yml:7:5: the modifier `contain` is unknown; did you mean `contains`?",
        ),
        (rule("  s: {a|i: x}\n  condition: s\n"), "rule.yml:6:7: `i` is a flag of `re`; write `re|i`"),
        (rule("  s: {a|re: '(?=x)'}\n  condition: s\n"), "the regular expression can't be used"),
        (
            rule("  s: {a|re: '(\\w{1000}){1000}'}\n  condition: s\n"),
            "it takes more than 8 MiB; repeat less, or repeat `[a-z]` in place of `\\w`",
        ),
        (
            rule("  s: {a|cidr: 300.0.0.0/8}\n  condition: s\n"),
            "`300.0.0.0/8` is not a network; write one such as `10.0.0.0/8`",
        ),
        (rule("  s: {a|gt: many}\n  condition: s\n"), "expected a number, found a string"),
        (rule("  s: {a|exists: 1}\n  condition: s\n"), "`exists` takes no number; write true or false"),
        (rule("  s: {a|contains|re: x}\n  condition: s\n"), "don't fit each other"),
        (rule("  s: {a|lt|gt: 1}\n  condition: s\n"), "`gt` can't follow another comparison"),
        (rule("  s: {a|base64: 'x*'}\n  condition: s\n"), "a value with wildcards can't be encoded"),
        (rule("  s: {a|expand: '%nope%'}\n  condition: s\n"), "the placeholder `%nope%` has no values"),
        (rule("  s: {a: []}\n  condition: s\n"), "the list is empty"),
        (rule("  s: {a: {b: 1}}\n  condition: s\n"), "write nested fields with dots: `a.b: value`"),
        (
            rule("  s: {a: 1}\n  condition: sel\n"),
            "rule.yml:7:14: the search identifier `sel` is not defined; write one of `s`",
        ),
        (
            rule("  s: {a: 1}\n  t: {b: 1}\n  condition: s\n"),
            "rule.yml:7:3: the search identifier `t` is not used by the condition",
        ),
        (rule("  s: {a: 1}\n"), "there is no `condition`"),
        (
            rule("  s: {a: 1}\n  timeframe: 5m\n  condition: s | count() > 5\n"),
            "`timeframe` is no longer part of Sigma",
        ),
        ("title: t\nid: x\ndetection: {s: {a: 1}, condition: s}\n".into(), "the rule has no `logsource`"),
        (
            "title: t\nlogsourse: {category: x}\ndetection: {s: {a: 1}, condition: s}\n".into(),
            "rule.yml:2:1: the attribute `logsourse` is not known; did you mean `logsource`?",
        ),
        (
            "title: t\nlevel: hihg\nlogsource: {category: x}\ndetection: {s: {a: 1}, condition: s}\n".into(),
            "rule.yml:2:8: the level `hihg` is unknown; did you mean `high`?",
        ),
        ("id: x\nlogsource: {category: x}\ndetection: {s: {a: 1}, condition: s}\n".into(), "the rule has no title"),
        ("title: t\n".into(), "neither `detection` nor `correlation` nor `filter`"),
        ("- a\n- b\n".into(), "a rule is a map, not a list"),
        ("title: t\naction: global\n".into(), "`action: global` belongs to Sigma 1"),
        (
            format!("{own}detection: {{s: {{cs-metod: GET}}, condition: s}}\n"),
            "our own events have no field `cs-metod`; did you mean `cs-method`?",
        ),
        (
            format!("{base}---\n{}", counted.replace("event_count", "event_counts")),
            "the type `event_counts` is unknown; did you mean `event_count`?",
        ),
        (format!("{base}---\n{}", counted.replace("event_count", "value_sum")), "not evaluated yet"),
        (format!("{base}---\n{}", counted.replace("1m", "1 minute")), "write it such as `30s`, `5m`, `1h` or `7d`"),
        (
            format!("{base}---\n{}", counted.replace("group-by", "groupby")),
            "rule.yml:13:3: `groupby` is no part of a correlation; did you mean `group-by`?",
        ),
        (format!("{base}---\n{}", counted.replace("gte", "ge")), "the comparison `ge` is unknown"),
        (format!("{base}---\n{}", counted.replace("gte: 2", "gte: -1")), "`gte` takes a whole number"),
        (
            format!("{base}---\n{}", counted.replace("[r]", "[rr]")),
            "rule.yml:12:11: the rule `rr` is not loaded; did you mean `r`?",
        ),
        (format!("{base}---\n{}", counted.replace("[r]", "[c]")), "names itself"),
        (format!("{base}---\n{base}"), "`r` is also the name of `t` in rule.yml"),
    ];
    for (text, expected) in cases {
        let error = compile(&[text]).err().unwrap_or_else(|| panic!("no error for\n{text}"));
        assert!(error.contains(expected), "for\n{text}\nexpected `{expected}`, found `{error}`");
        assert!(error.starts_with("rule.yml:"), "{error}");
    }
}

#[test]
fn a_file_with_an_error_adds_nothing_and_hides_no_other() {
    let mut rules = Rules::new();
    let good = format!("{HEAD}  s: {{a: 1}}\n  condition: s\n");
    let bad = "title: x\nlogsource: {category: x}\ndetection: {s: {a|nope: 1}, condition: s}\n";
    let errors = rules.add("bad.yml", &format!("{good}---\n{bad}---\n{bad}")).unwrap_err();
    assert_eq!(errors.problems.len(), 2);
    assert!(rules.is_empty());
    assert_eq!(rules.add("good.yml", &good).unwrap().detections, 1);
}
