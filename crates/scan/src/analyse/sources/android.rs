//! What the manifests of an Android app's sources say, with the API levels of the build's files.

use std::collections::BTreeMap;

use jiff::civil::Date;
use testudo_package::manifest::Manifest;
use testudo_package::netconfig::NetworkConfig;

use super::xml::{Build, MAX_BYTES, document};
use crate::analyse::ledger::Ledger;
use crate::facts::resources::{Role, referred};
use crate::facts::{self, Facts};

/// The manifests and the files beside them, until all are there.
#[derive(Default)]
pub(super) struct Android {
    build: Build,
    manifests: BTreeMap<String, Vec<u8>>,
    /// Files under `res/xml`, to which manifests refer.
    documents: BTreeMap<String, Vec<u8>>,
}

impl Android {
    /// Looks at a file.
    pub(super) fn file(&mut self, path: &str, bytes: &[u8]) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let of_tests = folder.split('/').any(|part| matches!(part, "test" | "androidTest" | "debug"));
        if bytes.len() > MAX_BYTES || of_tests {
            return;
        }
        if name == "AndroidManifest.xml" {
            self.manifests.insert(path.to_owned(), bytes.to_vec());
        } else if name.as_bytes().ends_with(b".xml") && folder.ends_with("res/xml") {
            self.documents.insert(path.to_owned(), bytes.to_vec());
        } else if matches!(name, "build.gradle" | "build.gradle.kts")
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            self.gradle(text);
        }
    }

    /// The API levels and the name, where they are written as they are.
    fn gradle(&mut self, text: &str) {
        for line in text.lines().map(str::trim) {
            let value = |names: &[&str]| names.iter().find_map(|name| value_of(line, name));
            let number = |names: &[&str]| value(names).and_then(|value| value.parse().ok());
            self.build.min_sdk = self.build.min_sdk.or_else(|| number(&["minSdk", "minSdkVersion"]));
            self.build.target_sdk = self.build.target_sdk.or_else(|| number(&["targetSdk", "targetSdkVersion"]));
            self.build.package = self.build.package.take().or_else(|| value(&["applicationId", "namespace"]));
        }
    }

    /// The app's name, if a file of the build tells it.
    pub(super) fn package(&self) -> Option<String> {
        self.build.package.clone()
    }

    /// The facts of all manifests.
    pub(super) fn rows(&self, today: Date, facts: &mut Facts, ledger: &mut Ledger<'_>) {
        for (path, bytes) in &self.manifests {
            let known = self.build.target_sdk.is_some() || memchr::memmem::find(bytes, b"targetSdkVersion").is_some();
            if !known {
                ledger.leave_out_named(
                    path,
                    "no API level is written in it or in a build file, on which its meaning depends",
                );
                continue;
            }
            let document = match document(bytes, &self.build) {
                Ok(document) => document,
                Err(error) => {
                    ledger.gap(path, format!("line {}: {}", error.line, error.kind));
                    continue;
                }
            };
            match Manifest::read(&document, None) {
                Ok(manifest) => self.manifest(path, &manifest, today, facts, ledger),
                Err(error) => ledger.gap(path, error.to_string()),
            }
        }
    }

    fn manifest(&self, path: &str, manifest: &Manifest<'_>, today: Date, facts: &mut Facts, ledger: &mut Ledger<'_>) {
        facts::manifest::rows(manifest, path, facts);
        let folder = path.strip_suffix("AndroidManifest.xml").unwrap_or_default();
        for (role, name) in referred(manifest) {
            let Some(name) = name.strip_prefix("@xml/") else { continue };
            let file = format!("{folder}res/xml/{name}.xml");
            let Some(bytes) = self.documents.get(&file) else { continue };
            let Ok(document) = document(bytes, &Build::default()) else {
                ledger.gap(file, "this is not XML");
                continue;
            };
            match role {
                Role::NetworkConfig => match NetworkConfig::read(&document) {
                    Ok(config) => {
                        facts::network::rows(&config, &file, facts::manifest::target_sdk(manifest), today, facts);
                    }
                    Err(error) => ledger.gap(file, error.to_string()),
                },
                role => facts::resources::rows(&document, &role, &file, facts),
            }
        }
    }
}

/// The value of `name = value`, `name value` or `name("value")`.
fn value_of(line: &str, name: &str) -> Option<String> {
    let rest = line.strip_prefix(name)?;
    let rest = rest.trim_start_matches([' ', '=', '(']);
    let value = rest.trim_end_matches([')', ' ', ';']).trim_matches(['"', '\'']);
    let whole =
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
    (rest.len() < line.len() - name.len() && whole).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_from_both_kinds_of_build_files() {
        for text in [
            "android {\n  namespace = \"org.example.app\"\n  minSdk = 26\n  targetSdk = 35\n}",
            "  applicationId 'org.example.app'\n  minSdkVersion 26\n  targetSdkVersion(35)",
        ] {
            let mut android = Android::default();
            android.file("app/build.gradle", text.as_bytes());
            assert_eq!(android.package().as_deref(), Some("org.example.app"), "{text}");
            assert_eq!((android.build.min_sdk, android.build.target_sdk), (Some(26), Some(35)), "{text}");
        }
        assert_eq!(value_of("minSdkfoo 3", "minSdk"), None);
        assert_eq!(value_of("minSdk = libs.versions.min.get().toInt()", "minSdk"), None);
    }
}
