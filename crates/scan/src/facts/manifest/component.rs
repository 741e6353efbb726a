//! Facts about components: who may reach them, what guards them, what they take.

use testudo_package::manifest::Kind as Of;
use testudo_package::manifest::{Activity, Component, IntentFilter, Match, Provider, Service};

use super::{Scope, count, filter};
use crate::facts::{Attribute, Facts, Kind, Row, Type, cut};
use crate::report::Origin;
use crate::sdks;
use Type::{Flag, List, Number, Text};

pub(super) const ACTIVITY: Kind =
    Kind { name: "activity", what: "an activity, or an alias of one", attributes: ACTIVITIES };
pub(super) const SERVICE: Kind = Kind { name: "service", what: "a service", attributes: SERVICES };
pub(super) const RECEIVER: Kind = Kind { name: "receiver", what: "a receiver of broadcasts", attributes: RECEIVERS };
pub(super) const PROVIDER: Kind = Kind { name: "provider", what: "a content provider", attributes: PROVIDERS };
pub(super) const URI_GRANT: Kind =
    Kind { name: "uri-grant", what: "paths of a provider whose access may be granted", attributes: URI_GRANTS };

macro_rules! with_common {
    ($($own:expr),* $(,)?) => {
        &[
            ("name", Text),
            ("exported", Flag),
            ("exported-written", Flag),
            ("enabled", Flag),
            ("guarded", Flag),
            ("permission", Text),
            ("permission-level", Text),
            ("process", Text),
            ("direct-boot-aware", Flag),
            ("filters", Number),
            ("actions", List),
            ("categories", List),
            ("schemes", List),
            ("hosts", List),
            ("mime-types", List),
            ("priority", Number),
            ("launcher", Flag),
            ("deep-link", Flag),
            ("meta-names", List),
            $($own),*
        ]
    };
}

const ACTIVITIES: &[Attribute] = with_common![
    ("alias", Flag),
    ("target", Text),
    ("launch-mode", Text),
    ("task-affinity", Text),
    ("foreign-affinity", Flag),
    ("allow-task-reparenting", Flag),
    ("exclude-from-recents", Flag),
    ("no-history", Flag),
    ("show-when-locked", Flag),
    ("turn-screen-on", Flag),
    ("untrusted-embedding", Flag),
    ("document-launch-mode", Number),
];

const SERVICES: &[Attribute] =
    with_common![("isolated", Flag), ("external", Flag), ("single-user", Flag), ("foreground-types", List)];

const RECEIVERS: &[Attribute] = with_common![];

const PROVIDERS: &[Attribute] = with_common![
    ("authorities", List),
    ("read-permission", Text),
    ("read-level", Text),
    ("write-permission", Text),
    ("write-level", Text),
    ("grant-uri-permissions", Flag),
    ("force-uri-permissions", Flag),
    ("uri-grants", Number),
    ("path-permissions", Number),
    ("file-provider", Flag),
    ("single-user", Flag),
    ("syncable", Flag),
];

const URI_GRANTS: &[Attribute] = &[("provider", Text), ("path", Text), ("everything", Flag), ("exported", Flag)];

/// The rows of a component and of its filters.
pub(super) fn rows(scope: &Scope<'_, '_>, component: &Component<'_>, facts: &mut Facts) {
    let kind = match &component.kind {
        Of::Activity(_) | Of::Alias { .. } => "activity",
        Of::Service(_) => "service",
        Of::Receiver => "receiver",
        Of::Provider(_) => "provider",
    };
    let element = if matches!(component.kind, Of::Alias { .. }) { "activity-alias" } else { kind };
    let path = format!("application/{element}[{}]", cut(scope.short(&component.name)));
    let row = common(scope, component, kind, &path);
    let row = match &component.kind {
        Of::Activity(activity) => of_activity(scope, row, activity),
        Of::Alias { target } => row.flag("alias", true).text_of("target", target.as_deref()),
        Of::Service(service) => of_service(row, service),
        Of::Receiver => row,
        Of::Provider(provider) => of_provider(scope, row, component, provider),
    };
    if let Of::Provider(provider) = &component.kind {
        for (kind, grant) in &provider.uri_grants {
            let everything = match kind {
                Match::Exact => grant == "/",
                Match::Prefix => matches!(grant.as_ref(), "" | "/"),
                Match::Suffix => grant.is_empty(),
                Match::Pattern => matches!(grant.as_ref(), "*" | ".*" | "/.*"),
                Match::AdvancedPattern => matches!(grant.as_ref(), ".*" | "/.*"),
            };
            let row = Row::new("uri-grant", scope.place(format!("{path}/grant-uri-permission")))
                .text("provider", component.name.as_ref())
                .text("path", grant.as_ref())
                .flag("everything", everything)
                .flag("exported", component.is_exported(scope.target_sdk))
                .origin(row.origin.clone());
            facts.push(row);
        }
    }
    for (index, own) in component.filters.iter().enumerate() {
        let path = format!("{path}/intent-filter[{index}]");
        facts.push(filter::row(scope.place(path), &row, own));
    }
    facts.push(row);
    scope.meta_data(&path, &component.name, &component.meta_data, facts);
}

