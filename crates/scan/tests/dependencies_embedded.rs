//! Libraries inside a package: what each trace tells, and what must not be taken for one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod dependencies;

use dependencies::Mistakes;
use testudo_scan::dependencies::{Bundle, Component, Embedded, Scope, Source};

fn found(files: &[(&str, &[u8])]) -> Vec<String> {
    let mut embedded = Embedded::new();
    for (path, bytes) in files {
        assert!(Embedded::wants(path), "{path}");
        embedded.file(path, bytes);
    }
    assert!(embedded.faults().is_empty(), "{:?}", embedded.faults());
    names(&embedded.finish())
}

fn names(components: &[Component]) -> Vec<String> {
    components.iter().map(|component| format!("{} {:?}", component.purl(), component.source())).collect()
}

#[test]
fn java_builds_leave_coordinates() {
    assert_eq!(
        found(&[
            ("META-INF/androidx.core_core.version", b"1.9.0\n"),
            ("base/root/META-INF/androidx.room_room-runtime.version", b"2.5.0"),
            ("META-INF/androidx.profileinstaller_profileinstaller.version", b"task ':x' property 'version'"),
            ("META-INF/kotlinx_coroutines_core.version", b"1.6.4"),
            (
                "META-INF/maven/com.google.code.gson/gson/pom.properties",
                b"#Created by Maven\nversion=2.8.5\ngroupId=com.google.code.gson\nartifactId=gson\n",
            ),
            ("META-INF/maven/a.b/c/pom.properties", b"version=${revision}\n"),
            (
                "META-INF/maven/org.x/y/pom.xml",
                b"<?xml version=\"1.0\"?><project xmlns=\"http://maven.apache.org/POM/4.0.0\"><parent><groupId>org.x</groupId><version>3.1</version></parent><artifactId>y</artifactId></project>",
            ),
            ("META-INF/okhttp.kotlin_module", b"\x00"),
            ("kotlin-tooling-metadata.json", br#"{"schemaVersion":"1.1.0","buildPluginVersion":"1.8.20"}"#),
            ("play-services-base.properties", b"version=18.1.0\nclient=play-services-base\nplay-services-base_client=18.1.0\n"),
        ]),
        [
            "pkg:maven/androidx.core/core@1.9.0 Embedded",
            "pkg:maven/androidx.room/room-runtime@2.5.0 Embedded",
            "pkg:maven/org.jetbrains.kotlinx/kotlinx-coroutines-core@1.6.4 Embedded",
            "pkg:maven/com.google.code.gson/gson@2.8.5 Embedded",
            "pkg:maven/a.b/c Embedded",
            "pkg:maven/org.x/y@3.1 Embedded",
            "pkg:maven/com.squareup.okhttp3/okhttp Classes",
            "pkg:maven/org.jetbrains.kotlin/kotlin-gradle-plugin@1.8.20 Embedded",
            "pkg:maven/com.google.android.gms/play-services-base@18.1.0 Embedded",
        ]
    );
    let mut embedded = Embedded::new();
    embedded.file("kotlin-tooling-metadata.json", b"{\n\"buildPluginVersion\": \"1.8.20\"");
    embedded.file("META-INF/maven/a/b/pom.xml", b"<project>\n<artifactId>b</project>");
    let faults: Vec<String> = embedded.faults().iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("kotlin-tooling-metadata.json:2: this is not JSON"), "{}", faults[0]);
    assert!(faults[1].starts_with("META-INF/maven/a/b/pom.xml:2: this is not XML"), "{}", faults[1]);
}

