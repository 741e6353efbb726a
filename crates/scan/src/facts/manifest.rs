//! Facts from the manifest of an Android app: the app, its application element, permissions, features; components are in
//! `manifest/component.rs`.
//!
//! What holds where nothing is written is what the platform's installer assumes for the app's API level, so that rules
//! see one truth; `…-written` attributes tell where an author said so.

mod component;
mod filter;

use std::collections::BTreeMap;

use testudo_package::manifest::{Application, Level, Manifest, MetaData, Reference};

use super::permission::{self, Level as Protected};
use super::{Attribute, Facts, Kind, Row, Type, cut};
use crate::report::Place;
use Type::{Flag, List, Number, Text};

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "app", what: "the app, once", attributes: APP },
    Kind { name: "application", what: "the application element, once", attributes: APPLICATION },
    Kind { name: "permission-used", what: "a permission that the app asks for", attributes: PERMISSION_USED },
    Kind { name: "permission-defined", what: "a permission that the app defines", attributes: PERMISSION_DEFINED },
    Kind { name: "feature", what: "a feature that the app uses", attributes: FEATURE },
    Kind { name: "meta-data", what: "meta-data of the application or a component", attributes: META_DATA },
    Kind { name: "library-used", what: "a shared library that the app uses", attributes: LIBRARY },
    Kind { name: "instrumentation", what: "a test of another package", attributes: INSTRUMENTATION },
    component::ACTIVITY,
    component::SERVICE,
    component::RECEIVER,
    component::PROVIDER,
    component::URI_GRANT,
    filter::INTENT_FILTER,
];

const APP: &[Attribute] = &[
    ("package", Text),
    ("version-name", Text),
    ("version-code", Number),
    ("min-sdk", Number),
    ("min-sdk-written", Flag),
    ("target-sdk", Number),
    ("target-sdk-written", Flag),
    ("max-sdk", Number),
    ("compile-sdk", Number),
    ("shared-user-id", Text),
    ("install-location", Number),
    ("queried-packages", List),
    ("components", Number),
    ("exported-components", Number),
];

const APPLICATION: &[Attribute] = &[
    ("name", Text),
    ("debuggable", Flag),
    ("test-only", Flag),
    ("has-code", Flag),
    ("allow-backup", Flag),
    ("allow-backup-written", Flag),
    ("backup-rules", Flag),
    ("extraction-rules", Flag),
    ("backup-agent", Text),
    ("restore-any-version", Flag),
    ("cleartext", Flag),
    ("cleartext-written", Flag),
    ("network-config", Flag),
    ("legacy-storage", Flag),
    ("raw-storage", Flag),
    ("fragile-user-data", Flag),
    ("device-protected-storage", Flag),
    ("direct-boot-aware", Flag),
    ("extract-native-libs", Flag),
    ("use-embedded-dex", Flag),
    ("large-heap", Flag),
    ("persistent", Flag),
    ("uses-non-sdk-api", Flag),
    ("task-affinity", Text),
    ("allow-task-reparenting", Flag),
    ("permission", Text),
    ("permission-level", Text),
    ("memtag-mode", Number),
    ("gwp-asan-mode", Number),
    ("pointer-tagging", Flag),
    ("zygote-preload", Text),
    ("component-factory", Text),
    ("profileable-by-shell", Flag),
];

const PERMISSION_USED: &[Attribute] = &[
    ("name", Text),
    ("level", Text),
    ("group", Text),
    ("max-sdk", Number),
    ("from-23", Flag),
    ("never-for-location", Flag),
    ("own", Flag),
];

const PERMISSION_DEFINED: &[Attribute] = &[
    ("name", Text),
    ("level", Text),
    ("group", Text),
    ("described", Flag),
    ("known-certificates", Flag),
    ("guards", Number),
    ("own-prefix", Flag),
];

const FEATURE: &[Attribute] = &[("name", Text), ("required", Flag)];
const META_DATA: &[Attribute] = &[("name", Text), ("value", Text), ("component", Text)];
const LIBRARY: &[Attribute] = &[("name", Text), ("required", Flag)];
const INSTRUMENTATION: &[Attribute] = &[("name", Text), ("target", Text), ("own-target", Flag)];

