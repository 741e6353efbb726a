//! What tests of rules share: a table of fixtures in which every rule of a file has one that it finds and one that it
//! leaves alone, and readers that make facts out of sources as short as one writes them.
//!
//! A test of a rule file builds its cases and calls [`prove`] once:
//!
//! ```ignore
//! mod rules_support;
//! use rules_support::{Case, manifest, pack, prove};
//!
//! const FILES: &[(&str, &str)] = &[("mine.toml", include_str!("../rules/mine.toml"))];
//!
//! #[test]
//! fn every_rule_finds_and_leaves_alone() {
//!     let pack = pack(FILES);
//!     let find = |source| testudo_scan::facts::check(&manifest(source), &pack);
//!     prove(&pack, vec![Case::new("my-rule", find("<manifest …/>"), find("<manifest …/>"))]);
//! }
//! ```
//!
//! Findings come from anywhere, so rules over code are proved with the same table.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::needless_pass_by_value)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};
use testudo_package::manifest::Manifest;
use testudo_package::netconfig::NetworkConfig;
use testudo_package::xml::Document;
use testudo_scan::facts::resources::{self, Role};
use testudo_scan::facts::{self, Facts};
use testudo_scan::report::Finding;
use testudo_scan::rule::RulePack;
use testudo_testkit::package::xml::{Element, Value, Xml};

/// The day of all fixtures.
pub const TODAY: Date = date(2026, 7, 1);

/// What one fixture of a rule showed.
pub struct Case {
    rule: &'static str,
    bad: Vec<Finding>,
    good: Vec<Finding>,
}

impl Case {
    /// The findings in what has the weakness, and in the nearest thing that has not.
    pub fn new(rule: &'static str, bad: Vec<Finding>, good: Vec<Finding>) -> Case {
        Case { rule, bad, good }
    }
}

/// The rules of these files, read as the program reads its own.
pub fn pack(files: &[(&'static str, &'static str)]) -> RulePack {
    RulePack::read(files.iter().copied()).unwrap_or_else(|error| panic!("{error}"))
}

/// Holds each case against its rule, and the cases against the rules: none is left without.
pub fn prove(pack: &RulePack, cases: Vec<Case>) {
    let mut wrong: Vec<String> = Vec::new();
    let mut proved: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &cases {
        if pack.get(case.rule).is_none() {
            let meant = pack.meant(case.rule).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            wrong.push(format!("there is no rule `{}`{meant}", case.rule));
            continue;
        }
        let number = proved.entry(case.rule).or_default();
        *number += 1;
        let finds = |findings: &[Finding]| findings.iter().any(|finding| finding.rule.as_str() == case.rule);
        if !finds(&case.bad) {
            wrong.push(format!(
                "`{}` does not find its bad fixture {number}; found were {:?}",
                case.rule,
                ids(&case.bad)
            ));
        }
        if finds(&case.good) {
            let places: Vec<String> = case.good.iter().map(|finding| finding.place.label()).collect();
            wrong.push(format!("`{}` finds something in its good fixture {number}: {places:?}", case.rule));
        }
    }
    let without = pack.rules().map(|rule| rule.id.as_str()).filter(|id| !proved.contains_key(id));
    wrong.extend(without.map(|id| format!("`{id}` has no fixtures")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rules that findings are of.
pub fn ids(findings: &[Finding]) -> BTreeSet<&str> {
    findings.iter().map(|finding| finding.rule.as_str()).collect()
}

/// That rows have no kinds and attributes but those that are declared.
pub fn assert_declared(facts: &Facts) {
    for row in &facts.rows {
        let kind = facts::kinds().find(|kind| kind.name == row.kind).unwrap_or_else(|| panic!("`{}`", row.kind));
        for (name, value) in &row.values {
            let declared = kind.attributes.iter().find(|(own, _)| own == name).map(|(_, of)| *of);
            let of = match value {
                facts::Value::Flag(_) => facts::Type::Flag,
                facts::Value::Number(_) => facts::Type::Number,
                facts::Value::Text(_) => facts::Type::Text,
                facts::Value::List(_) => facts::Type::List,
            };
            assert_eq!(declared, Some(of), "`{name}` of `{}`", row.kind);
        }
    }
}

/// The facts of a manifest, given as its source.
pub fn manifest(source: &str) -> Facts {
    let mut facts = Facts::default();
    with_manifest(source, |manifest| facts::manifest::rows(manifest, "AndroidManifest.xml", &mut facts));
    assert_declared(&facts);
    facts
}

/// Reads a manifest, given as its source.
pub fn with_manifest<T>(source: &str, look: impl FnOnce(&Manifest<'_>) -> T) -> T {
    let bytes = binary(source);
    let document = Document::read(&bytes).unwrap();
    look(&Manifest::read(&document, None).unwrap())
}

/// The facts of a network security configuration for an app that targets this API level.
pub fn network(source: &str, target_sdk: u32) -> Facts {
    let bytes = binary(source);
    let document = Document::read(&bytes).unwrap();
    let config = NetworkConfig::read(&document).unwrap();
    let mut facts = Facts::default();
    facts::network::rows(&config, "res/xml/network_security_config.xml", target_sdk, TODAY, &mut facts);
    assert_declared(&facts);
    facts
}

/// The facts of a file that the manifest refers to.
pub fn referred(source: &str, role: &Role) -> Facts {
    let bytes = binary(source);
    let document = Document::read(&bytes).unwrap();
    let mut facts = Facts::default();
    resources::rows(&document, role, "res/xml/file.xml", &mut facts);
    assert_declared(&facts);
    facts
}

/// All facts together.
pub fn join(all: impl IntoIterator<Item = Facts>) -> Facts {
    Facts { rows: all.into_iter().flat_map(|facts| facts.rows).collect() }
}

/// The binary XML of a source. It knows elements, attributes in double quotes and text, no entities and no comments;
/// `true`, `false` and numbers become typed values, as the platform's compiler makes them.
pub fn binary(source: &str) -> Vec<u8> {
    let mut rest = source.trim();
    let root = element(&mut rest).unwrap_or_else(|| panic!("no element at `{rest}`"));
    assert!(rest.trim().is_empty(), "left over: `{rest}`");
    Xml::new(root).write()
}

fn element(rest: &mut &str) -> Option<Element> {
    let inside = rest.trim_start().strip_prefix('<').filter(|inside| !inside.starts_with('/'))?;
    let end = inside.find([' ', '\n', '/', '>'])?;
    let name = &inside[..end];
    let mut made = Element::new(name);
    *rest = &inside[end..];
    loop {
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            *rest = after;
            return Some(made);
        }
        if let Some(after) = rest.strip_prefix('>') {
            *rest = after;
            break;
        }
        let (attribute, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        *rest = after;
        let value = match value {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            _ => value.parse().map_or_else(|_| Value::Text(value.to_owned()), Value::Integer),
        };
        made = match attribute.split_once(':') {
            Some((_, local)) => made.android(0, local, value),
            None => made.plain(attribute, value),
        };
    }
    loop {
        if let Some(child) = element(rest) {
            made = made.child(child);
        } else if let Some(after) = rest.trim_start().strip_prefix("</") {
            let (closed, after) = after.split_once('>')?;
            assert_eq!(closed.trim(), name);
            *rest = after;
            return Some(made);
        } else {
            let (text, _) = rest.split_once('<')?;
            made = made.text(text.trim());
            *rest = &rest[text.len()..];
        }
    }
}
