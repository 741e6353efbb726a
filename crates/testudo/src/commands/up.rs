//! `testudo up`: starts the server, says where it is and how to go on, reloads on SIGHUP, drains on SIGTERM and SIGINT.

use std::process::ExitCode;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, Setting, output, root_key_from_environment};
use crate::cli::UpArgs;
use crate::config::FirewallMode;
use crate::data::DataFolder;
use crate::inherited;
use crate::logging;
use crate::server::Server;

pub fn run(setting: &Setting, arguments: &UpArgs) -> Result<ExitCode, Failure> {
    small_pages();
    // There is one thread yet.
    let inherited = inherited::take()?;
    let overrides = arguments.overrides();
    let config = setting.load(&overrides)?;
    logging::start(&config.log).map_err(Failure::usage)?;
    raise_open_files();
    let data = DataFolder::open(&setting.data)?;
    // The control plane: the data plane's workers have threads and runtimes of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(Failure::dependency)?;
    runtime.block_on(async {
        let started = std::time::Instant::now();
        // Before anything is said to be ready: whoever is told so may send a signal at once.
        let mut signals = Signals::new()?;
        let server = tokio::select! {
            server = Server::start(config, data, root_key_from_environment(), inherited) => server?,
            () = signals.stop() => return Ok(ExitCode::SUCCESS),
        };
        tracing::info!(milliseconds = started.elapsed().as_millis(), "ready");
        greet(&server).await?;
        // Not under systemd: then there is nobody to tell.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        wait(setting, arguments, &server, &mut signals).await;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        output::note("stopping: open requests may finish");
        let stopped = server.stop().await;
        output::note(if stopped.clean { "stopped" } else { "stopped; some requests were cut off" });
        match stopped.lost {
            None => Ok(ExitCode::SUCCESS),
            Some(lost) => Err(Failure::dependency(lost)),
        }
    })
}

/// Huge pages make an idle server hold twice the memory that it uses, and a busy one no faster. Elsewhere than on Linux,
/// and where the system forbids the call, it is as it is.
fn small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// A connection needs a file or two: the soft limit is raised as far as the system lets us.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// The signals that the server listens to; from when this is made on, none of them ends the process by itself.
struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Signals, Failure> {
        Ok(Signals {
            hang_up: signal(SignalKind::hangup()).map_err(Failure::dependency)?,
            terminate: signal(SignalKind::terminate()).map_err(Failure::dependency)?,
            interrupt: signal(SignalKind::interrupt()).map_err(Failure::dependency)?,
        })
    }

    /// Somebody wants the server to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Reloads as often as it is asked to, until it is to stop.
async fn wait(setting: &Setting, arguments: &UpArgs, server: &Server, signals: &mut Signals) {
    let (sender, mut asked) = tokio::sync::mpsc::channel(4);
    server.node.reloads_through(sender);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hang_up.recv() => {
                if let Err(error) = server.reload(setting.load(&arguments.overrides())).await {
                    tracing::error!("the new configuration is refused; the old one stays in force");
                    Failure::from(error).report();
                }
            }
            Some(answer) = asked.recv() => {
                let outcome = server.reload(setting.load(&arguments.overrides())).await;
                // Whoever asked may have hung up.
                let _ = answer.send(outcome.map_err(|error| error.to_string()));
            }
        }
    }
}

/// Says where everything is and how the first administrator enrols.
async fn greet(server: &Server) -> Result<(), Failure> {
    let node = &server.node;
    let config = node.config();
    let url = config.public_url();
    let listening: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    output::line(format!("Testudo {}", env!("CARGO_PKG_VERSION")));
    output::line("");
    output::line(format!("  gateway   {url}   (listening on {})", listening.join(", ")));
    let upstream = if server.sample { "the sample wallet".to_owned() } else { config.upstream.servers.join(", ") };
    output::line(format!("  upstream  {upstream}"));
    if let Some(firewall) = &node.snapshot().firewall {
        let detect = if config.waf.mode == FirewallMode::Detect { ", which only report" } else { "" };
        let own = match config.waf.routes.len() {
            0 => String::new(),
            1 => "; one route has settings of its own".to_owned(),
            count => format!("; {count} routes have settings of their own"),
        };
        output::line(format!("  firewall  {}{detect}{own}", firewall.rules));
    }
    output::line(format!("  sign-in   {}/sign-in", config.issuer()));
    output::line(format!("  issuer    {}   (discovery at /.well-known/openid-configuration)", config.issuer()));
    let admin = server.admin_address().unwrap_or(config.server.admin);
    let admin_url = config.server.admin_url.clone().unwrap_or_else(|| format!("https://localhost:{}", admin.port()));
    output::line(format!("  admin     {admin_url}"));
    if let Some(ca) = &server.ca {
        let ca = ca.display();
        output::line("");
        output::line(format!("  This server made its own certificate. Clients trust it through {ca}:"));
        output::line(format!("    export SSL_CERT_FILE={ca}        # OpenSSL, Python ssl, Go, Rust"));
        output::line(format!("    export CURL_CA_BUNDLE={ca}       # curl"));
        output::line(format!("    export REQUESTS_CA_BUNDLE={ca}   # Python requests"));
        output::line(format!("    export NODE_EXTRA_CA_CERTS={ca}  # Node.js"));
    }
    let token = node.identity().enrolment_token(&node.context()).await.map_err(Failure::dependency)?;
    if let Some(token) = token {
        output::line("");
        output::line(format!("  No administrator yet. Open {admin_url}/enrol within 24 hours, with this token:"));
        output::line(format!("    {}", token.expose()));
    }
    let off = node.snapshot().off();
    if !off.is_empty() {
        output::line("");
        output::line(format!("  off: {}   (`testudo check` says why)", off.join(", ")));
    }
    if config.server.observe {
        output::line("");
        output::line("  OBSERVE MODE: refusals are reported and not made. Nothing is protected.");
    }
    output::line("");
    output::line("  Stop with Ctrl-C. Reload with SIGHUP.");
    Ok(())
}
