//! The firewall's rules: from which files they come, and in which order they are read.
//!
//! Below all stands a small base of our own; then comes the setup of a rule set, our settings, its rules, and last what
//! excludes some of them.

pub mod found;
mod log;
pub mod request;
pub mod routes;
pub mod shortcuts;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};

use testudo_contract::Contract;
use testudo_core::RequestId;
use testudo_waf::seclang::{Loader, Note, Problem, Program, Sources};
use testudo_waf::{Options, Tape, Waf};

pub use self::log::MatchLog;
use self::routes::{Judging, Level, Profile, Routes};
use self::shortcuts::ShortcutCheck;
use crate::config::{FirewallMode, FirewallSection};

/// What stands below all rules.
const BASE: &str = include_str!("firewall/base.conf");
/// The largest file of rules or phrases.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Files that a pattern may name.
const MOST_FILES: usize = 1_000;
/// Where Debian's package `modsecurity-crs` has its rules, and where it has their setup.
const DEBIAN: (&str, &str) = ("/usr/share/modsecurity-crs", "/etc/modsecurity/crs/crs-setup.conf");

/// The rule of ours that sets levels; without it nothing asks for them.
const SCORES: u64 = 199_100;
/// How much more work may be done without shortcuts.
const MORE_WORK: u64 = 16;

/// What stands for the built-in rules among the names of files.
pub const BUILT_IN: &str = "built-in";

/// Which rules, and how they are to be read.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The rules.
    pub rules: Rules,
    /// The levels of the Core Rule Set.
    pub level: Level,
    /// Whether JSON in arguments and cookies is read.
    pub json_in_arguments: bool,
    /// Updates that transactions can begin with.
    pub profiles: Vec<Profile>,
    /// Whether rules only report.
    pub detect: bool,
    /// Media types of bodies that the contract names, beyond those that the Core Rule Set allows.
    pub types: BTreeSet<String>,
    /// Lines that stand after all rules.
    pub last: Vec<String>,
}

/// Rules that are ready, with what there is to say about them.
pub struct Loaded {
    /// The rules.
    pub waf: Arc<Waf>,
    /// The same without shortcuts, where that is asked for.
    pub plain: Option<Arc<Waf>>,
    /// Directives without effect, and updates of rules that are not there.
    pub notes: Vec<Note>,
}

/// The firewall in force.
pub struct Firewall {
    /// Its rules at the general level.
    pub waf: Arc<Waf>,
    /// Where they come from.
    pub rules: Rules,
    /// How each route is judged.
    pub routes: Routes,
    /// The rules at each level, the general one first.
    levels: Vec<Loaded>,
    /// One request of so many is judged again without shortcuts.
    every: u32,
    /// Who does that, in a server.
    check: OnceLock<Arc<ShortcutCheck>>,
    /// Whether some of them look at answers.
    pub answers: bool,
    /// Requests that keep their tables while the backend thinks.
    pub resting: Arc<AtomicUsize>,
    /// Where matches are logged as ModSecurity logs them.
    pub log: Option<MatchLog>,
}

impl Firewall {
    /// The firewall of a configuration, before the API of a contract; none when it is off.
    pub fn build(section: &FirewallSection, contract: &Contract) -> Result<Option<Firewall>, FirewallError> {
        if section.is_off() {
            return Ok(None);
        }
        let routes = Routes::of(section, contract)?;
        let selection = Selection::of(section, contract, &routes);
        let loaded = read(&selection, section.check_shortcuts > 0)?;
        routes::check(section, loaded.waf.rules())?;
        for note in &loaded.notes {
            if note.left_out {
                tracing::warn!(file = &*note.file, line = note.line, "{}", note.text);
            } else {
                tracing::info!(file = &*note.file, line = note.line, "{}", note.text);
            }
        }
        let log = section.log.as_ref().map(|path| {
            MatchLog::open(path).map_err(|error| FirewallError {
                key: "waf.log".into(),
                text: format!("can't append to `{}`: {error}", path.display()),
            })
        });
        let answers = loaded.waf.rules().judges_answers();
        let waf = Arc::clone(&loaded.waf);
        let mut levels = vec![loaded];
        for level in routes.levels.iter().skip(1) {
            levels.push(read(&Selection { level: *level, ..selection.clone() }, section.check_shortcuts > 0)?);
        }
        Ok(Some(Firewall {
            waf,
            rules: selection.rules,
            routes,
            levels,
            every: section.check_shortcuts,
            check: OnceLock::new(),
            answers,
            resting: Arc::default(),
            log: log.transpose()?,
        }))
    }
}

