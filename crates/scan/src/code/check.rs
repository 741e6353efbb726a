//! Asks all conditions of a pack about a program.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use testudo_package::dex::Access;
use testudo_package::program::flow::Bounds;
use testudo_package::program::{
    ClassId, Constants, DefinitionId, Index, Program, Reach as Reached, Site, StringId, Value, Values, Wanted,
};

use super::condition::{Condition, Use, Within};
use super::judge::Judge;
use super::origin::Owners;
use super::{body, evidence};
use crate::report::{Evidence, Finding, Origin, Place, Reach, Step};
use crate::rule::{Rule, RuleId, RulePack};

/// More findings of one rule than a person reads.
const MAX_FINDINGS: usize = 200;
/// More uses of one thing than are asked about.
const MAX_USES: usize = 20_000;
/// How many parts of values are kept for the next rule.
const MAX_HELD: usize = 500_000;

/// What is known of the app besides its code.
#[derive(Debug, Clone, Default)]
pub struct Context<'c> {
    /// The app's package, such as `com.example.app`.
    pub package: Option<&'c str>,
    /// The names of the executables, in the order of [`Program::units`].
    pub files: &'c [String],
    /// Libraries beyond the well-known, each as the beginning of its descriptors and its name.
    pub libraries: &'c [(&'c str, &'c str)],
    /// The oldest API level on which the app runs.
    pub min_sdk: Option<u32>,
    /// The API level that the app is made for.
    pub target_sdk: Option<u32>,
}

/// What the conditions found.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// The findings, in the order of rules and places.
    pub findings: Vec<Finding>,
    /// Whether every value was followed within its bounds.
    pub complete: bool,
    /// The rules that found more than is told, with how many findings were left out.
    pub cut: Vec<(RuleId, usize)>,
}

/// Asks every condition of the pack about the program.
pub fn check(program: &Program<'_>, reached: Option<&Reached>, pack: &RulePack, context: &Context<'_>) -> Checked {
    let index = index(program, pack.code());
    let bounds = Bounds { steps: 300, work: 60_000, total: 40_000_000, calls: 3, callers: 2 };
    let asking = Asking {
        program,
        judge: Judge { program },
        index: &index,
        constants: Constants::new(program, Some(&index)).with_bounds(bounds),
        reached,
        context,
        owners: Owners::new(context.package, context.libraries),
        origins: RefCell::default(),
        values: RefCell::default(),
        held: Cell::new(0),
    };
    let mut checked = Checked::default();
    let mut by_rule: BTreeMap<&RuleId, Vec<&Condition>> = BTreeMap::new();
    for condition in pack.code() {
        by_rule.entry(&condition.rule).or_default().push(condition);
    }
    for (id, conditions) in by_rule {
        let Some(rule) = pack.get(id.as_str()) else { continue };
        let mut found = asking.rule(rule, &conditions);
        if let Some(more) = found.len().checked_sub(MAX_FINDINGS).filter(|more| *more > 0) {
            found.truncate(MAX_FINDINGS);
            checked.cut.push((id.clone(), more));
        }
        checked.findings.extend(found);
    }
    checked.complete = asking.constants.is_complete();
    checked
}

/// One pass over the code for all that the conditions name, and one for who calls the methods that were found.
fn index(program: &Program<'_>, conditions: &[Condition]) -> Index {
    let mut wanted = Wanted::new();
    for one in conditions.iter().flat_map(|one| std::iter::once(&one.find).chain(&one.with).chain(&one.without)) {
        for member in one.call.iter() {
            wanted.method(member.class.as_str(), &member.name);
        }
        for member in one.field.iter() {
            wanted.field(member.class.as_str(), &member.name);
        }
        for string in strings(program, one) {
            wanted.string(string);
        }
    }
    let mut index = Index::new(program, &wanted);
    index.add_callers(program);
    index
}

/// The strings of the program that a use names.
fn strings(program: &Program<'_>, one: &Use) -> Vec<StringId> {
    let named = one.string.iter().filter_map(super::Glob::as_prefix);
    let found = named.flat_map(|(text, open)| {
        let whole = if open { None } else { program.find_string(text) };
        let begun = open.then(|| program.strings_starting(text));
        whole.into_iter().chain(begun.into_iter().flatten())
    });
    let text = |string: &StringId| program.string(*string).decode();
    found.filter(|string| !one.except.iter().any(|glob| glob.fits(&text(string)))).take(MAX_USES).collect()
}

