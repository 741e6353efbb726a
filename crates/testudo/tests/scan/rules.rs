//! `scan explain` and `scan db`.

use serde_json::Value;
use testudo_testkit::package::zip::Zip;

use super::{apps, expect, folder, scan};

#[test]
fn rules_are_explained() {
    let folder = folder();
    let here = folder.path();
    let all = expect(here, &["explain"], 0);
    assert!(all.contains("secret-private-key") && all.contains("dependency-vulnerable"), "{all}");
    let listed: Value = serde_json::from_str(&expect(here, &["explain", "--format", "json"], 0)).unwrap();
    for rule in listed.as_array().unwrap() {
        let id = rule["id"].as_str().unwrap();
        let one: Value = serde_json::from_str(&expect(here, &["explain", id, "--format", "json"], 0)).unwrap();
        assert_eq!(one["rule"]["id"], id);
    }
    let told = expect(here, &["explain", "secret-password"], 0);
    for part in ["CWE-259", "What it is", "Why it matters", "How it is mended", "References"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let output = scan(here, &["explain", "secret-pasword"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `secret-password`"));
}

#[test]
fn an_index_is_made_of_an_export_and_finds_what_is_known() {
    let folder = folder();
    let here = folder.path();
    let export = Zip::new().file("GHSA-w33c-445m-f8w7.json", apps::advisory()).write();
    std::fs::write(here.join("all.zip"), export).unwrap();
    let told = expect(here, &["db", "import", "all.zip", "--output", "known.db"], 0);
    assert!(told.contains("1 advisory about 1 package"), "{told}");
    let info: Value = serde_json::from_str(&expect(here, &["db", "info", "known.db", "--format", "json"], 0)).unwrap();
    assert_eq!(info["advisories"], 1);
    let told = expect(here, &["weak.apk", "--db", "known.db"], 1);
    assert!(told.contains("CVE-2023-3635 in com.squareup.okio:okio 2.8.0") && told.contains("3.4.0"), "{told}");
    let bom = expect(here, &["weak.apk", "--db", "known.db", "--format", "cyclonedx"], 1);
    assert!(bom.contains("GHSA-w33c-445m-f8w7"), "{bom}");

    std::fs::create_dir(here.join("records")).unwrap();
    std::fs::write(here.join("records/one.json"), apps::advisory().replace("w33c", "w33d").replace("3635", "3636"))
        .unwrap();
    expect(here, &["db", "import", "records", "all.zip", "--output", "more.db"], 0);
    let told = expect(here, &["db", "diff", "known.db", "more.db"], 0);
    assert!(told.contains("+ GHSA-w33d-445m-f8w7") && told.contains("1 new, 0 gone, 0 changed"), "{told}");

    std::fs::write(here.join("records/two.json"), "{").unwrap();
    expect(here, &["db", "import", "records", "--output", "part.db"], 3);
    expect(here, &["db", "info", "weak.apk"], 2);
    expect(here, &["weak.apk", "--db", "weak.apk"], 2);
    std::fs::write(here.join("none.json"), "[]").unwrap();
    expect(here, &["db", "import", "none.json", "--output", "none.db"], 2);
}
