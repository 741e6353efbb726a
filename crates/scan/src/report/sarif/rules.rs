//! Rules as reporting descriptors, and the catalogues that they belong to as taxonomies.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::model::{
    Component, ComponentReference, Configuration, Descriptor, Help, Message, NotificationDescriptor, Relationship,
    RuleProperties, Taxon, TaxonReference,
};
use super::{cut, escape, level};
use crate::report::text::paragraphs;
use crate::rule::{Control, Cwe, Maswe, Rule};

pub(super) const COVERAGE: &str = "coverage";
pub(super) const GAP: &str = "coverage-gap";
pub(super) const LIMIT: &str = "result-limit";
pub(super) const NOTE: &str = "note";
/// How many tags GitHub shows of a rule.
const MAX_TAGS: usize = 10;

/// The catalogues, with the entries that the rules name.
pub(super) struct Taxonomies {
    cwe: Vec<Cwe>,
    masvs: Vec<Control>,
    maswe: Vec<Maswe>,
}

const CATALOGUES: [&str; 3] = ["CWE", "MASVS", "MASWE"];

impl Taxonomies {
    pub(super) fn of(rules: &[Rule]) -> Taxonomies {
        Taxonomies {
            cwe: rules.iter().map(|rule| rule.cwe).collect::<BTreeSet<_>>().into_iter().collect(),
            masvs: rules.iter().flat_map(|rule| rule.masvs.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
            maswe: rules.iter().flat_map(|rule| rule.maswe.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        }
    }

    pub(super) fn references(&self) -> Vec<ComponentReference> {
        let references = CATALOGUES.into_iter().enumerate().map(|(index, name)| ComponentReference { name, index });
        if self.cwe.is_empty() { Vec::new() } else { references.collect() }
    }

    pub(super) fn components(&self) -> Vec<Component> {
        if self.cwe.is_empty() {
            return Vec::new();
        }
        let taxon = |id: String, help_uri: Option<String>| Taxon { id, help_uri };
        let cwe = self.cwe.iter().map(|cwe| {
            taxon(cwe.to_string(), Some(format!("https://cwe.mitre.org/data/definitions/{}.html", cwe.number())))
        });
        let masvs = self.masvs.iter().map(|control| {
            taxon(control.to_string(), Some(format!("https://mas.owasp.org/MASVS/controls/{control}/")))
        });
        let maswe = self.maswe.iter().map(|weakness| taxon(weakness.to_string(), None));
        let component = |name, organization, information_uri, text: &str, taxa| Component {
            name,
            organization,
            information_uri,
            short_description: Message { text: text.to_owned() },
            is_comprehensive: false,
            taxa,
        };
        vec![
            component("CWE", "MITRE", "https://cwe.mitre.org/", "Common Weakness Enumeration", cwe.collect()),
            component(
                "MASVS",
                "OWASP",
                "https://mas.owasp.org/MASVS/",
                "Mobile Application Security Verification Standard",
                masvs.collect(),
            ),
            component(
                "MASWE",
                "OWASP",
                "https://mas.owasp.org/MASWE/",
                "Mobile Application Security Weakness Enumeration",
                maswe.collect(),
            ),
        ]
    }

    fn relationships(&self, rule: &Rule) -> Vec<Relationship> {
        let to = |catalogue: usize, id: String, index: Option<usize>| {
            let name = CATALOGUES.get(catalogue).copied()?;
            let tool_component = ComponentReference { name, index: catalogue };
            Some(Relationship { target: TaxonReference { id, index: index?, tool_component }, kinds: ["superset"] })
        };
        let cwe = to(0, rule.cwe.to_string(), self.cwe.binary_search(&rule.cwe).ok());
        let masvs = rule.masvs.iter().map(|id| to(1, id.to_string(), self.masvs.binary_search(id).ok()));
        let maswe = rule.maswe.iter().map(|id| to(2, id.to_string(), self.maswe.binary_search(id).ok()));
        std::iter::once(cwe).chain(masvs).chain(maswe).flatten().collect()
    }
}

pub(super) fn descriptor(rule: &Rule, taxonomies: &Taxonomies) -> Descriptor {
    Descriptor {
        id: rule.id.to_string(),
        name: pascal(rule.id.as_str()),
        short_description: Message { text: cut(&escape(&rule.title)) },
        full_description: Message { text: cut(&escape(&flat(&format!("{}\n\n{}", rule.what, rule.why)))) },
        help_uri: rule.page().map(str::to_owned),
        help: Help { text: help_text(rule), markdown: help_markdown(rule) },
        default_configuration: Configuration { level: level(rule.severity()) },
        relationships: taxonomies.relationships(rule),
        properties: RuleProperties {
            security_severity: format!("{:.1}", rule.cvss.score()),
            cvss: rule.cvss.vector().to_owned(),
            tags: tags(rule),
        },
    }
}

/// The tags that matter most, first.
fn tags(rule: &Rule) -> Vec<String> {
    let weakness = ["security".to_owned(), "mobile".to_owned(), format!("external/cwe/cwe-{:03}", rule.cwe.number())];
    let standards = rule.standards().into_iter().skip(1);
    let clauses = rule.policy.iter().cloned().chain(rule.compliance.iter().cloned());
    weakness.into_iter().chain(standards).chain(clauses).take(MAX_TAGS).collect()
}

fn flat(text: &str) -> String {
    paragraphs(text).join(" ")
}

fn help_text(rule: &Rule) -> String {
    let mut text = format!("{}\n\n{}\n\nFix: {}", flat(&rule.what), flat(&rule.why), flat(&rule.fix.text));
    if let Some(example) = &rule.fix.example {
        let _ = write!(text, "\n\n{}", example.code.trim_end());
    }
    text
}

fn help_markdown(rule: &Rule) -> String {
    let mut text = format!("# {}\n\n{}\n\n", rule.title, paragraphs(&rule.what).join("\n\n"));
    let _ = write!(text, "## Why it matters\n\n{}\n\n", paragraphs(&rule.why).join("\n\n"));
    let _ = write!(text, "## How to fix it\n\n{}\n\n", paragraphs(&rule.fix.text).join("\n\n"));
    if let Some(example) = &rule.fix.example {
        // A fence longer than any row of backticks within.
        let fence = "`".repeat(longest_run(&example.code).max(2) + 1);
        let _ = write!(text, "{fence}{}\n{}\n{fence}\n\n", example.language, example.code.trim_end());
    }
    let _ = write!(text, "## References\n\n- {}\n", rule.standards().join(", "));
    let _ = writeln!(text, "- CVSS {:.1} ({})", rule.cvss.score(), rule.cvss.vector());
    for reference in &rule.references {
        let _ = writeln!(text, "- <{reference}>");
    }
    text
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// `NetworkTrustAll` for `network-trust-all`.
fn pascal(id: &str) -> String {
    id.split('-')
        .flat_map(|word| word.chars().enumerate().map(|(at, c)| if at == 0 { c.to_ascii_uppercase() } else { c }))
        .collect()
}

pub(super) fn notifications() -> Vec<NotificationDescriptor> {
    [
        (COVERAGE, "How much was analysed"),
        (GAP, "A part that was not analysed"),
        (LIMIT, "Results that were left out"),
        (NOTE, "A remark on the scan"),
    ]
    .into_iter()
    .map(|(id, text)| NotificationDescriptor { id, short_description: Message { text: text.to_owned() } })
    .collect()
}
