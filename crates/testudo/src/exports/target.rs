//! Targets out of their configuration. Secrets are read here, from the files that it names.

use std::io::Read as _;
use std::path::Path;

use testudo_core::Secret;
use testudo_export::target::{Acknowledge, BulkTarget, FileTarget, OtlpTarget, SyslogTarget};
use testudo_export::{Target, WireError};

use crate::config::{AcknowledgeKey, ExportConfig, ExportKind, Include};

/// The largest file with a secret.
const MAX_SECRET: u64 = 16 * 1024;
const AUDIT: u8 = testudo_export::format::syslog::AUDIT;

/// Why a target or a channel can't be made.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// An address or trust anchors.
    #[error("`{name}`: {source}")]
    Wire {
        /// Of which.
        name: String,
        /// Why.
        source: WireError,
    },
    /// Something else.
    #[error("`{name}`: {message}")]
    Value {
        /// Of which.
        name: String,
        /// Why.
        message: String,
    },
}

/// The target that is configured so. Nothing is connected yet.
pub fn build(config: &ExportConfig) -> Result<Target, TargetError> {
    let wire = |source| TargetError::Wire { name: config.name.clone(), source };
    let refused = |message: &str| TargetError::Value { name: config.name.clone(), message: message.into() };
    let url = || config.url.as_deref().ok_or_else(|| refused("`url` is missing"));
    let ca = config.ca_file.as_deref();
    let authorization = match &config.authorization_file {
        Some(path) => Some(secret(&config.name, path)?),
        None => None,
    };
    Ok(match config.kind {
        ExportKind::File => {
            let path = config.path.clone().ok_or_else(|| refused("`path` is missing"))?;
            Target::File(FileTarget::new(path, config.format(), config.rotate()))
        }
        ExportKind::Syslog => {
            let acknowledge = match config.acknowledge {
                None | Some(AcknowledgeKey::Closed) => Acknowledge::Closed,
                Some(AcknowledgeKey::Written) => Acknowledge::Written,
            };
            let facility = config.facility.unwrap_or(AUDIT);
            let target = SyslogTarget::new(url()?, ca, config.format(), facility, acknowledge).map_err(wire)?;
            if config.include == Include::Personal && !target.is_private() {
                return Err(refused("personal data leave through `tls://` only, or to loopback"));
            }
            Target::Syslog(target)
        }
        ExportKind::Bulk => {
            let index = config.index.clone().ok_or_else(|| refused("`index` is missing"))?;
            let target = BulkTarget::new(url()?, ca, authorization.as_ref(), index, config.format()).map_err(wire)?;
            Target::Bulk(target)
        }
        ExportKind::Otlp => Target::Otlp(OtlpTarget::new(url()?, ca, authorization.as_ref()).map_err(wire)?),
    })
}

/// The text of a file that holds a secret.
pub fn secret(name: &str, path: &Path) -> Result<Secret<String>, TargetError> {
    let failed = |error: &dyn std::fmt::Display| TargetError::Value {
        name: name.to_owned(),
        message: format!("can't read `{}`: {error}", path.display()),
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    file.take(MAX_SECRET + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
    let text = Secret::new(text);
    if text.expose().len() as u64 > MAX_SECRET {
        return Err(failed(&"it is larger than 16 KiB"));
    }
    if text.expose().trim().is_empty() {
        return Err(failed(&"it is empty"));
    }
    Ok(text)
}
