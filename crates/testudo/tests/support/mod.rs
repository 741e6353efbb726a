//! The real binary on real sockets, for system tests.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::format_push_string
)]

pub mod attack;
pub mod backend;
pub mod chromium;
pub mod command;
pub mod http;
pub mod shop;
pub mod upstream;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_testudo");

/// A running server with a data folder of its own.
pub struct Server {
    child: Child,
    folder: tempfile::TempDir,
    pub gateway: SocketAddr,
    pub admin: SocketAddr,
    pub greeting: Vec<String>,
    arguments: Vec<String>,
    /// Handed to each of its processes, as systemd does.
    socket: Option<TcpListener>,
}

/// An address on loopback that nobody listens on now. It is below the ports that outgoing connections take, so that
/// none of those takes it before the server does.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(101).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + u16::try_from(number % 22_000).unwrap();
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().unwrap();
        }
    }
}

impl Server {
    /// Starts `testudo up` with these arguments and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Server {
        Server::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    /// The same over a folder that holds `data` and perhaps `testudo.toml`.
    pub fn start_in(folder: tempfile::TempDir, arguments: &[&str]) -> Server {
        Server::start_with(folder, arguments, &[])
    }

    /// The same with variables in its environment, which its commands do not get.
    pub fn start_with(folder: tempfile::TempDir, arguments: &[&str], environment: &[(&str, &str)]) -> Server {
        let (gateway, admin) = (free_address(), free_address());
        let mut all = vec!["--listen".to_owned(), gateway.to_string(), "--admin".to_owned(), admin.to_string()];
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let (child, greeting) = spawn(folder.path(), &all, environment, None);
        Server { child, folder, gateway, admin, greeting, arguments: all, socket: None }
    }

    /// The same on a socket that outlives its processes.
    pub fn start_on(socket: TcpListener, folder: tempfile::TempDir, arguments: &[&str]) -> Server {
        let (gateway, admin) = (socket.local_addr().unwrap(), free_address());
        let mut all = vec!["--listen".to_owned(), gateway.to_string(), "--admin".to_owned(), admin.to_string()];
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let (child, greeting) = spawn(folder.path(), &all, &[], Some(&socket));
        Server { child, folder, gateway, admin, greeting, arguments: all, socket: Some(socket) }
    }

