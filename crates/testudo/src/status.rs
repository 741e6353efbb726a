//! Which controls are on, and why others are off; how the node does. For `check`, the admin API and, later, the console.

use serde_json::{Value, json};
use testudo_core::Control;

use crate::config::{Config, FirewallMode, RiskAnswer};
use crate::masks::Masks;
use crate::node::Node;
use crate::snapshot::Snapshot;

/// Whether a control of the request's trip is on.
pub struct ControlStatus {
    /// Which.
    pub control: Control,
    /// Why it is off, or weaker than it could be; none when it is on.
    pub off: Option<String>,
}

/// The controls of a request's trip under this configuration. `masks` are there as soon as the contract is read.
pub fn controls(config: &Config, masks: Option<&Masks>) -> Vec<ControlStatus> {
    let on = |control| ControlStatus { control, off: None };
    let off = |control, why: &str| ControlStatus { control, off: Some(why.to_owned()) };
    let mut all = vec![
        on(Control::Transport),
        on(Control::RateLimit),
        if config.contract.openapi.is_some() || config.upstream.servers.is_empty() {
            on(Control::Contract)
        } else {
            off(Control::Contract, "no OpenAPI file: every path is one route; name it with `--openapi FILE`")
        },
        on(Control::Authentication),
        on(Control::Mfa),
        on(Control::Standing),
        on(Control::Authorization),
        on(Control::Audit),
    ];
    for (control, why) in [
        (Control::DeviceBinding, "tokens are not bound to device keys yet"),
        (Control::Attestation, "device attestation is not built yet"),
        (Control::BuildStanding, "the build registry is not built yet"),
    ] {
        all.push(off(control, why));
    }
    all.push(match masks.map_or(Some("the contract is not read yet"), Masks::off) {
        None => on(Control::Masking),
        Some(why) => off(Control::Masking, why),
    });
    all.push(match config.waf.mode {
        FirewallMode::Off => off(Control::Waf, "`waf.mode` is \"off\""),
        FirewallMode::Detect => off(Control::Waf, "`waf.mode` is \"detect\": what it finds is written down and passes"),
        FirewallMode::Block => on(Control::Waf),
    });
    all.push(risk(config));
    all.push(if config.privacy.purposes.is_empty() {
        off(Control::Consent, "people are asked about no purpose; add `[[privacy.purposes]]`")
    } else {
        on(Control::Consent)
    });
    if config.server.observe {
        // Bytes that are no request are refused in observe mode too.
        // And what is masked stays masked.
        let kept = [Control::Transport, Control::Masking];
        for status in all.iter_mut().filter(|status| !kept.contains(&status.control)) {
            status.off.get_or_insert_with(|| "observe mode: refusals are reported and not made".into());
        }
    }
    all
}

impl Snapshot {
    /// The names of the controls that are off.
    pub fn off(&self) -> Vec<&'static str> {
        let off = controls(&self.config, Some(&self.masks)).into_iter().filter(|status| status.off.is_some());
        off.map(|status| status.control.name()).collect()
    }
}

/// Risk, as it is configured.
fn risk(config: &Config) -> ControlStatus {
    let off = |why: &str| ControlStatus { control: Control::Risk, off: Some(why.to_owned()) };
    let section = &config.risk;
    if !section.enabled {
        return off("`risk.enabled` is false: no score is made");
    }
    if section.at_high == RiskAnswer::Note && section.at_critical == RiskAnswer::Note {
        return off("`risk.at-high` and `risk.at-critical` are `note`: the score is made, and only policies act on it");
    }
    ControlStatus { control: Control::Risk, off: None }
}

/// The status of a node as JSON.
pub fn status(node: &Node) -> Value {
    let config = node.config();
    let snapshot = node.try_snapshot();
    let controls: Vec<Value> = controls(&config, snapshot.as_ref().map(|snapshot| &snapshot.masks))
        .iter()
        .map(|status| json!({ "control": status.control.name(), "on": status.off.is_none(), "why": status.off }))
        .collect();
    let store = node.store.status();
    let lag = node.standing.lag(node.clock.monotonic());
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "observe": config.server.observe,
        "gateway": config.public_url(),
        "issuer": config.issuer(),
        "generation": node.try_snapshot().map(|snapshot| snapshot.generation),
        "controls": controls,
        "journal": { "size": store.size, "waiting": store.waiting, "stalled": store.stalled, "lost": node.journal.lost_count() },
        "risk": risk_counts(node),
        "exports": node.exports.here(store.size),
        "standing": {
            "cursor": node.standing.cursor(),
            "lag_ms": lag.map(|lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)),
            "held": node.standing.counts().into_iter().map(|(name, n)| (name.to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
            "streams": node.standing.streams().count(),
        },
        "upstreams": node.try_snapshot().map(|snapshot| snapshot.upstreams.status().iter().map(|server| {
            json!({ "url": server.url, "healthy": server.healthy })
        }).collect::<Vec<_>>()),
    })
}

fn risk_counts(node: &Node) -> Value {
    let (people, unsaved, alerts, networks) = node.risk.counts();
    json!({ "cursor": node.risk.position(), "people": people, "unsaved": unsaved, "alerts": alerts, "networks": networks })
}
