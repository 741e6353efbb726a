//! Reading the configuration: file, then environment, then command line.
//!
//! `TESTUDO__SERVER__PUBLIC_URL=https://api.example.org` sets `server.public-url`. Values that parse as TOML are taken as such, others as
//! strings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::Deserialize;
use testudo_core::EventKind;

use super::{Config, duration};

/// The prefix of variables that overlay the file.
const PREFIX: &str = "TESTUDO__";
/// A configuration is a page or two; what is larger is something else.
const MAX_BYTES: u64 = 1024 * 1024;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the configuration `{path}`: {source}")]
    #[diagnostic(help("`testudo init` writes a commented one"))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that is not understood.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// The file.
        #[source_code]
        text: NamedSource<String>,
        /// Where.
        #[label("here")]
        place: SourceSpan,
        /// What to do.
        #[help]
        help: Option<String>,
    },
    /// A variable says something that is not understood.
    #[error("the environment variable `{variable}` is refused: {message}")]
    Environment {
        /// The variable.
        variable: String,
        /// What is wrong.
        message: String,
    },
    /// A value is understood and can't work.
    #[error("`{key}`: {message}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
}

/// What the command line says on top of the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--upstream`
    pub upstream: Vec<String>,
    /// `--public`
    pub public: Vec<String>,
    /// `--openapi`
    pub openapi: Option<PathBuf>,
    /// `--listen`
    pub listen: Vec<SocketAddr>,
    /// `--admin`
    pub admin: Option<SocketAddr>,
    /// `--name`
    pub names: Vec<String>,
    /// `--observe`
    pub observe: bool,
    /// `--log-format`
    pub log_format: Option<super::LogFormat>,
}

/// Reads and joins file, environment and command line.
pub fn load(
    path: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Config, ConfigError> {
    let mut table = toml::Table::new();
    let mut text = String::new();
    if let Some(path) = path {
        text = read(path)?;
        let at = |error: &toml::de::Error| invalid(path, &text, error);
        toml::from_str::<Config>(&text).map_err(|error| at(&error))?;
        table = toml::from_str(&text).map_err(|error| at(&error))?;
    }
    let mut config = overlay(table, environment)?;
    apply(&mut config, overrides);
    validate(&config).map_err(|error| locate(error, path, &text))?;
    Ok(config)
}

fn read(path: &Path) -> Result<String, ConfigError> {
    use std::io::Read as _;
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(failed(std::io::Error::other("it is larger than 1 MiB")));
    }
    Ok(text)
}

fn invalid(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let message = error.message().to_owned();
    let span = error.span().unwrap_or(0..0);
    ConfigError::Invalid {
        help: suggestion(&message),
        message,
        text: NamedSource::new(path.display().to_string(), text.to_owned()),
        place: SourceSpan::from(span),
    }
}

/// Points a refused value at its line in the file, where the file has it.
fn locate(error: ConfigError, path: Option<&Path>, text: &str) -> ConfigError {
    let ConfigError::Value { key, message } = &error else { return error };
    let Some(path) = path else { return error };
    // The value itself, where the message begins with it and the file says it but once.
    let quoted = message.strip_prefix('`').and_then(|rest| Some(format!("\"{}\"", rest.split_once('`')?.0)));
    if let Some(quoted) = quoted.filter(|_| key.starts_with("masking") || key.starts_with("privacy"))
        && let Some(start) = text.find(&quoted)
    {
        return ConfigError::Invalid {
            message: format!("`{key}`: {message}"),
            text: NamedSource::new(path.display().to_string(), text.to_owned()),
            place: SourceSpan::from((start, quoted.len())),
            help: None,
        };
    }
    match super::place::place_of(text, key) {
        Some(place) => ConfigError::Invalid {
            message: format!("`{key}`: {message}"),
            text: NamedSource::new(path.display().to_string(), text.to_owned()),
            place: SourceSpan::from(place),
            help: None,
        },
        None => error,
    }
}

/// Turns serde's "unknown field `x`, expected one of `a`, `b`", or that of a variant, into the nearest known name.
fn suggestion(message: &str) -> Option<String> {
    if message == "invalid socket address syntax" {
        return Some("write an address with its port, such as `127.0.0.1:8443` or `[::1]:8443`".into());
    }
    let rest = message.strip_prefix("unknown field `").or_else(|| message.strip_prefix("unknown variant `"))?;
    let (unknown, expected) = rest.split_once('`')?;
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let nearest = known.iter().min_by_key(|name| distance(unknown, name))?;
    if distance(unknown, nearest) <= unknown.len().max(nearest.len()) / 2 {
        Some(format!("did you mean `{nearest}`?"))
    } else {
        Some(format!("known here: {}", known.join(", ")))
    }
}

