//! `testudo init`: a commented configuration file in which every line is the default.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::{Failure, output};
use crate::cli::Format;

/// The file: every key with its default, commented out.
pub const TEMPLATE: &str = include_str!("init/testudo.toml");

pub fn run(format: Format, file: &Path) -> Result<ExitCode, Failure> {
    let mut target = OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            Failure::usage(format!("`{}` exists and is never overwritten; name another file", file.display()))
        } else {
            Failure::dependency(format!("can't write `{}`: {error}", file.display()))
        }
    })?;
    target.write_all(TEMPLATE.as_bytes()).map_err(Failure::dependency)?;
    output::value(format, &serde_json::json!({ "file": file }), |_| {
        output::line(format!("wrote {}; check it with `testudo check`, then run `testudo up`", file.display()));
    });
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::TEMPLATE;
    use crate::config::Config;

    #[test]
    fn every_line_of_the_template_is_a_known_key_with_its_default() {
        let mut text = String::new();
        for line in TEMPLATE.lines() {
            let bare =
                line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '"'));
            match bare {
                Some(setting) if setting.contains(" = ") => text.push_str(setting),
                _ => text.push_str(line),
            }
            text.push('\n');
        }
        let config: Config = toml::from_str(&text).unwrap();
        let optional =
            ["public-url", "admin-url", "issuer", "openapi", "certificate", "key", "ca-file", "health-path", "servers"];
        let written = toml::Value::try_from(&config).unwrap();
        let default = toml::Value::try_from(Config::default()).unwrap();
        for (section, keys) in default.as_table().unwrap() {
            if section == "limits" {
                continue;
            }
            for (key, value) in keys.as_table().unwrap() {
                if !optional.contains(&key.as_str()) {
                    assert_eq!(written.get(section).and_then(|keys| keys.get(key)), Some(value), "{section}.{key}");
                }
            }
        }
    }
}