/// A place that fits a use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    definition: DefinitionId,
    pc: u32,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Call(Site),
    Field(Site),
    String(StringId),
    Method,
}

/// Where something is: the methods, the classes with those around them, and whether it is at all.
struct Near {
    methods: BTreeSet<DefinitionId>,
    classes: BTreeSet<String>,
}

/// How many parts a value has, as far as they are its own.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(parts) | Value::Concat(parts) => parts.len(),
        Value::New { arguments, .. } | Value::Call { arguments, .. } => arguments.len(),
        Value::Text(text) => text.len() / 16,
        Value::Bytes(bytes) => bytes.len() / 16,
        _ => 0,
    }
    .saturating_add(1)
}

/// A call with the position of an argument, or of none for the receiver.
type Asked = (Site, Option<u8>);

struct Asking<'p, 'a> {
    program: &'p Program<'a>,
    judge: Judge<'p, 'a>,
    index: &'p Index,
    constants: Constants<'p, 'a>,
    reached: Option<&'p Reached>,
    context: &'p Context<'p>,
    owners: Owners,
    origins: RefCell<BTreeMap<ClassId, Origin>>,
    values: RefCell<BTreeMap<Asked, Rc<Values>>>,
    /// How many parts the kept values have.
    held: Cell<usize>,
}

impl Asking<'_, '_> {
    fn rule(&self, rule: &Rule, conditions: &[&Condition]) -> Vec<Finding> {
        let mut seen = BTreeSet::new();
        let mut findings = Vec::new();
        for condition in conditions {
            let mut found: Vec<Finding> = Vec::new();
            let sdk = condition.sdk.as_ref().is_none_or(|sdk| sdk.holds(self.context.min_sdk, self.context.target_sdk));
            if !sdk {
                continue;
            }
            if condition.missing {
                found.extend(self.missing(rule, condition));
            } else {
                let hits = self.hits(condition).into_iter().filter(|hit| seen.insert((hit.definition, hit.pc)));
                found.extend(hits.map(|hit| self.finding(rule, condition, hit)));
            }
            if condition.once {
                found.sort_by(|one, other| {
                    (&one.origin, one.reach, &one.place).cmp(&(&other.origin, other.reach, &other.place))
                });
                found.truncate(1);
            }
            findings.extend(found);
        }
        findings.sort_by(|one, other| {
            let key = |finding: &Finding| (finding.origin.clone(), finding.reach);
            key(one).cmp(&key(other)).then_with(|| (&one.place, &one.evidence).cmp(&(&other.place, &other.evidence)))
        });
        if conditions.iter().all(|condition| condition.once) {
            findings.truncate(1);
        }
        findings
    }

    /// A finding about the whole package where nothing fits.
    fn missing(&self, rule: &Rule, condition: &Condition) -> Option<Finding> {
        let own = |definition| !condition.own || self.is_own(definition);
        let there = |one: &Use| !self.uses(one, own).is_empty();
        let absent =
            condition.with.iter().all(there) && !condition.without.iter().any(there) && !there(&condition.find);
        absent.then(|| Finding::new(rule, Place::Package, condition.confidence))
    }

    /// The places where a condition holds.
    fn hits(&self, condition: &Condition) -> Vec<Hit> {
        let asked = |definition| !condition.own || self.is_own(definition);
        let mut hits = self.uses(&condition.find, asked);
        for (one, wanted) in
            condition.with.iter().map(|one| (one, true)).chain(condition.without.iter().map(|one| (one, false)))
        {
            if hits.is_empty() {
                return hits;
            }
            hits = self.narrowed(hits, one, wanted);
        }
        hits
    }

