//! Where in a configuration file a key stands, so that what is found wrong later is shown at its line too.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use miette::{NamedSource, SourceSpan};

use super::load::ConfigError;

/// The refusal of a value at its line; none where the file does not say it.
pub fn pinpoint(path: &Path, key: &str, message: String) -> Option<ConfigError> {
    let text = std::fs::read_to_string(path).ok()?;
    let place = SourceSpan::from(place_of(&text, key)?);
    let text = NamedSource::new(path.display().to_string(), text);
    Some(ConfigError::Invalid { message, text, place, help: None })
}

/// The line of a key such as `limits.address`: within its section, and not where another section has one of the name. Of
/// sections that repeat, `waf.routes[1].mode` is in the second; what has no line of its own stands in the line of its section.
pub(super) fn place_of(text: &str, key: &str) -> Option<Range<usize>> {
    let wanted = plain(key);
    let (mut section, mut offset) = (String::new(), 0);
    let mut repeated: BTreeMap<String, usize> = BTreeMap::new();
    let (numbered, mut around) = (wanted.contains('['), None);
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        if let Some(name) = content.strip_prefix('[') {
            let many = name.starts_with('[');
            let name = name.trim_start_matches('[').split(']').next().unwrap_or_default();
            section = plain(name);
            if many && numbered {
                let number = repeated.entry(section.clone()).or_default();
                section = format!("{section}[{number}]");
                *number += 1;
                let start = offset + line.len() - line.trim_start().len();
                if wanted == section {
                    return Some(start..start + content.len());
                }
                if wanted.strip_prefix(&section).is_some_and(|rest| rest.starts_with('.')) {
                    around = Some(start..start + content.len());
                }
            }
        } else if let Some((name, _)) = content.split_once('=').filter(|_| !content.starts_with('#')) {
            let name = plain(name);
            let full = if section.is_empty() { name } else { format!("{section}.{name}") };
            if full == wanted {
                let start = offset + line.len() - line.trim_start().len();
                return Some(start..start + content.len());
            }
        }
        offset += line.len();
    }
    // Or the section is written as a list of tables in one line.
    let list = || place_of(text, key.split('[').next().unwrap_or_default());
    around.or_else(|| if numbered { list() } else { None })
}

/// A key without quotes and spaces.
fn plain(key: &str) -> String {
    key.chars().filter(|letter| !matches!(letter, '"' | '\'' | ' ' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const TEXT: &str = "\
# limits.address = \"1/s\"
[limits.in-flight]
address = 5
[limits]
  address = \"x\"   # this one
\"person\" = 1
[[contract.route]]
path = \"/a\"
[[contract.route]]   # the second
path = \"/b\"
[waf]
routes = [{}]
";

    #[test]
    fn a_key_is_found_in_its_own_section() {
        let line = |key: &str| place_of(TEXT, key).map(|place| &TEXT[place]);
        assert_eq!(line("limits.address"), Some("address = \"x\"   # this one"));
        assert_eq!(line("limits.in-flight.address"), Some("address = 5"));
        assert_eq!(line("limits.person"), Some("\"person\" = 1"));
        assert_eq!(line("contract.route.path"), Some("path = \"/a\""));
        assert_eq!(line("contract.route[0].path"), Some("path = \"/a\""));
        assert_eq!(line("contract.route[1].path"), Some("path = \"/b\""));
        assert_eq!(line("contract.route[1].mode"), Some("[[contract.route]]   # the second"));
        assert_eq!(line("contract.route[1]"), Some("[[contract.route]]   # the second"));
        assert_eq!(line("contract.route[2]"), None);
        assert_eq!(line("waf.routes[3].mode"), Some("routes = [{}]"));
        assert_eq!(line("limits.client"), None);
        assert_eq!(line("address"), None);
    }
}
