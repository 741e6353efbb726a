//! Third-party SDKs in an app, trackers among them, and which data they touch.
//!
//! `rules/sdks.toml` lists them: by the packages of their classes, by their native libraries, and by the meta-data that
//! apps configure them with. That one is there says what the app may do, not that it does. To add one, add an `[[sdk]]`
//! there, in words of your own; its `data` are the kinds that Google Play's data safety form knows
//! (<https://support.google.com/googleplay/android-developer/answer/10787469>).

mod catalogue;
mod declaration;

pub use catalogue::{Catalogue, Category, Data, Sdk, builtin};
pub use declaration::{DeclarationError, declared};

use std::collections::{BTreeMap, BTreeSet};

use testudo_package::manifest::Manifest;
use testudo_package::program::names::is_within;
use testudo_package::program::{Program, TypeId};

use crate::facts::{Attribute, Facts, Kind, Row, Type};
use crate::report::{Fact, Origin, Place, Section};
use Type::{Flag, List, Number, Text};

pub(crate) const KINDS: &[Kind] = &[
    Kind { name: "sdk", what: "a third-party SDK in the app", attributes: SDK },
    Kind { name: "sdk-data", what: "a kind of data that SDKs in the app touch", attributes: SDK_DATA },
    Kind { name: "data-safety", what: "that the app's declaration of data is known", attributes: &[] },
    Kind { name: "declared-data", what: "a kind of data that the app declares to collect", attributes: DECLARED },
];

/// The ending of folders that hold a library, on iOS.
const FRAMEWORK: &str = ".framework";

const SDK: &[Attribute] = &[
    ("name", Text),
    ("maker", Text),
    ("category", Text),
    ("tracker", Flag),
    ("data", List),
    ("classes", Number),
    ("seen-as", List),
];
const SDK_DATA: &[Attribute] = &[("data", Text), ("sdks", List)];
const DECLARED: &[Attribute] = &[("data", Text)];

/// An SDK that is in an app.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen<'c> {
    /// Which.
    pub sdk: &'c Sdk,
    /// How many of the app's classes are its.
    pub classes: usize,
    /// What shows it: packages of classes, files, names of meta-data.
    pub by: BTreeSet<String>,
}

impl Catalogue {
    /// The SDKs in an app, by name.
    ///
    /// Classes in the app's own package are nobody else's. `files` are the paths in the package.
    pub fn seen<'c, 'f>(
        &'c self,
        program: Option<&Program<'_>>,
        manifest: Option<&Manifest<'_>>,
        files: impl IntoIterator<Item = &'f str>,
    ) -> Vec<Seen<'c>> {
        let mut all: BTreeMap<&'c str, Seen<'c>> = BTreeMap::new();
        let mut add = |sdk: &'c Sdk, classes: usize, by: &str| {
            let seen = all.entry(&sdk.name).or_insert_with(|| Seen { sdk, classes: 0, by: BTreeSet::new() });
            seen.classes += classes;
            seen.by.insert(by.to_owned());
        };
        let own = manifest.map_or("", |manifest| &manifest.package);
        if let Some(program) = program {
            for (prefix, (sdk, classes)) in self.packages(program, own) {
                add(sdk, classes, &prefix.replace('/', "."));
            }
        }
        let mut frameworks = BTreeSet::new();
        for file in files {
            let name = file.rsplit('/').next().unwrap_or(file);
            if let Some(sdk) = self.of_library(name) {
                add(sdk, 0, name);
            }
            let framework = file.split('/').find(|part| part.ends_with(FRAMEWORK));
            frameworks.extend(framework.filter(|framework| *framework != name));
        }
        for framework in frameworks {
            if let Some(sdk) = self.of_library(framework) {
                add(sdk, 0, framework);
            }
        }
        if let Some(application) = manifest.and_then(|manifest| manifest.application.as_ref()) {
            let of_components = application.components.iter().flat_map(|component| &component.meta_data);
            for meta in application.meta_data.iter().chain(of_components) {
                if let Some(sdk) = self.of_meta_data(&meta.name) {
                    add(sdk, 0, &meta.name);
                }
            }
        }
        all.into_values().collect()
    }

    /// How many classes of the program lie in the packages of SDKs. Classes of one package come one after another, so
    /// that each package is looked up once.
    fn packages<'c>(&'c self, program: &Program<'_>, own: &str) -> BTreeMap<&'c str, (&'c Sdk, usize)> {
        let mut found: BTreeMap<&'c str, (&'c Sdk, usize)> = BTreeMap::new();
        let mut last: (String, Option<(&'c str, &'c Sdk)>) = (String::new(), None);
        for (_, class) in program.classes() {
            let Some(descriptor) = descriptor(program, class.of) else { continue };
            let path = descriptor.strip_prefix('L').and_then(|path| path.strip_suffix(';')).unwrap_or(descriptor);
            let package = path.rsplit_once('/').map_or("", |(package, _)| package);
            if last.0 != package {
                let theirs = if is_within(descriptor, own) { None } else { self.of_path(package) };
                last = (package.to_owned(), theirs);
            }
            if let Some((prefix, sdk)) = last.1 {
                found.entry(prefix).or_insert((sdk, 0)).1 += 1;
            }
        }
        found
    }
}

fn descriptor<'a>(program: &Program<'a>, of: TypeId) -> Option<&'a str> {
    program.descriptor(of).as_str()
}

/// The facts of what was seen.
pub fn rows(seen: &[Seen<'_>], facts: &mut Facts) {
    let mut data: BTreeMap<Data, Vec<&str>> = BTreeMap::new();
    for Seen { sdk, classes, by } in seen {
        for kind in &sdk.data {
            data.entry(*kind).or_default().push(&sdk.name);
        }
        let row = Row::new("sdk", Place::Package)
            .origin(Origin::Library(sdk.name.clone()))
            .text("name", sdk.name.as_str())
            .text_of("maker", sdk.maker.as_deref())
            .text("category", sdk.category.name())
            .flag("tracker", sdk.category.is_tracker())
            .list("data", sdk.data.iter().map(|kind| kind.name()))
            .number("classes", i64::try_from(*classes).unwrap_or(i64::MAX))
            .list("seen-as", by.iter().map(String::as_str));
        facts.push(row);
    }
    for (kind, sdks) in data {
        facts.push(Row::new("sdk-data", Place::Package).text("data", kind.name()).list("sdks", sdks));
    }
}

/// The facts of a declaration: the kinds of data that the app says to collect, as [`declared`] reads them.
pub fn declared_rows(declared: &BTreeSet<Data>, facts: &mut Facts) {
    facts.push(Row::new("data-safety", Place::Package));
    for kind in declared {
        facts.push(Row::new("declared-data", Place::Package).text("data", kind.name()));
    }
}

/// What was seen, for people.
pub fn section(seen: &[Seen<'_>]) -> Section {
    let say = |sdk: &Sdk| {
        let data: Vec<&str> = sdk.data.iter().map(|kind| kind.name()).collect();
        let touches = if data.is_empty() { String::new() } else { format!(": {}", data.join(", ")) };
        format!("{}{touches}", sdk.category.name())
    };
    let facts = seen.iter().map(|seen| Fact::valued(seen.sdk.name.as_str(), say(seen.sdk))).collect();
    Section { name: "SDKs".to_owned(), unit: None, facts }
}
