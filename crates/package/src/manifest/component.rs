//! Components: activities and their aliases, services, receivers, providers.

use std::borrow::Cow;

use super::filter::{IntentFilter, Match, PATHS};
use super::names::{
    ALLOW_TASK_REPARENTING, ALLOW_UNTRUSTED_EMBEDDING, AUTHORITIES, DIRECT_BOOT_AWARE, DOCUMENT_LAUNCH_MODE, ENABLED,
    EXCLUDE_FROM_RECENTS, EXPORTED, EXTERNAL_SERVICE, FORCE_URI_PERMISSIONS, FOREGROUND_SERVICE_TYPE,
    GRANT_URI_PERMISSIONS, INIT_ORDER, INTENT_MATCHING_FLAGS, ISOLATED_PROCESS, LABEL, LAUNCH_MODE, MULTIPROCESS, NAME,
    NO_HISTORY, PERMISSION, PROCESS, READ_PERMISSION, REQUIRE_CALLER_URI_PERMISSION, SHOW_ON_LOCK_SCREEN,
    SHOW_WHEN_LOCKED, SINGLE_USER, STOP_WITH_TASK, SYNCABLE, TARGET_ACTIVITY, TASK_AFFINITY, THEME, TURN_SCREEN_ON,
    VISIBLE_TO_INSTANT_APPS, WRITE_PERMISSION,
};
use super::scope::Scope;
use super::{MetaData, NoteKind, Reference};
use crate::xml::Node;

/// A component of an app.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Component<'d> {
    /// The name of its class, made whole.
    pub name: Cow<'d, str>,
    /// What people read.
    pub label: Option<Cow<'d, str>>,
    /// Whether other apps may reach it, if that is written.
    pub exported: Option<bool>,
    /// Whether it is enabled, if that is written.
    pub enabled: Option<bool>,
    /// The permission that callers need, if one is written; empty for none although the application has one.
    pub permission: Option<Cow<'d, str>>,
    /// The process that it runs in.
    pub process: Option<Cow<'d, str>>,
    /// Whether it runs before a person unlocked the device for the first time.
    pub direct_boot_aware: Option<bool>,
    /// Whether instant apps see it.
    pub visible_to_instant_apps: Option<bool>,
    /// Which intents it takes beside those that name it (`intentMatchingFlags`).
    pub intent_matching: Option<u32>,
    /// Its intent filters.
    pub filters: Vec<IntentFilter<'d>>,
    /// Its meta-data.
    pub meta_data: Vec<MetaData<'d>>,
    /// What only its kind has.
    pub kind: Kind<'d>,
    /// The number of the element in the document.
    pub node: u32,
}

/// What only one kind of components has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind<'d> {
    /// `activity`.
    Activity(Activity<'d>),
    /// `activity-alias`.
    Alias {
        /// The name of the activity's class.
        target: Option<Cow<'d, str>>,
    },
    /// `service`.
    Service(Service),
    /// `receiver`.
    Receiver,
    /// `provider`.
    Provider(Provider<'d>),
}

/// What only activities have.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Activity<'d> {
    /// The task that it wants to belong to.
    pub task_affinity: Option<Cow<'d, str>>,
    /// How it is started: 0 standard, 1 single top, 2 single task, 3 single instance, 4 single instance per task.
    pub launch_mode: u32,
    /// Whether it may move to a task of its affinity.
    pub allow_task_reparenting: Option<bool>,
    /// Whether the list of recent apps leaves it out.
    pub exclude_from_recents: Option<bool>,
    /// Whether it is finished when left.
    pub no_history: Option<bool>,
    /// Whether it is shown over the lock screen.
    pub show_when_locked: Option<bool>,
    /// Whether it turns the screen on.
    pub turn_screen_on: Option<bool>,
    /// How documents open: 0 none, 1 into existing, 2 always, 3 never.
    pub document_launch_mode: u32,
    /// Whether apps that are not trusted may embed it.
    pub allow_untrusted_embedding: Option<bool>,
    /// Whether callers need to have access to the content that they pass (`requireContentUriPermissionFromCaller`).
    pub require_caller_uri_permission: Option<u32>,
    /// Its theme.
    pub theme: Option<Reference<'d>>,
}

