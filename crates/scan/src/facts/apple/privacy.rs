//! What a privacy manifest says (`PrivacyInfo.xcprivacy`).

use testudo_package::plist::Plist;

use super::{Of, required};
use crate::facts::Facts;
use crate::facts::declared::{Kind, Type};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "privacy-manifest",
        what: "a privacy manifest",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("tracking", Type::Flag),
            ("tracking-domains", Type::List),
            ("collected", Type::List),
            // Categories of required-reason APIs that are declared.
            ("accessed", Type::List),
        ],
    },
    Kind {
        name: "collected-data",
        what: "a type of data that the privacy manifest says is collected",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("type", Type::Text),
            ("linked", Type::Flag),
            ("tracking", Type::Flag),
            ("purposes", Type::List),
        ],
    },
    Kind {
        name: "required-reason",
        what: "a category of required-reason APIs that the privacy manifest declares",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("category", Type::Text),
            ("known-category", Type::Flag),
            ("reasons", Type::List),
            // Reasons that Apple does not know for this category.
            ("unknown-reasons", Type::List),
        ],
    },
];

const PREFIX: &str = "NSPrivacyAccessedAPICategory";
/// Entries of each kind that are looked at.
const MOST: usize = 500;

/// A privacy manifest.
#[derive(Clone, PartialEq, Debug)]
pub struct Manifest {
    tracking: Option<bool>,
    domains: Vec<String>,
    collected: Vec<Collected>,
    /// Categories, without what they all begin with, and the reasons for each.
    accessed: Vec<(String, Vec<String>)>,
}

#[derive(Clone, PartialEq, Debug)]
struct Collected {
    kind: String,
    linked: Option<bool>,
    tracking: Option<bool>,
    purposes: Vec<String>,
}

impl Manifest {
    /// What the list says.
    pub fn read(list: &Plist) -> Manifest {
        let items = |key| list.get(key).map_or(&[][..], Plist::items).iter().take(MOST);
        let texts = |value: &Plist, key| -> Vec<String> {
            value.get(key).into_iter().flat_map(Plist::texts).take(MOST).map(str::to_owned).collect()
        };
        let accessed = items("NSPrivacyAccessedAPITypes").filter_map(|own| {
            let category = own.get("NSPrivacyAccessedAPIType")?.text()?;
            let category = category.strip_prefix(PREFIX).unwrap_or(category);
            Some((category.to_owned(), texts(own, "NSPrivacyAccessedAPITypeReasons")))
        });
        let collected = items("NSPrivacyCollectedDataTypes").filter_map(|own| {
            let kind = own.get("NSPrivacyCollectedDataType")?.text()?;
            Some(Collected {
                kind: kind.strip_prefix("NSPrivacyCollectedDataType").unwrap_or(kind).to_owned(),
                linked: own.get("NSPrivacyCollectedDataTypeLinked").and_then(Plist::flag),
                tracking: own.get("NSPrivacyCollectedDataTypeTracking").and_then(Plist::flag),
                purposes: texts(own, "NSPrivacyCollectedDataTypePurposes"),
            })
        });
        Manifest {
            tracking: list.get("NSPrivacyTracking").and_then(Plist::flag),
            domains: texts(list, "NSPrivacyTrackingDomains"),
            collected: collected.collect(),
            accessed: accessed.collect(),
        }
    }

    /// Whether a category of required-reason APIs is declared with a reason.
    pub(super) fn declares(&self, category: &str) -> bool {
        self.accessed.iter().any(|(own, reasons)| own == category && !reasons.is_empty())
    }
}

/// The rows of a privacy manifest.
pub fn rows(of: Of<'_>, manifest: &Manifest, facts: &mut Facts) {
    facts.push(
        of.row("privacy-manifest", of.place(""))
            .flag("tracking", manifest.tracking)
            .list("tracking-domains", &manifest.domains)
            .list("collected", manifest.collected.iter().map(|own| &own.kind))
            .list("accessed", manifest.accessed.iter().map(|(category, _)| category)),
    );
    for (nth, own) in manifest.collected.iter().enumerate() {
        facts.push(
            of.row("collected-data", of.place(format!("NSPrivacyCollectedDataTypes[{nth}]")))
                .text("type", &own.kind)
                .flag("linked", own.linked)
                .flag("tracking", own.tracking)
                .list("purposes", &own.purposes),
        );
    }
    for (nth, (category, reasons)) in manifest.accessed.iter().enumerate() {
        let known = required::reasons(category);
        let unknown = reasons.iter().filter(|reason| known.is_some_and(|known| !known.contains(&reason.as_str())));
        facts.push(
            of.row("required-reason", of.place(format!("NSPrivacyAccessedAPITypes[{nth}]")))
                .text("category", category)
                .flag("known-category", known.is_some())
                .list("unknown-reasons", unknown)
                .list("reasons", reasons),
        );
    }
}
