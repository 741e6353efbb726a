//! `testudo scan explain`: what a rule finds, why it matters, how it is mended.

mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use testudo_scan::rule::{Group, Rule, RulePack};

use super::super::{Failure, Setting, output};
use super::means;

/// What `explain` takes.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The rule's id. Without it all rules are listed.
    rule: Option<String>,
    /// Rules beside those that Testudo brings.
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
}

/// Runs it.
pub fn run(setting: &Setting, arguments: &ExplainArgs) -> Result<ExitCode, Failure> {
    let format = setting.plain()?;
    let pack = means::rules(&arguments.rules)?;
    match &arguments.rule {
        None => {
            let all: Vec<Value> = pack.rules().map(summary).collect();
            output::value(format, &json!(all), |_| list(&pack));
        }
        Some(id) => {
            let rule = pack.get(id).ok_or_else(|| unknown(&pack, id))?;
            let found = conditions(&pack, rule);
            output::value(format, &json!({ "rule": rule, "severity": rule.severity(), "conditions": found }), |_| {
                explain(rule, &found);
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(pack: &RulePack, id: &str) -> Failure {
    let shown: String = id.chars().filter(|character| !character.is_control()).take(80).collect();
    Failure::usage(match pack.meant(id) {
        Some(meant) => format!("there is no rule `{shown}`; did you mean `{meant}`?"),
        None => format!("there is no rule `{shown}`; `testudo scan explain` lists them"),
    })
}

fn summary(rule: &Rule) -> Value {
    json!({
        "id": rule.id, "title": rule.title, "severity": rule.severity(), "group": rule.group(),
        "standards": rule.standards(), "policy": rule.policy,
    })
}

/// All rules by group, the worst of each first.
fn list(pack: &RulePack) {
    for group in Group::ALL {
        let mut rules: Vec<&Rule> = pack.rules().filter(|rule| rule.group() == group).collect();
        rules.sort_by(|one, other| other.severity().cmp(&one.severity()).then_with(|| one.id.cmp(&other.id)));
        if rules.is_empty() {
            continue;
        }
        output::line(format!("{} ({})", group.title(), output::count(rules.len() as u64, "rule")));
        for rule in rules {
            output::line(format!("  {:13} {:44} {}", rule.severity().name(), rule.id.as_str(), rule.title));
        }
        output::line("");
    }
    output::line(format!("{} rules. `testudo scan explain RULE` tells more.", pack.rules().len()));
}

/// What finds the rule, in words.
fn conditions(pack: &RulePack, rule: &Rule) -> Vec<String> {
    let facts = pack.facts().iter().filter(|condition| condition.rule == rule.id);
    let facts = facts.filter_map(|condition| serde_json::to_value(condition).ok()).map(|value| words::fact(&value));
    let code = pack.code().iter().filter(|condition| condition.rule == rule.id);
    let code = code.filter_map(|condition| serde_json::to_value(condition).ok()).map(|value| words::code(&value));
    facts.chain(code).collect()
}

fn explain(rule: &Rule, conditions: &[String]) {
    output::line(format!("{}  {}", rule.id, rule.title));
    output::line(format!(
        "{} · CVSS {} {:.1} · {} · {}",
        rule.severity().name(),
        rule.cvss.version(),
        rule.cvss.score(),
        rule.group().title(),
        rule.standards().join(" · ")
    ));
    let section = |head: &str, text: &str| {
        output::line("");
        output::line(head);
        text.trim().lines().for_each(|line| output::line(format!("  {line}").trim_end()));
    };
    section("What it is", &rule.what);
    section("Why it matters", &rule.why);
    section("How it is mended", &rule.fix.text);
    if let Some(example) = &rule.fix.example {
        output::line("");
        example.code.trim_end().lines().for_each(|line| output::line(format!("    {line}").trim_end()));
    }
    let found: Vec<String> = conditions.iter().map(|condition| format!("- {condition}")).collect();
    let found =
        if found.is_empty() { "by the analysis itself, not by a condition".to_owned() } else { found.join("\n") };
    section("How it is found", &found);
    if let Some(policy) = &rule.policy {
        section("Policy", policy);
    }
    if !rule.compliance.is_empty() {
        section("Compliance", &rule.compliance.join(", "));
    }
    section("References", &rule.references.join("\n"));
    section("Score", rule.cvss.vector());
}