/// The facts of a manifest that is this file of the package.
pub fn rows(manifest: &Manifest<'_>, file: &str, facts: &mut Facts) {
    let scope = Scope::new(manifest, file);
    facts.push(scope.app());
    for used in &manifest.uses_permissions {
        let own = scope.levels.contains_key(used.name.as_ref());
        let row = Row::new("permission-used", scope.named("uses-permission", &used.name))
            .text("name", used.name.as_ref())
            .text("level", scope.level(&used.name).name())
            .text_of("group", permission::platform(&used.name).1)
            .number("max-sdk", used.max_sdk.map(i64::from))
            .flag("from-23", used.from_23)
            .flag("never-for-location", used.never_for_location)
            .flag("own", own);
        facts.push(row);
    }
    for defined in &manifest.permissions {
        let row = Row::new("permission-defined", scope.named("permission", &defined.name))
            .text("name", defined.name.as_ref())
            .text("level", scope.level(&defined.name).name())
            .text_of("group", defined.group.as_deref())
            .flag("described", defined.description.is_some())
            .flag("known-certificates", defined.known_certificates)
            .number("guards", count(scope.guards.get(defined.name.as_ref()).copied().unwrap_or(0)))
            .flag("own-prefix", defined.name.starts_with(manifest.package.as_ref()));
        facts.push(row);
    }
    for feature in &manifest.features {
        let Some(name) = &feature.name else { continue };
        let place = scope.named("uses-feature", name);
        facts.push(Row::new("feature", place).text("name", name.as_ref()).flag("required", feature.required));
    }
    for test in &manifest.instrumentations {
        let own = test.target.as_deref() == Some(&manifest.package);
        let row = Row::new("instrumentation", scope.named("instrumentation", scope.short(&test.name)))
            .text("name", test.name.as_ref())
            .text_of("target", test.target.as_deref())
            .flag("own-target", own);
        facts.push(row);
    }
    let Some(application) = &manifest.application else { return };
    facts.push(scope.application(application));
    scope.meta_data("application", "application", &application.meta_data, facts);
    for library in &application.libraries {
        let place = scope.named(&format!("application/{}", library.element), &library.name);
        facts.push(
            Row::new("library-used", place).text("name", library.name.as_ref()).flag("required", library.required),
        );
    }
    for component in &application.components {
        component::rows(&scope, component, facts);
    }
}

/// What rows of one manifest share.
struct Scope<'m, 'd> {
    manifest: &'m Manifest<'d>,
    file: &'m str,
    target_sdk: u32,
    /// The levels of the permissions that the app defines.
    levels: BTreeMap<&'m str, Protected>,
    /// How many components a permission guards.
    guards: BTreeMap<&'m str, usize>,
}

impl<'m, 'd> Scope<'m, 'd> {
    fn new(manifest: &'m Manifest<'d>, file: &'m str) -> Scope<'m, 'd> {
        let mut levels = BTreeMap::new();
        for defined in &manifest.permissions {
            // Of several, the platform takes the first.
            levels.entry(defined.name.as_ref()).or_insert_with(|| Protected::of(defined.protection));
        }
        let mut guards: BTreeMap<&str, usize> = BTreeMap::new();
        for component in manifest.components() {
            let [read, write] = manifest.guards(component);
            let own = manifest.guard(component).filter(|own| read != Some(own) && write != Some(own));
            for guard in [read, write.filter(|write| read != Some(write)), own].into_iter().flatten() {
                *guards.entry(guard).or_default() += 1;
            }
        }
        Scope { manifest, file, target_sdk: manifest.target_sdk(), levels, guards }
    }

    /// The level of a permission, as the app defines it, or else as the platform does.
    fn level(&self, name: &str) -> Protected {
        self.levels.get(name).copied().unwrap_or_else(|| permission::platform(name).0)
    }

    /// The place of an element.
    fn place(&self, path: impl Into<String>) -> Place {
        Place::Manifest { file: self.file.to_owned(), path: path.into() }
    }

    /// The place of an element that has a name.
    fn named(&self, path: &str, name: &str) -> Place {
        self.place(format!("{path}[{}]", cut(name)))
    }

    /// Whether a class lies in the app's package.
    fn is_own(&self, class: &str) -> bool {
        self.short(class) != class
    }

