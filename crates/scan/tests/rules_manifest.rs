//! Rules over manifests: what each finds, and the nearest thing that it leaves alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod rules_support;

use rules_support::{Case, ids, manifest, pack, prove};
use testudo_scan::facts;

const FILES: &[(&str, &str)] = &[("android/manifest.toml", include_str!("../rules/android/manifest.toml"))];

/// The application element that finds nothing.
const CALM: &str = "<application a:allowBackup=\"false\" a:taskAffinity=\"\"/>";

/// A manifest with this inside, for current devices.
fn app(inside: &str) -> String {
    on(29, 35, inside)
}

fn on(min: u32, target: u32, inside: &str) -> String {
    let levels = format!("<uses-sdk a:minSdkVersion=\"{min}\" a:targetSdkVersion=\"{target}\"/>");
    format!("<manifest package=\"org.shop.app\">{levels}{inside}</manifest>")
}

/// An application element with these attributes.
fn with(attributes: &str) -> String {
    app(&format!("<application {attributes}/>"))
}

/// An application with this component inside.
fn component(component: &str) -> String {
    app(&format!("<application a:allowBackup=\"false\">{component}</application>"))
}

/// An activity with these attributes and filters.
fn activity(attributes: &str, inside: &str) -> String {
    component(&format!("<activity a:name=\".Main\" {attributes}>{inside}</activity>"))
}

fn filter(action: &str, rest: &str) -> String {
    format!("<intent-filter {rest}<action a:name=\"{action}\"/></intent-filter>")
}

fn link(attributes: &str, data: &str) -> String {
    format!(
        "<intent-filter {attributes}><action a:name=\"android.intent.action.VIEW\"/>\
         <category a:name=\"android.intent.category.BROWSABLE\"/><data {data}/></intent-filter>"
    )
}

#[test]
fn every_rule_finds_and_leaves_alone() {
    let pack = pack(FILES);
    let case = |rule, bad: String, good: String| {
        let find = |source: &str| facts::check(&manifest(source), &pack);
        Case::new(rule, find(&bad), find(&good))
    };
    let cases = [components(&case), guards(&case), entries(&case), whole(&case)];
    prove(&pack, cases.into_iter().flatten().collect());
}

