//! `testudo waf install-crs`: the OWASP Core Rule Set into the data folder, once it was read without a mistake.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use flate2::read::GzDecoder;
use serde_json::json;

use super::super::{Failure, Setting, output};
use crate::data::DataFolder;
use crate::firewall::{self, Rules, Selection};

/// The most files of a release that are taken.
const MOST_FILES: usize = 500;
/// The largest of them, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;
/// All that is read of an archive, in bytes: a release has about 10 MiB.
const LARGEST_ARCHIVE: u64 = 256 * 1024 * 1024;
/// Where the setup of a release is, the first that is there.
const SETUPS: [&str; 2] = ["crs-setup.conf", "crs-setup.conf.example"];

/// Files of a release by their path in it.
type Release = Vec<(PathBuf, Vec<u8>)>;

/// Runs the command.
pub fn run(setting: &Setting, source: &Path) -> Result<ExitCode, Failure> {
    let release = if source.is_dir() { folder(source)? } else { archive(source)? };
    if !release.iter().any(|(path, _)| path.extension().is_some_and(|kind| kind == "conf") && path.starts_with("rules"))
    {
        return Err(Failure::usage(format!(
            "`{}` holds no `rules/*.conf`: name the folder or the archive of a release of the OWASP Core Rule Set",
            source.display()
        )));
    }
    if !release.iter().any(|(path, _)| SETUPS.iter().any(|setup| path == Path::new(setup))) {
        return Err(Failure::usage(format!(
            "`{}` holds no `crs-setup.conf.example`: it is no release",
            source.display()
        )));
    }
    DataFolder::open(&setting.data)?;
    let (place, fresh, before) = (setting.core_rules(), setting.data.join("crs.new"), setting.data.join("crs.old"));
    let done = put(&release, &fresh).and_then(|()| {
        let rules = Rules::Installed(fresh.clone());
        let selection = Selection::plain(rules);
        let loaded = firewall::load(&selection).map_err(Failure::usage)?;
        clear(&before)?;
        if place.exists() {
            fs::rename(&place, &before).map_err(|error| failed(&place, &error))?;
        }
        fs::rename(&fresh, &place).map_err(|error| failed(&place, &error))?;
        clear(&before)?;
        Ok(loaded)
    });
    let loaded = match done {
        Ok(loaded) => loaded,
        Err(failure) => {
            clear(&fresh)?;
            return Err(failure);
        }
    };
    let rules = loaded.waf.rules().len();
    let answer = json!({ "installed": place, "files": release.len(), "rules": rules });
    output::value(setting.format, &answer, |_| {
        output::line(format!("{rules} rules were read without a mistake and installed in {}", place.display()));
        output::line(
            "A running server takes them with `testudo reload`; `waf.rules` in the configuration goes before them.",
        );
    });
    Ok(ExitCode::SUCCESS)
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("can't use `{}`: {error}", path.display()))
}

/// Whether a file of a release is taken, by its path in it.
fn is_taken(path: &Path) -> bool {
    let rules = path.parent() == Some(Path::new("rules"))
        && path.extension().is_some_and(|kind| kind == "conf" || kind == "data");
    rules || path == Path::new("LICENSE") || SETUPS.iter().any(|setup| path == Path::new(setup))
}

fn folder(source: &Path) -> Result<Release, Failure> {
    let mut release = Vec::new();
    for inside in ["", "rules"] {
        let folder = source.join(inside);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&folder, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| failed(&folder, &error))?;
            let path = Path::new(inside).join(entry.file_name());
            if is_taken(&path) {
                let file = File::open(entry.path()).map_err(|error| failed(&entry.path(), &error))?;
                take(&mut release, path, file)?;
            }
        }
    }
    Ok(release)
}

fn archive(source: &Path) -> Result<Release, Failure> {
    let unread = |error: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "`{}` can't be read as a folder, a `.tar.gz` or a `.zip` archive: {error}",
            source.display()
        ))
    };
    let file = File::open(source).map_err(|error| unread(&error))?;
    let mut release = Vec::new();
    if source.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("zip")) {
        let mut archive = zip::ZipArchive::new(file).map_err(|error| unread(&error))?;
        for index in 0..archive.len() {
            let entry = archive.by_index(index).map_err(|error| unread(&error))?;
            let path = entry.enclosed_name().as_deref().and_then(within);
            if let Some(path) = path.filter(|_| entry.is_file()) {
                take(&mut release, path, entry)?;
            }
        }
        return Ok(release);
    }
    let mut archive = tar::Archive::new(GzDecoder::new(file).take(LARGEST_ARCHIVE));
    for entry in archive.entries().map_err(|error| unread(&error))? {
        let entry = entry.map_err(|error| unread(&error))?;
        let path = entry.path().map_err(|error| unread(&error))?.into_owned();
        if let Some(path) = within(&path).filter(|_| entry.header().entry_type().is_file()) {
            take(&mut release, path, entry)?;
        }
    }
    Ok(release)
}

/// The path of a file within its release, if it is one that is taken. Archives have everything in one folder that bears the
/// release's name; nothing may lead out of it.
fn within(path: &Path) -> Option<PathBuf> {
    let mut parts = path.components();
    let Some(Component::Normal(_)) = parts.next() else { return None };
    let rest = parts.as_path();
    let plain = rest.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && is_taken(rest)).then(|| rest.to_owned())
}

fn take(release: &mut Release, path: PathBuf, source: impl Read) -> Result<(), Failure> {
    if release.len() == MOST_FILES {
        return Err(Failure::usage(format!("there are more than {MOST_FILES} files of rules: this is no release")));
    }
    let mut bytes = Vec::new();
    source.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| failed(&path, &error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::usage(format!("`{}` is larger than 4 MiB", path.display())));
    }
    release.push((path, bytes));
    Ok(())
}

fn put(release: &Release, folder: &Path) -> Result<(), Failure> {
    clear(folder)?;
    let rules = folder.join("rules");
    fs::create_dir_all(&rules).map_err(|error| failed(&rules, &error))?;
    for (path, bytes) in release {
        let path = folder.join(path);
        fs::write(&path, bytes).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

fn clear(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(folder, &error)),
        _ => Ok(()),
    }
}