    /// A class as the manifest may write it: without the package that it lies in.
    fn short<'n>(&self, class: &'n str) -> &'n str {
        let rest = class.strip_prefix(self.manifest.package.as_ref()).filter(|_| !self.manifest.package.is_empty());
        rest.filter(|rest| rest.starts_with('.')).unwrap_or(class)
    }

    fn app(&self) -> Row {
        let manifest = self.manifest;
        let level = |level: &Option<Level<'_>>| level.as_ref().map(|level| i64::from(level.number()));
        let exported = manifest.components().filter(|component| component.is_exported(self.target_sdk)).count();
        Row::new("app", self.place("manifest"))
            .text("package", manifest.package.as_ref())
            .text_of("version-name", manifest.version_name.as_deref())
            .number("version-code", manifest.version_code.and_then(|code| i64::try_from(code).ok()))
            .number("min-sdk", i64::from(manifest.min_sdk()))
            .flag("min-sdk-written", manifest.sdk.min.is_some())
            .number("target-sdk", i64::from(self.target_sdk))
            .flag("target-sdk-written", manifest.sdk.target.is_some())
            .number("max-sdk", level(&manifest.sdk.max))
            .number("compile-sdk", level(&manifest.sdk.compile))
            .text_of("shared-user-id", manifest.shared_user_id.as_deref())
            .number("install-location", manifest.install_location)
            .list("queried-packages", manifest.queries.packages.iter())
            .number("components", count(manifest.components().count()))
            .number("exported-components", count(exported))
    }

    fn application(&self, application: &Application<'_>) -> Row {
        let on = |flag: Option<bool>| flag.unwrap_or(false);
        let guard = application.permission.as_deref();
        Row::new("application", self.place("application"))
            .text_of("name", application.name.as_deref())
            .flag("debuggable", on(application.debuggable))
            .flag("test-only", on(application.test_only))
            .flag("has-code", application.has_code.unwrap_or(true))
            .flag("allow-backup", application.allow_backup.unwrap_or(true))
            .flag("allow-backup-written", application.allow_backup.is_some())
            .flag("backup-rules", is_file(application.full_backup_content.as_ref()))
            .flag("extraction-rules", is_file(application.data_extraction_rules.as_ref()))
            .text_of("backup-agent", application.backup_agent.as_deref())
            .flag("restore-any-version", on(application.restore_any_version))
            .flag("cleartext", application.uses_cleartext_traffic.unwrap_or(self.target_sdk < 28))
            .flag("cleartext-written", application.uses_cleartext_traffic)
            .flag("network-config", application.network_security_config.is_some())
            .flag("legacy-storage", on(application.request_legacy_storage))
            .flag("raw-storage", on(application.request_raw_storage))
            .flag("fragile-user-data", on(application.has_fragile_user_data))
            .flag("device-protected-storage", on(application.device_protected_storage))
            .flag("direct-boot-aware", on(application.direct_boot_aware))
            .flag("extract-native-libs", application.extract_native_libs)
            .flag("use-embedded-dex", on(application.use_embedded_dex))
            .flag("large-heap", on(application.large_heap))
            .flag("persistent", on(application.persistent))
            .flag("uses-non-sdk-api", on(application.uses_non_sdk_api))
            .text_of("task-affinity", application.task_affinity.as_deref())
            .flag("allow-task-reparenting", on(application.allow_task_reparenting))
            .text_of("permission", guard)
            .text_of("permission-level", guard.map(|guard| self.level(guard).name()))
            .number("memtag-mode", application.memtag_mode)
            .number("gwp-asan-mode", application.gwp_asan_mode)
            .flag("pointer-tagging", application.pointer_tagging)
            .text_of("zygote-preload", application.zygote_preload.as_deref())
            .text_of("component-factory", application.component_factory.as_deref())
            .flag("profileable-by-shell", on(application.profileable_by_shell))
    }

    fn meta_data(&self, path: &str, component: &str, all: &[MetaData<'_>], facts: &mut Facts) {
        for meta in all {
            let value = meta.value.as_deref().or_else(|| meta.resource.as_ref()?.text.as_deref());
            let row = Row::new("meta-data", self.named(&format!("{path}/meta-data"), &meta.name))
                .text("name", meta.name.as_ref())
                .text_of("value", value)
                .text("component", component);
            facts.push(row);
        }
    }
}

/// Whether an attribute names a file of rules, not just true or false.
fn is_file(reference: Option<&Reference<'_>>) -> bool {
    reference.is_some_and(|reference| {
        let text = reference.text.as_deref();
        !matches!(text, Some("true" | "false")) && (reference.id.is_some_and(|id| id != 0) || text.is_some())
    })
}

/// A count as attributes have it.
pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