/// What only services have.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Service {
    /// Whether it runs without the app's permissions.
    pub isolated: Option<bool>,
    /// Whether other apps may run it in their name.
    pub external: Option<bool>,
    /// What it does in the foreground, as bits; see [`Service::foreground_types`].
    pub foreground: Option<u32>,
    /// Whether it ends with the app's task.
    pub stop_with_task: Option<bool>,
    /// Whether one instance serves all people of the device.
    pub single_user: Option<bool>,
}

/// What only providers have.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Provider<'d> {
    /// The authorities of its URIs.
    pub authorities: Vec<Cow<'d, str>>,
    /// The permission to read, if one is written.
    pub read_permission: Option<Cow<'d, str>>,
    /// The permission to write, if one is written.
    pub write_permission: Option<Cow<'d, str>>,
    /// Whether access to any of its URIs may be granted.
    pub grant_uri_permissions: Option<bool>,
    /// Whether access is granted although the provider is not exported.
    pub force_uri_permissions: Option<bool>,
    /// The URIs whose access may be granted.
    pub uri_grants: Vec<(Match, Cow<'d, str>)>,
    /// Paths that have permissions of their own.
    pub path_permissions: Vec<PathPermission<'d>>,
    /// Whether its data is synchronised.
    pub syncable: Option<bool>,
    /// Whether it runs in the process of each caller.
    pub multiprocess: Option<bool>,
    /// The order in which it is started.
    pub init_order: i64,
    /// Whether one instance serves all people of the device.
    pub single_user: Option<bool>,
}

/// Permissions for some paths of a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathPermission<'d> {
    /// The paths.
    pub paths: Vec<(Match, Cow<'d, str>)>,
    /// The permission to read.
    pub read: Option<Cow<'d, str>>,
    /// The permission to write.
    pub write: Option<Cow<'d, str>>,
}

const FOREGROUND: [(&str, u32); 15] = [
    ("dataSync", 1),
    ("mediaPlayback", 1 << 1),
    ("phoneCall", 1 << 2),
    ("location", 1 << 3),
    ("connectedDevice", 1 << 4),
    ("mediaProjection", 1 << 5),
    ("camera", 1 << 6),
    ("microphone", 1 << 7),
    ("health", 1 << 8),
    ("remoteMessaging", 1 << 9),
    ("systemExempted", 1 << 10),
    ("shortService", 1 << 11),
    ("fileManagement", 1 << 12),
    ("mediaProcessing", 1 << 13),
    ("specialUse", 1 << 30),
];

impl Service {
    /// The names of what it does in the foreground.
    pub fn foreground_types(&self) -> impl Iterator<Item = &'static str> + use<> {
        let bits = self.foreground.unwrap_or(0);
        FOREGROUND.into_iter().filter(move |(_, bit)| bits & bit != 0).map(|(name, _)| name)
    }
}

impl<'d> Component<'d> {
    pub(super) fn read(scope: &mut Scope<'d>, node: Node<'d>) -> Option<Component<'d>> {
        let kind = match node.name() {
            "activity" => Kind::Activity(Activity::read(scope, node)),
            "activity-alias" => Kind::Alias { target: scope.class(node, TARGET_ACTIVITY) },
            "service" => Kind::Service(Service::read(scope, node)),
            "receiver" => Kind::Receiver,
            "provider" => Kind::Provider(Provider::read(scope, node)),
            _ => return None,
        };
        let Some(name) = scope.class(node, NAME) else {
            scope.note(node, NoteKind::NamelessComponent);
            return None;
        };
        Some(Component {
            name,
            label: scope.text(node, LABEL),
            exported: scope.flag(node, EXPORTED),
            enabled: scope.flag(node, ENABLED),
            permission: scope.text(node, PERMISSION),
            process: scope.process(node, PROCESS),
            direct_boot_aware: scope.flag(node, DIRECT_BOOT_AWARE),
            visible_to_instant_apps: scope.flag(node, VISIBLE_TO_INSTANT_APPS),
            intent_matching: scope.flags(
                node,
                INTENT_MATCHING_FLAGS,
                &[("none", 1), ("enforceIntentFilter", 2), ("allowNullAction", 4)],
            ),
            filters: node.named("intent-filter").map(|filter| IntentFilter::read(scope, filter)).collect(),
            meta_data: MetaData::all(scope, node),
            kind,
            node: node.index(),
        })
    }

    /// Whether other apps may reach it, written or not, for an app that targets this API level.
    ///
    /// Without a word about it, an intent filter exports all but providers; those were exported up to API level 16.
    pub fn is_exported(&self, target_sdk: u32) -> bool {
        self.exported.unwrap_or(match self.kind {
            Kind::Provider(_) => target_sdk < 17,
            _ => !self.filters.is_empty(),
        })
    }
}

