//! Loads rule files with their includes into one program (`ModSecurity` reference, "Configuration Directives").

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use super::action::{Control, actions, control};
use super::rule::{Condition, Defaults, Parts, Rule};
use super::settings::{NAMES, Outcome, Settings};
use super::update::Update;
use super::variable::targets;
use super::words::{Line, lines, word};
use super::{LoadError, Problem, Template};
use crate::operator::{Files, Operator, OperatorError};

/// Where rule files and phrase lists come from. The engine opens no file itself.
pub trait Sources {
    /// The bytes of a file.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// The files that a pattern with `*` or `?` names, in order.
    fn list(&self, pattern: &str) -> io::Result<Vec<String>>;
}

/// What runs in a phase, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// The rule of this index.
    Rule(usize),
    /// Where `skipAfter` of this name goes on.
    Marker(Arc<str>),
}

/// What a reader should know, and no error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// What.
    pub text: String,
    /// Whether a rule is left out.
    pub left_out: bool,
}

/// Everything that was loaded.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// What directives set.
    pub settings: Settings,
    /// The rules as they were read.
    pub rules: Vec<Rule>,
    /// The order of rules and markers, for each phase from 1.
    pub phases: [Vec<Step>; 5],
    /// The bytes of `SecUnicodeMapFile`, when it is named.
    pub unicode_map: Option<Vec<u8>>,
    /// Directives without effect, and updates of rules that are not there.
    pub notes: Vec<Note>,
    /// What transactions can be opened with.
    pub profiles: Vec<Vec<Control>>,
}

/// Directives that make or change rules, for suggestions.
const DIRECTIVES: [&str; 13] = [
    "SecRule",
    "SecAction",
    "SecMarker",
    "SecDefaultAction",
    "Include",
    "IncludeOptional",
    "SecRuleRemoveById",
    "SecRuleRemoveByTag",
    "SecRuleRemoveByMsg",
    "SecRuleUpdateTargetById",
    "SecRuleUpdateTargetByTag",
    "SecRuleUpdateTargetByMsg",
    "SecRuleUpdateActionById",
];

const DEEPEST: usize = 16;

/// Reads files one after another, and makes a [`Program`] of them.
pub struct Loader<'a> {
    sources: &'a dyn Sources,
    program: Program,
    /// What `SecDefaultAction` says, by phase.
    defaults: [Defaults; 5],
    /// Where each id was defined.
    ids: BTreeMap<u64, (Arc<str>, u32)>,
    /// Operators by name, parameter and folder, so that equal ones are compiled once.
    operators: HashMap<(String, String, String), Arc<Operator>>,
    updates: Vec<(Arc<str>, u32, Update)>,
    /// The rule whose chain is not complete.
    open: bool,
    /// Whether rules are left out that ask for what this engine does not do on purpose.
    lenient: bool,
    /// Whether the chain that is read now is left out.
    leaving_out: bool,
    errors: Vec<LoadError>,
}