#[test]
fn native_libraries_print_their_versions() {
    let binary = |texts: &[&str]| {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', 0];
        for text in texts {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
        bytes
    };
    for (text, expected) in [
        ("OpenSSL 1.1.1k  25 Mar 2021", vec!["openssl@1.1.1k"]),
        ("OpenSSL 1.0.2 22 Jan 2015", vec!["openssl@1.0.2"]),
        ("OpenSSL 3.0.7 1 Nov 2022", vec!["openssl@3.0.7"]),
        ("MyOpenSSL 3.0.7", vec![]),
        ("OpenSSL 3.x", vec![]),
        ("external/boringssl/src BoringSSL", vec!["boringssl"]),
        ("libcurl/7.79.1", vec!["libcurl@7.79.1"]),
        ("FFmpeg version n4.4", vec![]),
        ("FFmpeg version 4.4.2", vec!["ffmpeg@4.4.2"]),
        ("Lavf58.76.100", vec!["libavformat@58.76.100"]),
        (" inflate 1.2.11 Copyright 1995-2017 Mark Adler ", vec!["zlib@1.2.11"]),
        (" inflate 1.2.11 things", vec![]),
        ("libpng version 1.6.37 - April 14, 2019", vec!["libpng@1.6.37"]),
        ("expat_2.4.1", vec!["expat@2.4.1"]),
        ("libjpeg-turbo version 2.1.0 (build 20210426)", vec!["libjpeg-turbo@2.1.0"]),
        ("Lua 5.3.6  Copyright (C) 1994-2020 Lua.org, PUC-Rio", vec!["lua@5.3.6"]),
        ("Lua 5.3.6 ", vec![]),
        ("SQLite format 3\0x\x003.39.2\0y", vec!["sqlite@3.39.2"]),
        ("WebM Project VP8 Encoder v1.8.2", vec!["libvpx@1.8.2"]),
    ] {
        let bytes = binary(&[text]);
        let names: Vec<String> = found(&[("lib/arm64-v8a/libx.so", &bytes)]);
        let expected: Vec<String> = expected.iter().map(|name| format!("pkg:generic/{name} Text")).collect();
        assert_eq!(names, expected, "{text}");
    }
    // The place is where the text begins.
    let mut embedded = Embedded::new();
    embedded.file("Payload/A.app/Frameworks/Ssl.framework/Ssl", &binary(&["x", "OpenSSL 1.1.1k"]));
    assert_eq!(embedded.finish()[0].places[0].line, Some(7));
    assert!(!Embedded::wants("classes.dex"));
}

#[test]
fn flutter_names_its_packages() {
    let rule = "-".repeat(80);
    let notices = format!(
        "http\nhttp_parser\n\nCopyright text\nwith lines\n\n{rule}\nskia\ndio\n\nMIT text\n{rule}\nText with blanks\n"
    );
    assert_eq!(
        found(&[
            ("assets/flutter_assets/NOTICES", notices.as_bytes()),
            (
                "assets/flutter_assets/AssetManifest.json",
                br#"{"packages/cupertino_icons/assets/C.ttf":["packages/cupertino_icons/assets/C.ttf"],"assets/Packages/X/y":[]}"#,
            ),
        ]),
        [
            "pkg:pub/dio Embedded",
            "pkg:pub/http Embedded",
            "pkg:pub/http_parser Embedded",
            "pkg:pub/cupertino_icons Embedded",
        ]
    );
}

#[test]
fn react_native_bundles_hold_versions() {
    let bundle = br#"var v={version:{major:0,minor:72,patch:6,prerelease:null}};ua="axios/0.21.0";x="axios/next";l="lodash@4.17.15""#;
    assert_eq!(
        found(&[("assets/index.android.bundle", bundle)]),
        ["pkg:npm/axios@0.21.0 Text", "pkg:npm/lodash@4.17.15 Text", "pkg:npm/react-native@0.72.6 Text"]
    );
    assert_eq!(found(&[("main.jsbundle", b"axios/1.2 major:1, core-js/3")]), Vec::<String>::new());
}

#[test]
fn frameworks_tell_by_their_property_lists() {
    let plist = |identifier: &str, version: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\"><dict><key>CFBundleIdentifier</key><string>{identifier}</string><key>CFBundleExecutable</key><string>Alamofire</string><key>CFBundleShortVersionString</key><string>{version}</string></dict></plist>"
        )
    };
    let path = "Payload/A.app/Frameworks/Alamofire.framework/Info.plist";
    for (identifier, version, expected) in [
        ("org.cocoapods.Alamofire", "5.4.3", vec!["pkg:cocoapods/Alamofire@5.4.3 Embedded"]),
        ("org.alamofire.Alamofire", "1.0", vec!["pkg:cocoapods/Alamofire Embedded"]),
        ("com.example.Kit", "2.0.1", vec!["pkg:generic/com.example.Kit@2.0.1 Embedded"]),
        ("com.apple.Something", "2.0", vec![]),
    ] {
        assert_eq!(found(&[(path, plist(identifier, version).as_bytes())]), expected);
    }
    let mut embedded = Embedded::new();
    embedded.bundle(path, &Bundle { identifier: Some("io.sentry.Sentry"), name: None, version: Some("8.1.0") });
    embedded.file(path, b"bplist00");
    embedded.file(path, b"<plist/>");
    assert_eq!(embedded.faults().len(), 1);
    assert_eq!(names(&embedded.finish()), ["pkg:cocoapods/Sentry@8.1.0 Embedded"]);
}