impl<'d> Activity<'d> {
    fn read(scope: &mut Scope<'d>, node: Node<'d>) -> Activity<'d> {
        const MODES: [(&str, u32); 5] =
            [("standard", 0), ("singleTop", 1), ("singleTask", 2), ("singleInstance", 3), ("singleInstancePerTask", 4)];
        const DOCUMENTS: [(&str, u32); 4] = [("none", 0), ("intoExisting", 1), ("always", 2), ("never", 3)];
        Activity {
            task_affinity: scope.text(node, TASK_AFFINITY),
            launch_mode: scope.flags(node, LAUNCH_MODE, &MODES).unwrap_or(0),
            allow_task_reparenting: scope.flag(node, ALLOW_TASK_REPARENTING),
            exclude_from_recents: scope.flag(node, EXCLUDE_FROM_RECENTS),
            no_history: scope.flag(node, NO_HISTORY),
            show_when_locked: scope.flag(node, SHOW_WHEN_LOCKED).or_else(|| scope.flag(node, SHOW_ON_LOCK_SCREEN)),
            turn_screen_on: scope.flag(node, TURN_SCREEN_ON),
            document_launch_mode: scope.flags(node, DOCUMENT_LAUNCH_MODE, &DOCUMENTS).unwrap_or(0),
            allow_untrusted_embedding: scope.flag(node, ALLOW_UNTRUSTED_EMBEDDING),
            require_caller_uri_permission: scope.count(node, REQUIRE_CALLER_URI_PERMISSION),
            theme: scope.reference(node, THEME),
        }
    }
}

impl Service {
    fn read<'d>(scope: &mut Scope<'d>, node: Node<'d>) -> Service {
        Service {
            isolated: scope.flag(node, ISOLATED_PROCESS),
            external: scope.flag(node, EXTERNAL_SERVICE),
            foreground: scope.flags(node, FOREGROUND_SERVICE_TYPE, &FOREGROUND),
            stop_with_task: scope.flag(node, STOP_WITH_TASK),
            single_user: scope.flag(node, SINGLE_USER),
        }
    }
}

impl<'d> Provider<'d> {
    fn read(scope: &mut Scope<'d>, node: Node<'d>) -> Provider<'d> {
        let paths = |scope: &Scope<'d>, node: Node<'d>| -> Vec<(Match, Cow<'d, str>)> {
            PATHS.iter().filter_map(|(kind, name)| Some((*kind, scope.text(node, *name)?))).collect()
        };
        Provider {
            authorities: scope.text(node, AUTHORITIES).map(split).unwrap_or_default(),
            read_permission: scope.text(node, READ_PERMISSION),
            write_permission: scope.text(node, WRITE_PERMISSION),
            grant_uri_permissions: scope.flag(node, GRANT_URI_PERMISSIONS),
            force_uri_permissions: scope.flag(node, FORCE_URI_PERMISSIONS),
            uri_grants: node.named("grant-uri-permission").flat_map(|grant| paths(scope, grant)).collect(),
            path_permissions: node
                .named("path-permission")
                .map(|own| {
                    let both = scope.text(own, PERMISSION);
                    PathPermission {
                        paths: paths(scope, own),
                        read: scope.text(own, READ_PERMISSION).or_else(|| both.clone()),
                        write: scope.text(own, WRITE_PERMISSION).or(both),
                    }
                })
                .collect(),
            syncable: scope.flag(node, SYNCABLE),
            multiprocess: scope.flag(node, MULTIPROCESS),
            init_order: scope.number(node, INIT_ORDER).unwrap_or(0),
            single_user: scope.flag(node, SINGLE_USER),
        }
    }
}

/// The parts between semicolons.
fn split(text: Cow<'_, str>) -> Vec<Cow<'_, str>> {
    match text {
        Cow::Borrowed(text) => text.split(';').map(Cow::Borrowed).collect(),
        Cow::Owned(text) => text.split(';').map(|part| Cow::Owned(part.into())).collect(),
    }
}
