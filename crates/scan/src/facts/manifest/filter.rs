//! Facts about intent filters: which intents reach a component, deep links among them.

use testudo_package::manifest::IntentFilter;

use crate::facts::{Attribute, Kind, Row, Type};
use crate::report::Place;
use Type::{Flag, List, Number, Text};

pub(super) const INTENT_FILTER: Kind =
    Kind { name: "intent-filter", what: "an intent filter of a component", attributes: ATTRIBUTES };

const ATTRIBUTES: &[Attribute] = &[
    ("component", Text),
    ("component-kind", Text),
    ("exported", Flag),
    ("enabled", Flag),
    ("guarded", Flag),
    ("actions", List),
    ("categories", List),
    ("schemes", List),
    ("hosts", List),
    ("ports", List),
    ("paths", List),
    ("mime-types", List),
    ("auto-verify", Flag),
    ("browsable", Flag),
    ("deep-link", Flag),
    ("web-link", Flag),
    ("custom-schemes", List),
    ("any-host", Flag),
    ("secret-code", Flag),
    ("priority", Number),
    ("launcher", Flag),
];

/// The row of a filter of a component, whose row is given.
pub(super) fn row(place: Place, component: &Row, filter: &IntentFilter<'_>) -> Row {
    let link = filter.is_deep_link();
    let custom = filter.schemes().filter(|scheme| link && !is_common(scheme));
    let ports = filter.data.iter().filter_map(|data| data.port.as_deref());
    let secret = filter.schemes().any(|scheme| scheme == "android_secret_code");
    let mut row = Row::new("intent-filter", place)
        .origin(component.origin.clone())
        .text_of("component", component.text_at("name"))
        .text("component-kind", component.kind)
        .list("actions", filter.actions.iter())
        .list("categories", filter.categories.iter())
        .list("schemes", filter.schemes())
        .list("hosts", filter.hosts())
        .list("ports", ports)
        .list("paths", filter.paths().map(|(_, path)| path))
        .list("mime-types", filter.data.iter().filter_map(|data| data.mime_type.as_deref()))
        .flag("auto-verify", filter.auto_verify)
        .flag("browsable", filter.has_category("android.intent.category.BROWSABLE"))
        .flag("deep-link", link)
        .flag("web-link", filter.is_web_link())
        .list("custom-schemes", custom)
        .flag("any-host", filter.is_web_link() && filter.hosts().all(|host| host == "*"))
        .flag("secret-code", secret)
        .number("priority", filter.priority)
        .flag("launcher", filter.is_launcher());
    for shared in ["exported", "enabled", "guarded"] {
        let value = component.values.iter().find(|(name, _)| *name == shared);
        row.values.extend(value.cloned());
    }
    row
}

/// Schemes that name kinds of content, not an app.
fn is_common(scheme: &str) -> bool {
    const COMMON: [&str; 13] = [
        "http", "https", "file", "content", "tel", "sms", "smsto", "mms", "mmsto", "mailto", "geo", "market", "package",
    ];
    COMMON.contains(&scheme)
}