impl Firewall {
    /// The rules for a route.
    pub fn waf_of(&self, judging: Judging) -> &Arc<Waf> {
        self.levels.get(judging.level).map_or(&self.waf, |loaded| &loaded.waf)
    }

    /// Has one request of many judged again without shortcuts from now on.
    pub fn check_through(&self, check: Arc<ShortcutCheck>) {
        let _ = self.check.set(check);
    }

    /// Whether this request will be judged again, so that all that its transaction is told must be kept.
    pub fn is_checked(&self, request: &str) -> bool {
        self.check.get().is_some() && shortcuts::is_due(request, self.every)
    }

    /// Has it judged again.
    pub fn check_again(&self, judging: Judging, tape: Option<Tape>, request: RequestId) {
        let plain = self.levels.get(judging.level).and_then(|loaded| loaded.plain.as_ref());
        if let (Some(check), Some(plain)) = (self.check.get(), plain) {
            check.offer(tape, plain, request);
        }
    }
}

impl Selection {
    /// Which rules a configuration means, at its general level.
    pub fn of(section: &FirewallSection, contract: &Contract, routes: &Routes) -> Selection {
        Selection {
            level: Level { paranoia: section.paranoia, threshold: section.threshold },
            json_in_arguments: section.json_in_arguments,
            profiles: routes.profiles.clone(),
            detect: section.mode == FirewallMode::Detect,
            types: types(contract),
            last: section.exclusions.clone(),
            ..Selection::plain(Rules::of(section))
        }
    }

    /// Rules as they are.
    pub fn plain(rules: Rules) -> Selection {
        Selection {
            rules,
            level: Level { paranoia: 0, threshold: 0 },
            json_in_arguments: false,
            profiles: Vec::new(),
            detect: false,
            types: BTreeSet::new(),
            last: Vec::new(),
        }
    }
}

/// Why rules are refused: each line names file, line and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct FirewallError {
    key: String,
    text: String,
}

impl FirewallError {
    fn rules(text: String) -> FirewallError {
        FirewallError { key: "waf.rules".into(), text }
    }

    /// The key of the configuration that is refused.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Where rules come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rules {
    /// Files, folders of them, or folders of the OWASP Core Rule Set, as somebody named them.
    Named(Vec<PathBuf>),
    /// The Core Rule Set that `testudo waf install-crs` put into the data folder.
    Installed(PathBuf),
    /// The Core Rule Set of Debian's package.
    Debian(PathBuf),
    /// Our own.
    BuiltIn,
}

impl Rules {
    /// The rules of a configuration: those that it names, else the best that there are.
    pub fn of(section: &FirewallSection) -> Rules {
        match &*section.rules {
            [] => Rules::found(section.installed.as_deref()),
            [one] if one.as_os_str() == BUILT_IN => Rules::BuiltIn,
            named => Rules::Named(named.to_vec()),
        }
    }

    /// The best rules that there are, when none are named.
    pub fn found(installed: Option<&Path>) -> Rules {
        if let Some(folder) = installed.filter(|folder| folder.is_dir()) {
            return Rules::Installed(folder.to_owned());
        }
        let debian = Path::new(DEBIAN.0);
        if debian.join("rules").is_dir() && Path::new(DEBIAN.1).is_file() {
            return Rules::Debian(debian.to_owned());
        }
        Rules::BuiltIn
    }