#[test]
fn code_shows_libraries_by_packages_and_constants() {
    let mut embedded = Embedded::new();
    for class in [
        "Lokhttp3/OkHttpClient;",
        "Lokhttp3/internal/Util;",
        "com.google.gson.Gson",
        "Lcom/example/okhttp3/X;",
        "Lokhttp3x/A;",
        "",
    ] {
        embedded.class(class);
    }
    embedded.class("io.sentry.android.core.A");
    embedded.class("io.sentry.B");
    embedded.string("okhttp/4.9.1", None);
    embedded.string("okhttp/${project.version}", None);
    embedded.string("ExoPlayerLib/2.18.1 (Linux", None);
    embedded.string("2.13.0", Some("Lcom/fasterxml/jackson/databind/cfg/PackageVersion;"));
    embedded.string("2.13.0", Some("Lcom/example/Version;"));
    assert_eq!(
        names(&embedded.finish()),
        [
            "pkg:maven/com.squareup.okhttp3/okhttp@4.9.1 Text",
            "pkg:maven/com.google.android.exoplayer/exoplayer-core@2.18.1 Text",
            "pkg:maven/com.fasterxml.jackson.core/jackson-databind@2.13.0 Text",
            "pkg:maven/com.squareup.okhttp3/okhttp Classes",
            "pkg:maven/io.sentry/sentry-android-core Classes",
        ]
    );
}

#[test]
fn what_only_the_build_uses_is_marked() {
    let mut embedded = Embedded::new();
    embedded.file(
        "META-INF/com/android/build/gradle/app-metadata.properties",
        b"appMetadataVersion=1.1\nandroidGradlePluginVersion=8.1.0\n",
    );
    let components = embedded.finish();
    assert_eq!(
        (components[0].purl().as_str(), components[0].scope),
        ("pkg:maven/com.android.tools.build/gradle@8.1.0", Scope::Build)
    );
    assert_eq!(components[0].source(), Source::Embedded);
}

#[test]
fn broken_files_never_panic() {
    let files: [(&str, &[u8]); 8] = [
        ("META-INF/androidx.core_core.version", b"1.9.0\n"),
        ("META-INF/maven/a/b/pom.properties", b"version=1\ngroupId=a\n"),
        (
            "META-INF/maven/a/b/pom.xml",
            b"<project><groupId>a</groupId><artifactId>b</artifactId><version>1</version></project>",
        ),
        ("kotlin-tooling-metadata.json", br#"{"buildPluginVersion":"1.8.20"}"#),
        ("lib/x/liba.so", b"\0OpenSSL 1.1.1k \0 inflate 1.2.11 Copyright\0SQLite format 3\0\x003.1.2\0"),
        ("assets/flutter_assets/NOTICES", b"http\n\ntext\n"),
        ("assets/index.android.bundle", b"{major:0,minor:72,patch:6,prerelease:null} axios/0.21.0"),
        ("F.framework/Info.plist", b"<plist><dict><key>CFBundleIdentifier</key><string>a.b</string></dict></plist>"),
    ];
    let mut mistakes = Mistakes::new(3);
    let (mut seen, mut faults) = (0, 0);
    for _ in 0..1500 {
        let mut embedded = Embedded::new();
        for (path, bytes) in files {
            embedded.file(path, &mistakes.make(bytes));
            embedded.class(&String::from_utf8_lossy(&mistakes.make(b"Lokhttp3/internal/Util;")));
            embedded.string(&String::from_utf8_lossy(&mistakes.make(b"okhttp/4.9.1")), Some("Lokhttp3/OkHttp;"));
        }
        faults += embedded.faults().len();
        seen += embedded.finish().len();
    }
    assert!(faults > 500 && seen > 3000, "{faults} {seen}");
}
