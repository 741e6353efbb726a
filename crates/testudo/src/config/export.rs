//! `[[export]]` and `[[notify]]`: where events go, and how people are told.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use testudo_core::{EventKind, Severity};
use testudo_export::format::Format;

use super::ConfigError;
use super::load::distance;

/// The most targets, and the most channels.
const MOST: usize = 16;
/// A file is rotated at this size.
const ROTATE: u64 = 64 * 1024 * 1024;

/// One target of exports.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExportConfig {
    /// Its name, under which its place is kept.
    pub name: String,
    /// What it is.
    pub kind: ExportKind,
    /// `file`: the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// `file`: the size in bytes at which it is renamed and begun anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate: Option<u64>,
    /// `syslog`: `tls://host:6514` or `tcp://host:601`. `bulk` and `otlp`: `https://…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `bulk`: the index or data stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// `rfc5424`, `cef`, `ocsf` or `ecs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// `syslog`: the facility, 0 to 23.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facility: Option<u8>,
    /// `syslog`: when a batch counts as taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<AcknowledgeKey>,
    /// PEM file of the CA behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// `bulk` and `otlp`: a file with the value of the `Authorization` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_file: Option<PathBuf>,
    /// Only these kinds of events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Only events at least this bad.
    #[serde(default = "least", skip_serializing_if = "is_least")]
    pub severity: Severity,
    /// Where it begins when it is new.
    #[serde(default)]
    pub from: Beginning,
    /// Whether personal data leave.
    #[serde(default)]
    pub include: Include,
}

/// What a target is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportKind {
    /// Lines of a file.
    File,
    /// A syslog receiver.
    Syslog,
    /// A bulk API.
    Bulk,
    /// An OTLP receiver.
    Otlp,
}

impl ExportKind {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            ExportKind::File => "file",
            ExportKind::Syslog => "syslog",
            ExportKind::Bulk => "bulk",
            ExportKind::Otlp => "otlp",
        }
    }
}

/// When a batch of syslog counts as taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcknowledgeKey {
    /// When the receiver closed its side after ours.
    Closed,
    /// When it was written.
    Written,
}

/// Where a new target begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beginning {
    /// With what happens from now on.
    #[default]
    Now,
    /// With the first entry of the journal.
    Start,
}

/// What leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Include {
    /// What is in plain: pseudonyms stand for people, devices and addresses.
    #[default]
    Plain,
    /// Ids, addresses, paths and personal facts too.
    Personal,
}

/// One channel by which people are told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NotifyConfig {
    /// Its name, as playbooks call it.
    pub name: String,
    /// What it is.
    pub kind: NotifyKind,
    /// `mail`: `smtp://host:587` (STARTTLS) or `smtps://host:465`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// `mail`: who sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `mail`: who receives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// `mail`: a file with the user's name in its first line and the password in its second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// `webhook`: where to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `webhook`: a file with one or two secrets `whsec_…`, one a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// PEM file of the CA behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// What a channel is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotifyKind {
    /// Mail over SMTP.
    Mail,
    /// A signed request.
    Webhook,
}

const fn least() -> Severity {
    Severity::Informational
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_least(severity: &Severity) -> bool {
    *severity == Severity::Informational
}

impl ExportConfig {
    /// The kinds that it wants; all when there are none.
    pub fn wanted(&self) -> Vec<EventKind> {
        self.kinds.iter().filter_map(|kind| kind.parse().ok()).collect()
    }

    /// The format, by default that which its kind is made for.
    pub fn format(&self) -> Format {
        self.format.unwrap_or(match self.kind {
            ExportKind::File => Format::Ocsf,
            ExportKind::Syslog => Format::Rfc5424,
            ExportKind::Bulk | ExportKind::Otlp => Format::Ecs,
        })
    }

    /// The size at which a file is rotated.
    pub fn rotate(&self) -> u64 {
        self.rotate.unwrap_or(ROTATE)
    }
}

/// Refuses what can't work; files and addresses are looked at when targets and channels are made of it.
pub fn validate(exports: &[ExportConfig], channels: &[NotifyConfig]) -> Result<(), ConfigError> {
    names("export.name", exports.iter().map(|export| &*export.name))?;
    names("notify.name", channels.iter().map(|channel| &*channel.name))?;
    exports.iter().try_for_each(export)?;
    channels.iter().try_for_each(channel)
}

fn refuse(key: &str, message: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.into(), message: message.into() }
}

