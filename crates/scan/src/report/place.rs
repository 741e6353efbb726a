//! Where a finding is, in the terms of what is there: code, manifest, resource, library, dependency.

use serde::{Deserialize, Serialize};

use super::descriptor::{class_name, method_name};

/// A place in a package or folder. Files are paths in it, with `/`; a package within a package is followed by `!/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Place {
    /// The package as a whole.
    Package,
    /// A file.
    File {
        /// The file.
        file: String,
    },
    /// A line of a text.
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// The column, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        column: Option<u32>,
    },
    /// A class or method.
    Code {
        /// The file that holds the code, such as `classes2.dex`.
        file: String,
        /// The class as a descriptor: `Lorg/example/Http;`, or its name in other languages.
        class: String,
        /// The method with its descriptor: `check([BLjava/lang/String;)V`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<String>,
        /// The name of the source file, if the code tells: `Http.kt`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// The line in the source file, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
    },
    /// An element or attribute of a manifest, plist or other configuration.
    Manifest {
        /// The file.
        file: String,
        /// The way to it: `application/activity[.Main]@exported`.
        path: String,
    },
    /// A resource.
    Resource {
        /// The file.
        file: String,
        /// Its name: `string/api_key`.
        name: String,
    },
    /// A native library.
    Native {
        /// The file.
        file: String,
        /// A symbol or section in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        symbol: Option<String>,
    },
    /// A dependency.
    Dependency {
        /// Its package URL: `pkg:maven/com.squareup.okhttp3/okhttp@4.9.0`.
        purl: String,
        /// The file that names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
}

impl Place {
    /// The file, or the package URL where there is none; empty for the whole package.
    pub fn path(&self) -> &str {
        match self {
            Place::Package => "",
            Place::File { file }
            | Place::Line { file, .. }
            | Place::Code { file, .. }
            | Place::Manifest { file, .. }
            | Place::Resource { file, .. }
            | Place::Native { file, .. }
            | Place::Dependency { file: Some(file), .. } => file,
            Place::Dependency { purl, file: None } => purl,
        }
    }

    /// What is meant within the path, as its format names it.
    pub fn within(&self) -> Option<String> {
        match self {
            Place::Package | Place::File { .. } | Place::Dependency { file: None, .. } => None,
            Place::Line { line, .. } => Some(line.to_string()),
            Place::Code { class, method, .. } => Some(match method {
                Some(method) => format!("{class}->{method}"),
                None => class.clone(),
            }),
            Place::Manifest { path, .. } => Some(path.clone()),
            Place::Resource { name, .. } => Some(name.clone()),
            Place::Native { symbol, .. } => symbol.clone(),
            Place::Dependency { purl, .. } => Some(purl.clone()),
        }
    }

    /// For people, as short as is clear.
    pub fn label(&self) -> String {
        match self {
            Place::Package => "the whole package".to_owned(),
            Place::File { file } | Place::Native { file, symbol: None } => file.clone(),
            Place::Line { file, line, column: None } => format!("{file}:{line}"),
            Place::Line { file, line, column: Some(column) } => format!("{file}:{line}:{column}"),
            Place::Code { class, method: None, .. } => class_name(class),
            Place::Code { class, method: Some(method), .. } => format!("{}.{}", class_name(class), method_name(method)),
            Place::Manifest { file, path } => format!("{file}: {path}"),
            Place::Resource { file, name } => format!("@{name} in {file}"),
            Place::Native { file, symbol: Some(symbol) } => format!("{file}: {symbol}"),
            Place::Dependency { purl, .. } => purl_label(purl),
        }
    }

    /// What else helps to get there: `Http.kt:42`, or the file that holds the code.
    pub fn hint(&self) -> Option<String> {
        match self {
            Place::Code { source: Some(source), line: Some(line), .. } => Some(format!("{source}:{line}")),
            Place::Code { source: Some(source), .. } => Some(source.clone()),
            Place::Code { file, .. } => Some(file.clone()),
            Place::Dependency { file, .. } => file.clone(),
            _ => None,
        }
    }

    /// The file that people edit, as far as the package tells: `org/example/Http.kt` for code of a class with a known
    /// source file; else the path.
    pub fn artifact(&self) -> String {
        let Place::Code { file, class, source, .. } = self else { return self.path().to_owned() };
        let Some(class) = class.strip_prefix('L').and_then(|class| class.strip_suffix(';')) else {
            return file.clone();
        };
        let (package, class) = class.rsplit_once('/').unwrap_or(("", class));
        // A source file's name is the package's word: no more of it than a name is used.
        let source = source.as_deref().filter(|source| !source.contains(['/', '\\']) && !source.is_empty());
        let name = source.unwrap_or_else(|| class.split('$').next().unwrap_or(class));
        if package.is_empty() { name.to_owned() } else { format!("{package}/{name}") }
    }

