//! Well-known libraries by the packages of their classes, and by string constants that hold their version.
//!
//! Obfuscation renames most classes, but public SDKs keep their names, and constants stay. A package alone gives no
//! version, so that nothing but "all versions" is matched against it.

use std::collections::BTreeMap;

use super::{Component, Source, found, is_version};
use crate::dependencies::Ecosystem;

/// A library and the package of its classes, with a dot behind.
const LIBRARIES: &[(&str, &str)] = &[
    ("androidx.appcompat.", "androidx.appcompat:appcompat"),
    ("androidx.biometric.", "androidx.biometric:biometric"),
    ("androidx.compose.runtime.", "androidx.compose.runtime:runtime"),
    ("androidx.compose.ui.", "androidx.compose.ui:ui"),
    ("androidx.core.", "androidx.core:core"),
    ("androidx.datastore.", "androidx.datastore:datastore"),
    ("androidx.fragment.", "androidx.fragment:fragment"),
    ("androidx.navigation.", "androidx.navigation:navigation-runtime"),
    ("androidx.recyclerview.", "androidx.recyclerview:recyclerview"),
    ("androidx.room.", "androidx.room:room-runtime"),
    ("androidx.security.crypto.", "androidx.security:security-crypto"),
    ("androidx.sqlite.", "androidx.sqlite:sqlite"),
    ("androidx.webkit.", "androidx.webkit:webkit"),
    ("androidx.work.", "androidx.work:work-runtime"),
    ("bolts.", "com.parse.bolts:bolts-tasks"),
    ("butterknife.", "com.jakewharton:butterknife"),
    ("coil.", "io.coil-kt:coil-base"),
    ("com.airbnb.lottie.", "com.airbnb.android:lottie"),
    ("com.alibaba.fastjson.", "com.alibaba:fastjson"),
    ("com.amazonaws.", "com.amazonaws:aws-android-sdk-core"),
    ("com.amplitude.", "com.amplitude:android-sdk"),
    ("com.android.billingclient.", "com.android.billingclient:billing"),
    ("com.android.volley.", "com.android.volley:volley"),
    ("com.apollographql.apollo.", "com.apollographql.apollo:apollo-runtime"),
    ("com.appsflyer.", "com.appsflyer:af-android-sdk"),
    ("com.adjust.sdk.", "com.adjust.sdk:adjust-android"),
    ("com.braze.", "com.braze:android-sdk-base"),
    ("com.bumptech.glide.", "com.github.bumptech.glide:glide"),
    ("com.esotericsoftware.kryo.", "com.esotericsoftware:kryo"),
    ("com.facebook.appevents.", "com.facebook.android:facebook-core"),
    ("com.facebook.fresco.", "com.facebook.fresco:fresco"),
    ("com.facebook.login.", "com.facebook.android:facebook-login"),
    ("com.facebook.react.", "com.facebook.react:react-native"),
    ("com.fasterxml.jackson.core.", "com.fasterxml.jackson.core:jackson-core"),
    ("com.fasterxml.jackson.databind.", "com.fasterxml.jackson.core:jackson-databind"),
    ("com.google.android.exoplayer2.", "com.google.android.exoplayer:exoplayer-core"),
    ("com.google.android.gms.ads.", "com.google.android.gms:play-services-ads"),
    ("com.google.android.gms.auth.", "com.google.android.gms:play-services-auth"),
    ("com.google.android.gms.common.", "com.google.android.gms:play-services-base"),
    ("com.google.android.gms.maps.", "com.google.android.gms:play-services-maps"),
    ("com.google.android.gms.safetynet.", "com.google.android.gms:play-services-safetynet"),
    ("com.google.android.material.", "com.google.android.material:material"),
    ("com.google.android.play.core.integrity.", "com.google.android.play:integrity"),
    ("com.google.common.", "com.google.guava:guava"),
    ("com.google.crypto.tink.", "com.google.crypto.tink:tink-android"),
    ("com.google.firebase.analytics.", "com.google.firebase:firebase-analytics"),
    ("com.google.firebase.auth.", "com.google.firebase:firebase-auth"),
    ("com.google.firebase.crashlytics.", "com.google.firebase:firebase-crashlytics"),
    ("com.google.firebase.database.", "com.google.firebase:firebase-database"),
    ("com.google.firebase.firestore.", "com.google.firebase:firebase-firestore"),
    ("com.google.firebase.messaging.", "com.google.firebase:firebase-messaging"),
    ("com.google.gson.", "com.google.code.gson:gson"),
    ("com.google.protobuf.", "com.google.protobuf:protobuf-javalite"),
    ("com.google.zxing.", "com.google.zxing:core"),
    ("com.jakewharton.timber.", "com.jakewharton.timber:timber"),
    ("com.journeyapps.barcodescanner.", "com.journeyapps:zxing-android-embedded"),
    ("com.loopj.android.http.", "com.loopj.android:android-async-http"),
    ("com.microsoft.identity.", "com.microsoft.identity.client:msal"),
    ("com.mixpanel.android.", "com.mixpanel.android:mixpanel-android"),
    ("com.nimbusds.jose.", "com.nimbusds:nimbus-jose-jwt"),
    ("com.onesignal.", "com.onesignal:OneSignal"),
    ("com.scottyab.rootbeer.", "com.scottyab:rootbeer-lib"),
    ("com.squareup.moshi.", "com.squareup.moshi:moshi"),
    ("com.squareup.okhttp.", "com.squareup.okhttp:okhttp"),
    ("com.squareup.picasso.", "com.squareup.picasso:picasso"),
    ("com.stripe.android.", "com.stripe:stripe-android"),
    ("com.tencent.mmkv.", "com.tencent:mmkv"),
    ("com.thoughtworks.xstream.", "com.thoughtworks.xstream:xstream"),
    ("dagger.", "com.google.dagger:dagger"),
    ("de.greenrobot.event.", "de.greenrobot:eventbus"),
    ("org.greenrobot.eventbus.", "org.greenrobot:eventbus"),
    ("io.branch.", "io.branch.sdk.android:library"),
    ("io.grpc.", "io.grpc:grpc-core"),
    ("io.jsonwebtoken.", "io.jsonwebtoken:jjwt-api"),
    ("io.ktor.client.", "io.ktor:ktor-client-core"),
    ("io.netty.", "io.netty:netty-common"),
    ("io.reactivex.rxjava3.", "io.reactivex.rxjava3:rxjava"),
    ("io.realm.", "io.realm:realm-android-library"),
    ("io.sentry.", "io.sentry:sentry-android-core"),
    ("javax.mail.", "com.sun.mail:android-mail"),
    ("kotlin.reflect.jvm.", "org.jetbrains.kotlin:kotlin-reflect"),
    ("kotlinx.coroutines.", "org.jetbrains.kotlinx:kotlinx-coroutines-core"),
    ("kotlinx.serialization.json.", "org.jetbrains.kotlinx:kotlinx-serialization-json"),
    ("net.openid.appauth.", "net.openid:appauth"),
    ("net.sqlcipher.", "net.zetetic:android-database-sqlcipher"),
    ("okhttp3.", "com.squareup.okhttp3:okhttp"),
    ("okio.", "com.squareup.okio:okio"),
    ("org.apache.commons.codec.", "commons-codec:commons-codec"),
    ("org.apache.commons.compress.", "org.apache.commons:commons-compress"),
    ("org.apache.commons.io.", "commons-io:commons-io"),
    ("org.apache.commons.lang3.", "org.apache.commons:commons-lang3"),
    ("org.apache.logging.log4j.", "org.apache.logging.log4j:log4j-core"),
    ("org.bouncycastle.", "org.bouncycastle:bcprov-jdk15on"),
    ("org.conscrypt.", "org.conscrypt:conscrypt-android"),
    ("org.jsoup.", "org.jsoup:jsoup"),
    ("org.yaml.snakeyaml.", "org.yaml:snakeyaml"),
    ("retrofit2.", "com.squareup.retrofit2:retrofit"),
    ("net.lingala.zip4j.", "net.lingala.zip4j:zip4j"),
];

