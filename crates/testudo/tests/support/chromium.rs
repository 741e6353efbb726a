//! Scripts that drive headless Chromium, Debian's, through playwright-core.
//!
//! They need `TESTUDO_BROWSER_CLIENTS`, a folder with the packages of `tests/browser/package-lock.json` (or those packages
//! in `tests/browser` itself), and Chromium (`TESTUDO_CHROMIUM`, or `/usr/bin/chromium`).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::{Server, skip};

/// A script that runs, and the steps that it has told.
pub struct Script {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    steps: Vec<Value>,
}

/// Starts a script of `tests/browser` on a server; `None`, with a loud word, where there is no browser, unless
/// `TESTUDO_REQUIRE_BROWSER` is set. Pictures are left in `shots`.
pub fn start(script: &str, server: &Server, shots: &Path) -> Option<Script> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let clients = std::env::var_os("TESTUDO_BROWSER_CLIENTS").map_or_else(|| own.clone(), PathBuf::from);
    let chromium = std::env::var_os("TESTUDO_CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    if !clients.join("node_modules/playwright-core").exists() || !chromium.exists() {
        let what = "Chromium or playwright-core is not installed: apt-get install chromium, npm ci in tests/browser";
        skip("TESTUDO_REQUIRE_BROWSER", what);
        return None;
    }
    // While nobody administers the server, its greeting has a token that enrols somebody.
    let at = server.greeting.iter().position(|line| line.contains("/enrol"));
    let token = at.map(|at| server.greeting[at + 1].trim()).unwrap_or_default();
    let mut child = Command::new("node")
        .arg(own.join(script))
        .env("TESTUDO_BROWSER_CLIENTS", clients)
        .env("TESTUDO_CHROMIUM", chromium)
        .env("TESTUDO_ADMIN", server.admin_url())
        .env("TESTUDO_PUBLIC", server.url())
        .env("TESTUDO_TOKEN", token)
        .env("TESTUDO_CA", server.ca())
        .env("TESTUDO_SHOTS", shots)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    Some(Script { child, input, output, steps: Vec::new() })
}

impl Script {
    /// Waits for its next step, which must be this one and have gone well.
    pub fn until(&mut self, name: &str) -> Value {
        let step = self.next().unwrap_or_else(|| panic!("it ended before {name}: {}", self.errors()));
        assert!(step["ok"] == true && step["step"] == name, "instead of {name}: {step:#}");
        step
    }

    /// Tells it a line.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Reads the rest of its steps, and says whether it ended well and what it complained of.
    pub fn finish(mut self) -> (Vec<Value>, bool, String) {
        while self.next().is_some() {}
        let errors = self.errors();
        let well = self.child.wait().unwrap().success();
        (std::mem::take(&mut self.steps), well, errors)
    }

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        if self.output.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let step: Value = serde_json::from_str(&line).unwrap();
        self.steps.push(step.clone());
        Some(step)
    }

    fn errors(&mut self) -> String {
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where pictures are left: the folder that `TESTUDO_SCREENSHOTS` names, or the one that is gone afterwards.
pub fn shots(folder: &Path) -> PathBuf {
    std::env::var_os("TESTUDO_SCREENSHOTS").map_or_else(|| folder.to_owned(), PathBuf::from)
}