    /// The line in the file that people edit, if it is known.
    pub fn line(&self) -> Option<u32> {
        match self {
            Place::Line { line, .. } => Some(*line),
            Place::Code { line, .. } => *line,
            _ => None,
        }
    }

    /// What names the place over rebuilds: no line, no DEX file, no ABI, no version of a dependency.
    pub(super) fn identity(&self) -> String {
        match self {
            Place::Package => "package".to_owned(),
            Place::File { file } | Place::Line { file, .. } => format!("file {file}"),
            Place::Code { class, method, .. } => format!("code {class}->{}", method.as_deref().unwrap_or_default()),
            Place::Manifest { file, path } => format!("manifest {file} {path}"),
            Place::Resource { name, .. } => format!("resource {name}"),
            Place::Native { file, symbol } => {
                let library = file.rsplit('/').next().unwrap_or(file);
                format!("native {library} {}", symbol.as_deref().unwrap_or_default())
            }
            Place::Dependency { purl, .. } => format!("dependency {}", purl_parts(purl).0),
        }
    }

    /// The names by which a suppression may mean it, each with the character that parts it.
    pub(crate) fn names(&self) -> Vec<(String, char)> {
        // A label of code is parted by dots, and is among the names below.
        let label = (!matches!(self, Place::Code { .. })).then(|| (self.label(), '/'));
        let mut names: Vec<(String, char)> = label.into_iter().collect();
        match self {
            Place::Package => {}
            Place::Code { file, class, method, .. } => {
                let class = class_name(class);
                if let Some(method) = method {
                    let name = method.split('(').next().unwrap_or(method);
                    names.push((format!("{class}.{name}"), '.'));
                    names.push((format!("{class}.{}", method_name(method)), '.'));
                }
                names.push((class, '.'));
                names.push((file.clone(), '/'));
            }
            Place::Manifest { file, path } => names.extend([(path.clone(), '/'), (file.clone(), '/')]),
            Place::Resource { file, name } => names.extend([(name.clone(), '/'), (file.clone(), '/')]),
            Place::Dependency { purl, file } => {
                names.extend([(purl.clone(), '/'), (purl_parts(purl).0.to_owned(), '/')]);
                names.extend(file.clone().map(|file| (file, '/')));
            }
            Place::File { .. } | Place::Line { .. } | Place::Native { .. } => names.push((self.path().to_owned(), '/')),
        }
        names
    }
}

/// A package URL without version, qualifiers and subpath; and the version.
fn purl_parts(purl: &str) -> (&str, Option<&str>) {
    let bare = purl.split(['?', '#']).next().unwrap_or(purl);
    // An at sign of a scope (`pkg:npm/@scope/name`) is followed by a slash.
    match bare.rsplit_once('@') {
        Some((name, version)) if !version.contains('/') => (name, Some(version)),
        _ => (bare, None),
    }
}

/// `okhttp 4.9.0 (pkg:maven/com.squareup.okhttp3/okhttp)`.
fn purl_label(purl: &str) -> String {
    let (bare, version) = purl_parts(purl);
    let name = bare.rsplit('/').next().unwrap_or(bare);
    match version {
        Some(version) => format!("{name} {version} ({bare})"),
        None => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purls_are_parted() {
        assert_eq!(purl_parts("pkg:npm/@scope/name@1.2.3?arch=x#lib"), ("pkg:npm/@scope/name", Some("1.2.3")));
        assert_eq!(purl_parts("pkg:npm/@scope/name"), ("pkg:npm/@scope/name", None));
        assert_eq!(purl_label("pkg:maven/a.b/c@1"), "c 1 (pkg:maven/a.b/c)");
    }

    #[test]
    fn identity_leaves_out_what_moves() {
        let code = |file: &str, line| Place::Code {
            file: file.into(),
            class: "La/B;".into(),
            method: Some("c()V".into()),
            source: Some("B.kt".into()),
            line,
        };
        assert_eq!(code("classes.dex", Some(4)).identity(), code("classes2.dex", None).identity());
        let native = |abi: &str| Place::Native { file: format!("lib/{abi}/libx.so"), symbol: None };
        assert_eq!(native("x86").identity(), native("arm64-v8a").identity());
    }
}
