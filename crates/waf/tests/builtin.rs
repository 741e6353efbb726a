//! The rules of our own: each finds what it is for and not what is near it, harmless requests pass, and attacks are stopped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use support::cases::{attacks, harmless};
use support::drive::{Outcome, run};
use support::front::Request;
use support::rules::{BASE, Disk, corpus, crs, program, waf};
use testudo_waf::seclang::{Change, Loader, Program};
use testudo_waf::{Options, Waf, builtin};

/// For each rule what it finds, and what it does not.
const CASES: &str = include_str!("builtin/cases.txt");
const STRICTER: &str = "SecAction \"id:1,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=2\"";
const PERCENT: &str = "%&+#=\r\n\0 ";

fn load(settings: &str) -> Program {
    let mut loader = Loader::new(&Disk);
    loader.text("base.conf", BASE);
    loader.text("settings.conf", settings);
    builtin::load(&mut loader);
    loader.finish().unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn firewall(settings: &str) -> Arc<Waf> {
    waf(load(settings), Options::default())
}

/// Rules of ours that say something; the others prepare and decide.
fn speaking(program: &Program) -> impl Iterator<Item = &testudo_waf::seclang::Rule> {
    program.rules.iter().filter(|rule| rule.log && (190_000..199_000).contains(&rule.id))
}

#[test]
fn each_rule_says_what_it_is() {
    let program = load("");
    assert!(program.notes.is_empty(), "{:?}", program.notes);
    let classes = ["decision", "protocol", "scanner", "web-shell"];
    for rule in speaking(&program) {
        let (id, tags) = (rule.id, rule.tags.iter().filter_map(|tag| tag.text()).collect::<Vec<_>>());
        assert!(rule.msg().is_some(), "{id} has no message");
        let [tag] = tags.as_slice() else { panic!("{id} has not one tag: {tags:?}") };
        assert!(classes.contains(tag) || tag.starts_with("attack-") || tag.starts_with("leak-"), "{id}: {tag}");
        if *tag == "decision" {
            continue;
        }
        let expected = match rule.severity.unwrap_or_else(|| panic!("{id} has no severity")) {
            2 => "5",
            3 => "4",
            other => panic!("{id} has severity {other}"),
        };
        let assignments: Vec<_> = rule.links.iter().flat_map(|link| &link.assignments).collect();
        let [assignment] = assignments.as_slice() else { panic!("{id} has not one score") };
        let side = if rule.phase < 3 { "inbound" } else { "outbound" };
        assert_eq!(assignment.name.to_string(), format!("blocking_{side}_anomaly_score"), "{id}");
        assert!(matches!(&assignment.change, Change::Add(score) if score.to_string() == expected), "{id}");
    }
}

/// A request with an ordinary head.
fn request(method: &str, target: &str, headers: &[(&str, &str)], kind: &str, body: &[u8]) -> Request {
    let mut all = vec![("Host", "shop.example"), ("User-Agent", "ShopApp/4.2.1 (iPhone; iOS 18.1; Scale/3.00)")];
    let length = body.len().to_string();
    if !body.is_empty() {
        all.extend([("Content-Type", kind), ("Content-Length", length.as_str())]);
    }
    for (name, value) in headers {
        // What is given takes the place of what is ordinary, but for a second host.
        all.retain(|(known, _)| *known == "Host" || !known.eq_ignore_ascii_case(name));
        all.push((name, value));
    }
    Request {
        line: format!("{method} {target} HTTP/1.1").into_bytes(),
        method: method.into(),
        target: target.into(),
        protocol: b"HTTP/1.1".to_vec(),
        headers: all.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect(),
        body: body.to_vec(),
    }
}

fn encoded(text: &str) -> String {
    let escape = |character: char| {
        if PERCENT.contains(character) { format!("%{:02X}", u32::from(character)) } else { character.to_string() }
    };
    text.chars().map(escape).collect()
}

/// What comes of a case: where its text stands, and the text.
fn outcome(waf: &Arc<Waf>, place: &str, text: &str) -> Outcome {
    const FORM: &str = "application/x-www-form-urlencoded";
    const PARTS: &str = "multipart/form-data; boundary=b";
    let plain = |method: &str, target: &str| run(waf, &request(method, target, &[], "", b""));
    let post = |kind: &str, body: &str| run(waf, &request("POST", "/v1/items", &[], kind, body.as_bytes()));
    let header = || text.split_once(": ").unwrap();
    match place {
        "method" => plain(text, "/v1/items"),
        "line" => run(waf, &Request { line: text.into(), ..request("GET", "/", &[], "", b"") }),
        "path" => plain("GET", text),
        "query" => plain("GET", &format!("/v1/items?{text}")),
        "header" => run(waf, &request("GET", "/v1/items", &[header()], "", b"")),
        "posted" => run(waf, &request("POST", "/v1/items", &[header()], FORM, b"a=1")),
        "arg" => post(FORM, &format!("q={}", encoded(text))),
        "name" => post(FORM, &format!("{}=1", encoded(text))),
        "referred" => {
            let body = format!("{text}=1");
            let headers = [("Referer", "https://evil.example/login")];
            run(waf, &request("POST", "/v1/login", &headers, FORM, body.as_bytes()))
        }
        "xml" => post("application/xml", text),
        "part" => {
            post(PARTS, &format!("--b\r\nContent-Disposition: form-data; name=\"q\"\r\n{text}\r\n\r\nx\r\n--b--\r\n"))
        }
        "file" => {
            let head = format!("Content-Disposition: form-data; name=\"f\"; filename=\"{text}\"");
            post(PARTS, &format!("--b\r\n{head}\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n"))
        }
        "answer" | "answer-header" => {
            let (name, value) = if place == "answer" { ("Content-Type", "text/html") } else { header() };
            let body = data_encoding::BASE64.encode(if place == "answer" { text.as_bytes() } else { b"x" });
            let asked = serde_json::json!({ "headers": { name: value }, "encodedBody": body }).to_string();
            run(waf, &request("POST", "/reflect", &[], "application/json", asked.as_bytes()))
        }
        _ => panic!("`{place}` is no place"),
    }
}

#[test]
fn each_rule_finds_what_it_is_for_and_not_what_is_near_it() {
    let (plain, stricter) = (firewall(""), firewall(STRICTER));
    let without = Options { prefilter: false, fold: false, ..Options::default() };
    let shortcuts = [(&plain, waf(load(""), without)), (&stricter, waf(load(STRICTER), without))];
    let (mut found, mut spared, mut decisions) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut wrong = Vec::new();
    for line in CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("{line}"));
        let (id, sign, place, text): (u64, _, _, _) = (word().parse().unwrap(), word(), word(), word());
        let text = text.replace('⏎', "\n").replace('␍', "\r").replace('␀', "\0").replace('␠', " ");
        let strict = (190_100..190_200).contains(&id);
        for (waf, slow) in &shortcuts {
            let (one, other) = (outcome(waf, place, &text), outcome(slow, place, &text));
            assert_eq!(one.ids, other.ids, "shortcuts change nothing: {line}");
        }
        let outcome = outcome(if strict { &stricter } else { &plain }, place, &text);
        decisions.extend(outcome.intervention.as_ref().map(testudo_waf::Intervention::rule));
        let right = match sign {
            "+" => outcome.ids.contains(&id) && outcome.intervention.is_some(),
            _ if strict => !outcome.ids.contains(&id),
            _ => outcome.ids.is_empty(),
        };
        if !right {
            wrong.push(format!("{line}\n    {:?}", outcome.ids));
        }
        if sign == "+" {
            found.insert(id)
        } else {
            spared.insert(id)
        };
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let program = load("");
    let all = speaking(&program).filter(|rule| !rule.has_tag("decision")).map(|rule| rule.id).collect();
    assert_eq!(found, all, "each rule has a case that it finds");
    assert_eq!(spared, all, "each rule has a case that it does not find");
    assert_eq!(decisions, BTreeSet::from([198_010, 198_020, 198_030, 198_040]));
}

