//! Rules over the network security configuration and other files that the manifest refers to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod rules_support;

use rules_support::{Case, ids, join, manifest, network, pack, prove, referred};
use testudo_package::resources::Table;
use testudo_scan::facts::resources::{self, Role};
use testudo_scan::facts::{self, Facts};
use testudo_testkit::package::resources::Table as Made;

const NETWORK: &[(&str, &str)] = &[("android/network.toml", include_str!("../rules/android/network.toml"))];
const RESOURCES: &[(&str, &str)] = &[("android/resources.toml", include_str!("../rules/android/resources.toml"))];

const KEY: &str = "7HIpactkIAq2Y49orFOOQKurWxmmSFZhBCoQYcRhJ3Y=";

fn app(min: u32, target: u32, attributes: &str) -> Facts {
    manifest(&format!(
        "<manifest package=\"org.shop.app\"><uses-sdk a:minSdkVersion=\"{min}\" a:targetSdkVersion=\"{target}\"/>\
         <uses-permission a:name=\"android.permission.INTERNET\"/><application {attributes}/></manifest>"
    ))
}

/// A configuration with this inside, of an app for current devices that is as calm as can be.
fn config(inside: &str) -> Facts {
    join([app(26, 35, "a:networkSecurityConfig=\"@xml/n\""), bare(inside)])
}

fn bare(inside: &str) -> Facts {
    network(&format!("<network-security-config>{inside}</network-security-config>"), 35)
}

fn domain(attributes: &str, host: &str, inside: &str) -> String {
    format!("<domain-config {attributes}><domain>{host}</domain>{inside}</domain-config>")
}

fn pins(attributes: &str, keys: &[&str]) -> Facts {
    let keys: Vec<String> = keys.iter().map(|key| format!("<pin digest=\"SHA-256\">{key}</pin>")).collect();
    let keys = keys.concat();
    config(&domain("", "api.shop.org", &format!("<pin-set {attributes}>{keys}</pin-set>")))
}

fn anchors(source: &str) -> String {
    format!("<trust-anchors><certificates src=\"system\"/><certificates {source}/></trust-anchors>")
}

#[test]
fn every_rule_of_the_network_finds_and_leaves_alone() {
    let pack = pack(NETWORK);
    let case = |rule, bad: Facts, good: Facts| Case::new(rule, facts::check(&bad, &pack), facts::check(&good, &pack));
    let base = |inside: &str| config(&format!("<base-config>{inside}</base-config>"));
    let spare = "fwza0LRMXouZHRC8Ei+4PyuldPDcf3UKgO/04cDM1oE=";
    let debug = |debuggable: bool, source: &str| {
        let attributes = format!("a:debuggable=\"{debuggable}\" a:networkSecurityConfig=\"@xml/n\"");
        join([app(26, 35, &attributes), bare(&format!("<debug-overrides>{}</debug-overrides>", anchors(source)))])
    };
    let code = |name: &str| {
        let row = facts::Row::new("api", testudo_scan::report::Place::Package).text("name", name);
        join([config(""), Facts { rows: vec![row] }])
    };
    prove(
        &pack,
        vec![
            case(
                "network-cleartext",
                app(26, 35, "a:usesCleartextTraffic=\"true\""),
                app(26, 35, "a:usesCleartextTraffic=\"false\""),
            ),
            case("network-cleartext", app(24, 27, ""), app(24, 28, "")),
            case(
                "network-cleartext",
                config("<base-config cleartextTrafficPermitted=\"true\"/>"),
                // A configuration decides, whatever the flag says.
                join([app(26, 35, "a:usesCleartextTraffic=\"true\" a:networkSecurityConfig=\"@xml/n\""), bare("")]),
            ),
            case(
                "network-cleartext",
                network("<network-security-config><base-config/></network-security-config>", 27),
                network("<network-security-config><base-config/></network-security-config>", 28),
            ),
            case(
                "network-cleartext-domain",
                config(&domain("cleartextTrafficPermitted=\"true\"", "old.shop.org", "")),
                config(&domain("cleartextTrafficPermitted=\"true\"", "10.0.2.2", "")),
            ),
            case(
                "network-cleartext-local",
                config(&domain("cleartextTrafficPermitted=\"true\"", "localhost", "")),
                config(&domain("cleartextTrafficPermitted=\"false\"", "localhost", "")),
            ),
            case("network-user-certificates", base(&anchors("src=\"user\"")), debug(false, "src=\"user\"")),
            case(
                "network-user-certificates",
                config(&domain("", "shop.org", &anchors("src=\"user\""))),
                config(&domain("", "shop.org", &anchors("src=\"@raw/own\""))),
            ),
            case("network-user-certificates-by-default", app(23, 35, ""), app(24, 35, "")),
            case(
                "network-pins-overridden",
                base(&anchors("src=\"@raw/own\" overridePins=\"true\"")),
                base(&anchors("src=\"@raw/own\" overridePins=\"false\"")),
            ),
            case(
                "network-pins-overridden",
                config(&domain("", "shop.org", &anchors("src=\"system\" overridePins=\"true\""))),
                config(&domain("", "shop.org", &anchors("src=\"system\""))),
            ),
            case("network-own-authority", base(&anchors("src=\"@raw/own\"")), base("")),
            case("network-debug-trust", debug(true, "src=\"user\""), debug(false, "src=\"user\"")),
            case("network-debug-trust", debug(true, "src=\"@raw/own\""), debug(false, "src=\"@raw/own\"")),
            case(
                "network-pins-expired",
                pins("expiration=\"2026-06-30\"", &[KEY, spare]),
                pins("expiration=\"2026-07-02\"", &[KEY, spare]),
            ),
            case(
                "network-pins-expire-soon",
                pins("expiration=\"2026-08-01\"", &[KEY, spare]),
                pins("expiration=\"2027-08-01\"", &[KEY, spare]),
            ),
            case("network-single-pin", pins("", &[KEY]), pins("", &[KEY, spare])),
            case("network-broken-pin", pins("", &[KEY, "AAAA"]), pins("", &[KEY, spare])),
            case("network-unpinned", app(26, 35, ""), pins("", &[KEY, spare])),
            case("network-unpinned", code("socket"), code("certificate-pinning")),
            case(
                "network-http-resource",
                join([app(26, 35, "a:usesCleartextTraffic=\"true\""), strings("http://api.shop.org/v1")]),
                join([app(26, 35, ""), strings("http://api.shop.org/v1")]),
            ),
            case(
                "network-http-resource",
                join([config("<base-config cleartextTrafficPermitted=\"true\"/>"), strings("ws://api.shop.org/v1")]),
                join([
                    config("<base-config cleartextTrafficPermitted=\"true\"/>"),
                    strings("http://www.w3.org/1999/xhtml"),
                ]),
            ),
        ],
    );
}

