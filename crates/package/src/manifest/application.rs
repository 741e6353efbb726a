//! The application: what holds for all of its components.

use std::borrow::Cow;

use super::component::Component;
use super::names::{
    ACTIVITY_SWITCH_FROM_BELOW, ALLOW_AUDIO_PLAYBACK_CAPTURE, ALLOW_BACKUP, ALLOW_TASK_REPARENTING,
    APP_COMPONENT_FACTORY, BACKUP_AGENT, BACKUP_IN_FOREGROUND, CERT_DIGEST, DATA_EXTRACTION_RULES, DEBUGGABLE,
    DEVICE_PROTECTED_STORAGE, DIRECT_BOOT_AWARE, ENABLED, EXTRACT_NATIVE_LIBS, FULL_BACKUP_CONTENT, FULL_BACKUP_ONLY,
    GWP_ASAN_MODE, HAS_CODE, HAS_FRAGILE_USER_DATA, ICON, KILL_AFTER_RESTORE, KNOWN_EMBEDDING_CERTS, LABEL, LARGE_HEAP,
    LOCALE_CONFIG, MANAGE_SPACE_ACTIVITY, MEMTAG_MODE, NAME, NETWORK_SECURITY_CONFIG, ON_BACK_INVOKED_CALLBACK,
    PERMISSION, PERSISTENT, POINTER_TAGGING, PRESERVE_LEGACY_STORAGE, PROCESS, REQUEST_LEGACY_STORAGE,
    REQUEST_RAW_STORAGE, REQUIRED, RESTORE_ANY_VERSION, SHELL, TASK_AFFINITY, TEST_ONLY, THEME, USE_EMBEDDED_DEX,
    USES_CLEARTEXT_TRAFFIC, USES_NON_SDK_API, VM_SAFE_MODE, ZYGOTE_PRELOAD_NAME,
};
use super::scope::Scope;
use super::{MetaData, Reference};
use crate::xml::Node;