fn common(scope: &Scope<'_, '_>, component: &Component<'_>, kind: &'static str, path: &str) -> Row {
    let guard = scope.manifest.guard(component);
    let enabled = scope.manifest.application.as_ref().and_then(|application| application.enabled).unwrap_or(true);
    let filters = || component.filters.iter();
    let origin = sdks::builtin().of_class(cut(&component.name)).filter(|_| !scope.is_own(&component.name));
    Row::new(kind, scope.place(path))
        .origin(origin.map_or(Origin::Own, |sdk| Origin::Library(sdk.name.clone())))
        .text("name", component.name.as_ref())
        .flag("exported", component.is_exported(scope.target_sdk))
        .flag("exported-written", component.exported.is_some())
        .flag("enabled", enabled && component.enabled.unwrap_or(true))
        .flag("guarded", guard.is_some())
        .text_of("permission", guard)
        .text_of("permission-level", guard.map(|guard| scope.level(guard).name()))
        .text_of("process", component.process.as_deref())
        .flag("direct-boot-aware", component.direct_boot_aware)
        .number("filters", count(component.filters.len()))
        .list("actions", filters().flat_map(|filter| &filter.actions))
        .list("categories", filters().flat_map(|filter| &filter.categories))
        .list("schemes", filters().flat_map(IntentFilter::schemes))
        .list("hosts", filters().flat_map(IntentFilter::hosts))
        .list("mime-types", filters().flat_map(|filter| &filter.data).filter_map(|data| data.mime_type.as_deref()))
        .number("priority", filters().map(|filter| filter.priority).max())
        .flag("launcher", filters().any(IntentFilter::is_launcher))
        .flag("deep-link", filters().any(IntentFilter::is_deep_link))
        .list("meta-names", component.meta_data.iter().map(|meta| meta.name.as_ref()))
}

fn of_activity(scope: &Scope<'_, '_>, row: Row, activity: &Activity<'_>) -> Row {
    let mode = match activity.launch_mode {
        0 => "standard",
        1 => "singleTop",
        2 => "singleTask",
        3 => "singleInstance",
        4 => "singleInstancePerTask",
        _ => "unknown",
    };
    let application = scope.manifest.application.as_ref();
    let package = scope.manifest.package.as_ref();
    let affinity = activity.task_affinity.as_deref();
    let affinity = affinity.or_else(|| application?.task_affinity.as_deref()).unwrap_or(package);
    let reparents = activity.allow_task_reparenting.or_else(|| application?.allow_task_reparenting);
    // An affinity that begins with a colon belongs to the package.
    let foreign = !affinity.is_empty() && !affinity.starts_with(package) && !affinity.starts_with(':');
    row.flag("alias", false)
        .text("launch-mode", mode)
        .text("task-affinity", affinity)
        .flag("foreign-affinity", foreign)
        .flag("allow-task-reparenting", reparents.unwrap_or(false))
        .flag("exclude-from-recents", activity.exclude_from_recents.unwrap_or(false))
        .flag("no-history", activity.no_history.unwrap_or(false))
        .flag("show-when-locked", activity.show_when_locked.unwrap_or(false))
        .flag("turn-screen-on", activity.turn_screen_on.unwrap_or(false))
        .flag("untrusted-embedding", activity.allow_untrusted_embedding.unwrap_or(false))
        .number("document-launch-mode", i64::from(activity.document_launch_mode))
}

fn of_service(row: Row, service: &Service) -> Row {
    row.flag("isolated", service.isolated.unwrap_or(false))
        .flag("external", service.external.unwrap_or(false))
        .flag("single-user", service.single_user.unwrap_or(false))
        .list("foreground-types", service.foreground_types())
}

fn of_provider(scope: &Scope<'_, '_>, row: Row, component: &Component<'_>, provider: &Provider<'_>) -> Row {
    let [read, write] = scope.manifest.guards(component);
    let name = |guard: Option<&str>| guard.map(|guard| scope.level(guard).name());
    let paths = "android.support.FILE_PROVIDER_PATHS";
    row.list("authorities", provider.authorities.iter())
        .text_of("read-permission", read)
        .text_of("read-level", name(read))
        .text_of("write-permission", write)
        .text_of("write-level", name(write))
        .flag("guarded", read.is_some() && write.is_some())
        .flag("grant-uri-permissions", provider.grant_uri_permissions.unwrap_or(false))
        .flag("force-uri-permissions", provider.force_uri_permissions.unwrap_or(false))
        .number("uri-grants", count(provider.uri_grants.len()))
        .number("path-permissions", count(provider.path_permissions.len()))
        .flag("file-provider", component.meta_data.iter().any(|meta| meta.name == paths))
        .flag("single-user", provider.single_user.unwrap_or(false))
        .flag("syncable", provider.syncable.unwrap_or(false))
}
