//! `testudo block`, `testudo limits`, `testudo routes`: what holds an attack back for a time. Acknowledged, each holds
//! for the next request, at every worker.

use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use http::{Method, StatusCode};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::{Failure, Setting, confirm, output};
use crate::admin::{Client, ClientError};
use crate::config::duration;

const BLOCKS: &str = "/admin/v1/blocks";
const TIGHTENED: &str = "/admin/v1/limits/tightened";
const RESTRICTED: &str = "/admin/v1/routes/restricted";

/// What to do with blocked networks.
#[derive(Debug, Subcommand)]
pub enum BlockCommand {
    /// Refuse every request from an address or a network for a time.
    Add {
        /// The address or network, such as `203.0.113.7` or `2001:db8::/48`.
        #[arg(value_parser = network)]
        network: IpNet,
        #[command(flatten)]
        hold: Hold,
        /// Also where it hits this machine, a trusted proxy or an exempt network, or is very wide.
        #[arg(long)]
        force: bool,
    },
    /// Show what is blocked.
    List,
    /// End a block.
    Remove {
        /// The address or network as it was blocked.
        #[arg(value_parser = network)]
        network: IpNet,
    },
}

/// What to do with limits.
#[derive(Debug, Subcommand)]
pub enum LimitsCommand {
    /// Allow a part of the configured rates for a time.
    Tighten {
        #[command(flatten)]
        whose: Whose,
        /// Of the configured rates, 1 to 99.
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=99))]
        percent: u8,
        #[command(flatten)]
        hold: Hold,
    },
    /// Show what is tightened.
    List,
    /// Let limits be as configured again.
    Restore {
        #[command(flatten)]
        whose: Whose,
    },
}

/// What to do with routes.
#[derive(Debug, Subcommand)]
pub enum RoutesCommand {
    /// Let only reading methods pass for a time, at and below a path.
    Restrict {
        /// The path, such as `/transfers`; `/` is all.
        path: String,
        #[command(flatten)]
        hold: Hold,
    },
    /// Show which routes may only be read.
    List,
    /// Let routes be written again.
    Release {
        /// The path as it was restricted.
        path: String,
    },
}

/// For how long, and why.
#[derive(Debug, Args)]
pub struct Hold {
    /// How long, such as `10m`, `2h` or `7d`; at most 400 days.
    #[arg(long = "for", value_parser = duration::parse, value_name = "DURATION")]
    duration: Duration,
    /// Why; goes to the journal in plain, so write no personal data into it.
    #[arg(long)]
    reason: String,
}

/// Whose limits.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whose").required(true))]
pub struct Whose {
    /// Those of all callers of all routes.
    #[arg(long, group = "whose")]
    everyone: bool,
    /// Those of the callers from an address or a network.
    #[arg(long, group = "whose", value_parser = network)]
    network: Option<IpNet>,
    /// Those of a route, by the template of its path.
    #[arg(long, group = "whose", value_name = "TEMPLATE")]
    route: Option<String>,
}

impl Hold {
    fn seconds(&self) -> u64 {
        self.duration.as_secs()
    }

    fn until(&self) -> String {
        format!("for {}", duration::render(self.duration))
    }
}

impl Whose {
    fn target(&self) -> Value {
        match (self.network, &self.route) {
            (Some(network), _) => json!({ "network": network.trunc().to_string() }),
            (_, Some(route)) => json!({ "route": route }),
            _ => json!("everyone"),
        }
    }

    fn query(&self) -> String {
        match (self.network, &self.route) {
            (Some(network), _) => query("network", &network.trunc().to_string()),
            (_, Some(route)) => query("route", route),
            _ => "everyone=true".into(),
        }
    }

    fn name(&self) -> String {
        match (self.network, &self.route) {
            (Some(network), _) => network.trunc().to_string(),
            (_, Some(route)) => route.clone(),
            _ => "everyone".into(),
        }
    }
}

