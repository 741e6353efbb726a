//! What rules matched, in the lines that ModSecurity writes to its error log, for tools that read those.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A file that lines are appended to. It holds what people sent: it is made with mode 0600.
#[derive(Debug)]
pub struct MatchLog(Mutex<File>);

impl MatchLog {
    /// Opens the file, and makes it when it is missing.
    pub fn open(path: &Path) -> io::Result<MatchLog> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        Ok(MatchLog(Mutex::new(file)))
    }

    /// Appends the lines of one request in one piece, so that they are there before its answer is.
    pub fn append(&self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let mut text = lines.join("\n");
        text.push('\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(text.as_bytes()) {
            tracing::error!(%error, "the firewall's log can't be written; the journal has its matches all the same");
        }
    }
}
