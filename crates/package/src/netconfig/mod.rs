//! Android's network security configuration, typed.
//!
//! What is read is what `android.security.net.config.XmlConfigSource` reads. Settings that are not written are inherited:
//! from the configuration around, then from `base-config`, then from the platform, whose defaults depend on the API level
//! that the app was made for.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::chunk::Value;
use crate::xml::{Document, Node};

/// A network security configuration.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct NetworkConfig<'d> {
    /// What holds where no domain is named.
    pub base: Option<Settings<'d>>,
    /// What holds beside, while the app may be debugged: trusted certificates only.
    pub debug: Option<Settings<'d>>,
    /// What holds for domains, outer ones before those inside them.
    pub domains: Vec<DomainConfig<'d>>,
}

/// What holds for some domains.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DomainConfig<'d> {
    /// The domains.
    pub domains: Vec<Domain<'d>>,
    /// The settings.
    pub settings: Settings<'d>,
    /// The index of the configuration around.
    pub parent: Option<usize>,
}

/// A domain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Domain<'d> {
    /// Its name, in lower case.
    pub name: Cow<'d, str>,
    /// Whether domains below are meant too.
    pub include_subdomains: bool,
}

/// Settings, as far as they are written.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Settings<'d> {
    /// Whether traffic without encryption is permitted.
    pub cleartext: Option<bool>,
    /// Whom to trust.
    pub anchors: Option<Vec<Anchor<'d>>>,
    /// The keys that a chain has to have.
    pub pins: Option<PinSet<'d>>,
    /// Whether certificates have to be logged (`certificateTransparency`).
    pub transparency: Option<bool>,
    /// The number of the element in the document.
    pub node: u32,
}

/// Certificates that are trusted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchor<'d> {
    /// Which.
    pub source: Source<'d>,
    /// Whether pins don't matter for them.
    pub override_pins: bool,
}

/// Where trusted certificates come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source<'d> {
    /// The system.
    System,
    /// What the person, or who administers the device, added.
    User,
    /// A resource of the app: its id, or its name in source.
    Resource(Option<u32>, Cow<'d, str>),
}

/// Keys that a chain has to have one of.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PinSet<'d> {
    /// The day from which on pins don't matter, as `2026-12-31`.
    pub expiration: Option<Cow<'d, str>>,
    /// The keys.
    pub pins: Vec<Pin<'d>>,
}

/// The digest of a public key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pin<'d> {
    /// The algorithm, `SHA-256`.
    pub digest: Cow<'d, str>,
    /// The digest in base64.
    pub value: Cow<'d, str>,
}

/// What holds for a host, with everything inherited.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effective<'c, 'd> {
    /// Whether traffic without encryption is permitted.
    pub cleartext: bool,
    /// Whom to trust.
    pub anchors: Cow<'c, [Anchor<'d>]>,
    /// The keys that a chain has to have.
    pub pins: Option<&'c PinSet<'d>>,
    /// The index of the configuration that names the host.
    pub config: Option<usize>,
}

/// Why a document is no network security configuration.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NetworkConfigError {
    /// The root element is another one, or there is none.
    #[error("the root element is `{0}`, not `network-security-config`")]
    Root(String),
}

/// How deep configurations may lie in one another.
const DEPTH: usize = 16;

