//! The firewall's rules: from which files they come, and in which order they are read.
//!
//! Below all stands a small base of our own; then comes the setup of a rule set, our settings, its rules, and last what
//! excludes some of them.

pub mod request;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use testudo_waf::seclang::{Loader, Note, Sources};
use testudo_waf::{Options, Waf};

/// What stands below all rules.
const BASE: &str = include_str!("firewall/base.conf");
/// The largest file of rules or phrases.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Files that a pattern may name.
const MOST_FILES: usize = 1_000;
/// Where Debian's package `modsecurity-crs` has its rules, and where it has their setup.
const DEBIAN: (&str, &str) = ("/usr/share/modsecurity-crs", "/etc/modsecurity/crs/crs-setup.conf");

/// Which rules, and how they are to be read.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Files, folders of them, or folders of the OWASP Core Rule Set.
    pub paths: Vec<PathBuf>,
    /// The paranoia level of the Core Rule Set, from 1 to 4; 0 leaves it as its setup says.
    pub paranoia: u8,
    /// Whether rules only report.
    pub detect: bool,
    /// Lines that stand after all rules.
    pub last: Vec<String>,
}

/// Rules that are ready, with what there is to say about them.
pub struct Loaded {
    /// The rules.
    pub waf: Arc<Waf>,
    /// Directives without effect, and updates of rules that are not there.
    pub notes: Vec<Note>,
}

/// Why rules are refused: each line names file, line and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct FirewallError(String);

/// The rules of Debian's package, if it is installed.
pub fn installed() -> Option<PathBuf> {
    let folder = PathBuf::from(DEBIAN.0);
    folder.is_dir().then_some(folder)
}

/// Reads and compiles rules. What is wrong with any of them is told at once.
pub fn load(selection: &Selection) -> Result<Loaded, FirewallError> {
    let mut loader = Loader::new(&Disk);
    loader.text("base.conf", BASE);
    let settings = settings(selection);
    for path in &selection.paths {
        add(&mut loader, path, &settings)?;
    }
    loader.text("exclusions.conf", &selection.last.join("\n"));
    if selection.detect {
        loader.text("mode.conf", "SecRuleEngine DetectionOnly");
    }
    let program = loader
        .finish()
        .map_err(|errors| FirewallError(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let notes = program.notes.clone();
    let waf = Waf::new(program, Options::default()).map_err(|problem| FirewallError(problem.to_string()))?;
    Ok(Loaded { waf, notes })
}

/// Our settings, in the words of the Core Rule Set. They stand between its setup and its rules.
fn settings(selection: &Selection) -> String {
    // Methods are the contract's matter, which knows them for each route.
    let mut text = String::from(
        "SecAction \"id:199101,phase:1,pass,nolog,t:none,\
         setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT PATCH DELETE'\"\n",
    );
    if selection.paranoia > 0 {
        let level = selection.paranoia;
        let _ = writeln!(
            text,
            "SecAction \"id:199100,phase:1,pass,nolog,t:none,setvar:tx.blocking_paranoia_level={level},\
             setvar:tx.detection_paranoia_level={level}\""
        );
    }
    text
}

fn add(loader: &mut Loader<'_>, path: &Path, settings: &str) -> Result<(), FirewallError> {
    let shown = path.display();
    let inside = path.join("rules");
    if inside.is_dir() {
        let own = ["crs-setup.conf", "crs-setup.conf.example"].map(|name| path.join(name));
        let setup = own.into_iter().chain([PathBuf::from(DEBIAN.1)]).find(|file| file.is_file()).ok_or_else(|| {
            FirewallError(format!(
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
        return Err(FirewallError(format!("there is no file or folder `{shown}`")));
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
