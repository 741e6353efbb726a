//! Lock files with mistakes in them: every reader gives components or an error with file and line, in bounded time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::format_push_string)]

mod dependencies;

use std::time::{Duration, Instant};

use dependencies::Mistakes;
use testudo_scan::dependencies::{LockKind, read};

const FILES: [(&str, &str); 14] = [
    ("gradle.lockfile", "# x\na.b:c:1.0=debugRuntimeClasspath,releaseRuntimeClasspath\na:d:2=testX\nempty=\n"),
    ("buildscript-gradle.lockfile", "a.b:c:1.0=classpath\n"),
    (
        "gradle/verification-metadata.xml",
        "<verification-metadata><components><component group=\"a\" name=\"b\" version=\"1\"><artifact name=\"b-1.jar\"><md5 value=\"d41d8cd98f00b204e9800998ecf8427e\"/></artifact></component></components></verification-metadata>",
    ),
    (
        "gradle/libs.versions.toml",
        "[versions]\na = \"1\"\n[libraries]\nb = { module = \"c:d\", version.ref = \"a\" }\ne = \"f:g:1.2\"\n[plugins]\nh = { id = \"i\", version = \"2\" }\n",
    ),
    (
        "Podfile.lock",
        "PODS:\n  - A (1.0):\n    - B (~> 2)\n  - B (2.1)\n\nDEPENDENCIES:\n  - A (from `x`)\n\nEXTERNAL SOURCES:\n  A:\n    :path: x\n",
    ),
    (
        "Package.resolved",
        "{\"pins\":[{\"identity\":\"a\",\"kind\":\"remoteSourceControl\",\"location\":\"https://g.com/a/b.git\",\"state\":{\"revision\":\"1\",\"version\":\"1.0.0\"}}],\"version\":2}",
    ),
    ("Cartfile.resolved", "github \"a/b\" \"1.0\"\ngit \"https://x/y.git\" \"v2\"\n"),
    (
        "pubspec.lock",
        "packages:\n  a:\n    dependency: \"direct main\"\n    description:\n      name: a\n      url: \"https://pub.dev\"\n    source: hosted\n    version: \"1.0.0\"\n",
    ),
    (
        "package-lock.json",
        "{\"lockfileVersion\":3,\"packages\":{\"\":{\"dependencies\":{\"a\":\"1\"}},\"node_modules/a\":{\"version\":\"1.0.0\",\"dependencies\":{\"b\":\"*\"}},\"node_modules/a/node_modules/b\":{\"version\":\"2.0.0\",\"dev\":true}}}",
    ),
    (
        "npm-shrinkwrap.json",
        "{\"lockfileVersion\":1,\"dependencies\":{\"a\":{\"version\":\"1.0.0\",\"requires\":{\"b\":\"1\"},\"dependencies\":{\"b\":{\"version\":\"1.1.0\"}}}}}",
    ),
    (
        "yarn.lock",
        "\"@s/a@^1.0.0\", b@npm:c@1:\n  version \"1.0.1\"\n  resolved \"https://x/a.tgz#da39a3ee5e6b4b0d3255bfef95601890afd80709\"\n  integrity sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=\n  dependencies:\n    d \"^1\"\n",
    ),
    (
        "berry/yarn.lock",
        "__metadata:\n  version: 6\n\n\"a@npm:^1.0.0\":\n  version: 1.0.0\n  resolution: \"a@npm:1.0.0\"\n  dependencies:\n    b: ^1\n  linkType: hard\n",
    ),
    (
        "pnpm-lock.yaml",
        "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a:\n        specifier: 1\n        version: 1.0.0(p@2.0.0)\npackages:\n  a@1.0.0:\n    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}\nsnapshots:\n  a@1.0.0(p@2.0.0):\n    dependencies:\n      p: 2.0.0\n",
    ),
    (
        "Cargo.lock",
        "version = 3\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\ndependencies = [\"b 1.0.0 (x)\"]\n",
    ),
];

#[test]
fn mistakes_give_components_or_errors_with_a_line() {
    for (index, (file, text)) in FILES.iter().enumerate() {
        let kind = LockKind::of(file).expect(file);
        let whole = read(kind, file, text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!whole.is_empty(), "{file}");
        let mut mistakes = Mistakes::new(1000 + index as u64);
        let mut errors = 0;
        for _ in 0..1500 {
            let bytes = mistakes.make(text.as_bytes());
            match read(kind, file, &bytes) {
                Ok(components) => {
                    for component in components {
                        assert!(
                            !component.name.is_empty() && component.version.as_deref() != Some(""),
                            "{component:?}"
                        );
                        assert!(component.purl().starts_with("pkg:"));
                    }
                }
                Err(error) => {
                    errors += 1;
                    assert!(error.to_string().starts_with(&format!("{file}:")), "{error}");
                }
            }
        }
        assert!(errors > 100, "{file}: {errors}");
    }
}

/// Sizes that a careless reader takes quadratic time for.
#[test]
fn large_files_take_linear_time() {
    let many = 40_000;
    let mut gradle = String::new();
    let mut yarn = String::new();
    let mut npm = String::from("{\"lockfileVersion\":3,\"packages\":{\"\":{}");
    let mut cargo = String::from("version = 3\n");
    for at in 0..many {
        gradle.push_str(&format!("g:a{at}:1.0=x\n"));
        yarn.push_str(&format!("a{at}@^1, b{at}@^2:\n  version \"1.0.0\"\n  dependencies:\n    a{} \"^1\"\n", at / 2));
        npm.push_str(&format!(
            ",\"node_modules/a{at}\":{{\"version\":\"1.0.0\",\"dependencies\":{{\"a{}\":\"1\"}}}}",
            at / 2
        ));
    }
    // One name in many versions, each of which needs it without telling which.
    for at in 0..8_000 {
        cargo.push_str(&format!(
            "[[package]]\nname = \"a\"\nversion = \"1.0.{at}\"\nsource = \"s\"\ndependencies = [\"a 9\"]\n"
        ));
    }
    npm.push_str("}}");
    for (file, text) in
        [("gradle.lockfile", gradle), ("yarn.lock", yarn), ("package-lock.json", npm), ("Cargo.lock", cargo)]
    {
        let start = Instant::now();
        let components = read(LockKind::of(file).unwrap(), file, text.as_bytes()).unwrap();
        assert!(components.len() >= 8_000);
        let taken = start.elapsed();
        assert!(taken < Duration::from_mins(1), "{file}: {taken:?}");
    }
}