fn names<'n>(key: &str, names: impl Iterator<Item = &'n str>) -> Result<(), ConfigError> {
    let mut known = BTreeSet::new();
    for name in names {
        let fits = (1..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !fits {
            return Err(refuse(key, format!("`{name}` is no name; use 1 to 32 characters of `a-z 0-9 -`")));
        }
        if !known.insert(name) {
            return Err(refuse(key, format!("`{name}` stands twice")));
        }
    }
    if known.len() > MOST { Err(refuse(key, format!("name at most {MOST} of them"))) } else { Ok(()) }
}

/// A key that must or must not be there.
fn belongs(name: &str, key: &str, is_there: bool, kind: &str, may: bool, must: bool) -> Result<(), ConfigError> {
    match (is_there, may, must) {
        (true, false, _) => Err(refuse(key, format!("`{name}` is of kind `{kind}`, which has no such key; remove it"))),
        (false, _, true) => Err(refuse(key, format!("`{name}` is of kind `{kind}`, which needs it"))),
        _ => Ok(()),
    }
}

fn export(export: &ExportConfig) -> Result<(), ConfigError> {
    use ExportKind::{Bulk, File, Otlp, Syslog};
    let kind = export.kind;
    let over_http = matches!(kind, Bulk | Otlp);
    for (key, is_there, may, must) in [
        ("export.path", export.path.is_some(), kind == File, kind == File),
        ("export.rotate", export.rotate.is_some(), kind == File, false),
        ("export.url", export.url.is_some(), kind != File, kind != File),
        ("export.index", export.index.is_some(), kind == Bulk, kind == Bulk),
        ("export.format", export.format.is_some(), kind != Otlp, false),
        ("export.facility", export.facility.is_some(), kind == Syslog, false),
        ("export.acknowledge", export.acknowledge.is_some(), kind == Syslog, false),
        ("export.ca-file", export.ca_file.is_some(), kind != File, false),
        ("export.authorization-file", export.authorization_file.is_some(), over_http, false),
    ] {
        belongs(&export.name, key, is_there, kind.name(), may, must)?;
    }
    if kind == Bulk && !matches!(export.format(), Format::Ecs | Format::Ocsf) {
        return Err(refuse("export.format", "documents of a bulk API are `ecs` or `ocsf`"));
    }
    if export.facility.is_some_and(|facility| facility > 23) {
        return Err(refuse("export.facility", "use 0 to 23; 13 is `log audit`"));
    }
    if export.rotate().checked_sub(64 * 1024).is_none() {
        return Err(refuse("export.rotate", "use at least 65536, in bytes"));
    }
    if let Some(index) = &export.index {
        let fits = (1..=128).contains(&index.len())
            && index.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && index.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
        if !fits {
            return Err(refuse("export.index", "use 1 to 128 characters of `a-z 0-9 . _ -`, a letter or digit first"));
        }
    }
    for kind in &export.kinds {
        if kind.parse::<EventKind>().is_err() {
            let nearest = EventKind::ALL.iter().min_by_key(|known| distance(kind, known.name()));
            let nearest = nearest.map_or("", |kind| kind.name());
            return Err(refuse("export.kinds", format!("`{kind}` is not an event kind; did you mean `{nearest}`?")));
        }
    }
    Ok(())
}

fn channel(channel: &NotifyConfig) -> Result<(), ConfigError> {
    let (is_mail, name) = match channel.kind {
        NotifyKind::Mail => (true, "mail"),
        NotifyKind::Webhook => (false, "webhook"),
    };
    for (key, is_there, may, must) in [
        ("notify.server", channel.server.is_some(), is_mail, is_mail),
        ("notify.from", channel.from.is_some(), is_mail, is_mail),
        ("notify.to", !channel.to.is_empty(), is_mail, is_mail),
        ("notify.credentials-file", channel.credentials_file.is_some(), is_mail, false),
        ("notify.url", channel.url.is_some(), !is_mail, !is_mail),
        ("notify.secret-file", channel.secret_file.is_some(), !is_mail, !is_mail),
    ] {
        belongs(&channel.name, key, is_there, name, may, must)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        export: Vec<ExportConfig>,
        #[serde(default)]
        notify: Vec<NotifyConfig>,
    }

    fn read(text: &str) -> Result<(), String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        validate(&file.export, &file.notify).map_err(|error| error.to_string())
    }

    #[test]
    fn what_can_not_work_is_refused_by_its_key() {
        let good = [
            "[[export]]\nname = \"a\"\nkind = \"file\"\npath = \"x\"\nformat = \"cef\"\nfrom = \"start\"",
            "[[export]]\nname = \"a\"\nkind = \"syslog\"\nurl = \"tls://h:6514\"\nfacility = 10\nacknowledge = \"written\"",
            "[[export]]\nname = \"a\"\nkind = \"bulk\"\nurl = \"https://h/_bulk\"\nindex = \"logs-testudo\"\nkinds = [\"sign-in\"]",
            "[[export]]\nname = \"a\"\nkind = \"otlp\"\nurl = \"https://h/v1/logs\"\nseverity = \"medium\"\ninclude = \"personal\"",
            "[[notify]]\nname = \"soc\"\nkind = \"webhook\"\nurl = \"https://h/x\"\nsecret-file = \"s\"",
            "[[notify]]\nname = \"soc\"\nkind = \"mail\"\nserver = \"smtp://h\"\nfrom = \"a@b.c\"\nto = [\"d@e.f\"]",
        ];
        for text in good {
            assert_eq!(read(text), Ok(()), "{text}");
        }
        for (text, key) in [
            (format!("{}\nurl = \"tcp://h:1\"", good[0]), "export.url"),
            (format!("{}\nfacility = 30", good[0]), "export.facility"),
            (format!("{}\nrotate = 10", good[0]), "export.rotate"),
            (good[0].replace("path", "pathe"), "pathe"),
            (good[0].replace("\"a\"", "\"A b\""), "export.name"),
            (format!("{}\n{}", good[0], good[0]), "export.name"),
            (good[1].replace("10", "24"), "export.facility"),
            (good[2].replace("logs-testudo", "_x"), "export.index"),
            (good[2].replace("sign-in", "sign-inn"), "did you mean `sign-in`"),
            (format!("{}\nformat = \"cef\"", good[2]), "export.format"),
            (format!("{}\nformat = \"ecs\"", good[3]), "export.format"),
            (good[4].replace("secret-file", "to"), "invalid type"),
            (good[5].replace("server = \"smtp://h\"\n", ""), "notify.server"),
        ] {
            let refused = read(&text).unwrap_err();
            assert!(refused.contains(key), "{text}\n{refused}");
        }
    }
}
