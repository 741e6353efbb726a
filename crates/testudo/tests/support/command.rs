//! What a command of the binary printed, and with which exit code it ended.

use std::process::Output;

use serde_json::Value;

/// The exit code.
pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// What was printed to stderr as one line.
pub fn errors(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let words = text.split_whitespace().filter(|word| !word.chars().all(|c| "│×╰╭─▶·┬├".contains(c)));
    words.collect::<Vec<_>>().join(" ")
}

/// What was printed as JSON.
pub fn parsed(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}): {text} {}", errors(output)))
}