    /// Kills it without warning and starts it again on the same data.
    pub fn crash_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let (child, greeting) = spawn(self.folder.path(), &self.arguments, &[], self.socket.as_ref());
        self.child = child;
        self.greeting = greeting;
    }

    /// Stops it in order and keeps the data, so that commands open the store themselves.
    pub fn halt(&mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }

    /// Starts it again on the same data and addresses.
    pub fn resume(&mut self) {
        let (child, greeting) = spawn(self.folder.path(), &self.arguments, &[], self.socket.as_ref());
        self.child = child;
        self.greeting = greeting;
    }

    /// The folder that it runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The certificate of its local CA.
    pub fn ca(&self) -> PathBuf {
        self.data().join("ca/ca.pem")
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The origin of the gateway.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.gateway.port())
    }

    /// The origin of the admin address.
    pub fn admin_url(&self) -> String {
        format!("https://localhost:{}", self.admin.port())
    }

    /// Runs a command of the binary on the same data.
    pub fn command(&self, arguments: &[&str]) -> Output {
        self.command_with_input(arguments, "")
    }

    /// The same with standard input.
    pub fn command_with_input(&self, arguments: &[&str], input: &str) -> Output {
        command_in(self.folder.path(), arguments, input)
    }

    /// Runs a command that must succeed, and gives its standard output.
    pub fn run(&self, arguments: &[&str]) -> String {
        succeeded(arguments, &self.command(arguments))
    }

    /// Makes an account.
    pub fn create_person(&self, username: &str, password: &str) -> String {
        let arguments = ["user", "create", username, "--keep-password"];
        let text = succeeded(&arguments, &self.command_with_input(&arguments, &format!("{password}\n")));
        text.split_whitespace().last().unwrap().to_owned()
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Stops it in order, and says whether it ended well.
    pub fn stop(mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }

    /// Stops it in order, and says with which exit code it ended and how long that took. The data stay.
    pub fn end(&mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        self.signal("TERM");
        (self.child.wait().unwrap().code(), began.elapsed())
    }

    /// The resident memory in KiB. Of the pages of files, which the system can take back, no more count than the binary
    /// has that is shipped: one for tests is larger.
    pub fn memory_kib(&self) -> u64 {
        self.kib("VmRSS:") - self.not_shipped_kib()
    }

    /// The most resident memory that it ever had, in KiB, without the same pages.
    pub fn peak_memory_kib(&self) -> u64 {
        self.kib("VmHWM:") - self.not_shipped_kib()
    }

    fn not_shipped_kib(&self) -> u64 {
        const SHIPPED: u64 = 40 * 1024;
        self.kib("RssFile:").saturating_sub(SHIPPED)
    }

    fn kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// One request with curl, which trusts the local CA: status and body.
    pub fn curl(&self, arguments: &[&str]) -> (u16, String) {
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "20", "-w", "\n%{http_code}", "--cacert"])
            .arg(self.ca())
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or_default();
        (status.parse().unwrap_or(0), body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command in a folder, over `data` in it.
pub fn command_in(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = base(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Copies a folder with all that is in it, but sockets.
pub fn copy_folder(from: &Path, to: &Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn base(folder: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(folder).arg("--data").arg("data");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TESTUDO_") {
            command.env_remove(name);
        }
    }
    same_rules(folder, &mut command);
    command
}

/// Without a word about the firewall it runs the best rules that the machine has: here the same on every machine.
fn same_rules(folder: &Path, command: &mut Command) {
    let config = std::fs::read_to_string(folder.join("testudo.toml")).unwrap_or_default();
    if !config.contains("[waf]") {
        command.env("TESTUDO__WAF__RULES", "[\"built-in\"]");
    }
}

/// The binary as systemd starts it with a socket unit; the socket is put in as standard input.
pub fn activated(folder: &Path) -> Command {
    let mut command = Command::new("sh");
    let start = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\"";
    command.current_dir(folder).args(["-c", start, BINARY, "--data", "data"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TESTUDO_") {
            command.env_remove(name);
        }
    }
    same_rules(folder, &mut command);
    command
}

/// Starts `up` in a folder and waits until it has said everything, which it does when it is ready.
fn spawn(
    folder: &Path,
    arguments: &[String],
    environment: &[(&str, &str)],
    socket: Option<&TcpListener>,
) -> (Child, Vec<String>) {
    let (mut command, input) = match socket {
        None => (base(folder), Stdio::null()),
        Some(socket) => (activated(folder), std::os::fd::OwnedFd::from(socket.try_clone().unwrap()).into()),
    };
    let mut child = command
        .envs(environment.iter().copied())
        .arg("up")
        .args(arguments)
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut greeting = Vec::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).unwrap() == 0 {
            let mut errors = String::new();
            child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("`testudo up` ended before it was ready:\n{errors}");
        }
        let last = line.contains("Reload with SIGHUP");
        greeting.push(line);
        if last {
            break;
        }
    }
    // Keep the pipes from filling up.
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    let mut errors = child.stderr.take().unwrap();
    let mut log = std::fs::File::options().create(true).append(true).open(folder.join("server.log")).unwrap();
    std::thread::spawn(move || std::io::copy(&mut errors, &mut log));
    (child, greeting)
}

/// What a command printed, which must have succeeded.
pub fn succeeded(arguments: &[&str], output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`testudo {}` failed: {errors}", arguments.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether tests that need this may be skipped here; `.ci/run` sets the variable so that they may not.
pub fn skip(variable: &str, what: &str) {
    assert!(std::env::var_os(variable).is_none(), "{variable} is set, and {what}");
    // The handle itself: what the macros print is captured, and shown of failed tests only.
    let _ = std::io::stderr().write_all(format!("SKIPPED: {what}\n").as_bytes());
}

/// Raises this process's limit of open files as far as it may, and gives it. Children inherit it.
pub fn open_files() -> usize {
    let limits = || {
        let text = std::fs::read_to_string("/proc/self/limits").unwrap();
        let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
        let mut numbers = line.split_whitespace().filter_map(|word| word.parse::<usize>().ok());
        (numbers.next().unwrap(), numbers.next().unwrap())
    };
    let (soft, hard) = limits();
    if soft < hard {
        let raised = Command::new("prlimit")
            .arg(format!("--pid={}", std::process::id()))
            .arg(format!("--nofile={hard}:{hard}"))
            .status();
        assert!(raised.is_ok_and(|status| status.success()), "prlimit (util-linux) is missing");
    }
    limits().0
}

/// Waits until something holds.
pub fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < within, "{what} did not happen within {within:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether somebody listens.
pub fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}