#[test]
fn settings_are_those_of_the_core_rule_set() {
    let attack = request("GET", "/v1/items?q=%3Cscript%3Ealert(1)%3C/script%3E", &[], "", b"");
    assert!(run(&firewall(""), &attack).intervention.is_some());
    let threshold = "SecAction \"id:1,phase:1,pass,nolog,setvar:tx.inbound_anomaly_score_threshold=100\"";
    assert!(run(&firewall(threshold), &attack).intervention.is_none());
    let mut loader = Loader::new(&Disk);
    loader.text("base.conf", BASE);
    builtin::load(&mut loader);
    loader.text("exclusions.conf", "SecRuleUpdateTargetByTag attack-xss \"!ARGS:q\"\nSecRuleRemoveByTag attack-php");
    let excluded = waf(loader.finish().unwrap(), Options::default());
    let outcome = run(&excluded, &attack);
    assert!(outcome.intervention.is_none(), "{:?}", outcome.ids);
}

#[test]
fn harmless_requests_pass() {
    let Some(folder) = corpus("benign") else { return };
    let waf = firewall("");
    let blocked = |(name, request): &(String, Request)| {
        let outcome = run(&waf, request);
        outcome.intervention.is_some().then(|| format!("{name} {:?}", outcome.ids))
    };
    let all = harmless(&folder);
    let blocked: Vec<String> = all.iter().filter_map(blocked).collect();
    eprintln!("{} of {} harmless requests are stopped: {}", blocked.len(), all.len(), blocked.join(", "));
    assert!(blocked.is_empty());
}

