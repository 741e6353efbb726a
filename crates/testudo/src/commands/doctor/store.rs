//! What `doctor` finds of the root key, the store and standing: asked of the running server, else opened here. Nothing is
//! made that only a first start may make.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use testudo_store::Store;

use super::Finding;
use crate::admin::Client;
use crate::clock::SystemClock;
use crate::commands::{Setting, root_key_from_environment};
use crate::config::Config;
use crate::data::{DataError, DataFolder};

/// Standing that lags so far behind makes revocations late; at [`crate::standing::STALE_AFTER`] requests are refused.
const LATE: Duration = Duration::from_secs(1);

/// What is known of the key, the store and standing.
pub(super) async fn findings(setting: &Setting, config: &Config) -> Vec<Finding> {
    let made = || Ok("made at the first start".to_owned());
    if !setting.data.exists() {
        return vec![Finding { name: "root key", outcome: made() }, Finding { name: store(config), outcome: made() }];
    }
    // What is wrong with the folder is a finding of its own.
    let Ok(data) = DataFolder::open(&setting.data) else { return Vec::new() };
    if let Some(mut client) = Client::connect(&data.socket()).await {
        return match client.call(Method::GET, "/admin/v1/status", None).await {
            Ok(status) => told(&status, config),
            Err(error) => vec![Finding { name: "server", outcome: Err(error.to_string()) }],
        };
    }
    let environment = root_key_from_environment();
    if environment.is_none() && !data.has_root_key() {
        let lost = config.store.postgres_url_file.is_none() && data.store().exists();
        let key = if lost {
            Err(DataError::RootKeyLost { key: data.root_key(), store: data.store() }.to_string())
        } else {
            made()
        };
        let outcome = if lost { Err("can't be opened without its root key".into()) } else { made() };
        return vec![Finding { name: "root key", outcome: key }, Finding { name: store(config), outcome }];
    }
    let root = match data.unlock(config, environment) {
        Ok(root) => root,
        Err(error) => return vec![Finding { name: "root key", outcome: Err(error.to_string()) }],
    };
    let key = Finding { name: "root key", outcome: Ok("there".into()) };
    let opened = async {
        let settings = data.store_config(config).map_err(|error| error.to_string())?;
        let opened = Store::open(&settings, &root, Arc::new(SystemClock::default())).await;
        let store = opened.map_err(|error| error.to_string())?;
        let size = store.status().size;
        store.close().await.map_err(|error| error.to_string())?;
        Ok(format!("opens with the root key; {size} entries in the journal"))
    };
    vec![key, Finding { name: store(config), outcome: opened.await }]
}

fn store(config: &Config) -> &'static str {
    if config.store.postgres_url_file.is_some() { "PostgreSQL" } else { "store" }
}

/// What the running server says of itself.
fn told(status: &Value, config: &Config) -> Vec<Finding> {
    let at = |path: &str| status.pointer(path);
    let size = at("/journal/size").and_then(Value::as_u64).unwrap_or_default();
    let journal = if at("/journal/stalled").and_then(Value::as_bool) == Some(false) {
        Ok(format!("in use by the running server; {size} entries in the journal"))
    } else {
        Err("the running server can't write its journal, so it refuses requests; look at the disk or the database"
            .into())
    };
    let lag = at("/standing/lag_ms").and_then(Value::as_u64).map(Duration::from_millis);
    let standing = match lag {
        Some(lag) if lag <= LATE => Ok(format!("{} ms behind the journal", lag.as_millis())),
        Some(lag) => Err(format!(
            "{} ms behind the journal: revocations come late, and from {} s on requests are refused; look at the store",
            lag.as_millis(),
            crate::standing::STALE_AFTER.as_secs()
        )),
        None => Err("the journal was not read yet, so requests are refused".into()),
    };
    vec![
        Finding { name: "root key", outcome: Ok("in use by the running server".into()) },
        Finding { name: store(config), outcome: journal },
        Finding { name: "standing", outcome: standing },
    ]
}
