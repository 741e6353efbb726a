//! Facts from the network security configuration: what holds for all hosts, and for each domain that is named.

use jiff::civil::Date;
use testudo_package::netconfig::{Anchor, DomainConfig, Effective, NetworkConfig, PinSet, Settings, Source};

use super::manifest::count;
use super::{Attribute, Facts, Kind, Row, Type, cut};
use crate::report::Place;
use Type::{Flag, List, Number, Text};

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "network", what: "the network security configuration as a whole, once", attributes: NETWORK },
    Kind { name: "network-base", what: "what holds for hosts that are not named, once", attributes: BASE },
    Kind { name: "network-domain", what: "what holds for the hosts of one `domain-config`", attributes: DOMAIN },
    Kind { name: "network-debug", what: "what holds while the app may be debugged", attributes: DEBUG },
];

const NETWORK: &[Attribute] =
    &[("pinned", Flag), ("domains", Number), ("pinned-domains", Number), ("cleartext-domains", Number)];

macro_rules! with_settings {
    ($($own:expr),* $(,)?) => {
        &[
            ("cleartext", Flag),
            ("cleartext-written", Flag),
            ("user-anchors", Flag),
            ("user-anchors-written", Flag),
            ("system-anchors", Flag),
            ("own-anchors", List),
            ("override-pins", Flag),
            ("transparency", Flag),
            $($own),*
        ]
    };
}

const BASE: &[Attribute] = with_settings![];
const DEBUG: &[Attribute] =
    &[("user-anchors", Flag), ("own-anchors", List), ("cleartext-written", Flag), ("system-anchors", Flag)];
const DOMAIN: &[Attribute] = with_settings![
    ("domains", List),
    ("subdomains", Flag),
    ("local", Flag),
    ("pins", Number),
    ("pins-written", Flag),
    ("wrong-pins", List),
    ("pin-expiration", Text),
    ("pins-expired", Flag),
    ("days-left", Number),
];

/// The facts of a configuration that is this file of the package, for an app made for this API level.
pub fn rows(config: &NetworkConfig<'_>, file: &str, target_sdk: u32, today: Date, facts: &mut Facts) {
    let place = |path: &str| Place::Manifest { file: file.to_owned(), path: path.to_owned() };
    let pinned =
        config.domains.iter().filter(|domain| domain.settings.pins.as_ref().is_some_and(|pins| !pins.pins.is_empty()));
    let pinned = count(pinned.count());
    let open = (0..config.domains.len()).filter(|index| config.effective(Some(*index), target_sdk).cleartext);
    facts.push(
        Row::new("network", place("network-security-config"))
            .flag("pinned", pinned > 0)
            .number("domains", count(config.domains.len()))
            .number("pinned-domains", pinned)
            .number("cleartext-domains", count(open.count())),
    );
    let base = config.effective(None, target_sdk);
    facts.push(settings(Row::new("network-base", place("base-config")), &base, config.base.as_ref()));
    for (index, domain) in config.domains.iter().enumerate() {
        let effective = config.effective(Some(index), target_sdk);
        let names: Vec<&str> = domain.domains.iter().map(|domain| domain.name.as_ref()).collect();
        let label = names
            .first()
            .map_or_else(|| format!("domain-config[{index}]"), |name| format!("domain-config[{}]", cut(name)));
        let row = settings(Row::new("network-domain", place(&label)), &effective, Some(&domain.settings));
        facts.push(pins(of_domain(row, domain, &names), domain, effective.pins, today));
    }
    if let Some(debug) = &config.debug {
        let anchors = debug.anchors.as_deref().unwrap_or_default();
        let row = Row::new("network-debug", place("debug-overrides"))
            .flag("user-anchors", has_user(anchors))
            .list("own-anchors", own(anchors))
            .flag("cleartext-written", debug.cleartext.is_some())
            .flag("system-anchors", anchors.iter().any(|anchor| anchor.source == Source::System));
        facts.push(row);
    }
}

