//! `testudo doctor`: what keeps Testudo from running well on this machine?

mod store;

use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::{Failure, Setting, output};
use crate::config::Overrides;
use crate::data::DataFolder;

/// Connections need a file each; fewer than this many are too few for a public gateway.
const ENOUGH_FILES: u64 = 65_536;
/// The journal stops when the disk is full; below this it is time to act.
const ENOUGH_DISK: u64 = 1 << 30;

/// How long a backend may take to take a connection.
const UPSTREAM_WITHIN: Duration = Duration::from_secs(2);

struct Finding {
    name: &'static str,
    /// Good, or what is wrong and what to do.
    outcome: Result<String, String>,
}

pub fn run(setting: &Setting) -> Result<ExitCode, Failure> {
    let config = setting.load(&Overrides::default())?;
    // A socket that a crash left behind answers nobody.
    let running = std::os::unix::net::UnixStream::connect(setting.data.join("testudo.sock")).is_ok();
    let mut findings = vec![data_folder(setting), open_files(), disk(setting), clock(), entropy()];
    findings.extend(super::wait_for(store::findings(setting, &config))?);
    findings.extend(config.upstream.servers.iter().map(|server| upstream(server)));
    for address in config.server.listen.iter().chain([&config.server.admin]) {
        findings.push(port(*address, running));
    }
    if let Some(file) = &config.tls.key {
        findings.push(private_file("tls.key", file));
    }
    let bad = findings.iter().filter(|finding| finding.outcome.is_err()).count();
    let answer: Vec<_> = findings
        .iter()
        .map(|finding| {
            let (Ok(text) | Err(text)) = &finding.outcome;
            json!({ "check": finding.name, "good": finding.outcome.is_ok(), "text": text })
        })
        .collect();
    output::value(setting.format, &json!(answer), |_| {
        for finding in &findings {
            match &finding.outcome {
                Ok(text) => output::line(format!("  good  {:<12} {text}", finding.name)),
                Err(text) => output::line(format!("  BAD   {:<12} {text}", finding.name)),
            }
        }
    });
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn data_folder(setting: &Setting) -> Finding {
    let name = "data folder";
    if !setting.data.exists() {
        return Finding { name, outcome: Ok(format!("`{}` is made at the first start", setting.data.display())) };
    }
    let outcome = DataFolder::open(&setting.data)
        .map(|data| format!("`{}` is yours alone", data.path().display()))
        .map_err(|error| error.to_string());
    Finding { name, outcome }
}

fn open_files() -> Finding {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)).and_then(|text| text.parse::<u64>().ok());
    let outcome = match soft {
        Some(soft) if soft >= ENOUGH_FILES => Ok(format!("{soft} may be open")),
        Some(soft) => Err(format!(
            "{soft} files may be open, so about as many connections; raise it with `ulimit -n {ENOUGH_FILES}` or \
             `LimitNOFILE={ENOUGH_FILES}` in the systemd unit"
        )),
        None => Ok("not known on this system".into()),
    };
    Finding { name: "open files", outcome }
}

fn disk(setting: &Setting) -> Finding {
    let name = "disk";
    let folder = if setting.data.exists() { setting.data.clone() } else { std::path::PathBuf::from(".") };
    let outcome = match free_bytes(&folder) {
        Some(free) if free >= ENOUGH_DISK => Ok(format!("{} GiB free", free >> 30)),
        Some(free) => {
            Err(format!("{} MiB free; a full disk makes the journal refuse, and so every request", free >> 20))
        }
        None => Ok("free space not known on this system".into()),
    };
    Finding { name, outcome }
}

fn free_bytes(folder: &std::path::Path) -> Option<u64> {
    let status = rustix::fs::statvfs(folder).ok()?;
    status.f_bavail.checked_mul(status.f_frsize)
}

fn clock() -> Finding {
    use testudo_core::Clock as _;
    // Tokens and codes are good for minutes; a clock that was never set is off by years.
    let now = crate::clock::SystemClock::default().now();
    let outcome = if now.seconds() > 1_750_000_000 {
        Ok(format!("{now}"))
    } else {
        Err(format!("the clock says {now}; set it, or tokens will not be valid"))
    };
    Finding { name: "clock", outcome }
}

fn entropy() -> Finding {
    let first: [u8; 16] = testudo_crypto::random::array();
    let second: [u8; 16] = testudo_crypto::random::array();
    let outcome = if first == second { Err("the random generator repeats itself".into()) } else { Ok("good".into()) };
    Finding { name: "random", outcome }
}

fn port(address: std::net::SocketAddr, running: bool) -> Finding {
    let outcome = match TcpListener::bind(address) {
        Ok(_) => Ok(format!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && running => {
            Ok(format!("{address} is in use by the running server"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(format!(
            "{address} is in use by another program; stop it or choose another address, unless it is systemd that \
                 holds the socket for Testudo"
        )),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(format!("{address} needs a privilege; use a port from 1024 on, or CAP_NET_BIND_SERVICE"))
        }
        Err(error) => Err(format!("{address}: {error}")),
    };
    Finding { name: "address", outcome }
}

/// Whether the backend takes connections.
fn upstream(server: &str) -> Finding {
    let name = "upstream";
    let port = || Some(if matches!(server.split_once("://"), Some(("h2" | "https", _))) { 443 } else { 80 });
    let addresses = url::Url::parse(server).ok().and_then(|url| url.socket_addrs(port).ok()).unwrap_or_default();
    let mut why = "its host has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, UPSTREAM_WITHIN) {
            Ok(_) => return Finding { name, outcome: Ok(format!("`{server}` takes connections")) },
            Err(error) => why = error.to_string(),
        }
    }
    let remedy = "start the backend, or correct `upstream.servers`";
    Finding { name, outcome: Err(format!("`{server}` takes no connections: {why}; {remedy}")) }
}

fn private_file(name: &'static str, file: &std::path::Path) -> Finding {
    use std::os::unix::fs::PermissionsExt as _;
    let outcome = match std::fs::metadata(file) {
        Ok(data) if data.permissions().mode().trailing_zeros() >= 6 => {
            Ok(format!("`{}` is yours alone", file.display()))
        }
        Ok(_) => Err(format!("others can read `{}`; run `chmod 600` on it", file.display())),
        Err(error) => Err(format!("can't read `{}`: {error}", file.display())),
    };
    Finding { name, outcome }
}