/// How many attacks of each part of the suite are stopped, and how many there are.
const STOPPED: [(&str, usize, usize); 21] = [
    ("911", 3, 4),
    ("913", 5, 5),
    ("920", 82, 147),
    ("921", 43, 58),
    ("922", 20, 20),
    ("930", 54, 56),
    ("931", 13, 14),
    ("932", 355, 387),
    ("933", 241, 261),
    ("934", 111, 117),
    ("941", 164, 186),
    ("942", 309, 320),
    ("943", 40, 42),
    ("944", 599, 601),
    ("950", 9, 9),
    ("951", 20, 20),
    ("952", 9, 9),
    ("953", 4, 4),
    ("954", 5, 5),
    ("955", 10, 10),
    ("956", 9, 9),
];

#[test]
fn attacks_are_stopped() {
    let (Some(crs), Some(suite)) = (crs(), corpus("crs")) else { return };
    let attacks = attacks(&program(&crs, BASE, ""), &suite);
    let waf = firewall("");
    let mut parts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (name, request) in &attacks {
        let (stopped, all) = parts.entry(&name[..3]).or_default();
        *all += 1;
        *stopped += usize::from(run(&waf, request).intervention.is_some());
    }
    for (part, (stopped, all)) in &parts {
        eprintln!("{part}: {stopped} of {all} attacks are stopped");
    }
    for (part, stopped, all) in STOPPED {
        assert_eq!(parts.get(part), Some(&(stopped, all)), "{part}");
    }
}

/// A long text of harmless lines is read to its end within the budget.
#[test]
fn long_texts_pass() {
    let lines =
        "Tom & Jerry's shop; select one -- or two! See https://shop.example/a?b=1&c=2 for more (it's 50% off).\n";
    let text: String = lines.chars().cycle().take(120_000).collect();
    let body = serde_json::json!({ "text": text }).to_string();
    let outcome = run(&firewall(""), &request("POST", "/v1/notes", &[], "application/json", body.as_bytes()));
    eprintln!("work {}", outcome.work);
    assert!(outcome.ids.is_empty(), "{:?}", outcome.ids);
}

/// Samples that no rule of ours was written after.
#[test]
fn samples_of_others_are_found() {
    let Some(folder) = corpus("libinjection/data") else { return };
    let waf = firewall("");
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(kind) = ["sqli", "xss", "false_positives"].into_iter().find(|kind| name.starts_with(kind)) else {
            continue;
        };
        let (stopped, all) = kinds.entry(kind).or_default();
        for line in std::fs::read(&path).unwrap().split(|byte| *byte == b'\n') {
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            // Those of SQL are written as they travel.
            let text = if kind == "xss" { encoded(&String::from_utf8_lossy(line)).into_bytes() } else { line.to_vec() };
            let body = [b"q=".to_vec(), text].concat();
            let request = request("POST", "/v1/items", &[], "application/x-www-form-urlencoded", &body);
            *all += 1;
            *stopped += usize::from(run(&waf, &request).intervention.is_some());
        }
    }
    eprintln!("{kinds:?}");
    assert_eq!(kinds["sqli"], (16_185, 17_149));
    assert_eq!(kinds["xss"], (1_589, 1_645));
    assert_eq!(kinds["false_positives"], (0, 421));
}
