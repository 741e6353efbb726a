//! The server that a drill is played against: one of its own, or one that runs on this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use http::Method;
use serde_json::{Value, json};
use testudo_core::PersonId;
use testudo_gateway::InheritedSockets;
use tokio::sync::Mutex;

use super::DrillError;
use super::client::Stage;
use crate::admin::Client;
use crate::config::{self, Config, Overrides};
use crate::data::DataFolder;
use crate::server::Server;

/// The client of the players' app.
pub const APP: &str = "drill-app";
/// The password of everybody who has an account.
pub const PASSWORD: &str = "a drill is not the real thing";

/// Where a drill is played.
#[derive(Clone, Debug)]
pub enum Where {
    /// On a server of its own, with more lines of configuration.
    Own {
        /// The lines.
        more: String,
    },
    /// On the running server of this data folder.
    Running {
        /// The data folder.
        data: PathBuf,
        /// A path of its API that a token with `scope` may read.
        path: String,
        /// The scope.
        scope: String,
    },
}

/// The house.
pub struct House {
    /// How players reach it.
    pub stage: Stage,
    /// A path that the app reads.
    pub path: String,
    /// The scopes of the app.
    pub scope: String,
    client: Mutex<Client>,
    /// Whom the drill gave accounts.
    people: Mutex<Vec<PersonId>>,
    hash: String,
    own: Option<(Server, tempfile::TempDir)>,
}

impl House {
    /// Opens it: starts the server, or finds the running one; registers the players' app.
    pub async fn open(place: Where) -> Result<House, DrillError> {
        let (own, data, path, scope) = match place {
            Where::Own { more } => {
                let (server, folder) = start(&more).await?;
                let scope = "openid offline_access accounts:read statements:read".to_owned();
                let data = folder.path().join("data");
                (Some((server, folder)), data, "/accounts".to_owned(), scope)
            }
            Where::Running { data, path, scope } => {
                (None, data, path, format!("openid offline_access {scope}").trim().to_owned())
            }
        };
        let folder = DataFolder::open(&data).map_err(|error| DrillError::Unfit(error.to_string()))?;
        let mut client = Client::connect(&folder.socket()).await.ok_or_else(|| {
            DrillError::Unfit(format!("no server runs on the data folder `{}`; start it first", data.display()))
        })?;
        let config: Value = client.call(Method::GET, "/admin/v1/config", None).await.map_err(|error| failed(&error))?;
        let stage = stage(&config, &folder, own.as_ref().map(|(server, _)| server))?;
        let hash = hash().await?;
        let scopes: Vec<&str> = scope.split(' ').filter(|scope| !scope.is_empty()).collect();
        let form = json!({
            "id": APP,
            "client": {
                "name": "Drill", "type": "public", "redirect_uris": ["http://127.0.0.1/callback"], "scopes": scopes,
                "grant_types": ["authorization_code", "refresh_token"], "cors_origins": [], "first_party": true,
            },
        });
        client.call::<Value>(Method::POST, "/admin/v1/clients", Some(form)).await.map_err(|error| {
            DrillError::Unfit(format!("the client `{APP}` could not be registered: {error}; is another drill running?"))
        })?;
        Ok(House { stage, path, scope, client: Mutex::new(client), people: Mutex::default(), hash, own })
    }

    /// How many workers serve requests, as far as that is known.
    pub fn workers(&self) -> Option<usize> {
        self.own.as_ref().map(|(server, _)| server.node.config().workers())
    }