/// The Levenshtein distance.
pub fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&right) {
            let cost = (diagonal + usize::from(a != *b)).min(*cell + 1).min(before + 1);
            diagonal = std::mem::replace(cell, cost);
            before = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

fn overlay(mut table: toml::Table, environment: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
    let mut last = None;
    let mut variables: Vec<_> = environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    variables.sort();
    for (variable, value) in variables {
        let path: Vec<String> =
            variable.trim_start_matches(PREFIX).split("__").map(|part| part.to_lowercase().replace('_', "-")).collect();
        let refused = |message: String| ConfigError::Environment { variable: variable.clone(), message };
        set(&mut table, &path, toml_value(&value)).map_err(refused)?;
        Config::deserialize(table.clone()).map_err(|error| refused(error.message().to_owned()))?;
        last = Some(variable);
    }
    Config::deserialize(table).map_err(|error| ConfigError::Environment {
        variable: last.unwrap_or_default(),
        message: error.message().to_owned(),
    })
}

fn toml_value(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn set(table: &mut toml::Table, path: &[String], value: toml::Value) -> Result<(), String> {
    match path {
        [] => Err("it names no key".into()),
        [key] => {
            table.insert(key.clone(), value);
            Ok(())
        }
        [section, rest @ ..] => {
            let entry = table.entry(section.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            let inner = entry.as_table_mut().ok_or_else(|| format!("`{section}` is not a section"))?;
            set(inner, rest, value)
        }
    }
}

fn apply(config: &mut Config, overrides: &Overrides) {
    if !overrides.upstream.is_empty() {
        config.upstream.servers.clone_from(&overrides.upstream);
    }
    if !overrides.listen.is_empty() {
        config.server.listen.clone_from(&overrides.listen);
    }
    if let Some(admin) = overrides.admin {
        config.server.admin = admin;
    }
    if let Some(openapi) = &overrides.openapi {
        config.contract.openapi = Some(openapi.clone());
    }
    if let Some(format) = overrides.log_format {
        config.log.format = format;
    }
    config.contract.public.extend(overrides.public.iter().cloned());
    config.server.names.extend(overrides.names.iter().cloned());
    config.server.observe |= overrides.observe;
}

fn validate(config: &Config) -> Result<(), ConfigError> {
    let refuse = |key: &str, message: &str| Err(ConfigError::Value { key: key.into(), message: message.into() });
    if config.server.listen.is_empty() {
        return refuse("server.listen", "name at least one address, such as `127.0.0.1:8443`");
    }
    if config.tls.certificate.is_some() != config.tls.key.is_some() {
        return refuse("tls.certificate", "name both `tls.certificate` and `tls.key`, or neither");
    }
    if config.contract.openapi.is_some() && config.contract.learn.is_some() {
        return refuse(
            "contract.learn",
            "a first contract is learned while there is none: remove `contract.openapi`, or this",
        );
    }
    if config.contract.openapi.is_some() && !config.contract.public.is_empty() {
        return refuse(
            "contract.public",
            "with an OpenAPI file its `security` says what is public; remove one of them",
        );
    }
    if config.server.workers > 256 {
        return refuse("server.workers", "use at most 256, or 0 for one per core");
    }
    if !(1024..=1024 * 1024 * 1024).contains(&config.server.max_body) {
        return refuse("server.max-body", "use 1 KiB to 1 GiB, in bytes");
    }
    let lifetime = config.identity.access_token_lifetime.as_secs();
    if !(30..=3600).contains(&lifetime) {
        return refuse("identity.access-token-lifetime", "use `30s` to `1h`; refresh tokens carry a sign-in further");
    }
    super::masking::validate(&config.masking, &config.privacy)?;
    super::response::validate(&config.response)?;
    super::risk::validate(&config.risk)?;
    super::firewall::validate(&config.waf)?;
    super::export::validate(&config.export, &config.notify)?;
    for (kind, text) in &config.retention.kinds {
        let key = format!("retention.kinds.\"{kind}\"");
        if kind.parse::<EventKind>().is_err() {
            let nearest = EventKind::ALL.iter().min_by_key(|known| distance(kind, known.name()));
            let nearest = nearest.map_or("", |kind| kind.name());
            return refuse(&key, &format!("not an event kind; did you mean `{nearest}`?"));
        }
        if let Err(error) = duration::parse(text) {
            return refuse(&key, &error.to_string());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::io::Write as _;

    use super::{Config, ConfigError, Overrides, load};

    fn from_text(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(Some(file.path()), environment, &Overrides::default())
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(from_text("", &[]).unwrap().public_url(), "https://localhost:8443");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
        let error = from_text("[server]\nadmin = \"127.0.0.1:1\"\nworker = 3\n", &[]).unwrap_err();
        let ConfigError::Invalid { message, place, help, .. } = error else { unreachable!("{error}") };
        assert!(message.starts_with("unknown field `worker`"), "{message}");
        assert_eq!(place.offset(), 31);
        assert_eq!(help.as_deref(), Some("did you mean `workers`?"));
    }

    #[test]
    fn a_value_that_cannot_work_is_shown_in_its_line() {
        let error = from_text("[identity]\naccess-token-lifetime = \"2d\"\n", &[]).unwrap_err();
        let ConfigError::Invalid { message, place, .. } = error else { unreachable!("{error}") };
        assert!(message.contains("`30s` to `1h`"), "{message}");
        assert_eq!(place.offset(), 11);
    }

    #[test]
    fn the_environment_overlays_the_file() {
        let config = from_text(
            "[server]\nworkers = 3\n",
            &[
                ("TESTUDO__SERVER__WORKERS", "5"),
                ("TESTUDO__SERVER__ADMIN", "127.0.0.1:9444"),
                ("TESTUDO__CONTRACT__PUBLIC", "[\"/health\"]"),
                ("UNRELATED", "1"),
            ],
        )
        .unwrap();
        assert_eq!(config.server.workers, 5);
        assert_eq!(config.server.admin.port(), 9444);
        assert_eq!(config.contract.public, ["/health"]);
    }

    #[test]
    fn a_bad_variable_is_named() {
        let error = from_text("", &[("TESTUDO__SERVER__WORKER", "5")]).unwrap_err();
        assert!(error.to_string().contains("TESTUDO__SERVER__WORKER"), "{error}");
    }

    #[test]
    fn an_unknown_event_kind_is_refused_with_the_nearest() {
        let error = from_text("[retention.kinds]\n\"request.decide\" = \"3d\"\n", &[]).unwrap_err();
        assert!(error.to_string().contains("did you mean `request.decided`?"), "{error}");
    }
}