type Make<'m> = &'m dyn Fn(&'static str, String, String) -> Case;

fn whole(case: Make<'_>) -> Vec<Case> {
    let used = |name: &str| app(&format!("<uses-permission a:name=\"android.permission.{name}\"/>{CALM}"));
    let defined = |rest: &str| app(&format!("<permission a:name=\"org.shop.app.READ\" {rest}/>{CALM}"));
    vec![
        case("manifest-debuggable", with("a:debuggable=\"true\""), with("a:debuggable=\"false\"")),
        case("manifest-test-only", with("a:testOnly=\"true\""), with("a:testOnly=\"false\"")),
        case("manifest-backup-everything", with("a:allowBackup=\"true\""), with("a:allowBackup=\"false\"")),
        case(
            "manifest-backup-everything",
            with("a:label=\"Shop\""),
            with("a:dataExtractionRules=\"@xml/data\" a:fullBackupContent=\"@xml/full\""),
        ),
        case(
            "manifest-backup-half-ruled",
            with("a:fullBackupContent=\"@xml/full\""),
            with("a:dataExtractionRules=\"@xml/data\" a:fullBackupContent=\"@xml/full\""),
        ),
        case(
            "manifest-backup-half-ruled",
            with("a:dataExtractionRules=\"@xml/data\""),
            on(31, 35, "<application a:dataExtractionRules=\"@xml/data\"/>"),
        ),
        case("manifest-old-android", on(23, 35, CALM), on(24, 35, CALM)),
        case("manifest-unsupported-android", on(28, 35, CALM), on(29, 35, CALM)),
        case("manifest-old-target", on(24, 32, CALM), on(24, 33, CALM)),
        case("manifest-shared-user", app(CALM).replace("package=", "a:sharedUserId=\"org.shop\" package="), app(CALM)),
        case(
            "manifest-legacy-storage",
            on(29, 29, "<application a:requestLegacyExternalStorage=\"true\"/>"),
            on(29, 30, "<application a:requestLegacyExternalStorage=\"true\"/>"),
        ),
        case(
            "manifest-shared-storage",
            used("WRITE_EXTERNAL_STORAGE"),
            used("WRITE_EXTERNAL_STORAGE\" a:maxSdkVersion=\"28"),
        ),
        case("manifest-all-files-access", used("MANAGE_EXTERNAL_STORAGE"), used("READ_MEDIA_IMAGES")),
        case(
            "manifest-device-protected-storage",
            with("a:defaultToDeviceProtectedStorage=\"true\" a:directBootAware=\"true\""),
            with("a:directBootAware=\"true\""),
        ),
        case("manifest-direct-boot", with("a:directBootAware=\"true\""), with("a:directBootAware=\"false\"")),
        case("manifest-dangerous-permission", used("READ_CONTACTS"), used("INTERNET")),
        case("manifest-special-permission", used("SYSTEM_ALERT_WINDOW"), used("READ_CONTACTS")),
        case(
            "manifest-weak-permission",
            defined("a:protectionLevel=\"normal\""),
            defined("a:protectionLevel=\"signature\""),
        ),
        case("manifest-weak-permission", defined(""), defined("a:protectionLevel=\"18\"")),
        case(
            "manifest-platform-permission-redefined",
            app("<permission a:name=\"android.permission.NEW\" a:protectionLevel=\"signature\"/>"),
            defined("a:protectionLevel=\"signature\""),
        ),
    ]
}

/// A component guarded by a permission of the app, which has this level.
fn guarded(element: &str, level: &str, rest: &str) -> String {
    app(&format!(
        "<permission a:name=\"org.shop.app.GUARD\" a:protectionLevel=\"{level}\"/><application>\
         <{element} a:name=\".Part\" a:exported=\"true\" {rest}/></application>"
    ))
}

fn of(element: &str, rest: &str) -> String {
    component(&format!("<{element} a:name=\".Part\" {rest}/>"))
}

const OWN: &str = "a:permission=\"org.shop.app.GUARD\"";

fn components(case: Make<'_>) -> Vec<Case> {
    vec![
        case(
            "manifest-task-hijacking",
            on(26, 35, "<application><activity a:name=\".M\" a:exported=\"true\" a:launchMode=\"2\"/></application>"),
            on(
                26,
                35,
                "<application a:taskAffinity=\"\"><activity a:name=\".M\" a:exported=\"true\" a:launchMode=\"2\"/></application>",
            ),
        ),
        case(
            "manifest-strandhogg-2",
            on(24, 28, "<application><activity a:name=\".M\" a:exported=\"true\"/></application>"),
            on(24, 29, "<application><activity a:name=\".M\" a:exported=\"true\"/></application>"),
        ),
        case(
            "manifest-foreign-affinity",
            activity("a:taskAffinity=\"com.other\"", ""),
            activity("a:taskAffinity=\"org.shop.app.chat\"", ""),
        ),
        case(
            "manifest-task-reparenting",
            activity("a:allowTaskReparenting=\"true\" a:exported=\"true\"", ""),
            activity("a:allowTaskReparenting=\"true\" a:exported=\"false\"", ""),
        ),
        case(
            "manifest-untrusted-embedding",
            activity("a:allowUntrustedActivityEmbedding=\"true\"", ""),
            activity("a:allowUntrustedActivityEmbedding=\"false\"", ""),
        ),
        case(
            "manifest-development-component",
            component("<activity a:name=\"androidx.compose.ui.tooling.PreviewActivity\" a:exported=\"true\"/>"),
            activity("a:exported=\"true\"", ""),
        ),
        case(
            "manifest-activity-exported",
            activity("a:exported=\"true\"", ""),
            activity(
                "a:exported=\"true\"",
                &filter("android.intent.action.MAIN", "><category a:name=\"android.intent.category.LAUNCHER\"/>"),
            ),
        ),
        case(
            "manifest-activity-exported",
            component("<activity-alias a:name=\".Door\" a:targetActivity=\".Main\" a:exported=\"true\"/>"),
            activity("a:exported=\"true\"", &filter("android.intent.action.SEND", ">")),
        ),
        case("manifest-service-exported", of("service", "a:exported=\"true\""), guarded("service", "signature", OWN)),
        case(
            "manifest-receiver-exported",
            component(&format!("<receiver a:name=\".R\">{}</receiver>", filter("org.shop.ORDER", ">"))),
            component(&format!(
                "<receiver a:name=\".R\" a:exported=\"true\">{}</receiver>",
                filter("android.intent.action.BOOT_COMPLETED", ">")
            )),
        ),
        case("manifest-provider-exported", of("provider", "a:exported=\"true\""), of("provider", "")),
        case(
            "manifest-provider-exported",
            guarded("provider", "signature", "a:readPermission=\"org.shop.app.GUARD\""),
            guarded("provider", "signature", OWN),
        ),
        case(
            "manifest-provider-open-on-old-android",
            on(16, 35, "<application><provider a:name=\".P\"/></application>"),
            on(16, 35, "<application><provider a:name=\".P\" a:exported=\"false\"/></application>"),
        ),
    ]
}

fn guards(case: Make<'_>) -> Vec<Case> {
    let mut cases = vec![
        case(
            "manifest-weak-guard",
            guarded("provider", "dangerous", "a:permission=\"org.shop.app.GUARD\""),
            guarded("provider", "signature", OWN),
        ),
        case(
            "manifest-weak-guard",
            guarded(
                "provider",
                "normal",
                "a:readPermission=\"android.permission.DUMP\" a:writePermission=\"org.shop.app.GUARD\"",
            ),
            guarded(
                "provider",
                "signature",
                "a:readPermission=\"android.permission.DUMP\" a:writePermission=\"org.shop.app.GUARD\"",
            ),
        ),
    ];
    for element in ["activity", "service", "receiver"] {
        let bad = guarded(element, "normal", OWN);
        cases.push(case("manifest-weak-guard", bad, guarded(element, "signature", OWN)));
        let unknown = of(element, "a:exported=\"true\" a:permission=\"com.elsewhere.GUARD\"");
        cases.push(case("manifest-unknown-guard", unknown, guarded(element, "signature", OWN)));
    }
    let unknown = of("provider", "a:exported=\"true\" a:permission=\"com.elsewhere.GUARD\"");
    cases.push(case("manifest-unknown-guard", unknown, guarded("provider", "signature", OWN)));
    cases
}

fn entries(case: Make<'_>) -> Vec<Case> {
    let open = "a:exported=\"true\"";
    let grant = |attributes: &str| {
        component(&format!(
            "<provider a:name=\".P\" a:exported=\"false\"><grant-uri-permission {attributes}/></provider>"
        ))
    };
    let receiver =
        |inside: &str| component(&format!("<receiver a:name=\".R\" a:exported=\"true\">{inside}</receiver>"));
    vec![
        case(
            "manifest-link-unverified",
            activity(open, &link("", "a:scheme=\"https\" a:host=\"shop.org\"")),
            activity(open, &link("a:autoVerify=\"true\"", "a:scheme=\"https\" a:host=\"shop.org\"")),
        ),
        case(
            "manifest-link-any-host",
            activity(open, &link("", "a:scheme=\"https\"")),
            activity(open, &link("", "a:scheme=\"https\" a:host=\"shop.org\"")),
        ),
        case(
            "manifest-custom-scheme",
            activity(open, &link("", "a:scheme=\"shop\"")),
            activity(open, &link("", "a:scheme=\"mailto\"")),
        ),
        case(
            "manifest-secret-code",
            receiver(&format!(
                "<intent-filter><action a:name=\"android.provider.Telephony.SECRET_CODE\"/>{}</intent-filter>",
                "<data a:scheme=\"android_secret_code\" a:host=\"4636\"/>"
            )),
            receiver(&filter("android.intent.action.BOOT_COMPLETED", ">")),
        ),
        case(
            "manifest-data-sms",
            receiver(&format!(
                "<intent-filter><action a:name=\"android.intent.action.DATA_SMS_RECEIVED\"/>{}</intent-filter>",
                "<data a:scheme=\"sms\" a:port=\"9000\"/>"
            )),
            receiver(&filter("android.provider.Telephony.SMS_RECEIVED", ">")),
        ),
        case(
            "manifest-high-priority",
            receiver(&filter("android.provider.Telephony.SMS_RECEIVED", "a:priority=\"999\">")),
            receiver(&filter("android.provider.Telephony.SMS_RECEIVED", "a:priority=\"100\">")),
        ),
        case("manifest-uri-grant-everything", grant("a:pathPrefix=\"/\""), grant("a:pathPrefix=\"/shared/\"")),
        case("manifest-uri-grant-everything", grant("a:pathPattern=\".*\""), grant("a:path=\"/one\"")),
    ]
}

/// A manifest of an app as one should write it.
#[test]
fn a_careful_app_finds_nothing() {
    let pack = pack(FILES);
    let source = on(
        29,
        36,
        "<uses-permission a:name=\"android.permission.INTERNET\"/>\
         <permission a:name=\"org.shop.app.INNER\" a:protectionLevel=\"signature\"/>\
         <application a:allowBackup=\"true\" a:dataExtractionRules=\"@xml/d\" a:fullBackupContent=\"@xml/f\">\
         <activity a:name=\".Main\" a:exported=\"true\" a:launchMode=\"1\"><intent-filter>\
         <action a:name=\"android.intent.action.MAIN\"/><category a:name=\"android.intent.category.LAUNCHER\"/>\
         </intent-filter></activity>\
         <activity a:name=\".Inner\" a:exported=\"false\"/>\
         <receiver a:name=\"androidx.profileinstaller.ProfileInstallReceiver\" a:exported=\"true\" \
         a:permission=\"android.permission.DUMP\"/>\
         <service a:name=\".Job\" a:exported=\"true\" a:permission=\"android.permission.BIND_JOB_SERVICE\"/>\
         <service a:name=\".Sync\" a:exported=\"true\" a:permission=\"org.shop.app.INNER\"/>\
         <provider a:name=\"androidx.core.content.FileProvider\" a:exported=\"false\" a:grantUriPermissions=\"true\"/>\
         </application>",
    );
    let findings = facts::check(&manifest(&source), &pack);
    assert_eq!(ids(&findings), [].into(), "{findings:#?}");
}
