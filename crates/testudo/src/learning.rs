//! A first contract from the traffic that passes: kept in memory, written to a file now and then.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use testudo_contract::{Learner, Observation};

/// The title of what was learned.
pub const TITLE: &str = "Learned from traffic";

/// What is learned while the server runs.
#[derive(Debug)]
pub struct Learning {
    file: PathBuf,
    learner: Mutex<Learner>,
    changed: AtomicBool,
}

impl Learning {
    /// Learns anew; the file is written over.
    pub fn into_file(file: PathBuf) -> Learning {
        Learning { file, learner: Mutex::default(), changed: AtomicBool::new(false) }
    }

    /// Where it is written.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Learns from a request that the backend answered.
    pub fn observe(&self, seen: &Observation<'_>) {
        if self.learner.lock().unwrap_or_else(PoisonError::into_inner).observe(seen) {
            self.changed.store(true, Ordering::Release);
        }
    }

    /// Writes the file, if there is anything new.
    pub fn save(&self) -> io::Result<()> {
        if !self.changed.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let document = self.learner.lock().unwrap_or_else(PoisonError::into_inner).document(TITLE);
        write(&self.file, &document)
    }
}

/// Writes a file so that it is there whole or not at all.
pub fn write(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fresh = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(fresh.path(), text)?;
    fresh.persist(file).map(drop).map_err(|error| error.error)
}