impl<'a> Loader<'a> {
    /// A loader with nothing loaded.
    pub fn new(sources: &'a dyn Sources) -> Loader<'a> {
        Loader {
            sources,
            program: Program::default(),
            defaults: Default::default(),
            ids: BTreeMap::new(),
            operators: HashMap::new(),
            updates: Vec::new(),
            open: false,
            lenient: false,
            leaving_out: false,
            errors: Vec::new(),
        }
    }

    /// From here on, rules that ask for what this engine does not do on purpose (a lookahead, a question to the network)
    /// are left out with a note, instead of being errors: for rule sets that nobody here can change.
    pub fn leave_out_unsupported(&mut self, on: bool) {
        self.lenient = on;
    }

    /// Reads a file and what it includes; a pattern names several. Errors are kept for [`Loader::finish`].
    pub fn file(&mut self, path: &str) {
        let from: Arc<str> = path.into();
        self.include(&from, 1, path, false, 0);
    }

    /// Reads rules that stand in no file; `name` stands for them in errors, and its folder is where files are sought.
    pub fn text(&mut self, name: &str, text: &str) {
        self.read(&name.into(), text, 0);
    }

    /// Adds a list of `ctl` settings, such as `ruleRemoveTargetById=942100;ARGS:q`, that transactions can be opened with,
    /// and gives its number.
    pub fn profile(&mut self, settings: &[String]) -> Result<usize, Problem> {
        let mut controls = Vec::with_capacity(settings.len());
        for text in settings {
            controls.extend(control(text)?);
        }
        self.program.profiles.push(controls);
        Ok(self.program.profiles.len() - 1)
    }

    /// All that was read, or everything that is wrong with it.
    pub fn finish(mut self) -> Result<Program, Vec<LoadError>> {
        if self.open
            && let Some(rule) = self.program.rules.last()
        {
            let (file, line) = (rule.file.clone(), rule.line);
            self.fail(&file, line, Problem::OpenChain);
        }
        for (file, line, update) in std::mem::take(&mut self.updates) {
            if let Err(problem) = update.apply(&mut self.program.rules, &self.defaults) {
                match problem {
                    Problem::NoRule(_) => self.note(&file, line, problem.to_string()),
                    problem => self.fail(&file, line, problem),
                }
            }
        }
        self.drop_removed();
        self.check_markers();
        if self.errors.is_empty() { Ok(self.program) } else { Err(self.errors) }
    }

    fn fail(&mut self, file: &Arc<str>, line: u32, problem: Problem) {
        self.errors.push(LoadError { file: file.to_string(), line, problem });
    }

    fn note(&mut self, file: &Arc<str>, line: u32, text: String) {
        self.program.notes.push(Note { file: file.clone(), line, text, left_out: false });
    }

    fn include(&mut self, file: &Arc<str>, line: u32, pattern: &str, optional: bool, depth: usize) {
        if depth > DEEPEST {
            return self.fail(file, line, Problem::Nesting(pattern.to_owned()));
        }
        let paths = match self.sources.list(pattern) {
            Ok(paths) if paths.is_empty() && !optional => Err(io::ErrorKind::NotFound.into()),
            found => found,
        };
        let paths = match paths {
            Ok(paths) => paths,
            Err(_) if optional => return,
            Err(source) => return self.fail(file, line, Problem::Read { path: pattern.to_owned(), source }),
        };
        for path in paths {
            match self.sources.read(&path) {
                Ok(bytes) => self.read(&path.as_str().into(), &String::from_utf8_lossy(&bytes), depth + 1),
                Err(source) => self.fail(file, line, Problem::Read { path, source }),
            }
        }
    }

    fn read(&mut self, file: &Arc<str>, text: &str, depth: usize) {
        for line in lines(text) {
            if let Err(problem) = self.directive(file, &line, depth) {
                self.fail(file, line.number, problem);
            }
        }
    }

    fn directive(&mut self, file: &Arc<str>, line: &Line, depth: usize) -> Result<(), Problem> {
        let (name, rest) = line.text.split_once(char::is_whitespace).unwrap_or((&line.text, ""));
        let mut words = Vec::new();
        let mut rest = rest;
        while let Some((found, after)) = word(rest)? {
            words.push(found);
            rest = after;
        }
        let get =
            |index: usize, what: &'static str| words.get(index).map(String::as_str).ok_or(Problem::Missing { what });
        let at_most = |most: usize| words.get(most).map_or(Ok(()), |word| Err(Problem::Trailing(word.clone())));
        match name.to_ascii_lowercase().as_str() {
            "secrule" => {
                at_most(3)?;
                self.rule(file, line.number, Some((get(0, "a variable")?, get(1, "an operator")?)), words.get(2))
            }
            "secaction" => {
                at_most(1)?;
                get(0, "the actions")?;
                self.rule(file, line.number, None, words.first())
            }
            "secmarker" => {
                at_most(1)?;
                let marker: Arc<str> = get(0, "the name of the marker")?.trim_matches('\'').into();
                self.program.phases.iter_mut().for_each(|steps| steps.push(Step::Marker(marker.clone())));
                Ok(())
            }
            "secdefaultaction" => {
                at_most(1)?;
                let (phase, defaults) = Defaults::parse(actions(get(0, "the actions")?)?)?;
                match self.defaults.get_mut(usize::from(phase) - 1) {
                    Some(slot) if slot.said => Err(Problem::DefaultsTwice(phase)),
                    Some(slot) => {
                        *slot = defaults;
                        Ok(())
                    }
                    None => Ok(()),
                }
            }
            "include" | "includeoptional" => {
                at_most(1)?;
                let path = beside(file, get(0, "the path")?);
                self.include(file, line.number, &path, name.eq_ignore_ascii_case("includeoptional"), depth);
                Ok(())
            }
            _ => match Update::parse(name, &words)? {
                Some(update) => {
                    self.updates.push((file.clone(), line.number, update));
                    Ok(())
                }
                None => self.setting(file, line.number, name, &words),
            },
        }
    }

    fn setting(&mut self, file: &Arc<str>, line: u32, name: &str, words: &[String]) -> Result<(), Problem> {
        match self.program.settings.set(name, words)? {
            Outcome::Set => {}
            Outcome::Ignored(why) => self.note(file, line, format!("`{name}` has no effect: {why}")),
            Outcome::Other => {
                return Err(Problem::unknown("directive", name, DIRECTIVES.into_iter().chain(NAMES)));
            }
        }
        if name.eq_ignore_ascii_case("SecUnicodeMapFile")
            && let Some((path, _)) = &self.program.settings.unicode_map
        {
            let path = beside(file, path);
            let bytes = self.sources.read(&path).map_err(|source| Problem::Read { path, source })?;
            self.program.unicode_map = Some(bytes);
        }
        Ok(())
    }

    fn rule(
        &mut self,
        file: &Arc<str>,
        line: u32,
        asks: Option<(&str, &str)>,
        text: Option<&String>,
    ) -> Result<(), Problem> {
        let chained = std::mem::take(&mut self.open);
        let mut parts = Parts::sort(actions(text.map_or("", String::as_str))?);
        // What follows belongs to the chain even when this rule is refused.
        self.open = parts.chain;
        self.leaving_out &= chained;
        if self.leaving_out {
            return Ok(());
        }
        if let Some((variables, operator)) = asks {
            parts.link.targets = targets(variables)?;
            match self.condition(file, operator) {
                Err(Problem::Operator(error)) if self.lenient && error.is_unsupported() => {
                    self.leave_out(file, line, chained, parts.id, &error);
                    return Ok(());
                }
                condition => parts.link.condition = Some(condition?),
            }
        }
        if chained { self.extend(file, line, parts) } else { self.begin(file, line, parts) }
    }

    /// Leaves out the chain that is read now.
    fn leave_out(&mut self, file: &Arc<str>, line: u32, chained: bool, id: Option<u64>, why: &OperatorError) {
        self.leaving_out = true;
        let begun = self.program.rules.last_mut().filter(|_| chained);
        let id = begun.as_ref().map(|rule| rule.id).or(id);
        if let Some(rule) = begun {
            rule.links.clear();
        }
        let id = id.map(|id| id.to_string()).unwrap_or_default();
        let text = format!("rule {id} is left out: {why}");
        self.program.notes.push(Note { file: file.clone(), line, text, left_out: true });
    }

    fn begin(&mut self, file: &Arc<str>, line: u32, mut parts: Parts) -> Result<(), Problem> {
        let id = parts.id.ok_or(Problem::Missing { what: "the id of the rule" })?;
        let phase = parts.phase.unwrap_or(2);
        if let Some((file, line)) = self.ids.get(&id) {
            return Err(Problem::Repeated { id, file: file.to_string(), line: *line });
        }
        let index = usize::from(phase) - 1;
        let defaults = self.defaults.get(index).cloned().unwrap_or_default();
        inherit(&mut parts, &defaults);
        self.ids.insert(id, (file.clone(), line));
        if let Some(steps) = self.program.phases.get_mut(index) {
            steps.push(Step::Rule(self.program.rules.len()));
        }
        self.program.rules.push(parts.rule(id, file.clone(), line, phase, &defaults));
        Ok(())
    }

    fn extend(&mut self, file: &Arc<str>, line: u32, mut parts: Parts) -> Result<(), Problem> {
        if let Some(name) = parts.only_first() {
            return Err(Problem::InChain(name.to_owned()));
        }
        if parts.id.is_some() {
            self.note(file, line, "`id` has no effect behind `chain`: the first rule names them all".to_owned());
        }
        let Some(rule) = self.program.rules.last_mut() else { return Ok(()) };
        if parts.phase.is_some_and(|phase| phase != rule.phase) {
            return Err(Problem::InChain("another phase".to_owned()));
        }
        let defaults = self.defaults.get(usize::from(rule.phase) - 1).cloned().unwrap_or_default();
        inherit(&mut parts, &defaults);
        rule.tags.extend(parts.tags);
        rule.severity = rule.severity.or(parts.severity);
        rule.status = parts.status.or(rule.status);
        rule.links.push(parts.link);
        Ok(())
    }

    /// `!@rx pattern`; without an operator, the text is a pattern.
    fn condition(&mut self, file: &Arc<str>, text: &str) -> Result<Condition, Problem> {
        let trimmed = text.trim_start();
        let (negated, rest) = match trimmed.strip_prefix('!') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, trimmed),
        };
        let (name, parameter) = match rest.strip_prefix('@') {
            Some(named) => named.split_once(char::is_whitespace).unwrap_or((named, "")),
            None => ("rx", rest),
        };
        let parameter = parameter.trim_start();
        let key = (name.to_ascii_lowercase(), parameter.to_owned(), folder(file).to_owned());
        let operator = if let Some(known) = self.operators.get(&key) {
            known.clone()
        } else {
            let files = Beside { sources: self.sources, file };
            let operator = Arc::new(Operator::compile(name, parameter.as_bytes(), &files)?);
            self.operators.insert(key, operator.clone());
            operator
        };
        let parameter = if operator.takes_macro() {
            Template::parse(parameter)?
        } else {
            Template { pieces: [super::Piece::Text(parameter.into())].into() }
        };
        Ok(Condition { negated, operator, parameter })
    }

    /// Takes rules out that an update removed.
    fn drop_removed(&mut self) {
        let kept = |index: &usize| self.program.rules.get(*index).is_some_and(|rule| !rule.links.is_empty());
        for steps in &mut self.program.phases {
            steps.retain(|step| matches!(step, Step::Marker(_)) || matches!(step, Step::Rule(index) if kept(index)));
        }
    }

    fn check_markers(&mut self) {
        let mut missing = Vec::new();
        for steps in &self.program.phases {
            let mut markers: Vec<&str> = Vec::new();
            for step in steps.iter().rev() {
                match step {
                    Step::Marker(name) => markers.push(name),
                    Step::Rule(index) => {
                        let Some(rule) = self.program.rules.get(*index) else { continue };
                        let Some(wanted) = &rule.skip_after else { continue };
                        if !markers.contains(&&**wanted) {
                            missing.push((rule.file.clone(), rule.line, wanted.to_string()));
                        }
                    }
                }
            }
        }
        for (file, line, wanted) in missing {
            self.fail(&file, line, Problem::NoMarker(wanted));
        }
    }
}

/// Transformations of the phase's defaults come first, unless `t:none` came.
fn inherit(parts: &mut Parts, defaults: &Defaults) {
    if !parts.none {
        let own = std::mem::take(&mut parts.link.transformations);
        parts.link.transformations = defaults.transformations.iter().copied().chain(own).collect();
    }
}

fn folder(file: &str) -> &str {
    file.rfind('/').map_or("", |at| file.get(..=at).unwrap_or_default())
}

/// A path as seen from the file that names it.
fn beside(file: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}{path}", folder(file)) }
}

/// Data files are sought beside the rule file that names them.
struct Beside<'a> {
    sources: &'a dyn Sources,
    file: &'a str,
}

impl Files for Beside<'_> {
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.sources.read(&beside(self.file, name))
    }
}