    fn paths(&self) -> &[PathBuf] {
        match self {
            Rules::Named(paths) => paths,
            Rules::Installed(path) | Rules::Debian(path) => std::slice::from_ref(path),
            Rules::BuiltIn => &[],
        }
    }
}

impl std::fmt::Display for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Rules::Named(paths) => {
                let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
                f.write_str(&names.join(", "))
            }
            Rules::Installed(_) => f.write_str("the OWASP Core Rule Set that was installed"),
            Rules::Debian(_) => f.write_str("the OWASP Core Rule Set of Debian's package `modsecurity-crs`"),
            Rules::BuiltIn => f.write_str("the built-in rules"),
        }
    }
}

/// Reads and compiles rules. What is wrong with any of them is told at once.
pub fn load(selection: &Selection) -> Result<Loaded, FirewallError> {
    read(selection, false)
}

/// The same, and where that is asked for without shortcuts too.
fn read(selection: &Selection, plain: bool) -> Result<Loaded, FirewallError> {
    let mut loader = Loader::new(&Disk);
    loader.text("base.conf", BASE);
    let settings = settings(selection);
    // Nobody here can change the rules of a package: what a few of them ask for and is not done is told, and no reason to
    // do without the others.
    loader.leave_out_unsupported(matches!(selection.rules, Rules::Debian(_)));
    for path in selection.rules.paths() {
        add(&mut loader, path, &settings)?;
    }
    loader.leave_out_unsupported(false);
    if selection.rules == Rules::BuiltIn {
        loader.text("settings.conf", &settings);
        testudo_waf::builtin::load(&mut loader);
    }
    loader.text("exclusions.conf", &selection.last.join("\n"));
    if selection.detect {
        loader.text("mode.conf", "SecRuleEngine DetectionOnly");
    }
    for profile in &selection.profiles {
        let refused = |problem: Problem| FirewallError { key: profile.key.clone(), text: problem.to_string() };
        loader.profile(&profile.settings).map_err(refused)?;
    }
    let program = loader.finish().map_err(|errors| {
        FirewallError::rules(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    let notes = program.notes.clone();
    let options = Options { json_in_arguments: selection.json_in_arguments, blind: blind(), ..Options::default() };
    let compile = |program: Program, options: Options| {
        Waf::new(program, options).map_err(|problem| FirewallError::rules(problem.to_string()))
    };
    let without = Options { prefilter: false, fold: false, budget: options.budget * MORE_WORK, ..options };
    let plain = plain.then(|| compile(program.clone(), without)).transpose()?;
    Ok(Loaded { waf: compile(program, options)?, plain, notes })
}

/// A rule that the screen does not let be asked: only builds for tests can be made to have such a mistake.
#[cfg(debug_assertions)]
fn blind() -> Option<u64> {
    std::env::var("TESTUDO_TEST_BLIND_RULE").ok()?.parse().ok()
}

#[cfg(not(debug_assertions))]
const fn blind() -> Option<u64> {
    None
}

/// The media types that the Core Rule Set allows in requests.
const USUAL_TYPES: [&str; 6] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/xml",
    "application/xml",
    "application/soap+xml",
    "application/json",
];

/// The other media types that a contract names for the bodies of requests.
pub fn types(contract: &Contract) -> BTreeSet<String> {
    let bodies = contract.routes().iter().filter_map(|route| route.request_body.as_ref());
    let names = bodies.flat_map(|body| body.content.keys());
    let essences = names.map(|name| name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    // What stands for several is none.
    let is_one = |name: &String| {
        name.contains('/') && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.+-_".contains(&byte))
    };
    essences.filter(|name| is_one(name) && !USUAL_TYPES.contains(&name.as_str())).collect()
}

/// Our settings, in the words of the Core Rule Set. They stand between its setup and its rules.
fn settings(selection: &Selection) -> String {
    // Methods are the contract's matter, which knows them for each route.
    let mut text = String::from(
        "SecRule &TX:allowed_methods \"@eq 0\" \"id:199101,phase:1,pass,nolog,t:none,\
         setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT PATCH DELETE'\"\n",
    );
    if !selection.types.is_empty() {
        // Which of them a route takes is the contract's matter too.
        let types: Vec<String> = USUAL_TYPES
            .into_iter()
            .chain(selection.types.iter().map(String::as_str))
            .map(|one| format!("|{one}|"))
            .collect();
        let _ = writeln!(
            text,
            "SecRule &TX:allowed_request_content_type \"@eq 0\" \"id:199102,phase:1,pass,nolog,t:none,\
             setvar:'tx.allowed_request_content_type={}'\"",
            types.join(" ")
        );
    }
    // The names of version 4, and those of version 3.
    let Level { paranoia, threshold } = selection.level;
    let mut levels = String::new();
    if paranoia > 0 {
        for name in
            ["blocking_paranoia_level", "detection_paranoia_level", "paranoia_level", "executing_paranoia_level"]
        {
            let _ = write!(levels, ",setvar:tx.{name}={paranoia}");
        }
    }
    if threshold > 0 {
        let _ = write!(levels, ",setvar:tx.inbound_anomaly_score_threshold={threshold}");
    }
    let _ = writeln!(text, "SecAction \"id:{SCORES},phase:1,pass,nolog,t:none{levels}\"");
    text
}

fn add(loader: &mut Loader<'_>, path: &Path, settings: &str) -> Result<(), FirewallError> {
    let shown = path.display();
    let inside = path.join("rules");
    if inside.is_dir() {
        let own = ["crs-setup.conf", "crs-setup.conf.example"].map(|name| path.join(name));
        let setup = own.into_iter().chain([PathBuf::from(DEBIAN.1)]).find(|file| file.is_file()).ok_or_else(|| {
            FirewallError::rules(format!(
                "`{shown}` has no `crs-setup.conf`, without which its rules refuse every request; put the one of its release \
                 there"
            ))
        })?;
        loader.file(&setup.to_string_lossy());
        loader.text("settings.conf", settings);
        loader.file(&inside.join("*.conf").to_string_lossy());
    } else if path.is_dir() {
        loader.file(&path.join("*.conf").to_string_lossy());
    } else if path.is_file() {
        loader.file(&path.to_string_lossy());
    } else {
        return Err(FirewallError::rules(format!("there is no file or folder `{shown}`")));
    }
    Ok(())
}

/// Rule files on disk.
struct Disk;

impl Sources for Disk {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(io::Error::other("the file is larger than 16 MiB"));
        }
        Ok(bytes)
    }

    fn list(&self, pattern: &str) -> io::Result<Vec<String>> {
        let path = Path::new(pattern);
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.contains(['*', '?']) {
            return Ok(vec![pattern.to_owned()]);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if fits(name.as_bytes(), entry.file_name().to_string_lossy().as_bytes()) {
                found.push(entry.path().to_string_lossy().into_owned());
            }
            if found.len() > MOST_FILES {
                return Err(io::Error::other("the pattern names more than 1,000 files"));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Whether a name fits a pattern with `*` and `?` (POSIX, `fnmatch`).
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut rest, mut left) = (pattern, name);
    // Where to go on when what follows the last star fits not here but later.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (rest.split_first(), left.split_first()) {
            (Some((b'*', after)), _) => {
                star = Some((after, left));
                rest = after;
            }
            (Some((wanted, after)), Some((byte, more))) if *wanted == b'?' || wanted == byte => {
                (rest, left) = (after, more);
            }
            (None, None) => return true,
            _ => {
                let Some((after, [_, more @ ..])) = star else { return false };
                star = Some((after, more));
                (rest, left) = (after, more);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_files_as_a_shell_does() {
        for (pattern, name, expected) in [
            ("*.conf", "REQUEST-901.conf", true),
            ("*.conf", "crs-setup.conf.example", false),
            ("REQUEST-9??*.conf", "REQUEST-901-INIT.conf", true),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
            ("?", "", false),
            ("*", "", true),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
