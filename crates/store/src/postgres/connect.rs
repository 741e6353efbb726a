//! The way to PostgreSQL: what the URL may say, TLS, single connections and the pool.
//!
//! Without a certificate authority nothing is encrypted, so only loopback and Unix sockets are accepted then. With one,
//! TLS is required and the server's name is checked.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures_util::{StreamExt, stream};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{AsyncMessage, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault;
use crate::{OpenError, PostgresConfig};

/// How long making a connection may take.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// How long a connection is waited for.
const WAIT: Duration = Duration::from_secs(2);
/// The largest file of certificate authorities.
const MOST_CA: u64 = 1 << 20;
/// What each session is told: our schemas, durable commits, and an end for whatever hangs.
const OPTIONS: &str = "-c search_path=testudo,testudo_keys -c synchronous_commit=on -c statement_timeout=8000 \
                       -c lock_timeout=3000 -c idle_in_transaction_session_timeout=10000 \
                       -c default_transaction_isolation=read\\ committed -c client_min_messages=warning";

/// How to reach the database.
pub(super) struct Link {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Link {
    /// Reads the settings; connects to nothing.
    pub fn new(settings: &PostgresConfig) -> Result<Link, OpenError> {
        let refused = |text: String| Err(OpenError::Config(text));
        let mut config = Config::from_str(settings.url.expose())
            .map_err(|error| OpenError::Config(format!("the PostgreSQL URL is not valid: {error}")))?;
        let hosts = config.get_hosts();
        if hosts.is_empty() && config.get_hostaddrs().is_empty() {
            return refused("the PostgreSQL URL names no host".into());
        }
        let unix = hosts.iter().filter(|host| matches!(host, Host::Unix(_))).count();
        if unix != 0 && unix != hosts.len() {
            return refused("the PostgreSQL URL mixes Unix sockets and hosts; name one kind".into());
        }
        let near = hosts.iter().all(near) && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback);
        let tls = match &settings.ca_file {
            Some(_) if unix != 0 => {
                return refused("TLS is not possible over a Unix socket; leave out the CA file".into());
            }
            Some(path) => {
                config.ssl_mode(SslMode::Require);
                Some(tls(path)?)
            }
            None if !near => {
                return refused(
                    "PostgreSQL on another machine needs TLS; give the file of the CA of its certificate".into(),
                );
            }
            None if config.get_ssl_mode() == SslMode::Require => {
                return refused("the PostgreSQL URL requires TLS; give the file of the CA of its certificate".into());
            }
            None => {
                config.ssl_mode(SslMode::Disable);
                None
            }
        };
        let options = config.get_options().map_or_else(|| OPTIONS.to_owned(), |own| format!("{own} {OPTIONS}"));
        config
            .options(options)
            .application_name("testudo")
            .connect_timeout(CONNECT)
            .keepalives_idle(Duration::from_secs(15))
            .tcp_user_timeout(Duration::from_secs(10))
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Link { config, tls })
    }

    /// A pool of connections, made when they are needed.
    pub fn pool(&self, most: usize) -> Result<Pool, OpenError> {
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &self.tls {
            Some(tls) => Manager::from_config(self.config.clone(), tls.clone(), settings),
            None => Manager::from_config(self.config.clone(), NoTls, settings),
        };
        let built = Pool::builder(manager)
            .max_size(most.max(2))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CONNECT))
            .recycle_timeout(Some(CONNECT))
            .build();
        built.map_err(|error| OpenError::Config(format!("the pool of connections cannot be made: {error}")))
    }

    /// A connection of its own. Each notification goes to `woken` with its payload.
    pub async fn session(&self, woken: impl Fn(&str) + Send + 'static) -> Result<ClientWrapper, String> {
        let connected = tokio::time::timeout(CONNECT, async {
            if let Some(tls) = &self.tls {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                Ok(ClientWrapper::new(client, tokio::spawn(drive(connection, woken))))
            } else {
                let (client, connection) = self.config.connect(NoTls).await?;
                Ok(ClientWrapper::new(client, tokio::spawn(drive(connection, woken))))
            }
        });
        match connected.await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(fault::cause(&error)),
            Err(_) => Err("PostgreSQL cannot be reached in time".to_owned()),
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

/// Drives a connection to its end.
async fn drive<S, T>(mut connection: Connection<S, T>, woken: impl Fn(&str))
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    while let Some(message) = messages.next().await {
        match message {
            Ok(AsyncMessage::Notification(note)) => woken(note.payload()),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(cause = fault::cause(&error), "a connection to PostgreSQL ended");
                break;
            }
        }
    }
    // Whoever waits for a notification must not wait for one that cannot come.
    woken("");
}

fn near(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => name.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
    }
}

fn tls(path: &Path) -> Result<MakeRustlsConnect, OpenError> {
    let io = |source| OpenError::Io { action: "read the CA file", path: path.to_owned(), source };
    let mut pem = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_CA).read_to_end(&mut pem)).map_err(io)?;
    let refused = |text: &str| OpenError::Config(format!("the CA file `{}` {text}", path.display()));
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| refused(&format!("is not valid PEM: {error}")))?;
        roots.add(certificate).map_err(|error| refused(&format!("holds an unusable certificate: {error}")))?;
    }
    if roots.is_empty() {
        return Err(refused("holds no certificate"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Config(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use testudo_core::Secret;

    use super::*;

    fn link(url: &str, ca: Option<&str>) -> Result<Link, OpenError> {
        Link::new(&PostgresConfig { url: Secret::new(url.to_owned()), ca_file: ca.map(Into::into), pool: 2 })
    }

    #[test]
    fn only_near_databases_go_without_tls() {
        for near in [
            "postgres://u:p@127.0.0.1/d",
            "postgres://u@localhost:5433/d",
            "postgres://u@%2Frun%2Fpostgresql/d",
            "host=::1 user=u",
        ] {
            link(near, None).unwrap();
        }
        for refused in [
            "postgres://u:p@db.example.com/d",
            "postgres://u:p@192.0.2.1/d",
            "postgres://u:p@localhost/d?sslmode=require",
            "host=localhost hostaddr=192.0.2.1 user=u",
            "user=u",
            "host=/run/postgresql,127.0.0.1 user=u",
            "not a url",
        ] {
            assert!(matches!(link(refused, None), Err(OpenError::Config(_))), "{refused}");
        }
    }

    #[test]
    fn a_ca_file_must_hold_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let name = path.to_str().unwrap().to_owned();
        assert!(matches!(link("postgres://u@db.example.com/d", Some(&name)), Err(OpenError::Io { .. })));
        std::fs::write(&path, "nothing").unwrap();
        assert!(matches!(link("postgres://u@db.example.com/d", Some(&name)), Err(OpenError::Config(_))));
        assert!(matches!(link("host=/run/postgresql", Some(&name)), Err(OpenError::Config(_))));
    }

    #[test]
    fn no_text_shows_the_password() {
        let refused = link("postgres://u:hunter2@db.example.com/d?nonsense=1", None).unwrap_err();
        assert!(!refused.to_string().contains("hunter2"));
        let link = link("postgres://u:hunter2@127.0.0.1/d", None).unwrap();
        assert!(!format!("{link:?}").contains("hunter2"));
    }
}
