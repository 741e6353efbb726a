//! The executables as one program: what can run, which secrets stand in strings and where, which libraries are there.

use std::collections::{BTreeMap, HashMap, HashSet};

use testudo_package::dex::{Dex, EncodedValue};
use testudo_package::program::{ClassId, Index, Program, Reach, StringId, Wanted};

use super::ledger::Ledger;
use super::secrets::Secrets;
use crate::code::Owners;
use crate::dependencies::Embedded;
use crate::facts::{Facts, Row};
use crate::report::{self, Origin, Place};
use crate::secrets::{Form, Match};

/// The shortest string in which a secret is looked for.
const SHORTEST: usize = 8;

/// Reads the executables; gives their program and, for each unit of it, the file that it is from.
pub(super) fn join<'a>(
    files: &'a [(String, std::borrow::Cow<'a, [u8]>)],
    ledger: &mut Ledger<'_>,
) -> (Program<'a>, Vec<String>) {
    let (mut all, mut paths) = (Vec::new(), Vec::new());
    for (path, bytes) in files {
        let (found, error) = Dex::parse_all(bytes);
        paths.extend(found.iter().map(|_| path.clone()));
        all.extend(found);
        if let Some(error) = error {
            ledger.gap(path, error.to_string());
        }
    }
    let program = Program::new(all);
    count(&program, ledger);
    (program, paths)
}

/// Counts classes and methods with code. A class counts as looked at when all of its methods could be read.
fn count(program: &Program<'_>, ledger: &mut Ledger<'_>) {
    let mut broken = HashSet::new();
    let (mut of, mut done) = (0, 0);
    for (id, definition) in program.definitions().filter(|(_, definition)| definition.code != 0) {
        of += 1;
        if program.code(id).is_some() {
            done += 1;
        } else {
            broken.insert(definition.class);
        }
    }
    let classes = u64::try_from(program.classes().count()).unwrap_or(u64::MAX);
    let lost = u64::try_from(broken.len()).unwrap_or(u64::MAX);
    ledger.coverage.methods = report::Share { done, of };
    ledger.coverage.classes = report::Share { done: classes - lost.min(classes), of: classes };
    let mut named: Vec<String> = broken.into_iter().take(50).filter_map(|id| class_name(program, id)).collect();
    named.sort();
    for class in named {
        ledger.gap(class, "the code of a method does not read");
    }
}

fn class_name(program: &Program<'_>, id: ClassId) -> Option<String> {
    program.class(id).map(|class| report::class_name(&program.descriptor(class.of).decode()))
}

/// Where code is, for a report.
pub(super) struct Places<'p, 'a> {
    pub(super) program: &'p Program<'a>,
    pub(super) paths: &'p [String],
    pub(super) owners: &'p Owners,
    pub(super) reach: &'p Reach,
}

impl Places<'_, '_> {
    /// A class.
    fn class(&self, id: ClassId) -> Option<(Place, Origin)> {
        let class = self.program.class(id)?;
        let descriptor = self.program.descriptor(class.of).decode().into_owned();
        let origin = self.owners.of(&descriptor);
        let place = Place::Code {
            file: self.paths.get(usize::from(class.unit)).cloned().unwrap_or_default(),
            class: descriptor,
            method: None,
            source: self.program.source(class).map(|source| source.decode().into_owned()),
            line: None,
        };
        Some((place, origin))
    }

    /// The strings that hold secrets, at the places that load them.
    pub(super) fn strings(&self, secrets: &mut Secrets<'_>) {
        let found = self.matches(secrets);
        if !found.is_empty() {
            let mut wanted = Wanted::new();
            for id in found.keys() {
                wanted.string(*id);
            }
            let index = Index::new(self.program, &wanted);
            let fields = self.fields_by_string(&found);
            for (id, matches) in found {
                let sites = index.strings(id);
                for site in sites.iter().take(16) {
                    self.site(site, &matches, secrets);
                }
                for class in fields.get(&id).into_iter().flatten() {
                    let Some((place, origin)) = self.class(*class) else { continue };
                    for found in &matches {
                        secrets.add(found, place.clone(), origin.clone());
                    }
                }
                if sites.is_empty() && !fields.contains_key(&id) {
                    let file = self.paths.first().cloned().unwrap_or_default();
                    for found in &matches {
                        secrets.add(found, Place::File { file: file.clone() }, Origin::Own);
                    }
                }
            }
        }
        self.named_fields(secrets);
    }

