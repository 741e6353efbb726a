//! Every rule over code has programs in which it finds something, and programs in which it does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod code_support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use code_support::Fixture;
use testudo_package::dex::Dex;
use testudo_package::program::{Entries, Program, Reach};
use testudo_scan::code::{Checked, Context, check};
use testudo_scan::rule::RulePack;

const GROUPS: [&str; 8] = ["crypto", "network", "platform", "storage", "auth", "code", "resilience", "privacy"];

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pack() -> RulePack {
    let files = GROUPS.map(|group| (format!("{group}.toml"), file(&format!("rules/code/{group}.toml"))));
    RulePack::read(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).unwrap_or_else(|e| panic!("{e}"))
}

fn run(pack: &RulePack, fixture: &Fixture) -> Checked {
    let bytes = fixture.dex();
    let program = Program::new(vec![Dex::parse(&bytes).unwrap()]);
    assert_eq!(program.anomalies(), [], "{} at {}", fixture.rule, fixture.line);
    let mut entries = Entries::new();
    for (_, class) in program.classes() {
        entries.class(&program.descriptor(class.of).decode());
    }
    entries.handler("run");
    let reach = Reach::new(&program, &entries);
    let files = ["classes.dex".to_owned()];
    let context = Context {
        package: Some("com.example.app"),
        files: &files,
        min_sdk: fixture.min_sdk,
        target_sdk: fixture.target_sdk,
        ..Context::default()
    };
    check(&program, Some(&reach), pack, &context)
}

fn fixtures() -> Vec<(&'static str, Fixture)> {
    let read =
        |group| code_support::read(&file(&format!("tests/code/{group}.txt"))).into_iter().map(move |f| (group, f));
    GROUPS.into_iter().flat_map(read).collect()
}

#[test]
fn every_rule_finds_what_it_is_about_and_nothing_else() {
    let pack = pack();
    let mut seen: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (group, fixture) in fixtures() {
        let counts = seen.entry(fixture.rule.clone()).or_default();
        counts.0 += usize::from(fixture.finds);
        counts.1 += usize::from(!fixture.finds);
        let checked = run(&pack, &fixture);
        let found = checked.findings.iter().any(|finding| finding.rule.as_str() == fixture.rule);
        if found != fixture.finds {
            let all: BTreeSet<_> = checked.findings.iter().map(|finding| finding.rule.to_string()).collect();
            let what = if found { "finds too much" } else { "finds nothing" };
            wrong.push(format!("{group}.txt:{}: {} {what}; there is {all:?}", fixture.line, fixture.rule));
        }
    }
    for condition in pack.code() {
        let (positive, negative) = seen.get(condition.rule.as_str()).copied().unwrap_or_default();
        if positive == 0 || negative == 0 {
            wrong.push(format!("{} has {positive} programs with findings and {negative} without", condition.rule));
        }
    }
    let known: BTreeSet<&str> = pack.rules().map(|rule| rule.id.as_str()).collect();
    wrong.extend(seen.keys().filter(|rule| !known.contains(rule.as_str())).map(|rule| format!("{rule} is no rule")));
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_document_names_every_rule_and_no_other() {
    let document = file("../../docs/reference/scan-rules-code.md");
    let pack = pack();
    let named: BTreeSet<&str> = document.split('`').skip(1).step_by(2).collect();
    let missing: Vec<_> = pack.rules().map(|rule| rule.id.as_str()).filter(|id| !named.contains(id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let groups = GROUPS.map(|group| format!("{group}-"));
    let is_id = |name: &&&str| groups.iter().any(|group| name.starts_with(group.as_str()));
    let all = RulePack::builtin().unwrap();
    let gone: Vec<_> = named.iter().filter(is_id).filter(|name| all.get(name).is_none()).collect();
    assert!(gone.is_empty(), "{gone:?}");
}
