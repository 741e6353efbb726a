//! `testudo check`: is the configuration good, and which controls would be on?

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use testudo_gateway::tls::{CertificateFiles, Certificates};

use super::{Failure, Setting, output};
use crate::cli::UpArgs;
use crate::config::{self, Config, Include};
use crate::firewall;
use crate::node::{StartError, identity_config};
use crate::snapshot::{self, SnapshotError};
use crate::status;

/// Opens the files that a start would open.
fn files(config: &Config) -> Result<(), Failure> {
    if let (Some(certificate), Some(key)) = (&config.tls.certificate, &config.tls.key) {
        let files = CertificateFiles { certificate: certificate.clone(), key: key.clone() };
        Certificates::from_files(vec![files]).map_err(Failure::usage)?;
    }
    let store = &config.store;
    for (key, file) in [
        ("store.postgres-url-file", &store.postgres_url_file),
        ("store.postgres-ca-file", &store.postgres_ca_file),
        ("store.root-passphrase-file", &store.root_passphrase_file),
    ] {
        if let Some(file) = file {
            let opened = std::fs::File::open(file);
            opened.map_err(|error| {
                Failure::usage(format!("can't read `{}`, named by `{key}`: {error}", file.display()))
            })?;
        }
    }
    Ok(())
}

/// What can't be put in force, at its line in the file where that says it.
fn at_its_line(setting: &Setting, error: SnapshotError) -> Failure {
    let place = |(path, key): (&PathBuf, &str)| config::pinpoint(path, key, error.to_string());
    match setting.config_file.as_ref().zip(error.key()).and_then(place) {
        Some(refused) => refused.into(),
        None => StartError::from(error).into(),
    }
}

pub fn run(setting: &Setting, arguments: &UpArgs) -> Result<ExitCode, Failure> {
    let config = setting.load(&arguments.overrides())?;
    let sample = config.upstream.servers.is_empty();
    // Nothing is connected to: a place stands for the sample wallet.
    let servers = if sample { vec!["http://127.0.0.1:9".to_owned()] } else { Vec::new() };
    let parts = snapshot::build(&config, &servers, sample.then_some(("wallet.yaml", wallet::OPENAPI)))
        .map_err(|error| at_its_line(setting, error))?;
    identity_config(&config).map_err(|error| Failure::from(StartError::from(error)))?;
    config.limits.validate().map_err(|error| Failure::from(StartError::from(error)))?;
    files(&config)?;
    crate::exports::check(&config).map_err(Failure::usage)?;
    crate::notices::check(&config).map_err(Failure::usage)?;
    let controls = status::controls(&config, Some(&parts.masks));
    let masked: Vec<(String, Vec<&str>)> = parts.masks.marked(&parts.contract).collect();
    let public: Vec<String> = parts
        .contract
        .routes()
        .iter()
        .filter(|route| route.is_public())
        .map(|route| format!("{} {}", route.method.as_ref().map_or("*", http::Method::as_str), route.template))
        .collect();
    let own = firewall::routes::described(&config.waf, config.server.observe);
    let answer = json!({
        "config": setting.config_file,
        "controls": controls.iter().map(|status| json!({
            "control": status.control.name(), "on": status.off.is_none(), "why": status.off,
        })).collect::<Vec<_>>(),
        "routes": parts.contract.routes().len(),
        "public": public,
        "policies": parts.policies.len(),
        "firewall": parts.firewall.as_ref().map(|firewall| json!({
            "rules": firewall.rules.to_string(), "count": firewall.waf.rules().len(),
            "routes": own.iter().map(|(route, says)| json!({ "route": route, "says": says })).collect::<Vec<_>>(),
        })),
        "masked": masked.iter().map(|(route, classes)| json!({ "route": route, "classes": classes })).collect::<Vec<_>>(),
        "notes": parts.contract.notes().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "limits_off": config.limits.switched_off(),
    });
    output::value(setting.format, &answer, |_| {
        match &setting.config_file {
            Some(file) => output::line(format!("{}: good", file.display())),
            None => output::line("no configuration file: the defaults are in force"),
        }
        output::line(format!(
            "{} routes, {} of them public; {} policies",
            parts.contract.routes().len(),
            public.len(),
            parts.policies.len()
        ));
        for route in &public {
            output::line(format!("  public  {route}"));
        }
        if let Some(firewall) = &parts.firewall {
            output::line(format!("  firewall  {} ({} rules)", firewall.rules, firewall.waf.rules().len()));
            for (route, says) in &own {
                output::line(format!("            {route}   {says}"));
            }
        }
        for (route, classes) in &masked {
            output::line(format!("  masked  {route}   {}", classes.join(", ")));
        }
        output::line("");
        for status in &controls {
            let state = if status.off.is_some() { "off" } else { "on " };
            let why = status.off.as_deref().map(|why| format!("  {why}")).unwrap_or_default();
            output::line(format!("  {state}  {:<16}{why}", status.control.name()));
        }
        for limit in config.limits.switched_off() {
            output::line(format!("  off  limit `{limit}`"));
        }
        for export in &config.export {
            let personal = if export.include == Include::Personal { ", personal data too" } else { "" };
            output::line(format!("  export  {} ({}{personal})", export.name, export.kind.name()));
        }
        for channel in &config.notify {
            output::line(format!("  notify  {}", channel.name));
        }
        for note in parts.contract.notes() {
            output::line(format!("  note: {note}"));
        }
    });
    Ok(ExitCode::SUCCESS)
}
