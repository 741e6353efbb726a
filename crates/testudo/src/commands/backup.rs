//! `testudo backup` and `testudo restore`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use testudo_core::Actor;
use testudo_store::{Store, erased_from_lines};

use super::{Failure, Setting, output, root_key_from_environment};
use crate::admin::Client;
use crate::clock::SystemClock;
use crate::config::Overrides;
use crate::data::DataFolder;
use crate::node::Node;

/// Makes a backup and moves it to where it was asked for.
pub async fn backup(setting: &Setting, client: &mut Client, folder: &Path) -> Result<ExitCode, Failure> {
    if folder.exists() {
        return Err(Failure::usage(format!("`{}` exists; name a folder that does not", folder.display())));
    }
    let made: Value = client.call(Method::POST, "/admin/v1/backups", None).await?;
    let from = made.get("folder").and_then(Value::as_str).ok_or_else(|| Failure::dependency("no folder was named"))?;
    if std::fs::rename(from, folder).is_err() {
        copy(Path::new(from), folder).map_err(|error| {
            Failure::dependency(format!(
                "the backup lies in `{from}` and can't be moved to `{}`: {error}",
                folder.display()
            ))
        })?;
        std::fs::remove_dir_all(from).map_err(Failure::dependency)?;
    }
    output::value(setting.format, &made, |_| {
        output::line(format!("backed up to {}", folder.display()));
        output::line("keep the folder `keys` apart from `data`, and the root key apart from both");
    });
    Ok(ExitCode::SUCCESS)
}

/// Copies a folder to another disk.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
            std::fs::File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}

/// Restores into the data folder; the root key must lie there already, or come from the environment or a passphrase.
pub async fn restore(setting: &Setting, folder: &Path, erased: Option<&Path>) -> Result<ExitCode, Failure> {
    let config = setting.load(&Overrides::default())?;
    let data = DataFolder::open(&setting.data)?;
    if data.store().exists() {
        return Err(Failure::usage(format!(
            "`{}` holds a store already; restore into a new data folder with `--data`",
            data.path().display()
        )));
    }
    let environment = root_key_from_environment();
    if environment.is_none() && config.store.root_passphrase_file.is_none() && !data.root_key().exists() {
        return Err(Failure::usage(format!(
            "put the root key of the backup at `{}` (mode 0600) first; without it nothing can be opened",
            data.root_key().display()
        )));
    }
    let root = data.unlock(&config, environment)?;
    let erased = match erased {
        None => Vec::new(),
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("can't read `{}`: {error}", file.display())))?;
            erased_from_lines(&text).map_err(Failure::usage)?
        }
    };
    let restored =
        Store::restore(folder, &data.store_config(&config)?, &root, Arc::new(SystemClock::default()), &erased).await;
    let (store, report) = restored.map_err(Failure::dependency)?;
    let answer = json!({
        "made": report.manifest.made.to_string(),
        "entries": report.manifest.journal_size,
        "erased_again": report.erased,
        "revoked_before": report.revoked_before.to_string(),
    });
    store.close().await.map_err(Failure::dependency)?;
    // Standing refuses the tokens of old sessions; their browsers and refresh families are ended too.
    let node = Node::open(config, data, root_key_from_environment()).await?;
    let ended = node
        .identity()
        .end_all_sessions_before(report.revoked_before, "restore", Actor::default(), &node.context())
        .await;
    ended.map_err(Failure::dependency)?;
    node.store.close().await.map_err(Failure::dependency)?;
    output::value(setting.format, &answer, |_| {
        output::line(format!("restored the backup of {}", report.manifest.made));
        output::line(format!("{} people were erased again", report.erased));
        output::line("every session that was issued before now is revoked; people sign in again");
    });
    Ok(ExitCode::SUCCESS)
}