    /// Every string that is no name of a type, with the secrets in it.
    fn matches<'s>(&self, secrets: &Secrets<'s>) -> BTreeMap<StringId, Vec<Match<'s>>> {
        let mut found = BTreeMap::new();
        for (id, text) in self.program.strings() {
            let bytes = text.as_bytes();
            let descriptor = bytes.starts_with(b"L") && bytes.ends_with(b";");
            if bytes.len() < SHORTEST || descriptor {
                continue;
            }
            let (matches, _) = secrets.matches(bytes, None, Form::Value);
            if !matches.is_empty() {
                found.insert(id, matches);
            }
        }
        found
    }

    fn site(&self, site: &testudo_package::program::Site, matches: &[Match<'_>], secrets: &mut Secrets<'_>) {
        let Some(definition) = self.program.definition(site.caller) else { return };
        let Some((place, origin)) = self.class(definition.class) else { return };
        let Place::Code { file, class, source, .. } = place else { return };
        let signature = self.program.signature(definition.method);
        let method = signature.split_once("->").map(|(_, method)| method.to_owned());
        let line = self.program.line(site.caller, site.pc);
        let place = Place::Code { file, class, method, source, line };
        let reach =
            if self.reach.contains(site.caller) { report::Reach::Reachable } else { report::Reach::Unreachable };
        for found in matches {
            secrets.add_reached(found, place.clone(), origin.clone(), reach);
        }
    }

    /// The classes whose static fields begin with one of these strings.
    fn fields_by_string(&self, wanted: &BTreeMap<StringId, Vec<Match<'_>>>) -> HashMap<StringId, Vec<ClassId>> {
        let mut fields: HashMap<StringId, Vec<ClassId>> = HashMap::new();
        self.each_constant(|class, _, id| {
            if wanted.contains_key(&id) {
                fields.entry(id).or_default().push(class);
            }
        });
        fields
    }

    /// Constants whose name tells that they are secret.
    fn named_fields(&self, secrets: &mut Secrets<'_>) {
        self.each_constant(|class, name, id| {
            let text = self.program.string(id).as_bytes();
            if text.len() < 4 {
                return;
            }
            let name = self.program.string(name).decode();
            let (matches, _) = secrets.matches(text, Some(&name), Form::Value);
            if !matches.is_empty()
                && let Some((place, origin)) = self.class(class)
            {
                for found in &matches {
                    secrets.add(found, place.clone(), origin.clone());
                }
            }
        });
    }

    /// Static fields that begin with a string: class, field's name, string.
    fn each_constant(&self, mut take: impl FnMut(ClassId, StringId, StringId)) {
        for (id, class) in self.program.classes() {
            let Some(unit) = self.program.units().get(usize::from(class.unit)) else { continue };
            let values = unit.dex.class(class.index).and_then(|class| unit.dex.static_values(&class));
            let Ok(values) = values else { continue };
            let fields = self
                .program
                .fields_in(class)
                .iter()
                .filter(|field| field.access.has(testudo_package::dex::Access::STATIC));
            let mut fields = fields.peekable();
            for (position, value) in (0u32..).zip(values.map_while(Result::ok)) {
                while fields.peek().is_some_and(|field| field.position < position) {
                    fields.next();
                }
                let Some(field) = fields.peek().filter(|field| field.position == position) else { continue };
                if let EncodedValue::String(index) = value
                    && let Some(string) = unit.string(index)
                {
                    take(id, self.program.field(field.field).name, string);
                }
            }
        }
    }

    /// What the code uses that facts are asked for.
    pub(super) fn uses(&self, facts: &mut Facts) {
        const PINNING: [(&str, &str); 3] = [
            ("Lokhttp3/CertificatePinner$Builder;", "add"),
            ("Lcom/squareup/okhttp/CertificatePinner$Builder;", "add"),
            ("Lcom/datatheorem/android/trustkit/TrustKit;", "initializeWithNetworkSecurityConfiguration"),
        ];
        let mut wanted = Wanted::new();
        let there: Vec<_> = PINNING.into_iter().filter(|(class, _)| self.program.find_type(class).is_some()).collect();
        if there.is_empty() {
            return;
        }
        for (class, name) in &there {
            wanted.method(class, name);
        }
        let index = Index::new(self.program, &wanted);
        let used = there
            .iter()
            .flat_map(|(class, name)| index.calls(class, name))
            .any(|site| self.reach.contains(site.caller));
        if used {
            facts.push(Row::new("api", Place::Package).text("name", "certificate-pinning"));
        }
    }

    /// What strings and classes tell about libraries.
    pub(super) fn libraries(&self, embedded: &mut Embedded) {
        for (_, class) in self.program.classes() {
            embedded.class(&self.program.descriptor(class.of).decode());
        }
        for (_, text) in self.program.strings() {
            if let Some(text) = text.as_str().filter(|text| text.contains(|character: char| character.is_ascii_digit()))
            {
                embedded.string(text, None);
            }
        }
        self.each_constant(|class, _, id| {
            let text = self.program.string(id);
            if let (Some(text), Some(class)) = (text.as_str(), class_name(self.program, class)) {
                embedded.string(text, Some(&class));
            }
        });
    }
}