impl<'d> NetworkConfig<'d> {
    /// Reads a configuration.
    pub fn read(document: &'d Document<'d>) -> Result<NetworkConfig<'d>, NetworkConfigError> {
        let root = document.root().filter(|root| root.name() == "network-security-config").ok_or_else(|| {
            let name = document.root().map(|root| root.name().chars().take(64).collect());
            NetworkConfigError::Root(name.unwrap_or_default())
        })?;
        let mut config = NetworkConfig {
            base: root.named("base-config").next().map(|base| Settings::read(base, false)),
            debug: root.named("debug-overrides").next().map(|debug| Settings::read(debug, true)),
            domains: Vec::new(),
        };
        config.nested(root, None, 0);
        Ok(config)
    }

    fn nested(&mut self, around: Node<'d>, parent: Option<usize>, depth: usize) {
        if depth == DEPTH {
            return;
        }
        for node in around.named("domain-config") {
            let index = self.domains.len();
            let domains = node.named("domain").map(Domain::read).collect();
            self.domains.push(DomainConfig { domains, settings: Settings::read(node, false), parent });
            self.nested(node, Some(index), depth + 1);
        }
    }

    /// What holds for a host, in an app made for this API level: the configuration with the longest domain that fits.
    pub fn for_host(&self, host: &str, target_sdk: u32) -> Effective<'_, 'd> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let fits = |config: &DomainConfig<'_>| {
            config.domains.iter().filter(|domain| domain.fits(&host)).map(|domain| domain.name.len()).max()
        };
        let best = self.domains.iter().enumerate().filter_map(|(index, config)| Some((fits(config)?, index)));
        self.effective(best.max_by_key(|(length, _)| *length).map(|(_, index)| index), target_sdk)
    }

    /// What holds for the hosts of a configuration, or where none is named.
    pub fn effective(&self, config: Option<usize>, target_sdk: u32) -> Effective<'_, 'd> {
        let mut chain: Vec<&Settings<'d>> = Vec::new();
        let mut next = config;
        while let Some(domain) = next.and_then(|index| self.domains.get(index)) {
            chain.push(&domain.settings);
            next = domain.parent;
        }
        chain.extend(&self.base);
        let written = chain.iter().find_map(|settings| settings.anchors.as_deref());
        Effective {
            cleartext: chain.iter().find_map(|settings| settings.cleartext).unwrap_or(target_sdk < 28),
            anchors: written.map_or_else(|| Cow::Owned(platform_anchors(target_sdk)), Cow::Borrowed),
            pins: chain.iter().find_map(|settings| settings.pins.as_ref()),
            config,
        }
    }
}

/// Whom the platform trusts where nothing is written.
fn platform_anchors<'d>(target_sdk: u32) -> Vec<Anchor<'d>> {
    let anchor = |source| Anchor { source, override_pins: false };
    let user = (target_sdk < 24).then(|| anchor(Source::User));
    std::iter::once(anchor(Source::System)).chain(user).collect()
}

impl<'d> Domain<'d> {
    fn read(node: Node<'d>) -> Domain<'d> {
        let name: Cow<'d, str> = one_text(node);
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            name
        };
        Domain { name, include_subdomains: flag(node, "includeSubdomains").unwrap_or(false) }
    }

    fn fits(&self, host: &str) -> bool {
        let rest = host.strip_suffix(self.name.as_ref());
        rest.is_some_and(|rest| rest.is_empty() || self.include_subdomains && rest.ends_with('.'))
    }
}

impl<'d> Settings<'d> {
    fn read(node: Node<'d>, debug: bool) -> Settings<'d> {
        let anchors = node.named("trust-anchors").next().map(|anchors| {
            anchors.named("certificates").filter_map(|certificates| Anchor::read(certificates, debug)).collect()
        });
        let pins = node.named("pin-set").next().map(|pins| PinSet {
            expiration: text(pins, "expiration"),
            pins: pins
                .named("pin")
                .map(|pin| Pin { digest: text(pin, "digest").unwrap_or_default(), value: one_text(pin) })
                .collect(),
        });
        Settings {
            cleartext: flag(node, "cleartextTrafficPermitted"),
            anchors,
            pins,
            transparency: node.named("certificateTransparency").find_map(|element| flag(element, "enabled")),
            node: node.index(),
        }
    }
}

impl<'d> Anchor<'d> {
    fn read(node: Node<'d>, debug: bool) -> Option<Anchor<'d>> {
        let attr = node.plain("src")?;
        let name = attr.text().unwrap_or_default();
        let source = match (attr.value().reference(), name.as_ref()) {
            (None, "system") => Source::System,
            (None, "user") => Source::User,
            (id, _) => Source::Resource(id, name),
        };
        Some(Anchor { source, override_pins: flag(node, "overridePins").unwrap_or(debug) })
    }
}

fn text<'d>(node: Node<'d>, name: &str) -> Option<Cow<'d, str>> {
    node.plain(name)?.text()
}

fn flag(node: Node<'_>, name: &str) -> Option<bool> {
    let attr = node.plain(name)?;
    match attr.value() {
        Value::Boolean(flag) => Some(flag),
        Value::Integer { value, .. } => Some(value != 0),
        _ => match attr.text()?.as_ref() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
    }
}

/// The text right inside, without white space around.
fn one_text(node: Node<'_>) -> Cow<'_, str> {
    let mut pieces = node.text();
    match (pieces.next(), pieces.next()) {
        (None, _) => Cow::Borrowed(""),
        (Some(one), None) => Cow::Borrowed(one.trim()),
        // A domain's name or a digest is short; text in more pieces than these is neither.
        (Some(_), Some(_)) => {
            Cow::Owned(node.text().take(8).flat_map(|piece| piece.chars().take(256)).collect::<String>().trim().into())
        }
    }
}
