//! Log lines: for eyes or as JSON, to stderr, without personal data: each line passes the masker before it is written.

use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};
use crate::scrub;

/// Starts logging. A second call in one process changes nothing.
///
/// # Errors
/// When `log.level` is not understood.
pub fn start(config: &LogConfig) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&config.level).map_err(|_| LogError(config.level.clone()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Scrubbed(io::stderr()));
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

/// Writes lines without what is personal in them. The formatter gives each line in one piece.
struct Scrubbed<W>(W);

impl<W: Write> Write for Scrubbed<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) => self.0.write_all(scrub::text(text).as_bytes())?,
            Err(_) => self.0.write_all(scrub::text(&String::from_utf8_lossy(line)).as_bytes())?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A level that is not understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "`log.level` is `{0}`; use `error`, `warn`, `info`, `debug` or `trace`, also per target as in `info,testudo_gateway=debug`"
)]
pub struct LogError(String);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_line_carries_what_is_personal() {
        for json in [true, false] {
            let kept = Kept::default();
            let writer = kept.clone();
            let builder = tracing_subscriber::fmt().with_writer(move || Scrubbed(writer.clone()));
            let write = || {
                tracing::warn!(user = "ada@example.org", card = ?"4111111111111111", "paid to {}", "DE89370400440532013000");
            };
            if json {
                tracing::subscriber::with_default(builder.json().finish(), write);
            } else {
                tracing::subscriber::with_default(builder.with_ansi(true).finish(), write);
            }
            let text = String::from_utf8(kept.0.lock().clone()).unwrap();
            assert!(text.contains("paid to ***") && text.ends_with('\n'), "{text}");
            for secret in ["ada@", "4111", "DE89"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}