    /// The hits that have something near them, or have it not.
    fn narrowed(&self, hits: Vec<Hit>, one: &Use, wanted: bool) -> Vec<Hit> {
        let within = one.within.unwrap_or(Within::App);
        let methods: BTreeSet<DefinitionId> = hits.iter().map(|hit| hit.definition).collect();
        let classes: BTreeSet<String> = methods.iter().map(|method| self.outer(*method)).collect();
        let near = |definition| match within {
            Within::Method => methods.contains(&definition),
            Within::Class => classes.contains(&self.outer(definition)),
            Within::App => true,
        };
        let there = self.uses(one, near);
        let there = Near {
            methods: there.iter().map(|hit| hit.definition).collect(),
            classes: there.iter().map(|hit| self.outer(hit.definition)).collect(),
        };
        let is_near = |hit: &Hit| match within {
            Within::Method => there.methods.contains(&hit.definition),
            Within::Class => there.classes.contains(&self.outer(hit.definition)),
            Within::App => !there.methods.is_empty(),
        };
        hits.into_iter().filter(|hit| is_near(hit) == wanted).collect()
    }

    /// Everything that fits a use, in methods that are asked for.
    fn uses(&self, one: &Use, asked: impl Fn(DefinitionId) -> bool) -> Vec<Hit> {
        let mut found = Vec::new();
        for member in one.call.iter() {
            let sites = self.index.calls(member.class.as_str(), &member.name).take(MAX_USES);
            let sites = sites.filter(|site| self.judge.is_overload(site.method(), member));
            let fitting = sites.filter(|site| asked(site.caller) && self.call_fits(one, site));
            found.extend(fitting.map(|site| Hit { definition: site.caller, pc: site.pc, what: What::Call(*site) }));
        }
        for member in one.field.iter() {
            let sites = self.index.accesses(member.class.as_str(), &member.name).take(MAX_USES);
            let sites = sites.filter(|site| asked(site.caller));
            found.extend(sites.map(|site| Hit { definition: site.caller, pc: site.pc, what: What::Field(*site) }));
        }
        for string in strings(self.program, one) {
            let sites = self.index.strings(string).iter().take(MAX_USES).filter(|site| asked(site.caller));
            found.extend(sites.map(|site| Hit { definition: site.caller, pc: site.pc, what: What::String(string) }));
        }
        for member in one.implements.iter() {
            let Some(above) = self.program.find_type(member.class.as_str()) else { continue };
            let below = self.program.descendants(above).into_iter().filter_map(|of| self.program.class_of(of));
            let methods =
                below.filter_map(|class| self.program.class(class)).flat_map(|class| self.program.methods_in(class));
            let fitting = methods.filter(|method| {
                let Some(definition) = self.program.definition(*method) else { return false };
                let name = self.program.string(self.program.method(definition.method).name);
                definition.code != 0
                    && !definition.access.has(Access::BRIDGE)
                    && name.as_bytes() == member.name.as_bytes()
                    && self.judge.fits_prototype(definition.method, member)
                    && asked(*method)
                    && one.body.as_ref().is_none_or(|body| body::fits(body, &self.constants, self.judge, *method))
            });
            found.extend(fitting.map(|definition| Hit { definition, pc: 0, what: What::Method }));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn call_fits(&self, one: &Use, site: &Site) -> bool {
        let arguments = one.arguments.iter().all(|test| self.judge.holds(test, &self.value(site, test.at)));
        arguments
            && (!one.narrowed || body::is_narrowed(self.program, site))
            && one.receiver.as_ref().is_none_or(|test| self.judge.holds(test, &self.value(site, None)))
    }

    /// An argument of a call, or its receiver.
    fn value(&self, site: &Site, at: Option<u8>) -> Rc<Values> {
        if let Some(known) = self.values.borrow().get(&(*site, at)) {
            return known.clone();
        }
        let values = match at {
            Some(at) if self.parameters(site) > usize::from(at) => self.constants.argument(site, at.into()),
            Some(_) => Values::default(),
            None => self.constants.receiver(site),
        };
        let values = Rc::new(values);
        let mut known = self.values.borrow_mut();
        self.held.set(self.held.get().saturating_add(values.traced().iter().map(|traced| weight(&traced.value)).sum()));
        if self.held.get() > MAX_HELD {
            known.clear();
            self.held.set(0);
        }
        known.insert((*site, at), values.clone());
        values
    }

    fn parameters(&self, site: &Site) -> usize {
        self.program.parameters(self.program.method(site.method()).proto).len()
    }

    fn finding(&self, rule: &Rule, condition: &Condition, hit: Hit) -> Finding {
        let mut finding = Finding::new(rule, self.place(hit.definition, hit.pc), condition.confidence);
        finding.origin = self.origin(hit.definition);
        finding.reach = match self.reached {
            Some(reached) if reached.contains(hit.definition) => Reach::Reachable,
            Some(_) => Reach::Unreachable,
            None => Reach::Unknown,
        };
        finding.flow = self.flow(&condition.find, hit);
        finding.evidence = self.evidence(&condition.find, hit).map(|text| Evidence::new(&text));
        finding
    }

    /// Where the values are made that a call is given, as far as that is in other methods.
    fn flow(&self, one: &Use, hit: Hit) -> Vec<Step> {
        /// More sources than one value that means something has.
        const MAX_STEPS: usize = 4;
        let What::Call(site) = hit.what else { return Vec::new() };
        let mut steps = Vec::new();
        for test in &one.arguments {
            for traced in self.value(&site, test.at).traced() {
                let Some((definition, pc)) = traced.origin.filter(|origin| origin.0 != hit.definition) else {
                    continue;
                };
                let what = evidence::one(self.program, &traced.value, test.secret, 0);
                steps.push(Step { place: self.place(definition, pc), what });
            }
        }
        steps.sort();
        steps.dedup();
        steps.truncate(MAX_STEPS);
        steps
    }

    fn place(&self, at: DefinitionId, pc: u32) -> Place {
        let program = self.program;
        let definition = program.definition(at);
        let class = definition.and_then(|definition| program.class(definition.class));
        let file = class.and_then(|class| self.context.files.get(usize::from(class.unit))).cloned();
        let method = definition.map(|definition| {
            let signature = program.signature(definition.method);
            signature.split_once("->").map_or(signature.clone(), |(_, method)| method.to_owned())
        });
        Place::Code {
            file: file.unwrap_or_else(|| "classes.dex".to_owned()),
            class: class.map(|class| program.descriptor(class.of).decode().into_owned()).unwrap_or_default(),
            method,
            source: class.and_then(|class| program.source(class)).map(|source| source.decode().into_owned()),
            line: program.line(at, pc),
        }
    }

    /// What is seen at a place.
    fn evidence(&self, one: &Use, hit: Hit) -> Option<String> {
        let program = self.program;
        match hit.what {
            What::Call(site) => {
                let asked = one.arguments.iter().filter_map(|test| Some((usize::from(test.at?), test.secret)));
                let asked: BTreeMap<usize, bool> = asked.collect();
                let values: Vec<_> = (0..self.parameters(&site))
                    .map(|at| {
                        let secret = asked.get(&at)?;
                        Some((self.value(&site, u8::try_from(at).ok()), *secret))
                    })
                    .collect();
                let shown: Vec<_> =
                    values.iter().map(|value| value.as_ref().map(|(values, secret)| (&**values, *secret))).collect();
                Some(evidence::call(program, site.method(), &shown))
            }
            What::Field(site) => {
                let key = program.field(site.field());
                Some(format!("{}.{}", evidence::short(program, key.class), program.string(key.name)))
            }
            What::String(string) => Some(format!("\"{}\"", evidence::cut(&program.string(string).decode()))),
            What::Method => {
                let method = program.method(program.definition(hit.definition)?.method);
                evidence::body(&program.string(method.name).decode(), one.body.as_ref()?)
            }
        }
    }

    fn is_own(&self, definition: DefinitionId) -> bool {
        self.origin(definition) == Origin::Own
    }

    fn origin(&self, definition: DefinitionId) -> Origin {
        let Some(class) = self.program.definition(definition).map(|definition| definition.class) else {
            return Origin::Own;
        };
        if let Some(known) = self.origins.borrow().get(&class) {
            return known.clone();
        }
        let of = self.program.class(class).map(|class| self.program.descriptor(class.of).decode());
        let origin = self.owners.of(&of.unwrap_or_default());
        self.origins.borrow_mut().insert(class, origin.clone());
        origin
    }

    /// The class around a method, with those that stand in it as one: `Lcom/example/Main` for `Lcom/example/Main$1;`.
    fn outer(&self, definition: DefinitionId) -> String {
        let class = self.program.definition(definition).and_then(|definition| self.program.class(definition.class));
        let name = class.map(|class| self.program.descriptor(class.of).decode().into_owned()).unwrap_or_default();
        name.split(['$', ';']).next().unwrap_or_default().to_owned()
    }
}