/// `testudo block`.
pub async fn block(setting: &Setting, client: &mut Client, command: BlockCommand) -> Result<ExitCode, Failure> {
    match command {
        BlockCommand::Add { network, hold, force } => {
            let network = network.trunc().to_string();
            let mut body = json!({
                "target": { "network": network }, "seconds": hold.seconds(), "reason": hold.reason, "confirmed": force,
            });
            let mut done = client.call::<Value>(Method::POST, BLOCKS, Some(body.clone())).await;
            if let Err(ClientError::Refused { status: StatusCode::CONFLICT, detail, .. }) = &done {
                // Who can be asked is asked; else it takes `--force`.
                if !output::interactive() {
                    return Err(Failure::refused(format!("not done{detail}; repeat with `--force` if you mean it")));
                }
                output::note(detail.trim_start_matches(": ").to_owned());
                confirm::destructive(false, &format!("refuse every request from `{network}`"))?;
                if let Some(members) = body.as_object_mut() {
                    members.insert("confirmed".into(), json!(true));
                }
                done = client.call::<Value>(Method::POST, BLOCKS, Some(body)).await;
            }
            done?;
            output::done(setting.format, &network, &format!("blocked {}; the next request is refused", hold.until()));
        }
        BlockCommand::List => {
            let cell = |item: &Value| target(item.get("target"));
            list(setting, client, BLOCKS, "NETWORK", cell).await?;
        }
        BlockCommand::Remove { network } => {
            let network = network.trunc().to_string();
            client.call::<Value>(Method::DELETE, &format!("{BLOCKS}?{}", query("network", &network)), None).await?;
            output::done(setting.format, &network, "no longer blocked");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `testudo limits`.
pub async fn limits(setting: &Setting, client: &mut Client, command: LimitsCommand) -> Result<ExitCode, Failure> {
    match command {
        LimitsCommand::Tighten { whose, percent, hold } => {
            let body = json!({
                "target": whose.target(), "percent": percent, "seconds": hold.seconds(), "reason": hold.reason,
            });
            client.call::<Value>(Method::POST, TIGHTENED, Some(body)).await?;
            let said = format!("{percent} % of the configured rates {}", hold.until());
            output::done(setting.format, &whose.name(), &said);
        }
        LimitsCommand::List => {
            let cell = |item: &Value| format!("{} {} %", target(item.get("target")), output::cell(item, "percent"));
            list(setting, client, TIGHTENED, "WHOSE", cell).await?;
        }
        LimitsCommand::Restore { whose } => {
            client.call::<Value>(Method::DELETE, &format!("{TIGHTENED}?{}", whose.query()), None).await?;
            output::done(setting.format, &whose.name(), "limits are as configured");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `testudo routes`.
pub async fn routes(setting: &Setting, client: &mut Client, command: RoutesCommand) -> Result<ExitCode, Failure> {
    match command {
        RoutesCommand::Restrict { path, hold } => {
            let body = json!({ "path": path, "seconds": hold.seconds(), "reason": hold.reason });
            client.call::<Value>(Method::POST, RESTRICTED, Some(body)).await?;
            output::done(setting.format, &path, &format!("may only be read {}", hold.until()));
        }
        RoutesCommand::List => list(setting, client, RESTRICTED, "PATH", |item| output::cell(item, "path")).await?,
        RoutesCommand::Release { path } => {
            client.call::<Value>(Method::DELETE, &format!("{RESTRICTED}?{}", query("path", &path)), None).await?;
            output::done(setting.format, &path, "may be written again");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(
    setting: &Setting,
    client: &mut Client,
    path: &str,
    head: &str,
    first: impl Fn(&Value) -> String,
) -> Result<(), Failure> {
    let page: Value = client.call(Method::GET, path, None).await?;
    output::value(setting.format, &page, |page| {
        let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let row = |item: &Value| vec![first(item), output::cell(item, "until"), output::cell(item, "reason")];
        output::table(&[head, "UNTIL", "REASON"], &items.iter().map(row).collect::<Vec<_>>());
    });
    Ok(())
}

/// Whom something is about, for eyes.
fn target(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(members)) => members.values().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => "-".into(),
    }
}

fn query(name: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

/// An address alone is a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).map_err(|_| "write an address or a network, such as `203.0.113.0/24`".to_owned())
}
