//! Packages that mean harm: bombs, cut files, garbage.

use testudo_testkit::package::zip::{Entry, Zip};

use super::{apps, expect};

#[test]
fn what_is_no_package_is_told_and_nothing_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let whole = apps::weak().signed(&apps::signer());
    let bomb = Zip::new()
        .file("AndroidManifest.xml", apps::weak().manifest())
        .entry(Entry::deflated("assets/bomb", &vec![0; 80 << 20]))
        .write();
    let garbage: Vec<u8> = (0..40_000u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let cases: [(&str, Vec<u8>); 6] = [
        ("cut.apk", whole[..whole.len() / 2].to_vec()),
        ("bomb.apk", bomb),
        ("garbage.apk", garbage),
        ("empty.apk", Vec::new()),
        ("other.zip", Zip::new().file("readme.txt", "hello").write()),
        ("manifest.apk", Zip::new().file("AndroidManifest.xml", [3, 0, 8, 0, 255, 255, 255, 255]).write()),
    ];
    for (name, bytes) in cases {
        std::fs::write(here.join(name), bytes).unwrap();
        let output = super::scan(here, &[name]);
        assert_eq!(output.status.code(), Some(3), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{name}");
    }
    let told = expect(here, &["bomb.apk"], 3);
    assert!(told.contains("over the budget"), "{told}");
}

#[test]
fn text_of_a_package_does_not_reach_the_terminal_or_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let name = "assets/\u{1b}[31m<script>alert(1)</script>.js";
    let app = apps::App {
        files: vec![(name.to_owned(), format!("t = \"{}\"", apps::weak().key).into_bytes())],
        ..apps::clean()
    };
    std::fs::write(here.join("odd.apk"), app.signed(&apps::signer())).unwrap();
    let told = expect(here, &["odd.apk"], 1);
    assert!(!told.contains('\u{1b}'), "{told}");
    let page = expect(here, &["odd.apk", "--format", "html"], 1);
    assert!(!page.contains("<script>"), "{page}");
}