/// The `application` element. Flags are as they are written; what holds when nothing is written depends on API levels.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Application<'d> {
    /// The name of its class.
    pub name: Option<Cow<'d, str>>,
    /// What people read.
    pub label: Option<Cow<'d, str>>,
    /// Its icon.
    pub icon: Option<Reference<'d>>,
    /// Its theme.
    pub theme: Option<Reference<'d>>,
    /// The permission that callers of its components need.
    pub permission: Option<Cow<'d, str>>,
    /// The process that its components run in.
    pub process: Option<Cow<'d, str>>,
    /// The task that its activities want to belong to.
    pub task_affinity: Option<Cow<'d, str>>,
    /// Whether its activities may move to a task of their affinity.
    pub allow_task_reparenting: Option<bool>,
    /// Whether its components are enabled.
    pub enabled: Option<bool>,
    /// Whether it may be debugged.
    pub debuggable: Option<bool>,
    /// Whether it is for tests only.
    pub test_only: Option<bool>,
    /// Whether it has code.
    pub has_code: Option<bool>,
    /// Whether its data is backed up.
    pub allow_backup: Option<bool>,
    /// What up to Android 11 is backed up: rules, or a flag.
    pub full_backup_content: Option<Reference<'d>>,
    /// What from Android 12 on is backed up and transferred.
    pub data_extraction_rules: Option<Reference<'d>>,
    /// Whether only whole files are backed up although it has an agent.
    pub full_backup_only: Option<bool>,
    /// The class that makes backups.
    pub backup_agent: Option<Cow<'d, str>>,
    /// Whether backups are made while it is in the foreground.
    pub backup_in_foreground: Option<bool>,
    /// Whether it is stopped after a restore.
    pub kill_after_restore: Option<bool>,
    /// Whether it takes backups of newer versions.
    pub restore_any_version: Option<bool>,
    /// Whether it means to talk without encryption.
    pub uses_cleartext_traffic: Option<bool>,
    /// Its network security configuration.
    pub network_security_config: Option<Reference<'d>>,
    /// Whether it keeps access to all of the shared storage.
    pub request_legacy_storage: Option<bool>,
    /// Whether it keeps that access after an update.
    pub preserve_legacy_storage: Option<bool>,
    /// Whether it wants access to files without the system between.
    pub request_raw_storage: Option<bool>,
    /// Whether its data outlives it when a person wants it.
    pub has_fragile_user_data: Option<bool>,
    /// Whether its data lies where it is not locked with the person's credential.
    pub device_protected_storage: Option<bool>,
    /// Whether it runs before a person unlocked the device for the first time.
    pub direct_boot_aware: Option<bool>,
    /// Whether its native libraries are extracted when it is installed.
    pub extract_native_libs: Option<bool>,
    /// Whether its code is run from the package, checked at each start.
    pub use_embedded_dex: Option<bool>,
    /// Whether it wants a large heap.
    pub large_heap: Option<bool>,
    /// Whether code is only interpreted.
    pub vm_safe_mode: Option<bool>,
    /// Whether it always runs, as parts of the system do.
    pub persistent: Option<bool>,
    /// Whether it uses interfaces that are not public.
    pub uses_non_sdk_api: Option<bool>,
    /// Whether pointers to its native heap are tagged.
    pub pointer_tagging: Option<bool>,
    /// How memory is tagged: -1 default, 0 off, 1 asynchronously, 2 synchronously.
    pub memtag_mode: Option<i64>,
    /// Whether `GWP-ASan` watches its heap: -1 default, 0 never, 1 always.
    pub gwp_asan_mode: Option<i64>,
    /// The class that creates its components.
    pub component_factory: Option<Cow<'d, str>>,
    /// The class that is loaded into the app's own zygote.
    pub zygote_preload: Option<Cow<'d, str>>,
    /// The activity that frees space.
    pub manage_space_activity: Option<Cow<'d, str>>,
    /// Whether others may record what it plays.
    pub allow_audio_capture: Option<bool>,
    /// Whether it takes part in the back gesture.
    pub on_back_invoked_callback: Option<bool>,
    /// Whether activities below in its task may start others in front.
    pub activity_switch_from_below: Option<bool>,
    /// Whether it names certificates whose apps may embed its activities.
    pub known_embedding_certificates: bool,
    /// The languages that it has.
    pub locale_config: Option<Reference<'d>>,
    /// Whether the shell may profile it (`profileable`).
    pub profileable_by_shell: Option<bool>,
    /// Its components, in order.
    pub components: Vec<Component<'d>>,
    /// Its meta-data.
    pub meta_data: Vec<MetaData<'d>>,
    /// The libraries that it uses.
    pub libraries: Vec<UsesLibrary<'d>>,
    /// The number of the element in the document.
    pub node: u32,
}

/// A shared library that an app uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsesLibrary<'d> {
    /// Its name.
    pub name: Cow<'d, str>,
    /// The kind of element: `uses-library`, `uses-native-library`, `uses-static-library`, `uses-sdk-library`.
    pub element: &'d str,
    /// Whether the app can't be installed without it.
    pub required: bool,
    /// The digest of the certificate that it has to be signed with.
    pub certificate: Option<Cow<'d, str>>,
}

