//! Facts about the code as a whole: whether its names were made short, what was left in it for debugging.

use std::collections::BTreeSet;

use testudo_package::dex::Mutf8;
use testudo_package::program::Program;
use testudo_package::program::names::{is_within, package};

use super::manifest::count;
use super::{Attribute, Facts, Kind, Row, Type};
use crate::report::Place;
use crate::sdks;
use Type::{Flag, Number, Text};

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "code", what: "the code of the app as a whole, once", attributes: CODE },
    Kind { name: "api", what: "that the code uses something, as the analysis of code tells", attributes: API },
];

/// `name` is what is used, such as `certificate-pinning`.
const API: &[Attribute] = &[("name", Text)];

const CODE: &[Attribute] = &[
    ("classes", Number),
    ("own-classes", Number),
    ("short-names", Number),
    ("own-short-names", Number),
    ("renamed", Flag),
    ("source-files", Number),
    ("lines", Flag),
    ("kotlin", Flag),
];

/// The fewest classes from which a share says something.
const ENOUGH: usize = 20;

/// The facts of a program; `own` is the app's own package.
pub fn rows(program: &Program<'_>, own: &str, facts: &mut Facts) {
    let mut all = Share::default();
    let mut mine = Share::default();
    let (mut sources, mut lines) = (BTreeSet::new(), false);
    let company = company(own);
    for (_, class) in program.classes() {
        let Some(descriptor) = program.descriptor(class.of).as_str() else { continue };
        let name = descriptor.trim_end_matches(';').rsplit('/').next().unwrap_or(descriptor);
        // Resources and what compilers add keep their names, or have short ones, whatever is done to the others.
        let outer = name.trim_start_matches('L').split('$').next().unwrap_or(name);
        if matches!(outer, "R" | "BuildConfig" | "Manifest") {
            continue;
        }
        let short = outer.len() <= 2 && outer.starts_with(|first: char| first.is_ascii_lowercase());
        all.add(short);
        if is_within(descriptor, company) || is_within(descriptor, own) {
            mine.add(short);
            if let Some(source) = program.source(class).and_then(Mutf8::as_str) {
                sources.insert(source);
            }
            lines = lines || has_lines(program, class);
        } else if short && package(descriptor).split('/').all(|part| part.len() <= 2) {
            // Repackaging moves own classes beside all others.
            mine.add(true);
        }
    }
    // What R8 leaves in place of names of files is one word for all of them.
    let real = sources.iter().filter(|source| matches!(source.rsplit_once('.'), Some((_, "java" | "kt")))).count();
    let row = Row::new("code", Place::Package)
        .number("classes", count(all.of))
        .number("own-classes", count(mine.of))
        .number("short-names", all.percent())
        .number("own-short-names", mine.percent())
        .flag("renamed", mine.percent().or(all.percent()).map(|share| share >= 30))
        .number("source-files", count(real))
        .flag("lines", lines)
        .flag("kotlin", program.find_type("Lkotlin/Metadata;").is_some());
    facts.push(row);
}

#[derive(Default)]
struct Share {
    short: usize,
    of: usize,
}

impl Share {
    fn add(&mut self, short: bool) {
        self.short += usize::from(short);
        self.of += 1;
    }

    /// In hundredths; none where there are too few.
    fn percent(&self) -> Option<i64> {
        (self.of >= ENOUGH).then(|| count(self.short * 100 / self.of))
    }
}

/// The first two parts of a package's name, if they are nobody else's: `org.example` of `org.example.app.free`.
fn company(own: &str) -> &str {
    let second = own.match_indices('.').nth(1).map_or(own.len(), |(at, _)| at);
    let company = own.get(..second).unwrap_or(own);
    if sdks::builtin().of_class(company).is_some() || !company.contains('.') { own } else { company }
}

/// Whether the code of a class has lines of its source.
fn has_lines(program: &Program<'_>, class: &testudo_package::program::Class) -> bool {
    program.methods_in(class).take(8).any(|definition| program.line(definition, 0).is_some())
}
