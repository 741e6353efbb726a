//! Manifests as Android reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use testudo_testkit::package::resources::{Table as MadeTable, config};
use testudo_testkit::package::xml::{Element, Value as Made, Xml};

use super::names::*;
use super::*;
use crate::xml::Builder;

fn set(element: Element, Name(id, name): Name, value: impl Into<Made>) -> Element {
    element.android(id, name, value)
}

fn named(element: &str, name: &str) -> Element {
    set(Element::new(element), NAME, name)
}

fn filter(action: &str, category: &str) -> Element {
    Element::new("intent-filter").child(named("action", action)).child(named("category", category))
}

fn manifest(children: Vec<Element>) -> Vec<u8> {
    Xml::new(Element::new("manifest").plain("package", "com.example").children(children)).write()
}

fn read<T>(bytes: &[u8], table: Option<&[u8]>, look: impl FnOnce(Manifest<'_>) -> T) -> T {
    let document = Document::read(bytes).unwrap();
    let table = table.map(|bytes| Table::read(bytes).unwrap());
    look(Manifest::read(&document, table.as_ref()).unwrap())
}

#[test]
fn versions_levels_and_permissions_are_read() {
    let root = set(set(Element::new("manifest").plain("package", "com.example"), VERSION_CODE, 7), VERSION_NAME, "1.2");
    let root = set(root, VERSION_CODE_MAJOR, 1);
    let root = root
        .child(set(set(Element::new("uses-sdk"), MIN_SDK_VERSION, 21), TARGET_SDK_VERSION, "Baklava"))
        .child(set(named("uses-permission", "android.permission.CAMERA"), MAX_SDK_VERSION, 28))
        .child(named("uses-permission-sdk-23", "android.permission.READ_SMS"))
        .child(set(named("permission", "com.example.P"), PROTECTION_LEVEL, Made::Hex(0x12)))
        .child(named("permission", "com.example.Q"))
        .child(set(named("uses-feature", "android.hardware.nfc"), REQUIRED, false))
        .child(Element::new("queries").child(named("package", "org.other")).child(filter("a", "c")));
    read(&Xml::new(root).write(), None, |manifest| {
        assert_eq!(manifest.package, "com.example");
        assert_eq!(manifest.version_code, Some(1 << 32 | 7));
        assert_eq!(manifest.version_name.as_deref(), Some("1.2"));
        assert_eq!((manifest.min_sdk(), manifest.target_sdk()), (21, 10_000));
        let camera = &manifest.uses_permissions[0];
        assert_eq!(
            (camera.name.as_ref(), camera.max_sdk, camera.from_23),
            ("android.permission.CAMERA", Some(28), false)
        );
        assert!(manifest.uses_permissions[1].from_23);
        let bases: Vec<_> = manifest.permissions.iter().map(|permission| permission.protection.base()).collect();
        assert_eq!(bases, [ProtectionBase::Signature, ProtectionBase::Normal]);
        assert!(!manifest.features[0].required);
        assert_eq!(manifest.queries.packages, ["org.other"]);
    });
}

#[test]
fn what_is_exported_depends_on_word_filter_and_level() {
    let with_filter = |element: &str| named(element, ".F").child(filter("x", "y"));
    let components = vec![
        named("activity", "Bare"),
        with_filter("activity"),
        set(with_filter("service"), EXPORTED, false),
        set(named("receiver", "org.other.R"), EXPORTED, true),
        named("provider", ".P"),
        set(named("activity-alias", ".Alias"), TARGET_ACTIVITY, ".F").child(filter("x", "y")),
    ];
    let application = set(Element::new("application"), PERMISSION, "com.example.APP").children(components);
    read(&manifest(vec![application]), None, |manifest| {
        let exported = |target| -> Vec<bool> { manifest.components().map(|own| own.is_exported(target)).collect() };
        assert_eq!(exported(30), [false, true, false, true, false, true]);
        assert_eq!(exported(16), [false, true, false, true, true, true]);
        let names: Vec<_> = manifest.components().map(|own| own.name.as_ref()).collect();
        let expected =
            ["com.example.Bare", "com.example.F", "com.example.F", "org.other.R", "com.example.P", "com.example.Alias"];
        assert_eq!(names, expected);
        let alias = manifest.components().last().unwrap();
        assert_eq!(alias.kind, Kind::Alias { target: Some("com.example.F".into()) });
        assert_eq!(manifest.guard(alias), Some("com.example.APP"));
    });
}

#[test]
fn deep_links_are_told_from_other_filters() {
    let data = set(set(Element::new("data"), SCHEME, "https"), HOST, "example.com");
    let view =
        filter("android.intent.action.VIEW", "android.intent.category.BROWSABLE").child(set(data, PATH_PREFIX, "/a"));
    let own = filter("android.intent.action.VIEW", "android.intent.category.BROWSABLE")
        .child(set(Element::new("data"), SCHEME, "wallet"))
        .child(set(Element::new("data"), HOST, "pay"));
    let launcher = filter("android.intent.action.MAIN", "android.intent.category.LAUNCHER");
    let activity = named("activity", ".A").child(set(view, AUTO_VERIFY, true)).child(own).child(launcher);
    read(&manifest(vec![Element::new("application").child(activity)]), None, |manifest| {
        let filters = &manifest.components().next().unwrap().filters;
        let kinds: Vec<_> = filters
            .iter()
            .map(|own| (own.is_deep_link(), own.is_web_link(), own.is_launcher(), own.auto_verify))
            .collect();
        assert_eq!(kinds, [(true, true, false, true), (true, false, false, false), (false, false, true, false)]);
        assert_eq!(filters[0].paths().collect::<Vec<_>>(), [(Match::Prefix, "/a")]);
        assert_eq!(filters[1].hosts().collect::<Vec<_>>(), ["pay"]);
    });
}

#[test]
fn providers_services_and_libraries_are_read() {
    let path = set(set(Element::new("path-permission"), PATH_PREFIX, "/x"), PERMISSION, "p.X");
    let grant = set(Element::new("grant-uri-permission"), PATH_PATTERN, ".*");
    let provider = set(set(named("provider", ".P"), AUTHORITIES, "a.b;c.d"), GRANT_URI_PERMISSIONS, true);
    let provider = set(set(provider, READ_PERMISSION, "p.READ"), PERMISSION, "p.BOTH").child(path).child(grant);
    let service = set(named("service", ".S"), FOREGROUND_SERVICE_TYPE, Made::Hex(0x48));
    let service = set(set(service, ISOLATED_PROCESS, true), PROCESS, ":own");
    let application = Element::new("application")
        .child(provider)
        .child(service)
        .child(set(named("uses-library", "org.apache.http.legacy"), REQUIRED, false))
        .child(set(named("meta-data", "key"), VALUE, "AIza"))
        .child(set(Element::new("profileable"), SHELL, true))
        .child(Element::new("service"));
    read(&manifest(vec![application, Element::new("application")]), None, |manifest| {
        let provider = &manifest.application.as_ref().unwrap().components[0];
        let Kind::Provider(own) = &provider.kind else { panic!() };
        assert_eq!(own.authorities, ["a.b", "c.d"]);
        assert_eq!(own.grant_uri_permissions, Some(true));
        assert_eq!(own.uri_grants, [(Match::Pattern, ".*".into())]);
        assert_eq!(own.path_permissions[0].read.as_deref(), Some("p.X"));
        assert_eq!(manifest.guards(provider), [Some("p.READ"), Some("p.BOTH")]);
        let service = &manifest.application.as_ref().unwrap().components[1];
        let Kind::Service(own) = &service.kind else { panic!() };
        assert_eq!(own.foreground_types().collect::<Vec<_>>(), ["location", "camera"]);
        assert_eq!(own.isolated, Some(true));
        assert_eq!(service.process.as_deref(), Some("com.example:own"));
        let application = manifest.application.as_ref().unwrap();
        assert_eq!(application.libraries[0].name, "org.apache.http.legacy");
        assert!(!application.libraries[0].required);
        assert_eq!(application.meta_data[0].value.as_deref(), Some("AIza"));
        assert_eq!(application.profileable_by_shell, Some(true));
        let kinds: Vec<_> = manifest.notes.iter().map(|note| note.kind.clone()).collect();
        assert_eq!(kinds, [NoteKind::NamelessComponent, NoteKind::SecondApplication]);
    });
}

#[test]
fn references_are_resolved_and_what_varies_is_told() {
    let table = MadeTable::new("com.example")
        .add("string", "app_name", "Demo")
        .add("xml", "network", "res/xml/network.xml")
        .add("bool", "debug", false)
        .add_for(config(&[(8, b"fr")]), "bool", "debug", true);
    let id = |kind, key| Made::Reference(table.id(kind, key).unwrap());
    let application = set(Element::new("application"), LABEL, id("string", "app_name"));
    let application = set(application, DEBUGGABLE, id("bool", "debug"));
    let application = set(application, NETWORK_SECURITY_CONFIG, id("xml", "network"));
    let application = set(application, ALLOW_BACKUP, Made::Reference(0x7f0a_0000));
    let bytes = manifest(vec![application]);
    read(&bytes, Some(&table.write()), |manifest| {
        let application = manifest.application.as_ref().unwrap();
        assert_eq!(application.label.as_deref(), Some("Demo"));
        assert_eq!(application.debuggable, Some(false));
        assert_eq!(application.allow_backup, None);
        let network = application.network_security_config.as_ref().unwrap();
        assert_eq!(network.text.as_deref(), Some("res/xml/network.xml"));
        let kinds: Vec<_> = manifest.notes.iter().map(|note| note.kind.clone()).collect();
        assert_eq!(
            kinds,
            [
                NoteKind::VariesByConfig { attribute: "debuggable" },
                NoteKind::Unresolved { attribute: "allowBackup", id: 0x7f0a_0000 }
            ]
        );
    });
    read(&bytes, None, |manifest| {
        assert_eq!(manifest.application.unwrap().label.as_deref(), Some("@0x7f010000"));
    });
}

#[test]
fn a_manifest_built_from_source_reads_the_same() {
    let mut builder = Builder::new();
    builder.open("", "manifest", 1);
    builder.attribute("", "package", None, "com.example", None);
    builder.open("", "application", 2);
    builder.attribute("android", "debuggable", None, "true", None);
    builder.attribute("android", "label", None, "@string/app", None);
    builder.open("", "service", 3);
    builder.attribute("android", "name", None, ".S", None);
    builder.attribute("android", "foregroundServiceType", None, "camera|dataSync", None);
    let document = builder.finish();
    let manifest = Manifest::read(&document, None).unwrap();
    let application = manifest.application.as_ref().unwrap();
    assert_eq!(application.debuggable, Some(true));
    assert_eq!(application.label.as_deref(), Some("@string/app"));
    let service = manifest.components().next().unwrap();
    assert_eq!(service.name, "com.example.S");
    let Kind::Service(own) = &service.kind else { panic!() };
    assert_eq!(own.foreground, Some(1 | 64));
}

#[test]
fn another_root_is_refused() {
    let bytes = Xml::new(Element::new("resources")).write();
    let document = Document::read(&bytes).unwrap();
    assert_eq!(Manifest::read(&document, None).unwrap_err(), ManifestError::Root("resources".into()));
}