impl<'d> Application<'d> {
    pub(super) fn read(scope: &mut Scope<'d>, node: Node<'d>) -> Application<'d> {
        Application {
            name: scope.class(node, NAME),
            label: scope.text(node, LABEL),
            icon: scope.reference(node, ICON),
            theme: scope.reference(node, THEME),
            permission: scope.text(node, PERMISSION).filter(|permission| !permission.is_empty()),
            process: scope.process(node, PROCESS),
            task_affinity: scope.text(node, TASK_AFFINITY),
            allow_task_reparenting: scope.flag(node, ALLOW_TASK_REPARENTING),
            enabled: scope.flag(node, ENABLED),
            debuggable: scope.flag(node, DEBUGGABLE),
            test_only: scope.flag(node, TEST_ONLY),
            has_code: scope.flag(node, HAS_CODE),
            allow_backup: scope.flag(node, ALLOW_BACKUP),
            full_backup_content: scope.reference(node, FULL_BACKUP_CONTENT),
            data_extraction_rules: scope.reference(node, DATA_EXTRACTION_RULES),
            full_backup_only: scope.flag(node, FULL_BACKUP_ONLY),
            backup_agent: scope.class(node, BACKUP_AGENT),
            backup_in_foreground: scope.flag(node, BACKUP_IN_FOREGROUND),
            kill_after_restore: scope.flag(node, KILL_AFTER_RESTORE),
            restore_any_version: scope.flag(node, RESTORE_ANY_VERSION),
            uses_cleartext_traffic: scope.flag(node, USES_CLEARTEXT_TRAFFIC),
            network_security_config: scope.reference(node, NETWORK_SECURITY_CONFIG),
            request_legacy_storage: scope.flag(node, REQUEST_LEGACY_STORAGE),
            preserve_legacy_storage: scope.flag(node, PRESERVE_LEGACY_STORAGE),
            request_raw_storage: scope.flag(node, REQUEST_RAW_STORAGE),
            has_fragile_user_data: scope.flag(node, HAS_FRAGILE_USER_DATA),
            device_protected_storage: scope.flag(node, DEVICE_PROTECTED_STORAGE),
            direct_boot_aware: scope.flag(node, DIRECT_BOOT_AWARE),
            extract_native_libs: scope.flag(node, EXTRACT_NATIVE_LIBS),
            use_embedded_dex: scope.flag(node, USE_EMBEDDED_DEX),
            large_heap: scope.flag(node, LARGE_HEAP),
            vm_safe_mode: scope.flag(node, VM_SAFE_MODE),
            persistent: scope.flag(node, PERSISTENT),
            uses_non_sdk_api: scope.flag(node, USES_NON_SDK_API),
            pointer_tagging: scope.flag(node, POINTER_TAGGING),
            memtag_mode: scope.number(node, MEMTAG_MODE),
            gwp_asan_mode: scope.number(node, GWP_ASAN_MODE),
            component_factory: scope.class(node, APP_COMPONENT_FACTORY),
            zygote_preload: scope.class(node, ZYGOTE_PRELOAD_NAME),
            manage_space_activity: scope.class(node, MANAGE_SPACE_ACTIVITY),
            allow_audio_capture: scope.flag(node, ALLOW_AUDIO_PLAYBACK_CAPTURE),
            on_back_invoked_callback: scope.flag(node, ON_BACK_INVOKED_CALLBACK),
            activity_switch_from_below: scope.flag(node, ACTIVITY_SWITCH_FROM_BELOW),
            known_embedding_certificates: scope.reference(node, KNOWN_EMBEDDING_CERTS).is_some(),
            locale_config: scope.reference(node, LOCALE_CONFIG),
            profileable_by_shell: node.named("profileable").find_map(|profileable| scope.flag(profileable, SHELL)),
            components: node.children().filter_map(|child| Component::read(scope, child)).collect(),
            meta_data: MetaData::all(scope, node),
            libraries: node.children().filter_map(|child| UsesLibrary::read(scope, child)).collect(),
            node: node.index(),
        }
    }
}

impl<'d> UsesLibrary<'d> {
    fn read(scope: &mut Scope<'d>, node: Node<'d>) -> Option<UsesLibrary<'d>> {
        if !matches!(node.name(), "uses-library" | "uses-native-library" | "uses-static-library" | "uses-sdk-library") {
            return None;
        }
        Some(UsesLibrary {
            name: scope.text(node, NAME)?,
            element: node.name(),
            required: scope.flag(node, REQUIRED).unwrap_or(true),
            certificate: scope.text(node, CERT_DIGEST),
        })
    }
}
