//! Questions: only where somebody can answer. Without a terminal, a destructive command needs `--yes`.

use std::io::{BufRead as _, Read as _};

use testudo_core::Secret;

use super::{Failure, output};

/// The longest password that is read.
const MAX_PASSWORD: u64 = 4096;

/// Asks before something that can't be undone.
pub fn destructive(yes: bool, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !output::interactive() {
        return Err(Failure::usage(format!("this would {what}; repeat with `--yes` if you mean it")));
    }
    output::note(format!("this will {what}. Type `yes` to go on:"));
    let mut answer = String::new();
    std::io::stdin().lock().take(64).read_line(&mut answer).map_err(Failure::dependency)?;
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::refused("nothing was done")) }
}

/// Reads a password: from the terminal without echo, else one line of standard input.
pub fn password() -> Result<Secret<String>, Failure> {
    if output::interactive() {
        let text = rpassword::prompt_password("password: ").map_err(Failure::dependency)?;
        return Ok(Secret::new(text));
    }
    let mut text = String::new();
    std::io::stdin().lock().take(MAX_PASSWORD).read_to_string(&mut text).map_err(Failure::dependency)?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    zeroize::Zeroize::zeroize(&mut text);
    if line.is_empty() {
        return Err(Failure::usage("give the password as one line on standard input"));
    }
    Ok(Secret::new(line))
}
