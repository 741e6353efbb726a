//! What Java and Kotlin builds leave in an archive: `META-INF/*.version` (Android's own libraries and others), Maven's `pom.properties` and
//! `pom.xml`, Kotlin's tooling metadata and module names, and Gradle's publication of the Android plugin.

use super::{Component, Source, found, is_version};
use crate::dependencies::error::Wrong;
use crate::dependencies::tree::{self, Element};
use crate::dependencies::{Ecosystem, Scope};

pub(super) fn wants(path: &str) -> bool {
    let inner = inner(path);
    inner.is_some_and(|name| {
        name.ends_with(".version")
            || name.ends_with("/pom.properties")
            || name.ends_with("/pom.xml")
            || name.ends_with(".kotlin_module")
            || name == "com/android/build/gradle/app-metadata.properties"
    }) || path.ends_with("kotlin-tooling-metadata.json")
        || is_bare_properties(path)
}

/// Where a file of a bundle stands in the package that is installed: a module keeps such files in its folder `root`.
fn installed(path: &str) -> &str {
    let mut parts = path.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some("root"), Some(inner)) => inner,
        _ => path,
    }
}

/// The path below `META-INF/`, also of a bundle's module.
fn inner(path: &str) -> Option<&str> {
    installed(path).strip_prefix("META-INF/")
}

/// `play-services-base.properties`, which Google's libraries leave in the root.
fn is_bare_properties(path: &str) -> bool {
    let name = installed(path);
    !name.contains('/')
        && name.ends_with(".properties")
        && ["play-services-", "firebase-", "billing", "integrity", "core-common", "transport-", "app-update", "review"]
            .iter()
            .any(|start| name.starts_with(start))
}

pub(super) fn read(path: &str, bytes: &[u8]) -> Result<Vec<Component>, Wrong> {
    let name = inner(path).unwrap_or(path);
    let component = if name.ends_with(".version") {
        version_file(path, name, bytes)?
    } else if name.ends_with("/pom.properties") {
        pom_properties(path, name, bytes)?
    } else if name.ends_with("/pom.xml") {
        pom_xml(path, bytes)?
    } else if name.ends_with(".kotlin_module") {
        kotlin_module(path, name)
    } else if name.ends_with("kotlin-tooling-metadata.json") {
        tooling(path, bytes)?
    } else if name.ends_with("app-metadata.properties") {
        let version = property(bytes, "androidGradlePluginVersion")?;
        version.map(|version| {
            build(found(Ecosystem::Maven, "com.android.tools.build:gradle", Some(version), path, Source::Embedded))
        })
    } else {
        bare_properties(path, bytes)?
    };
    Ok(component.into_iter().collect())
}

/// `group_artifact.version` holds the version alone.
fn version_file(path: &str, name: &str, bytes: &[u8]) -> Result<Option<Component>, Wrong> {
    let version = tree::text(bytes)?.trim();
    // Some builds leave the name of a task here.
    if !is_version(version) {
        return Ok(None);
    }
    let stem = name.strip_suffix(".version").unwrap_or(name);
    let coordinate = match stem.split_once('_') {
        Some((group, artifact)) => format!("{group}:{artifact}"),
        None => return Ok(None),
    };
    let coordinate = match coordinate.as_str() {
        "kotlinx:coroutines_core" => "org.jetbrains.kotlinx:kotlinx-coroutines-core",
        "kotlinx:coroutines_android" => "org.jetbrains.kotlinx:kotlinx-coroutines-android",
        other => other,
    };
    Ok(Some(found(Ecosystem::Maven, coordinate, Some(version), path, Source::Embedded)))
}

/// `maven/group/artifact/pom.properties`.
fn pom_properties(path: &str, name: &str, bytes: &[u8]) -> Result<Option<Component>, Wrong> {
    let mut parts = name.strip_prefix("maven/").unwrap_or(name).split('/');
    let (group, artifact) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let group = property(bytes, "groupId")?.unwrap_or(group);
    let artifact = property(bytes, "artifactId")?.unwrap_or(artifact);
    let version = property(bytes, "version")?.filter(|version| !version.contains('$'));
    Ok(Some(found(Ecosystem::Maven, &format!("{group}:{artifact}"), version, path, Source::Embedded)))
}