fn settings(row: Row, effective: &Effective<'_, '_>, written: Option<&Settings<'_>>) -> Row {
    let anchors = written.and_then(|settings| settings.anchors.as_deref());
    row.flag("cleartext", effective.cleartext)
        .flag("cleartext-written", written.is_some_and(|settings| settings.cleartext.is_some()))
        .flag("user-anchors", has_user(&effective.anchors))
        .flag("user-anchors-written", anchors.is_some_and(has_user))
        .flag("system-anchors", effective.anchors.iter().any(|anchor| anchor.source == Source::System))
        .list("own-anchors", own(&effective.anchors))
        .flag("override-pins", anchors.is_some_and(|anchors| anchors.iter().any(|anchor| anchor.override_pins)))
        .flag("transparency", written.and_then(|settings| settings.transparency))
}

fn of_domain(row: Row, domain: &DomainConfig<'_>, names: &[&str]) -> Row {
    row.list("domains", names.iter().copied())
        .flag("subdomains", domain.domains.iter().any(|domain| domain.include_subdomains))
        .flag("local", !names.is_empty() && names.iter().all(|name| is_local(name)))
}

/// What is told of pins; of those that are inherited only how many they are, as the rest is told where they are written.
fn pins(row: Row, domain: &DomainConfig<'_>, effective: Option<&PinSet<'_>>, today: Date) -> Row {
    let Some(pins) = &domain.settings.pins else {
        return row.number("pins", effective.map_or(0, |pins| count(pins.pins.len()))).flag("pins-written", false);
    };
    let wrong = pins.pins.iter().filter(|pin| !is_pin(&pin.digest, &pin.value)).map(|pin| &pin.value);
    let expiration = pins.expiration.as_deref();
    let date = expiration.and_then(|text| text.trim().parse::<Date>().ok());
    let left = date.and_then(|date| today.until((jiff::Unit::Day, date)).ok()).map(|span| i64::from(span.get_days()));
    row.number("pins", count(pins.pins.len()))
        .flag("pins-written", true)
        .list("wrong-pins", wrong)
        .text_of("pin-expiration", expiration)
        .flag("pins-expired", left.map(|left| left <= 0))
        .number("days-left", left)
}

fn has_user(anchors: &[Anchor<'_>]) -> bool {
    anchors.iter().any(|anchor| anchor.source == Source::User)
}

/// The app's own certificates, as the configuration names them.
fn own<'a>(anchors: &'a [Anchor<'_>]) -> impl Iterator<Item = String> + 'a {
    anchors.iter().filter_map(|anchor| match &anchor.source {
        Source::System | Source::User => None,
        Source::Resource(Some(id), name) if name.is_empty() => Some(format!("@{id:#010x}")),
        Source::Resource(_, name) => Some(name.chars().take(200).collect()),
    })
}

/// Whether a pin is the SHA-256 of a key, the only one that Android takes.
fn is_pin(digest: &str, value: &str) -> bool {
    let bytes = data_encoding::BASE64.decode(value.trim().as_bytes());
    digest == "SHA-256" && bytes.is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether a host is in the device or in a private network, where developers run their servers.
pub(super) fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    if host == "::1" || matches!(host.rsplit('.').next(), Some("localhost" | "local")) {
        return true;
    }
    let parts: Vec<u8> = host.split('.').filter_map(|part| part.parse().ok()).collect();
    let whole = parts.len() == 4 && host.split('.').count() == 4;
    whole && matches!(parts.as_slice(), [10 | 127, ..] | [192, 168, ..] | [169, 254, ..] | [172, 16..=31, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_developers_are_known() {
        for host in ["localhost", "10.0.2.2", "127.0.0.1", "192.168.1.7", "172.20.0.1", "nas.local"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["example.com", "172.32.0.1", "11.0.0.1", "10.0.2", "1.2.3.4.5", "10.example.com", ""] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn pins_are_digests_of_keys() {
        assert!(is_pin("SHA-256", "7HIpactkIAq2Y49orFOOQKurWxmmSFZhBCoQYcRhJ3Y="));
        assert!(!is_pin("SHA-1", "7HIpactkIAq2Y49orFOOQKurWxmmSFZhBCoQYcRhJ3Y="));
        assert!(!is_pin("SHA-256", "abc"));
    }
}
