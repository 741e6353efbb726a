//! A temporary PostgreSQL server: made, started, stopped and removed by the test that needs it.
//!
//! The programs are found on PATH or where Debian puts them. PostgreSQL refuses to run as root, so root hands it to the
//! user `postgres`. Where it is not installed the caller gets `None` and must say so loudly; with
//! `TESTUDO_REQUIRE_POSTGRES=1` that is an error.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use tempfile::TempDir;

/// How long the server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server with one superuser, `tester`.
#[derive(Debug)]
pub struct TempPostgres {
    folder: TempDir,
    programs: PathBuf,
    owner: Option<Owner>,
    port: u16,
    password: String,
    settings: Vec<String>,
    running: Option<Running>,
}

/// The server's process, kept by a thread of its own: its end would be the server's.
#[derive(Debug)]
struct Running {
    stop: mpsc::Sender<&'static str>,
    keeper: JoinHandle<()>,
}

/// The user that runs the server.
#[derive(Clone, Copy, Debug)]
struct Owner {
    user: u32,
    group: u32,
}

/// The certificate of the server, as PEM.
#[derive(Clone, Debug)]
pub struct ServerCertificate {
    /// The chain.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl TempPostgres {
    /// Starts a server; none where PostgreSQL is not installed.
    pub fn start(tls: Option<&ServerCertificate>) -> anyhow::Result<Option<TempPostgres>> {
        let Some(programs) = programs() else {
            let required = std::env::var("TESTUDO_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
            ensure!(!required, "PostgreSQL is required here (TESTUDO_REQUIRE_POSTGRES=1) and not installed");
            return Ok(None);
        };
        let owner = owner()?;
        let folder = tempfile::Builder::new().prefix("tpg").tempdir().context("make a folder")?;
        let mut server = TempPostgres {
            programs,
            owner,
            port: 0,
            password: format!("p{:016x}{:016x}", fast_random(), fast_random()),
            settings: Vec::new(),
            running: None,
            folder,
        };
        server.own(server.folder.path(), 0o700)?;
        server.make(tls)?;
        for attempt in 0.. {
            server.port = free_port()?;
            match server.resume() {
                Ok(()) => break,
                // Somebody else may have taken the port.
                Err(_) if attempt < 2 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(server))
    }

    /// The URL of a database over TCP.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://tester:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The URL of a database over TCP by the name `localhost`.
    pub fn named_url(&self, database: &str) -> String {
        format!("postgres://tester:{}@localhost:{}/{database}", self.password, self.port)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The URL of a database at another address, such as that of a proxy.
    pub fn url_at(&self, address: SocketAddr, database: &str) -> String {
        format!("postgres://tester:{}@{address}/{database}", self.password)
    }

    /// Runs a program of PostgreSQL, such as `pg_dump`, which must succeed; gives its standard output.
    pub fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(self.programs.join(program));
        command.env("LC_ALL", "C").env("PGPASSWORD", &self.password).env("PGUSER", "tester");
        command.env("PGHOST", "127.0.0.1").env("PGPORT", self.port.to_string());
        let output = command.args(arguments).stdin(Stdio::null()).output().context("run a program of PostgreSQL")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`{program}` failed: {errors}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The URL of a database over the Unix socket.
    pub fn socket_url(&self, database: &str) -> String {
        let folder = self.folder.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://tester:{}@{folder}:{}/{database}", self.password, self.port)
    }

    /// Stops the server: `immediate` as a crash would, else in order, but without waiting for clients.
    pub fn halt(&mut self, immediate: bool) -> anyhow::Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let _ = running.stop.send(if immediate { "QUIT" } else { "INT" });
        running.keeper.join().map_err(|_| anyhow!("the keeper of PostgreSQL panicked"))
    }

    /// Starts the server again, on the same port.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        let log = self.folder.path().join("log");
        let mut command = self.as_owner("postgres", true);
        command.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
        command.args(["-p", &self.port.to_string(), "-h", "127.0.0.1"]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let out = File::options().create(true).append(true).open(&log).context("open the server's log")?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let (started, starts) = mpsc::channel();
        let (stop, stops) = mpsc::channel();
        let keeper = std::thread::Builder::new().name("postgres".into()).spawn(move || {
            let child = command.spawn();
            let failed = child.as_ref().err().map(ToString::to_string);
            let _ = started.send(failed);
            if let Ok(child) = child {
                keep(child, &stops);
            }
        })?;
        self.running = Some(Running { stop, keeper });
        if let Some(failed) = starts.recv()? {
            bail!("PostgreSQL cannot be started: {failed}");
        }
        let began = Instant::now();
        while !self.answers() {
            let ended = self.running.as_ref().is_none_or(|running| running.keeper.is_finished());
            if ended || began.elapsed() > PATIENCE {
                let text = fs::read_to_string(&log).unwrap_or_default();
                self.halt(true)?;
                bail!("PostgreSQL does not start:\n{text}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn answers(&self) -> bool {
        let mut command = Command::new(self.programs.join("pg_isready"));
        command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-t", "1"]);
        command.status().is_ok_and(|status| status.success())
    }

    fn make(&mut self, tls: Option<&ServerCertificate>) -> anyhow::Result<()> {
        let (data, secret) = (self.folder.path().join("data"), self.folder.path().join("secret"));
        fs::write(&secret, &self.password)?;
        self.own(&secret, 0o600)?;
        let mut command = self.as_owner("initdb", false);
        command.args(["-U", "tester", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-N"]);
        command.arg(format!("--pwfile={}", secret.display())).arg("-D").arg(&data);
        let output = command.stdin(Stdio::null()).output().context("run initdb")?;
        ensure!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        self.settings = ["shared_buffers=32MB", "max_connections=60", "autovacuum_naptime=5s"].map(String::from).into();
        if let Some(tls) = tls {
            for (name, text) in [("server.crt", &tls.certificate), ("server.key", &tls.key)] {
                let path = data.join(name);
                fs::write(&path, text)?;
                self.own(&path, 0o600)?;
            }
            self.settings.push("ssl=on".into());
        }
        Ok(())
    }

    fn own(&self, path: &Path, mode: u32) -> anyhow::Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        match self.owner {
            Some(owner) => chown(path, Some(owner.user), Some(owner.group)).context("hand a file over"),
            None => Ok(()),
        }
    }

    /// A program, run by the user that may run PostgreSQL; with `bound`, it ends when the thread that starts it does.
    fn as_owner(&self, program: &str, bound: bool) -> Command {
        let path = self.programs.join(program);
        let setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].iter().find(|path| Path::new(path).exists());
        let mut command = match (self.owner, setpriv) {
            (Some(owner), Some(setpriv)) => {
                let mut command = Command::new(setpriv);
                command.args(["--clear-groups", &format!("--reuid={}", owner.user)]);
                command.arg(format!("--regid={}", owner.group));
                if bound {
                    command.args(["--pdeathsig", "QUIT"]);
                }
                command.arg("--").arg(path);
                command
            }
            (Some(_), None) => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(path);
                command
            }
            (None, _) => Command::new(path),
        };
        command.current_dir(self.folder.path()).env("LC_ALL", "C").env_remove("PGDATA");
        command
    }
}

impl Drop for TempPostgres {
    fn drop(&mut self) {
        let _ = self.halt(true);
    }
}

/// Keeps the server until it is told to stop it, or until nobody can tell any more.
fn keep(mut child: Child, stops: &mpsc::Receiver<&'static str>) {
    loop {
        let signal = match stops.recv_timeout(Duration::from_millis(100)) {
            Err(mpsc::RecvTimeoutError::Timeout) => match child.try_wait() {
                Ok(None) => continue,
                Ok(Some(_)) | Err(_) => return,
            },
            Ok(signal) => signal,
            Err(mpsc::RecvTimeoutError::Disconnected) => "QUIT",
        };
        let _ = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        return;
    }
}

/// The folder of the programs.
fn programs() -> Option<PathBuf> {
    let whole =
        |folder: &PathBuf| ["postgres", "initdb", "pg_isready"].iter().all(|program| folder.join(program).is_file());
    let mut debian: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join("bin")))
        })
        .collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    // The newest of Debian first: on PATH there may be wrappers of it.
    debian.into_iter().rev().map(|(_, folder)| folder).chain(std::env::split_paths(&path)).find(whole)
}

/// To whom the server is handed over; none when we are not root.
fn owner() -> anyhow::Result<Option<Owner>> {
    let probe = tempfile::tempfile()?;
    if std::os::unix::fs::MetadataExt::uid(&probe.metadata()?) != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").context("read the users")?;
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let line = line.ok_or_else(|| anyhow!("PostgreSQL does not run as root and there is no user `postgres`"))?;
    let mut ids = line.split(':').skip(2).map(str::parse);
    match (ids.next(), ids.next()) {
        (Some(Ok(user)), Some(Ok(group))) => Ok(Some(Owner { user, group })),
        _ => bail!("the user `postgres` has no ids"),
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn fast_random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