/// A project's coordinates; what it does not say itself it has from its parent. A version that refers to a property is
/// not resolved.
fn pom_xml(path: &str, bytes: &[u8]) -> Result<Option<Component>, Wrong> {
    let root = tree::xml(bytes)?;
    if root.name != "project" {
        return Err(Wrong::malformed(root.line, "the root element is not `project`"));
    }
    let of = |name: &str| {
        root.text_of(name).or_else(|| root.child("parent").and_then(|parent: &Element| parent.text_of(name)))
    };
    let (Some(group), Some(artifact)) = (of("groupId"), root.text_of("artifactId")) else {
        return Err(Wrong::malformed(root.line, "a project without `groupId` or `artifactId`"));
    };
    if group.contains('$') || artifact.contains('$') {
        return Ok(None);
    }
    let version = of("version").filter(|version| !version.contains('$'));
    Ok(Some(found(Ecosystem::Maven, &format!("{group}:{artifact}"), version, path, Source::Embedded)))
}

/// `okhttp.kotlin_module` names the module; only well-known names tell the library.
fn kotlin_module(path: &str, name: &str) -> Option<Component> {
    let stem = name.strip_suffix(".kotlin_module")?;
    let stem = stem.strip_suffix("_release").or_else(|| stem.strip_suffix("-release")).unwrap_or(stem);
    let coordinate = match stem {
        "okhttp" => "com.squareup.okhttp3:okhttp",
        "okio" => "com.squareup.okio:okio",
        "retrofit" => "com.squareup.retrofit2:retrofit",
        "moshi" => "com.squareup.moshi:moshi",
        "kotlin-stdlib" => "org.jetbrains.kotlin:kotlin-stdlib",
        "kotlin-stdlib-jdk7" => "org.jetbrains.kotlin:kotlin-stdlib-jdk7",
        "kotlin-stdlib-jdk8" => "org.jetbrains.kotlin:kotlin-stdlib-jdk8",
        "kotlin-reflect" => "org.jetbrains.kotlin:kotlin-reflect",
        "kotlinx-coroutines-core" => "org.jetbrains.kotlinx:kotlinx-coroutines-core",
        "kotlinx-coroutines-android" => "org.jetbrains.kotlinx:kotlinx-coroutines-android",
        "kotlinx-serialization-core" => "org.jetbrains.kotlinx:kotlinx-serialization-core",
        "kotlinx-serialization-json" => "org.jetbrains.kotlinx:kotlinx-serialization-json",
        "ktor-client-core" => "io.ktor:ktor-client-core",
        "coil-base" => "io.coil-kt:coil-base",
        "koin-core" => "io.insert-koin:koin-core",
        "ui-tooling" => "androidx.compose.ui:ui-tooling",
        _ => return None,
    };
    Some(found(Ecosystem::Maven, coordinate, None, path, Source::Classes))
}

/// Kotlin's own record of the build.
fn tooling(path: &str, bytes: &[u8]) -> Result<Option<Component>, Wrong> {
    let root = tree::json(bytes)?;
    let version = root.text_of("buildPluginVersion").filter(|version| is_version(version));
    Ok(version.map(|version| {
        build(found(
            Ecosystem::Maven,
            "org.jetbrains.kotlin:kotlin-gradle-plugin",
            Some(version),
            path,
            Source::Embedded,
        ))
    }))
}

/// `version=…` and `client=play-services-base`.
fn bare_properties(path: &str, bytes: &[u8]) -> Result<Option<Component>, Wrong> {
    let (client, version) = (property(bytes, "client")?, property(bytes, "version")?);
    let (Some(client), Some(version)) = (client, version.filter(|version| is_version(version))) else {
        return Ok(None);
    };
    let group = if client.starts_with("firebase-") {
        "com.google.firebase"
    } else if client.starts_with("play-services-") {
        "com.google.android.gms"
    } else if client.starts_with("transport-") {
        "com.google.android.datatransport"
    } else if client.starts_with("billing") {
        "com.android.billingclient"
    } else {
        "com.google.android.play"
    };
    Ok(Some(found(Ecosystem::Maven, &format!("{group}:{client}"), Some(version), path, Source::Embedded)))
}

fn build(mut component: Component) -> Component {
    component.scope = Scope::Build;
    component
}

/// A value of a property file.
fn property<'a>(bytes: &'a [u8], key: &str) -> Result<Option<&'a str>, Wrong> {
    let text = tree::text(bytes)?;
    let pairs = text.lines().filter(|line| !line.trim_start().starts_with(['#', '!']));
    let value = pairs.filter_map(|line| line.split_once(['=', ':'])).find(|(own, _)| own.trim() == key);
    Ok(value.map(|(_, value)| value.trim()).filter(|value| !value.is_empty()))
}