    /// Asks the admin API as who owns the data folder.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, DrillError> {
        self.client.lock().await.call(method, &format!("/admin/v1{path}"), body).await.map_err(|error| failed(&error))
    }

    /// Gives somebody an account.
    pub async fn account(&self, name: &str, roles: &[&str]) -> Result<PersonId, DrillError> {
        let form = json!({ "username": name, "password_hash": self.hash, "roles": roles });
        let made = self.ask(Method::POST, "/people", Some(form)).await?;
        let id = made.get("id").and_then(Value::as_str).and_then(|text| text.parse::<PersonId>().ok());
        let id = id.ok_or_else(|| DrillError::Server("an account has no id".into()))?;
        self.people.lock().await.push(id);
        Ok(id)
    }

    /// Entries of the journal of these kinds from a place on, oldest first.
    pub async fn entries(&self, kinds: &str, from: u64) -> Result<Vec<Value>, DrillError> {
        let page = self.ask(Method::GET, &format!("/audit/entries?kind={kinds}&from={from}&limit=1000"), None).await?;
        Ok(page.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// The place after the last entry of the journal.
    pub async fn head(&self) -> Result<u64, DrillError> {
        let page = self.ask(Method::GET, "/audit/entries?newest_first=true&limit=1", None).await?;
        Ok(page.pointer("/items/0/seq").and_then(Value::as_u64).map_or(0, |seq| seq + 1))
    }

    /// Ends it. A server of its own stops and leaves nothing; from a running one the drill's people and client go.
    pub async fn close(self) -> Result<(), DrillError> {
        if let Some((server, folder)) = self.own {
            drop(self.client);
            server.stop().await;
            return folder.close().map_err(|error| failed(&error));
        }
        let mut client = self.client.into_inner();
        let mut gone = Ok(Value::Null);
        for person in self.people.into_inner() {
            gone = gone.and(client.call(Method::DELETE, &format!("/admin/v1/people/{person}"), None).await);
        }
        let removed: Result<Value, _> = client.call(Method::DELETE, &format!("/admin/v1/clients/{APP}"), None).await;
        gone.and(removed).map(drop).map_err(|error| failed(&error))
    }
}

fn failed(error: &dyn std::fmt::Display) -> DrillError {
    DrillError::Server(error.to_string())
}

/// A server of the drill's own.
async fn start(more: &str) -> Result<(Server, tempfile::TempDir), DrillError> {
    let folder = tempfile::Builder::new().prefix("testudo-drill-").tempdir().map_err(|error| failed(&error))?;
    let (gateway, admin) = (free_address()?, free_address()?);
    let file = folder.path().join("testudo.toml");
    // People come through one proxy, whose word about addresses is taken.
    let text = format!(
        "[server]\ntrusted-proxies = [\"127.0.0.1/32\"]\ndrain-timeout = \"1s\"\n[identity]\nhash-target = \"1ms\"\n{more}\n"
    );
    std::fs::write(&file, text).map_err(|error| failed(&error))?;
    let overrides = Overrides { listen: vec![gateway], admin: Some(admin), ..Overrides::default() };
    let config: Config = config::load(Some(&file), std::iter::empty(), &overrides).map_err(|error| failed(&error))?;
    let data = DataFolder::open(&folder.path().join("data")).map_err(|error| failed(&error))?;
    let server = Box::pin(Server::start(config, data, None, InheritedSockets::default()))
        .await
        .map_err(|error| failed(&error))?;
    Ok((server, folder))
}

fn free_address() -> Result<SocketAddr, DrillError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| failed(&error))?;
    listener.local_addr().map_err(|error| failed(&error))
}

/// How players reach a server, which must be on this machine and take a proxy's word.
fn stage(config: &Value, data: &DataFolder, own: Option<&Server>) -> Result<Stage, DrillError> {
    let text = |pointer: &str| config.pointer(pointer).and_then(Value::as_str);
    let address = |pointer: &str| text(pointer).and_then(|text| text.parse::<SocketAddr>().ok());
    let own_address = own.and_then(|server| server.addresses().first().copied());
    let gateway = own_address.or_else(|| address("/server/listen/0"));
    let admin = own.and_then(Server::admin_address).or_else(|| address("/server/admin"));
    let (Some(gateway), Some(admin)) = (gateway, admin) else {
        return Err(DrillError::Unfit("the configuration does not say where the server listens".into()));
    };
    if !gateway.ip().is_loopback() || !admin.ip().is_loopback() {
        return Err(DrillError::Unfit(format!(
            "a drill is played on loopback only, and the server listens on {gateway}"
        )));
    }
    let proxies = config.pointer("/server/trusted-proxies").and_then(Value::as_array).cloned().unwrap_or_default();
    let trusted = proxies.iter().filter_map(Value::as_str).filter_map(|text| text.parse::<ipnet::IpNet>().ok());
    if !trusted.into_iter().any(|network| network.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST))) {
        let text = "the players come from many addresses, through a proxy on 127.0.0.1: name it in \
                    `server.trusted-proxies` of a server for tests, or let the drill start its own";
        return Err(DrillError::Unfit(text.into()));
    }
    let roots = text("/tls/certificate").map_or_else(|| data.ca().join("ca.pem"), PathBuf::from);
    let origin =
        text("/server/public-url").map_or_else(|| format!("https://localhost:{}", gateway.port()), str::to_owned);
    Stage::new(&roots, gateway, admin, origin)
}

/// The hash of everybody's password: made once, as cheap as is allowed.
async fn hash() -> Result<String, DrillError> {
    let pool = testudo_crypto::password::HashPool::new(1, 1);
    let secret = testudo_core::Secret::new(PASSWORD.to_owned());
    pool.hash(secret).await.map_err(|error| failed(&error))
}
