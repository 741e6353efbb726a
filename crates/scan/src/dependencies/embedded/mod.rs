//! Libraries inside a package, from its files: what their own builds left there, version texts in binaries, and classes.
//!
//! [`Embedded`] takes the files of a package one by one, with or without their bytes, and strings and classes from whoever
//! reads the code. Nothing is unpacked here. A new trace is a function in one of the files, called in [`Embedded::file`].

mod apple;
mod classes;
mod flutter;
mod java;
mod native;
mod react;

pub use apple::Bundle;
pub(super) use classes::prefixes;

use classes::Prefixes;

use super::error::ReadError;
use super::{Component, Ecosystem, Place, Source};

/// The largest text file that is looked at; binaries are searched whatever their size.
const MAX_TEXT: usize = 8 << 20;
/// The most components of one package.
const MAX_COMPONENTS: usize = 50_000;

/// Collects the libraries of a package.
#[derive(Debug, Default)]
pub struct Embedded {
    components: Vec<Component>,
    faults: Vec<ReadError>,
    prefixes: Prefixes,
}

impl Embedded {
    /// With nothing seen yet.
    pub fn new() -> Embedded {
        Embedded::default()
    }

    /// Whether the bytes of a file with this path are of use; of others the path alone is.
    pub fn wants(path: &str) -> bool {
        java::wants(path) || flutter::wants(path) || react::wants(path) || native::wants(path) || apple::wants(path)
    }

    /// Looks at a file of the package; its path has `/` and no leading one. A file that should tell and can't be read is
    /// noted as a [fault](Self::faults).
    pub fn file(&mut self, path: &str, bytes: &[u8]) {
        let text = bytes.len() <= MAX_TEXT;
        let outcome = if java::wants(path) && text {
            java::read(path, bytes)
        } else if flutter::wants(path) && text {
            Ok(flutter::read(path, bytes))
        } else if apple::wants(path) && text {
            apple::read(path, bytes)
        } else if native::wants(path) {
            Ok(native::read(path, bytes))
        } else if react::wants(path) {
            Ok(react::read(path, bytes))
        } else {
            Ok(Vec::new())
        };
        match outcome {
            Ok(found) => found.into_iter().for_each(|component| self.add(component)),
            Err(wrong) => self.faults.push(wrong.of(path)),
        }
    }

    /// Looks at the name of a class in the code: `okhttp3.internal.Util`, or as a descriptor `Lokhttp3/internal/Util;`.
    pub fn class(&mut self, name: &str) {
        self.prefixes.class(name);
    }

    /// Looks at a string constant of the code, with the class that holds it when known.
    pub fn string(&mut self, text: &str, class: Option<&str>) {
        if let Some(component) = classes::version_text(text, class) {
            self.add(component);
        }
    }

    /// An Apple bundle inside the app, such as a framework, whose property list the caller has read.
    pub fn bundle(&mut self, path: &str, bundle: &Bundle<'_>) {
        if let Some(component) = apple::component(path, bundle) {
            self.add(component);
        }
    }

    /// What should tell about libraries but can't be read.
    pub fn faults(&self) -> &[ReadError] {
        &self.faults
    }

    /// The libraries, with those that only their classes show.
    pub fn finish(mut self) -> Vec<Component> {
        let prefixes = std::mem::take(&mut self.prefixes);
        for component in prefixes.components() {
            self.add(component);
        }
        self.components
    }

    fn add(&mut self, component: Component) {
        let sound = |text: &str| !text.is_empty() && text.len() <= 512 && !text.chars().any(char::is_control);
        let version = component.version.as_deref().is_none_or(sound);
        if self.components.len() < MAX_COMPONENTS && sound(&component.name) && version {
            self.components.push(component);
        }
    }
}

fn found(ecosystem: Ecosystem, name: &str, version: Option<&str>, path: &str, source: Source) -> Component {
    let place = Place { file: path.to_owned(), line: None, source };
    Component::new(ecosystem, name, version.filter(|version| !version.is_empty()), place)
}

/// Whether a text is written as a version: digits first, then digits, letters and `.-_+`.
fn is_version(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
}
