//! Why a file could not be read. The list of its components is then incomplete, not empty.

/// A file that could not be read, with the place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not what its name says.
    #[error("{file}:{line}: {what}")]
    Malformed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// What is wrong.
        what: String,
    },
    /// It holds more than is read.
    #[error("{file}:{line}: more than {most} {what}")]
    Limit {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// How much is read.
        most: u64,
        /// Of what.
        what: &'static str,
    },
    /// It is of a version of the format that is not known.
    #[error(
        "{file}:{line}: {format} of version `{version}` is not known: write it with an older tool, or update testudo"
    )]
    Version {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// The format.
        format: &'static str,
        /// The version.
        version: String,
    },
}

/// What is wrong, before the file's name is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wrong {
    pub line: u32,
    pub kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Malformed(String),
    Limit(u64, &'static str),
    Version(&'static str, String),
}

impl Wrong {
    pub(super) fn malformed(line: u32, what: impl Into<String>) -> Wrong {
        Wrong { line, kind: Kind::Malformed(what.into()) }
    }

    pub(super) fn limit(line: u32, most: u64, what: &'static str) -> Wrong {
        Wrong { line, kind: Kind::Limit(most, what) }
    }

    pub(super) fn version(line: u32, format: &'static str, version: &str) -> Wrong {
        Wrong { line, kind: Kind::Version(format, shown(version)) }
    }

    pub(super) fn of(self, file: &str) -> ReadError {
        let (file, line) = (file.to_owned(), self.line);
        match self.kind {
            Kind::Malformed(what) => ReadError::Malformed { file, line, what },
            Kind::Limit(most, what) => ReadError::Limit { file, line, most, what },
            Kind::Version(format, version) => ReadError::Version { file, line, format, version },
        }
    }
}

/// A text of the file for an error: without control characters, and at most 80 characters of it.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}
