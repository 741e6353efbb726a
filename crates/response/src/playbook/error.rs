//! What is wrong with a file, where, and what to write instead.

use std::fmt;
use std::ops::Range;

/// A playbook that can't be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlaybookError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl PlaybookError {
    pub(super) fn at(file: &str, text: &str, span: &Range<usize>, message: String, help: Option<String>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        PlaybookError { file: file.to_owned(), line, column, message, help }
    }
}

impl fmt::Display for PlaybookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PlaybookError {}
