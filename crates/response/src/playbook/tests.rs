//! Playbooks that are read, and what is said of those that are not; CACAO.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use testudo_core::Timestamp;

use super::*;

const GOOD: &str = r#"id = "good"
title = "A good one"

[trigger]
tags = ["attack.t1110"]
level = "high"

[[steps]]
action = "tighten-limits"
select = "addresses"
percent = 10
for = "90s"

[[steps]]
action = "lock-person"
select = "people"
for = "until-undone"
"#;

#[test]
fn a_good_one_is_read() {
    let playbook = Playbook::read("good.toml", GOOD).unwrap();
    assert_eq!(playbook.steps[0].lasts, Some(Lasts::For(Duration::from_secs(90))));
    assert_eq!(playbook.steps[1].lasts, Some(Lasts::UntilUndone));
    assert_eq!(playbook.steps[0].does, Does::TightenLimits { percent: 10, route: None });
    assert!(playbook.enabled);
}

#[test]
fn mistakes_are_named_with_file_line_and_what_to_write() {
    let cases = [
        (
            "percent = 10",
            "percent = 100",
            "good.toml:11:11: a part of the limits is 1 to 99 per cent; to refuse all, use `block`",
        ),
        ("percent = 10\n", "", "good.toml:9:10: `tighten-limits` needs `percent`; write `percent = 10`"),
        (
            "for = \"90s\"",
            "for = \"90\"",
            "good.toml:12:7: `90` is no time; write `90s`, `30m`, `12h` or `7d`; 400 days at most",
        ),
        (
            "for = \"90s\"",
            "for = \"401d\"",
            "good.toml:12:7: `401d` is no time; write `90s`, `30m`, `12h` or `7d`; 400 days at most",
        ),
        (
            "for = \"90s\"\n",
            "",
            "good.toml:9:10: `tighten-limits` does not say for how long; write `for = \"30m\"`; what is done must end",
        ),
        (
            "for = \"90s\"",
            "for = \"until-undone\"",
            "good.toml:12:7: `tighten-limits` must have an end; write a time, such as `for = \"30m\"`",
        ),
        (
            "select = \"people\"",
            "select = \"networks\"",
            "good.toml:16:10: `lock-person` can't be done to `networks`; write `select` as one of `opened-accounts`, `people`, `everyone`",
        ),
        (
            "select = \"people\"",
            "select = \"folk\"",
            "good.toml:16:10: `folk` selects nothing; write `select` as one of `opened-accounts`, `people`, `everyone`",
        ),
        (
            "select = \"people\"\n",
            "",
            "good.toml:15:10: `lock-person` does not say to whom; write `select` as one of `opened-accounts`, `people`, `everyone`",
        ),
        (
            "\"lock-person\"",
            "\"lock\"",
            "good.toml:15:10: `lock` is no action; write one of `revoke-session`, `revoke-family`, `revoke-person`, `lock-person`, `require-step-up`, `force-password-reset`, `block`, `tighten-limits`, `restrict-routes`, `disable-client`, `suspend-build`, `rotate-signing-key`, `notify`",
        ),
        (
            "level = \"high\"",
            "level = \"huge\"",
            "good.toml:6:9: `huge` is no level; write one of `informational`, `low`, `medium`, `high`, `critical`",
        ),
        (
            "tags = [\"attack.t1110\"]",
            "tags = []",
            "good.toml:4:1: the trigger fits no alert; name `rules` or `tags`; a playbook for every alert would act on what nobody thought of",
        ),
        (
            "id = \"good\"",
            "id = \"Good one\"",
            "good.toml:1:6: this is no id; an id has 1 to 64 characters of `a-z 0-9 -`, such as `stuffed-account`",
        ),
    ];
    for (from, to, said) in cases {
        let error = Playbook::read("good.toml", &GOOD.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    let unknown = Playbook::read("good.toml", &GOOD.replace("percent = 10", "percents = 10")).unwrap_err();
    assert_eq!((unknown.line, unknown.message.starts_with("unknown field `percents`")), (11, true), "{unknown}");
    let extra = Playbook::read("good.toml", &GOOD.replace("for = \"until-undone\"", "for = \"1h\"\nchannel = \"x\""))
        .unwrap_err();
    assert_eq!(extra.to_string(), "good.toml:18:11: `channel` means nothing for `lock-person`; take the line out");
    let broken = Playbook::read("good.toml", "id = ").unwrap_err();
    assert_eq!(broken.line, 1);
    assert!(Playbook::read("good.toml", &"#".repeat(70_000)).unwrap_err().message.contains("64 KiB"));
}

#[test]
fn a_trigger_fits_rules_tags_with_their_subtechniques_and_levels() {
    let playbook = Playbook::read("good.toml", GOOD).unwrap();
    let mut alert = crate::testing::network_alert(Severity::High, 0);
    assert!(playbook.trigger.fits(&alert), "t1110.004 is one of t1110");
    alert.level = Severity::Medium;
    assert!(!playbook.trigger.fits(&alert));
    alert.level = Severity::Critical;
    alert.tags = vec!["attack.t11100".into()];
    assert!(!playbook.trigger.fits(&alert));
}

#[test]
fn the_pack_is_read_and_each_id_is_its_file() {
    let pack = pack().unwrap();
    assert_eq!(pack.len(), FILES.len());
    for (playbook, (file, _)) in pack.iter().zip(FILES) {
        assert_eq!(format!("{}.toml", playbook.id), *file);
    }
    // Whoever is told of the same rule by two playbooks of the pack would be acted on twice.
    let mut rules = BTreeSet::new();
    for rule in pack.iter().flat_map(|playbook| &playbook.trigger.rules) {
        assert!(rules.insert(rule.clone()), "{rule} is in two playbooks");
    }
}

fn uuid(name: &str) -> String {
    let sum = name.bytes().fold(7u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("{:08x}-0000-5000-8000-{:012x}", sum >> 32, sum & 0xffff_ffff_ffff)
}

/// Facts of the specification: types, ids, the workflow from its start to its end, and that every link resolves.
#[test]
fn each_playbook_of_the_pack_is_cacao() {
    for playbook in pack().unwrap() {
        let cacao = playbook.to_cacao(Timestamp::from_seconds(1_764_374_400), uuid);
        let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        assert_eq!((text(&cacao, "type"), text(&cacao, "spec_version")), ("playbook".into(), "cacao-2.0".into()));
        assert_eq!(text(&cacao, "created"), "2025-11-29T00:00:00.000Z");
        let is_id = |id: &str, kind: &str| {
            let uuid = id.strip_prefix(kind).and_then(|rest| rest.strip_prefix("--")).unwrap_or_default();
            let dashes: Vec<_> = uuid.match_indices('-').map(|(at, _)| at).collect();
            uuid.len() == 36 && dashes == [8, 13, 18, 23] && uuid.as_bytes()[14] == b'5'
        };
        assert!(is_id(&text(&cacao, "id"), "playbook") && is_id(&text(&cacao, "created_by"), "identity"));
        let workflow = cacao["workflow"].as_object().unwrap();
        let agents = cacao["agent_definitions"].as_object().unwrap();
        let empty = serde_json::Map::new();
        let variables = cacao.get("playbook_variables").and_then(Value::as_object).unwrap_or(&empty);
        assert!(workflow.contains_key(&text(&cacao, "workflow_start")));
        let mut reached = BTreeSet::new();
        let mut todo = vec![text(&cacao, "workflow_start")];
        let (mut ends, mut actions) = (0, 0);
        while let Some(id) = todo.pop() {
            if !reached.insert(id.clone()) {
                continue;
            }
            let step = workflow.get(&id).unwrap_or_else(|| panic!("{}: `{id}` is not there", playbook.id));
            let kind = text(step, "type");
            assert!(is_id(&id, &kind), "{id}");
            let links: Vec<String> = ["on_completion", "on_true", "on_false"]
                .iter()
                .filter_map(|link| step.get(*link).and_then(Value::as_str).map(str::to_owned))
                .collect();
            match kind.as_str() {
                "start" => assert_eq!(links.len(), 1),
                "end" => {
                    assert!(links.is_empty());
                    ends += 1;
                }
                "if-condition" => {
                    assert_eq!(links.len(), 2);
                    let condition = text(step, "condition");
                    let named = condition.split(' ').filter_map(|word| word.strip_suffix(":value"));
                    assert!(named.clone().count() > 0 && named.into_iter().all(|name| variables.contains_key(name)));
                }
                "action" => {
                    actions += 1;
                    assert_eq!(links.len(), 1);
                    assert!(agents.contains_key(&text(step, "agent")));
                    let command = &step["commands"][0];
                    assert_eq!(text(command, "type"), "http-api");
                    let line = text(command, "command");
                    assert!(line.ends_with(" HTTP/1.1") && line.contains(" /admin/v1/"), "{line}");
                    for used in line.split(['/', ' ']).filter_map(|part| part.strip_suffix(":value")) {
                        assert!(variables.contains_key(used), "{used}");
                    }
                    for name in step.get("in_args").and_then(Value::as_array).into_iter().flatten() {
                        assert!(variables.contains_key(name.as_str().unwrap()));
                    }
                }
                other => panic!("{other}"),
            }
            todo.extend(links);
        }
        assert_eq!((ends, actions), (1, playbook.steps.len()));
        assert_eq!(reached.len(), workflow.len(), "every step is reached");
        assert_eq!(cacao, playbook.to_cacao(Timestamp::from_seconds(1_764_374_400), uuid), "the same each time");
    }
}

proptest! {
    /// Whatever is in a file: an answer, with a place in the file.
    #[test]
    fn reading_never_fails_otherwise(text in "\\PC{0,400}") {
        if let Err(error) = Playbook::read("x.toml", &text) {
            prop_assert!(error.line >= 1 && error.line <= text.matches('\n').count() + 1);
        }
    }

    /// Files that are nearly right, cut and changed somewhere.
    #[test]
    fn near_misses_are_answers_too(at in 0usize..300, cut in 0usize..60, put in "[a-z0-9\"\\[\\]=. \n]{0,8}") {
        let mut text: String = GOOD.chars().take(at).collect();
        text.push_str(&put);
        text.extend(GOOD.chars().skip(at + cut));
        if let Ok(playbook) = Playbook::read("x.toml", &text) {
            prop_assert!(playbook.steps.iter().all(|step| step.does.is_limited() == step.lasts.is_some()));
            prop_assert!(playbook.steps.iter().all(|step| step.does.selects().is_empty() == step.select.is_none()));
        }
    }
}