fn strings(value: &str) -> Facts {
    let bytes = Made::new("org.shop.app").add("string", "endpoint", value).write();
    let table = Table::read(&bytes).unwrap();
    let mut facts = Facts::default();
    resources::urls(&table, "resources.arsc", &mut facts);
    rules_support::assert_declared(&facts);
    facts
}

#[test]
fn every_rule_of_resources_finds_and_leaves_alone() {
    let pack = pack(RESOURCES);
    let case = |rule, bad: Facts, good: Facts| Case::new(rule, facts::check(&bad, &pack), facts::check(&good, &pack));
    let paths =
        |inside: &str| referred(&format!("<paths>{inside}</paths>"), &Role::ProviderPaths("P".to_owned(), false));
    let backup = |inside: &str| {
        let rules = format!("<data-extraction-rules><cloud-backup>{inside}</cloud-backup></data-extraction-rules>");
        join([app(26, 35, ""), referred(&rules, &Role::DataExtraction)])
    };
    prove(
        &pack,
        vec![
            case(
                "resources-provider-root",
                paths("<root-path name=\"all\" path=\"\"/>"),
                paths("<files-path name=\"out\" path=\"out/\"/>"),
            ),
            case(
                "resources-provider-whole-folder",
                paths("<external-path name=\"all\" path=\".\"/>"),
                paths("<external-path name=\"out\" path=\"out/\"/>"),
            ),
            case(
                "resources-backup-deny-list",
                backup("<exclude domain=\"sharedpref\" path=\"session.xml\"/>"),
                backup("<include domain=\"file\" path=\"drafts/\"/><exclude domain=\"file\" path=\"drafts/x\"/>"),
            ),
            case(
                "resources-backup-deny-list",
                backup("<include domain=\"file\" path=\".\"/><exclude domain=\"file\" path=\"x\"/>"),
                backup("<include domain=\"file\" path=\".\"/><exclude domain=\"file\"/>"),
            ),
            case(
                "resources-backup-rules-empty",
                backup(""),
                backup("<exclude domain=\"sharedpref\" path=\"session.xml\"/>"),
            ),
        ],
    );
}

#[test]
fn files_of_the_manifest_are_named() {
    let source = "<manifest package=\"org.shop.app\"><application a:networkSecurityConfig=\"@xml/net\" \
        a:fullBackupContent=\"true\" a:dataExtractionRules=\"@xml/data\"><provider a:name=\".P\" a:exported=\"false\">\
        <meta-data a:name=\"android.support.FILE_PROVIDER_PATHS\" a:resource=\"@xml/paths\"/></provider></application></manifest>";
    let named = rules_support::with_manifest(source, resources::referred);
    assert_eq!(
        named,
        [
            (Role::NetworkConfig, "@xml/net".to_owned()),
            (Role::DataExtraction, "@xml/data".to_owned()),
            (Role::ProviderPaths("org.shop.app.P".to_owned(), false), "@xml/paths".to_owned()),
        ]
    );
}

/// What is forbidden for all hosts and pinned for the own ones.
#[test]
fn a_careful_configuration_finds_nothing() {
    let pack = pack(NETWORK);
    let facts = join([
        pins("expiration=\"2028-01-01\"", &[KEY, "fwza0LRMXouZHRC8Ei+4PyuldPDcf3UKgO/04cDM1oE="]),
        strings("http://www.w3.org/2000/svg"),
    ]);
    assert_eq!(ids(&facts::check(&facts, &pack)), [].into());
}
