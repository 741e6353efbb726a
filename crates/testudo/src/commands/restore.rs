//! `testudo restore`: brings a backup back, or finishes what `pg_restore` began. Who was erased since is erased again, and
//! every session that was issued before ends.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use testudo_core::{Actor, Clock as _, RequestId};
use testudo_crypto::password::HashPool;
use testudo_crypto::{RootKey, random};
use testudo_identity::{Context, Identity};
use testudo_store::{ErasedPerson, OpenError, RestoreReport, Store, UpkeepError, erased_from_lines};

use super::{Failure, Setting, output, root_key_from_environment};
use crate::admin::Client;
use crate::clock::SystemClock;
use crate::config::{Config, Overrides};
use crate::data::DataFolder;
use crate::node::identity_config;

/// The list of the erased that lies in a backup.
const LIST: &str = "erased.jsonl";
/// The largest list that is read.
const MOST_LIST: u64 = 64 << 20;

/// What `restore` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct RestoreArgs {
    /// The folder of the backup. None with PostgreSQL: there `pg_restore` comes first, and this finishes it.
    pub folder: Option<PathBuf>,
    /// A newer list of erased people, such as `erased.jsonl` of a later backup: what was erased stays erased.
    #[arg(long, value_name = "FILE")]
    pub erased: Vec<PathBuf>,
    /// PostgreSQL was restored, although nothing shows it: by a copy of the whole server, or into tables that were there.
    #[arg(long, conflicts_with = "folder")]
    pub after_pg_restore: bool,
}

/// Restores into the data folder, or finishes the restore of a database. The root key must lie in the data folder
/// already, or come from the environment or a passphrase.
pub async fn run(setting: &Setting, arguments: &RestoreArgs) -> Result<ExitCode, Failure> {
    let config = setting.load(&Overrides::default())?;
    let data = DataFolder::open(&setting.data)?;
    if Client::connect(&data.socket()).await.is_some() {
        return Err(Failure::usage(format!("a server runs on `{}`; stop it first", data.path().display())));
    }
    let clock = Arc::new(SystemClock::default());
    let restored = match (config.store.postgres_url_file.is_some(), &arguments.folder) {
        (true, Some(_)) => return Err(Failure::usage(FIRST)),
        (true, None) => {
            let (root, erased) = (root_key(&config, &data)?, lists(&arguments.erased, None)?);
            if arguments.erased.is_empty() {
                output::note(
                    "no list of the erased was given (`--erased`): who was erased after the dump has to be erased again",
                );
            }
            let place = data.store_config(&config)?;
            Store::restore_database(&place, &root, clock.clone(), &erased, arguments.after_pg_restore).await
        }
        (false, None) => return Err(Failure::usage("name the folder of the backup: `testudo restore FOLDER`")),
        (false, Some(folder)) => {
            let held = std::fs::read_dir(data.store()).is_ok_and(|mut inside| inside.next().is_some());
            if held && !Store::restore_is_unfinished(&data.store()) {
                return Err(Failure::usage(format!(
                    "`{}` holds a store already; restore into a new data folder with `--data`",
                    data.path().display()
                )));
            }
            let (root, erased) = (root_key(&config, &data)?, lists(&arguments.erased, Some(folder))?);
            Store::restore(folder, &data.store_config(&config)?, &root, clock.clone(), &erased).await
        }
    };
    let (store, report) = restored.map_err(failure)?;
    let finished = finish(&store, &config, &clock, &report).await;
    let closed = store.close().await;
    finished?;
    closed.map_err(Failure::dependency)?;
    tell(setting, &report);
    let checkpoints = data.checkpoints(&config);
    if checkpoints.exists() {
        output::note(format!(
            "the checkpoints in `{}` may go beyond what was restored, and `testudo audit verify` then reports what is \
             gone: keep that file as evidence, and put it aside on every node",
            checkpoints.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// What comes before, with PostgreSQL.
const FIRST: &str = "the store is in PostgreSQL, which is restored with its own tools: stop all nodes, run \
    `pg_restore --exit-on-error --dbname=DATABASE data.dump` and the same for `keys.dump` on an empty database, and then \
    `testudo restore --erased erased.jsonl`, without a folder";

/// Standing refuses the tokens of old sessions; their browsers and refresh families are ended too, and then the store may
/// be used.
async fn finish(store: &Store, config: &Config, clock: &SystemClock, report: &RestoreReport) -> Result<(), Failure> {
    let settings = identity_config(config).map_err(|error| Failure::Usage(miette::Report::new(error)))?;
    let identity = Identity::new(store.clone(), HashPool::new(1, 1), settings);
    let now = clock.now();
    let request = RequestId::new(now, random::array());
    let context = Context { request, address: IpAddr::V4(Ipv4Addr::LOCALHOST), user_agent: None, now };
    let ended = identity.end_all_sessions_before(report.revoked_before, "restore", Actor::default(), &context).await;
    ended.map_err(Failure::dependency)?;
    store.restore_done().await.map_err(Failure::dependency)
}

fn tell(setting: &Setting, report: &RestoreReport) {
    let answer = json!({
        "made": report.manifest.as_ref().map(|manifest| manifest.made.to_string()),
        "entries": report.journal_size,
        "erased_again": report.erased,
        "without_key": report.without_key,
        "revoked_before": report.revoked_before.to_string(),
    });
    output::value(setting.format, &answer, |_| {
        output::line(match &report.manifest {
            Some(manifest) => format!("restored the backup of {}", manifest.made),
            None => "finished the restore of the database".to_owned(),
        });
        output::line(format!("{} people were erased again", report.erased));
        output::line("every session that was issued before now is revoked; people sign in again");
    });
    if report.without_key > 0 {
        output::note(format!(
            "{} people have records that nothing opens: the keys are older than the data. Restore newer keys, or erase \
             these people",
            report.without_key
        ));
    }
}

/// The root key, which must be there: a fresh one opens nothing.
fn root_key(config: &Config, data: &DataFolder) -> Result<RootKey, Failure> {
    let environment = root_key_from_environment();
    if environment.is_none() && config.store.root_passphrase_file.is_none() && !data.root_key().exists() {
        return Err(Failure::usage(format!(
            "put the root key of the backup at `{}` (mode 0600) first; without it nothing can be opened",
            data.root_key().display()
        )));
    }
    Ok(data.unlock(config, environment)?)
}

/// All that is known of who was erased: the given lists, and the one that lies in the backup.
fn lists(given: &[PathBuf], backup: Option<&Path>) -> Result<Vec<ErasedPerson>, Failure> {
    let inside = backup.map(|folder| folder.join(LIST)).filter(|list| list.exists());
    let mut erased = Vec::new();
    for file in given.iter().chain(&inside) {
        let about = |error: &dyn std::fmt::Display| Failure::usage(format!("`{}`: {error}", file.display()));
        erased.extend(erased_from_lines(&read(file).map_err(|error| about(&error))?).map_err(|error| about(&error))?);
    }
    Ok(erased)
}

fn read(file: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(file)?.take(MOST_LIST + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn failure(error: UpkeepError) -> Failure {
    match error {
        UpkeepError::Open(OpenError::NotRestored | OpenError::Empty | OpenError::InUse { .. }) => Failure::usage(error),
        error => Failure::dependency(error),
    }
}
