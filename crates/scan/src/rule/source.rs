//! A file of TOML that people write, and where in it something is wrong.

use std::fmt;
use std::ops::Range;

use serde::de::DeserializeOwned;

use super::nearest;

/// What is wrong with a file, where, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileError {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

impl std::error::Error for FileError {}

/// The text of a file, with its name for errors.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// An error at the start of a span.
    pub(crate) fn wrong(&self, at: &Range<usize>, message: impl Into<String>, help: impl Into<String>) -> FileError {
        self.at(at.start, message.into(), Some(help.into()))
    }

    /// The line of an offset, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.text.get(..offset).unwrap_or_default().matches('\n').count() + 1
    }

    fn at(&self, offset: usize, message: String, help: Option<String>) -> FileError {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = self.line(offset);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        FileError { file: self.file.to_owned(), line, column, message, help }
    }

    /// Reads the whole as a type that refuses what it does not know.
    pub(crate) fn read<T: DeserializeOwned>(&self, most: usize) -> Result<T, FileError> {
        if self.text.len() > most {
            let message = format!("the file has {} bytes, the limit is {most}", self.text.len());
            return Err(self.at(0, message, Some("split it".to_owned())));
        }
        toml::from_str(self.text).map_err(|error| {
            let message = error.message().lines().next().unwrap_or("this is not TOML").to_owned();
            let help = help_for(&message);
            self.at(error.span().map_or(0, |span| span.start), message, help)
        })
    }
}

/// What to write instead, for what the reader of TOML says.
fn help_for(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if let Some(rest) = message.strip_prefix("missing field `") {
        let field = rest.split('`').next()?;
        return Some(format!("write `{field} = ...`"));
    }
    let wrong =
        (message.starts_with("unknown field") || message.starts_with("unknown variant")).then(|| quoted.next())??;
    let known: Vec<&str> = quoted.collect();
    nearest(wrong, known).map(|meant| format!("did you mean `{meant}`?"))
}
