//! `testudo playbook`: which playbooks there are, whether a file can be used, and what other tools read.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, Setting, output};
use crate::config::Overrides;
use crate::respond::{cacao, configured, read_path};

/// What to do with playbooks.
#[derive(Debug, Subcommand)]
pub enum PlaybookCommand {
    /// List the playbooks that the configuration names.
    List,
    /// Check files, or folders of them. Mistakes are named with file, line and what to write instead.
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Show a playbook.
    Show {
        /// Its id.
        playbook: String,
        /// As CACAO 2.0 (JSON), for other tools.
        #[arg(long)]
        cacao: bool,
    },
}

pub fn run(setting: &Setting, command: PlaybookCommand) -> Result<ExitCode, Failure> {
    match command {
        PlaybookCommand::Check { files } => {
            let mut read = Vec::new();
            let mut mistakes = Vec::new();
            for file in &files {
                match read_path(file) {
                    Ok(playbooks) => read.extend(playbooks),
                    Err(error) => mistakes.push(error.to_string()),
                }
            }
            if !mistakes.is_empty() {
                return Err(Failure::usage(mistakes.join("\n")));
            }
            let items: Vec<Value> =
                read.iter().map(|(playbook, file)| json!({ "id": playbook.id, "file": file })).collect();
            output::value(setting.format, &json!({ "items": items }), |_| {
                for (playbook, file) in &read {
                    let steps = output::count(playbook.steps.len() as u64, "step");
                    output::line(format!("{}: `{}`, {steps}", file.display(), playbook.id));
                }
            });
        }
        PlaybookCommand::List => {
            let playbooks = configured(&setting.load(&Overrides::default())?.response).map_err(Failure::usage)?;
            output::value(setting.format, &json!({ "items": playbooks }), |_| {
                let row = |playbook: &testudo_response::Playbook| {
                    let actions: Vec<&str> = playbook.steps.iter().map(|step| step.does.name()).collect();
                    let on = if playbook.enabled { "on" } else { "off" };
                    vec![playbook.id.clone(), on.into(), actions.join(" "), playbook.title.clone()]
                };
                output::table(
                    &["PLAYBOOK", "RUNS", "ACTIONS", "TITLE"],
                    &playbooks.iter().map(row).collect::<Vec<_>>(),
                );
            });
        }
        PlaybookCommand::Show { playbook: id, cacao: as_cacao } => {
            let playbooks = configured(&setting.load(&Overrides::default())?.response).map_err(Failure::usage)?;
            let Some(playbook) = playbooks.iter().find(|playbook| playbook.id == id) else {
                return Err(Failure::refused(format!(
                    "there is no playbook `{id}`; `testudo playbook list` lists them"
                )));
            };
            let shown = if as_cacao { cacao(playbook) } else { json!(playbook) };
            output::line(serde_json::to_string_pretty(&shown).unwrap_or_default());
        }
    }
    Ok(ExitCode::SUCCESS)
}
