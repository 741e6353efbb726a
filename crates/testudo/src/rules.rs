//! Reading the rules of detection: the pack that comes with the server, and files and folders of Sigma rules.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use testudo_detection::{Rules, pack};

use crate::config::DetectionSection;

/// The largest file of rules.
const LARGEST: u64 = 1024 * 1024;
/// Folders in folders.
const DEEPEST: usize = 16;

/// Why rules are refused: each line names file, line and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct RulesError(String);

impl RulesError {
    /// A rule is named that is not loaded.
    pub(crate) fn unknown(id: &str) -> RulesError {
        RulesError(format!(
            "`detection.quiet` names the rule `{id}`, which is not loaded; `testudo detect rules` lists them"
        ))
    }
}

impl From<testudo_detection::RuleErrors> for RulesError {
    fn from(errors: testudo_detection::RuleErrors) -> RulesError {
        RulesError(errors.to_string())
    }
}

/// The rules that a configuration names. What is wrong with any of them is told at once.
pub fn configured(section: &DetectionSection) -> Result<Rules, RulesError> {
    let mut rules = Rules::new();
    if !section.enabled {
        return Ok(rules);
    }
    if section.pack {
        pack(&mut rules)?;
    }
    let mut mistakes = Vec::new();
    for path in &section.rules {
        if let Err(RulesError(text)) = add(&mut rules, path) {
            mistakes.push(text);
        }
    }
    if mistakes.is_empty() { Ok(rules) } else { Err(RulesError(mistakes.join("\n"))) }
}

/// The names and texts of a file, or of all files `*.yml` and `*.yaml` of a folder.
pub fn texts(path: &Path) -> Result<Vec<(String, String)>, RulesError> {
    let mut files = Vec::new();
    walk(path, 0, &mut files)?;
    if files.is_empty() {
        return Err(RulesError(format!("there is no file `*.yml` or `*.yaml` in `{}`", path.display())));
    }
    files.sort();
    files.into_iter().map(|file| Ok((file.display().to_string(), text(&file)?))).collect()
}

/// Adds a file, or all files `*.yml` and `*.yaml` of a folder.
pub fn add(rules: &mut Rules, path: &Path) -> Result<(), RulesError> {
    let mut mistakes = Vec::new();
    for (name, text) in texts(path)? {
        if let Err(errors) = rules.add(&name, &text) {
            mistakes.push(errors.to_string());
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(RulesError(mistakes.join("\n"))) }
}

/// The texts of all configured files that can be read now; for evidence, so that what is gone is left out.
pub fn readable(section: &DetectionSection) -> Vec<String> {
    let mut files = Vec::new();
    for path in &section.rules {
        let _ = walk(path, 0, &mut files);
    }
    files.iter().filter_map(|file| text(file).ok()).collect()
}

fn walk(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), RulesError> {
    let failed = |error: std::io::Error| RulesError(format!("can't read `{}`: {error}", path.display()));
    if depth > DEEPEST {
        return Err(RulesError(format!("`{}` is more than {DEEPEST} folders deep", path.display())));
    }
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for item in std::fs::read_dir(path).map_err(failed)? {
        let item = item.map_err(failed)?;
        let (kind, path) = (item.file_type().map_err(failed)?, item.path());
        let is_rule = path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml");
        if kind.is_dir() {
            walk(&path, depth + 1, files)?;
        } else if kind.is_file() && is_rule {
            files.push(path);
        }
    }
    Ok(())
}

fn text(file: &Path) -> Result<String, RulesError> {
    let failed = |error: &dyn std::fmt::Display| RulesError(format!("can't read `{}`: {error}", file.display()));
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| failed(&error))?;
    opened.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
    if text.len() as u64 > LARGEST {
        return Err(failed(&format!("it has more than {LARGEST} bytes")));
    }
    Ok(text)
}