/// How many classes a library was seen with, and the first of them.
#[derive(Debug, Default)]
pub(super) struct Prefixes(BTreeMap<&'static str, (usize, String)>);

impl Prefixes {
    pub(super) fn class(&mut self, name: &str) {
        let name = name.strip_prefix('L').filter(|_| name.ends_with(';')).unwrap_or(name).trim_end_matches(';');
        if name.len() > 1024 {
            return;
        }
        let dotted = name.replace('/', ".");
        // The longest prefix that is listed.
        let own = dotted.match_indices('.').rev().find_map(|(at, _)| {
            let head = dotted.get(..=at)?;
            TABLE.get(head).map(|coordinate| (head, *coordinate))
        });
        if let Some((_, coordinate)) = own {
            let seen = self.0.entry(coordinate).or_insert_with(|| (0, dotted.clone()));
            seen.0 += 1;
        }
    }

    /// Those of which at least two classes are there.
    pub(super) fn components(self) -> impl Iterator<Item = Component> {
        self.0
            .into_iter()
            .filter(|(_, (count, _))| *count >= 2)
            .map(|(coordinate, (_, class))| found(Ecosystem::Maven, coordinate, None, &class, Source::Classes))
    }
}

static TABLE: std::sync::LazyLock<std::collections::HashMap<&'static str, &'static str>> =
    std::sync::LazyLock::new(|| LIBRARIES.iter().copied().collect());

/// The packages of a component's classes: as listed, else the group of a Maven coordinate, which most libraries follow.
pub(in crate::dependencies) fn prefixes(component: &Component) -> Vec<String> {
    if component.ecosystem != Ecosystem::Maven {
        return Vec::new();
    }
    let listed: Vec<String> =
        LIBRARIES.iter().filter(|(_, own)| *own == component.name).map(|(prefix, _)| (*prefix).to_owned()).collect();
    if listed.is_empty() {
        let group = component.name.split_once(':').map_or(component.name.as_str(), |(group, _)| group);
        vec![format!("{group}.")]
    } else {
        listed
    }
}

/// Texts that libraries put before their version.
const TEXTS: &[(&str, &str)] = &[
    ("okhttp/", "com.squareup.okhttp3:okhttp"),
    ("retrofit/", "com.squareup.retrofit2:retrofit"),
    ("ExoPlayerLib/", "com.google.android.exoplayer:exoplayer-core"),
    ("AndroidXMedia3/", "androidx.media3:media3-common"),
    ("sentry.java.android/", "io.sentry:sentry-android-core"),
    ("facebook-android-sdk-", "com.facebook.android:facebook-core"),
    ("FBAndroidSDK.", "com.facebook.android:facebook-core"),
    ("grpc-java-okhttp/", "io.grpc:grpc-okhttp"),
    ("grpc-java-cronet/", "io.grpc:grpc-cronet"),
    ("BouncyCastle Security Provider v", "org.bouncycastle:bcprov-jdk15on"),
    ("stripe-android/", "com.stripe:stripe-android"),
    ("aws-sdk-android/", "com.amazonaws:aws-android-sdk-core"),
    ("ktor-client/", "io.ktor:ktor-client-core"),
    ("android-async-http/", "com.loopj.android:android-async-http"),
    ("msal-android/", "com.microsoft.identity.client:msal"),
    ("jsoup/", "org.jsoup:jsoup"),
];

/// Classes whose only dotted number is their library's version.
const CONSTANTS: &[(&str, &str)] = &[
    ("okhttp3.internal.Version", "com.squareup.okhttp3:okhttp"),
    ("okhttp3.OkHttp", "com.squareup.okhttp3:okhttp"),
    ("com.fasterxml.jackson.core.json.PackageVersion", "com.fasterxml.jackson.core:jackson-core"),
    ("com.fasterxml.jackson.databind.cfg.PackageVersion", "com.fasterxml.jackson.core:jackson-databind"),
    ("com.appsflyer.internal.AppsFlyerVersion", "com.appsflyer:af-android-sdk"),
    ("com.onesignal.common.OneSignalUtils", "com.onesignal:OneSignal"),
    ("io.netty.util.Version", "io.netty:netty-common"),
    ("com.alibaba.fastjson.JSON", "com.alibaba:fastjson"),
    ("kotlin.KotlinVersion", "org.jetbrains.kotlin:kotlin-stdlib"),
];

/// The library whose version a string constant tells.
pub(super) fn version_text(text: &str, class: Option<&str>) -> Option<Component> {
    if text.len() > 128 {
        return None;
    }
    let place = class.unwrap_or("string constants");
    for &(lead, coordinate) in TEXTS {
        if let Some(rest) = text.strip_prefix(lead) {
            let version = rest.split([' ', '(', ';', ',']).next().unwrap_or_default();
            if is_version(version) && version.contains('.') {
                return Some(found(Ecosystem::Maven, coordinate, Some(version), place, Source::Text));
            }
        }
    }
    let class = class?.trim_start_matches('L').trim_end_matches(';').replace('/', ".");
    let (_, coordinate) = CONSTANTS.iter().find(|(own, _)| *own == class)?;
    let exact = is_version(text) && text.matches('.').count() >= 2;
    exact.then(|| found(Ecosystem::Maven, coordinate, Some(text), place, Source::Text))
}
