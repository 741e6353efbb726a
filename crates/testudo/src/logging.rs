//! Log lines: for eyes or as JSON, to stderr, without personal data.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Starts logging. A second call in one process changes nothing.
///
/// # Errors
/// When `log.level` is not understood.
pub fn start(config: &LogConfig) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&config.level).map_err(|_| LogError(config.level.clone()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error here means that logging runs already.
    let _ = match config.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Human => {
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(colours).with_target(false).try_init()
        }
    };
    Ok(())
}

/// A level that is not understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "`log.level` is `{0}`; use `error`, `warn`, `info`, `debug` or `trace`, also per target as in `info,testudo_gateway=debug`"
)]
pub struct LogError(String);
