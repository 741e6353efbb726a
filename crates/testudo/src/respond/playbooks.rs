//! The playbooks that a configuration names: those that come with the server, and files and folders of TOML.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use testudo_response::{Playbook, pack};

use crate::config::ResponseSection;

/// The largest file.
const LARGEST: u64 = 64 * 1024;
/// The most files.
const MOST: usize = 500;

/// Why playbooks are refused: each line names file, line and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct PlaybooksError(String);

/// Reads all of them. What is wrong with any of them is told at once.
pub fn configured(section: &ResponseSection) -> Result<Vec<Playbook>, PlaybooksError> {
    let mut playbooks =
        if section.pack { pack().map_err(|error| PlaybooksError(error.to_string()))? } else { Vec::new() };
    let mut own: Vec<(Playbook, PathBuf)> = Vec::new();
    let mut mistakes = Vec::new();
    for path in &section.playbooks {
        match read_path(path) {
            Err(PlaybooksError(text)) => mistakes.push(text),
            Ok(read) => {
                for (playbook, file) in read {
                    match own.iter().find(|(known, _)| known.id == playbook.id) {
                        Some((_, first)) => mistakes.push(format!(
                            "{}:1:1: the id `{}` is that of `{}` too; give each playbook its own",
                            file.display(),
                            playbook.id,
                            first.display()
                        )),
                        None => own.push((playbook, file)),
                    }
                }
            }
        }
    }
    if !mistakes.is_empty() {
        return Err(PlaybooksError(mistakes.join("\n")));
    }
    playbooks.retain(|playbook| own.iter().all(|(other, _)| other.id != playbook.id));
    playbooks.extend(own.into_iter().map(|(playbook, _)| playbook));
    for id in &section.off {
        let Some(playbook) = playbooks.iter_mut().find(|playbook| playbook.id == *id) else {
            return Err(PlaybooksError(format!(
                "`response.off` names the playbook `{id}`, which there is not; `testudo playbook list` lists them"
            )));
        };
        playbook.enabled = false;
    }
    Ok(playbooks)
}

/// Reads a file, or all files `*.toml` of a folder, in order of name.
pub fn read_path(path: &Path) -> Result<Vec<(Playbook, PathBuf)>, PlaybooksError> {
    let failed = |error: &dyn std::fmt::Display| PlaybooksError(format!("can't read `{}`: {error}", path.display()));
    let mut files = Vec::new();
    if std::fs::metadata(path).map_err(|error| failed(&error))?.is_dir() {
        for item in std::fs::read_dir(path).map_err(|error| failed(&error))? {
            let file = item.map_err(|error| failed(&error))?.path();
            if file.extension().is_some_and(|extension| extension == "toml") && file.is_file() {
                files.push(file);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(failed(&"there is no file `*.toml` in it"));
        }
    } else {
        files.push(path.to_owned());
    }
    if files.len() > MOST {
        return Err(failed(&format!("it has more than {MOST} files")));
    }
    let mut read = Vec::new();
    let mut mistakes = Vec::new();
    for file in files {
        match text(&file).map(|text| Playbook::read(&file.display().to_string(), &text)) {
            Ok(Ok(playbook)) => read.push((playbook, file)),
            Ok(Err(error)) => mistakes.push(error.to_string()),
            Err(PlaybooksError(error)) => mistakes.push(error),
        }
    }
    if mistakes.is_empty() { Ok(read) } else { Err(PlaybooksError(mistakes.join("\n"))) }
}

fn text(file: &Path) -> Result<String, PlaybooksError> {
    let failed = |error: &dyn std::fmt::Display| PlaybooksError(format!("can't read `{}`: {error}", file.display()));
    let mut text = String::new();
    let opened = File::open(file).map_err(|error| failed(&error))?;
    opened.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
    if text.len() as u64 > LARGEST {
        return Err(failed(&"it is larger than 64 KiB"));
    }
    Ok(text)
}
