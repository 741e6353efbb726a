//! `testudo backup`: a folder with everything, of SQLite; of PostgreSQL the list of the erased, since the rest is for the
//! tools of the database.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use testudo_core::{Clock as _, Event, EventKind};
use testudo_store::{Store, Tx, erased_to_lines};

use super::{Failure, Setting, output, root_key_from_environment};
use crate::admin::Client;
use crate::clock::SystemClock;
use crate::config::Overrides;
use crate::data::DataFolder;

/// How PostgreSQL is backed up.
const DUMP: &str = "the store is in PostgreSQL, which is backed up with its own tools, in this order: \
    `pg_dump --format=custom --schema=testudo --file=data.dump DATABASE`, then \
    `pg_dump --format=custom --schema=testudo_keys --file=keys.dump DATABASE`, then \
    `testudo backup --erased erased.jsonl`; keep the keys apart from the data";

/// Backs up, as it is done where the store is.
pub async fn run(setting: &Setting, folder: Option<&Path>, erased: Option<&Path>) -> Result<ExitCode, Failure> {
    let postgres = setting.load(&Overrides::default())?.store.postgres_url_file.is_some();
    match (postgres, folder, erased) {
        (true, _, Some(file)) => list(setting, file).await,
        (true, ..) => Err(Failure::usage(DUMP)),
        (false, Some(folder), _) => super::over(setting, async |client| backup(setting, client, folder).await).await,
        (false, None, _) => Err(Failure::usage(
            "`--erased` goes with PostgreSQL; the backup of this store holds the list: `testudo backup FOLDER`",
        )),
    }
}

/// Writes the list of the erased, for a restore that has none or an older one.
async fn list(setting: &Setting, file: &Path) -> Result<ExitCode, Failure> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let config = setting.load(&Overrides::default())?;
    let data = DataFolder::open(&setting.data)?;
    let root = data.unlock(&config, root_key_from_environment())?;
    let clock = Arc::new(SystemClock::default());
    let cannot = |error: std::io::Error| Failure::usage(format!("can't write `{}`: {error}", file.display()));
    let mut target = std::fs::File::options().write(true).create_new(true).mode(0o600).open(file).map_err(cannot)?;
    let written = async {
        // A node of its own for a moment: the database serves several.
        let store =
            Store::open(&data.store_config(&config)?, &root, clock.clone()).await.map_err(Failure::dependency)?;
        let erased = store.erased().await.map_err(Failure::dependency)?;
        target.write_all(erased_to_lines(&erased).as_bytes()).and_then(|()| target.sync_all()).map_err(cannot)?;
        let mut tx = Tx::new();
        let made = Event::new(EventKind::BackupMade, clock.now()).on("erased");
        tx.event(made.detail("people", erased.len().to_string()));
        store.commit(tx).await.map_err(Failure::dependency)?;
        store.close().await.map_err(Failure::dependency)?;
        Ok::<usize, Failure>(erased.len())
    };
    let people = match written.await {
        Ok(people) => people,
        Err(failure) => {
            // Half a list must not be taken for a list.
            let _ = std::fs::remove_file(file);
            return Err(failure);
        }
    };
    output::value(setting.format, &json!({ "erased": people, "file": file }), |_| {
        output::line(format!("{people} erased people are listed in {}", file.display()));
    });
    Ok(ExitCode::SUCCESS)
}

/// Makes a backup and moves it to where it was asked for.
async fn backup(setting: &Setting, client: &mut Client, folder: &Path) -> Result<ExitCode, Failure> {
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
