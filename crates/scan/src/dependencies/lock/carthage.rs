//! `Cartfile.resolved`: lines `github "owner/name" "version"`, also with `git` and `binary` and an address.

use super::{Found, Wrong};
use crate::dependencies::error::shown;
use crate::dependencies::{Ecosystem, address, tree};

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    for (index, text) in tree::text(bytes)?.lines().enumerate() {
        let line = tree::to_line(index + 1);
        let entry = text.trim();
        if entry.is_empty() || entry.starts_with('#') {
            continue;
        }
        let malformed =
            || Wrong::malformed(line, format!("`{}` is not `github \"owner/name\" \"version\"`", shown(entry)));
        let mut parts = entry.split('"');
        let (kind, source) = (parts.next().map(str::trim), parts.next());
        let (between, version, rest) = (parts.next().map(str::trim), parts.next(), parts.next().map(str::trim));
        let (Some(kind), Some(source), Some(""), Some(version), Some("")) = (kind, source, between, version, rest)
        else {
            return Err(malformed());
        };
        if parts.next().is_some() || source.is_empty() {
            return Err(malformed());
        }
        let (name, origin) = match kind {
            "github" if source.contains("://") => (address::name(source), source.to_owned()),
            "github" => (format!("github.com/{source}"), format!("https://github.com/{source}.git")),
            "git" | "binary" => (address::name(source), source.to_owned()),
            _ => return Err(malformed()),
        };
        let (_, component) = found.add(Ecosystem::Carthage, &name, Some(version), line)?;
        component.origin = Some(origin);
    }
    Ok(())
}
