//! Printing: results to stdout, errors and progress to stderr. The only place that prints.

#![expect(clippy::print_stderr, reason = "this is where a command prints")]

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use serde_json::Value;

use crate::cli::Format;

/// Prints a line of the result. Whoever reads it may have seen enough, as `head` has: then the command is over.
pub fn line(text: impl std::fmt::Display) {
    if let Err(error) = writeln!(std::io::stdout(), "{text}") {
        let code = if error.kind() == ErrorKind::BrokenPipe { 0 } else { 3 };
        if code != 0 {
            note(format!("can't write the result: {error}"));
        }
        std::process::exit(code);
    }
}

/// A number and what it counts.
pub fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Prints a line about progress.
pub fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// Says how errors look. Paths and options are copied out of them, so that lines are left to the terminal to wrap, which
/// breaks nothing that is in them.
pub fn prepare_errors() {
    // It is in place already when a command is run again in the same process.
    let _ = miette::set_hook(Box::new(|_| Box::new(miette::MietteHandlerOpts::new().wrap_lines(false).build())));
}

/// Prints an error.
pub fn error(report: &miette::Report) {
    eprintln!("{report:?}");
}

/// Whether somebody can be asked.
pub fn interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Prints a value: as JSON, or with `human`.
pub fn value(format: Format, value: &Value, human: impl FnOnce(&Value)) {
    match format {
        Format::Json => line(serde_json::to_string_pretty(value).unwrap_or_default()),
        Format::Human => human(value),
    }
}

/// Says what was done: as a line, or as `{"done": …}` with what it was done to.
pub fn done(format: Format, what: &str, said: &str) {
    value(format, &serde_json::json!({ "id": what, "done": said }), |_| line(format!("{what}: {said}")));
}

/// Prints a table with a head, its columns as wide as they need.
pub fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let render = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        line(padded.join("  ").trim_end());
    };
    render(&mut head.iter().copied());
    for row in rows {
        render(&mut row.iter().map(String::as_str));
    }
}

/// The text at a place of a value, or a dash.
pub fn cell(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            if texts.is_empty() { "-".into() } else { texts.join(" ") }
        }
        Some(other) => other.to_string(),
    }
}
