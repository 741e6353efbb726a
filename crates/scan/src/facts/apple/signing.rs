//! What an app may do, and on which devices: entitlements and the provisioning profile.

use testudo_package::ipa::Profile;
use testudo_package::plist::Plist;

use super::Of;
use crate::facts::Facts;
use crate::facts::declared::{Kind, Type};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "entitlement",
        what: "something that a bundle may do",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            // `code-signature`, `profile`, `source`.
            ("source", Type::Text),
            ("key", Type::Text),
            // Its value, of whichever type it is.
            ("enabled", Type::Flag),
            ("text", Type::Text),
            ("values", Type::List),
        ],
    },
    Kind {
        name: "provisioning",
        what: "a provisioning profile",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("name", Type::Text),
            // `development`, `ad-hoc`, `enterprise`, `app-store`.
            ("type", Type::Text),
            ("teams", Type::List),
            ("devices", Type::Number),
            ("debuggable", Type::Flag),
            ("expired", Type::Flag),
            // Days until it ends; less than 0 when it has.
            ("days-left", Type::Number),
            ("signature-verified", Type::Flag),
        ],
    },
];

const DAY: i64 = 24 * 60 * 60;
/// Entitlements that are looked at.
const MOST: usize = 1_000;

/// The rows of entitlements; `source` is where they stand.
pub fn entitlements(of: Of<'_>, list: &Plist, source: &'static str, facts: &mut Facts) {
    for (key, value) in list.entries().iter().take(MOST) {
        let values = value.items().iter().take(MOST).filter_map(Plist::text).map(str::to_owned);
        let enabled = match value {
            Plist::Flag(flag) => Some(*flag),
            _ => None,
        };
        facts.push(
            of.row("entitlement", of.place(format!("Entitlements/{key}")))
                .text("source", source)
                .text("key", key)
                .flag("enabled", enabled)
                .text_of("text", value.text())
                .list("values", values),
        );
    }
}

/// The rows of a profile, with what it permits; `now` is in seconds since 1970.
pub fn provisioning(of: Of<'_>, profile: &Profile, now: i64, facts: &mut Facts) {
    let debuggable = profile.entitlements().and_then(|list| list.get("get-task-allow")?.flag()).unwrap_or(false);
    let kind = match (profile.is_for_all_devices(), profile.devices(), debuggable) {
        (true, _, _) => "enterprise",
        (false, 0, _) => "app-store",
        (false, _, true) => "development",
        (false, _, false) => "ad-hoc",
    };
    let left = profile.expires().map(|end| end.saturating_sub(now));
    facts.push(
        of.row("provisioning", of.place("ExpirationDate"))
            .text_of("name", profile.name())
            .text("type", kind)
            .list("teams", profile.teams().take(MOST))
            .number("devices", i64::try_from(profile.devices()).unwrap_or(i64::MAX))
            .flag("debuggable", debuggable)
            .flag("expired", left.map(|left| left < 0))
            .number("days-left", left.map(|left| left.div_euclid(DAY)))
            .flag("signature-verified", false),
    );
    if let Some(list) = profile.entitlements() {
        entitlements(of, list, "profile", facts);
    }
}
