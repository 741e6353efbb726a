//! Whose code a class is: the app's own, or a library's.

use crate::report::Origin;

/// Packages of libraries that are found in many apps, with the library's name. The longest that fits counts.
pub const LIBRARIES: &[(&str, &str)] = &[
    ("Landroid/", "Android"),
    ("Landroid/support/", "Android Support"),
    ("Landroid/arch/", "Android Architecture"),
    ("Landroidx/", "AndroidX"),
    ("Lautovalue/shaded/", "AutoValue"),
    ("Lbolts/", "Bolts"),
    ("Lbutterknife/", "Butter Knife"),
    ("Lcoil/", "Coil"),
    ("Lcoil3/", "Coil"),
    ("Lcom/adjust/sdk/", "Adjust"),
    ("Lcom/airbnb/", "Airbnb"),
    ("Lcom/akamai/", "Akamai"),
    ("Lcom/alibaba/", "Alibaba"),
    ("Lcom/amazon/", "Amazon"),
    ("Lcom/amazonaws/", "AWS"),
    ("Lcom/amplitude/", "Amplitude"),
    ("Lcom/android/billingclient/", "Play Billing"),
    ("Lcom/android/dx/", "dx"),
    ("Lcom/android/installreferrer/", "Install Referrer"),
    ("Lcom/android/tools/", "Android tools"),
    ("Lcom/android/volley/", "Volley"),
    ("Lcom/apollographql/", "Apollo"),
    ("Lcom/applovin/", "AppLovin"),
    ("Lcom/appsflyer/", "AppsFlyer"),
    ("Lcom/braze/", "Braze"),
    ("Lcom/bumptech/glide/", "Glide"),
    ("Lcom/chartboost/", "Chartboost"),
    ("Lcom/crashlytics/", "Crashlytics"),
    ("Lcom/datatheorem/", "TrustKit"),
    ("Lcom/esotericsoftware/", "Kryo"),
    ("Lcom/facebook/", "Facebook"),
    ("Lcom/fasterxml/", "Jackson"),
    ("Lcom/flurry/", "Flurry"),
    ("Lcom/github/", "GitHub"),
    ("Lcom/google/", "Google"),
    ("Lcom/google/ads/", "Google Ads"),
    ("Lcom/google/android/gms/", "Google Play services"),
    ("Lcom/google/android/material/", "Material Components"),
    ("Lcom/google/android/play/", "Play Core"),
    ("Lcom/google/common/", "Guava"),
    ("Lcom/google/crypto/tink/", "Tink"),
    ("Lcom/google/firebase/", "Firebase"),
    ("Lcom/google/gson/", "Gson"),
    ("Lcom/google/protobuf/", "Protocol Buffers"),
    ("Lcom/google/zxing/", "ZXing"),
    ("Lcom/ibm/icu/", "ICU"),
    ("Lcom/huawei/", "Huawei"),
    ("Lcom/inmobi/", "InMobi"),
    ("Lcom/ironsource/", "ironSource"),
    ("Lcom/jakewharton/", "Jake Wharton"),
    ("Lcom/jayway/", "JsonPath"),
    ("Lcom/journeyapps/", "ZXing Embedded"),
    ("Lcom/kochava/", "Kochava"),
    ("Lcom/launchdarkly/", "LaunchDarkly"),
    ("Lcom/leanplum/", "Leanplum"),
    ("Lcom/loopj/", "Async HTTP Client"),
    ("Lcom/mapbox/", "Mapbox"),
    ("Lcom/microsoft/", "Microsoft"),
    ("Lcom/mixpanel/", "Mixpanel"),
    ("Lcom/mopub/", "MoPub"),
    ("Lcom/nimbusds/", "Nimbus JOSE"),
    ("Lcom/nostra13/", "Universal Image Loader"),
    ("Lcom/onesignal/", "OneSignal"),
    ("Lcom/parse/", "Parse"),
    ("Lcom/paypal/", "PayPal"),
    ("Lcom/pushwoosh/", "Pushwoosh"),
    ("Lcom/revenuecat/", "RevenueCat"),
    ("Lcom/scottyab/", "RootBeer"),
    ("Lcom/segment/", "Segment"),
    ("Lcom/squareup/", "Square"),
    ("Lcom/startapp/", "StartApp"),
    ("Lcom/stripe/", "Stripe"),
    ("Lcom/sun/", "Sun"),
    ("Lcom/swmansion/", "Software Mansion"),
    ("Lcom/tencent/", "Tencent"),
    ("Lcom/thoughtworks/", "XStream"),
    ("Lcom/twitter/", "Twitter"),
    ("Lcom/umeng/", "Umeng"),
    ("Lcom/unity3d/", "Unity"),
    ("Lcom/urbanairship/", "Airship"),
    ("Lcom/vungle/", "Vungle"),
    ("Lcom/yandex/", "Yandex"),
    ("Ldagger/", "Dagger"),
    ("Lde/greenrobot/", "greenrobot"),
    ("Lfi/iki/elonen/", "NanoHTTPD"),
    ("Lgnu/", "GNU"),
    ("Lio/branch/", "Branch"),
    ("Lio/bugsnag/", "Bugsnag"),
    ("Lcom/bugsnag/", "Bugsnag"),
    ("Lio/flutter/", "Flutter"),
    ("Lio/grpc/", "gRPC"),
    ("Lio/invertase/", "React Native Firebase"),
    ("Lio/jsonwebtoken/", "JJWT"),
    ("Lio/ktor/", "Ktor"),
    ("Lio/netty/", "Netty"),
    ("Lio/opentelemetry/", "OpenTelemetry"),
    ("Lio/reactivex/", "RxJava"),
    ("Lio/realm/", "Realm"),
    ("Lio/sentry/", "Sentry"),
    ("Ljavax/", "Java extensions"),
    ("Ljava/", "Java"),
    ("Lj$/", "Desugared Java"),
    ("Ljunit/", "JUnit"),
    ("Lkotlin/", "Kotlin"),
    ("Lkotlinx/", "Kotlin"),
    ("Lnet/bytebuddy/", "Byte Buddy"),
    ("Lnet/openid/", "AppAuth"),
    ("Lnet/sf/", "SourceForge"),
    ("Lnet/sqlcipher/", "SQLCipher"),
    ("Lnet/zetetic/", "SQLCipher"),
    ("Lokhttp3/", "OkHttp"),
    ("Lokio/", "Okio"),
    ("Lorg/aopalliance/", "AOP Alliance"),
    ("Lorg/apache/", "Apache"),
    ("Lorg/bouncycastle/", "Bouncy Castle"),
    ("Lorg/spongycastle/", "Spongy Castle"),
    ("Lorg/ccil/cowan/", "TagSoup"),
    ("Lorg/chromium/", "Chromium"),
    ("Lorg/conscrypt/", "Conscrypt"),
    ("Lorg/eclipse/", "Eclipse"),
    ("Lorg/greenrobot/", "greenrobot"),
    ("Lorg/hamcrest/", "Hamcrest"),
    ("Lorg/htmlcleaner/", "HtmlCleaner"),
    ("Lorg/intellij/", "JetBrains annotations"),
    ("Lorg/java_websocket/", "Java-WebSocket"),
    ("Lorg/jetbrains/", "JetBrains"),
    ("Lorg/joda/", "Joda-Time"),
    ("Lorg/json/", "JSON"),
    ("Lorg/jsoup/", "jsoup"),
    ("Lorg/junit/", "JUnit"),
    ("Lorg/koin/", "Koin"),
    ("Lorg/mockito/", "Mockito"),
    ("Lorg/mozilla/", "Mozilla"),
    ("Lorg/mp4parser/", "mp4parser"),
    ("Lorg/objenesis/", "Objenesis"),
    ("Lorg/osmdroid/", "osmdroid"),
    ("Lorg/reactivestreams/", "Reactive Streams"),
    ("Lorg/simpleframework/", "Simple"),
    ("Lorg/slf4j/", "SLF4J"),
    ("Lorg/sqlite/", "SQLite"),
    ("Lorg/threeten/", "ThreeTen"),
    ("Lorg/tensorflow/", "TensorFlow"),
    ("Lorg/webrtc/", "WebRTC"),
    ("Lorg/w3c/", "W3C"),
    ("Lorg/xml/", "XML"),
    ("Lorg/xmlpull/", "XmlPull"),
    ("Lorg/yaml/", "SnakeYAML"),
    ("Lretrofit/", "Retrofit"),
    ("Lretrofit2/", "Retrofit"),
    ("Lrx/", "RxJava"),
    ("Lsquareup/", "Square"),
    ("Ltimber/", "Timber"),
];

/// Tells whose code a class is.
#[derive(Debug, Default)]
pub struct Owners {
    /// The app's package as the beginning of its descriptors, empty where it is not known.
    own: String,
    libraries: Vec<(String, String)>,
}

impl Owners {
    /// The owners of an app's classes. `package` is the app's, such as `com.example.app`; `more` are further libraries, each
    /// with the beginning of its descriptors. A package that is as wide as a library's is no mark of the app.
    pub fn new(package: Option<&str>, more: &[(&str, &str)]) -> Owners {
        let own = package.filter(|package| !package.is_empty());
        let own = own.map(|package| format!("L{}/", package.replace('.', "/"))).unwrap_or_default();
        let all = LIBRARIES.iter().chain(more);
        let mut libraries: Vec<_> = all.map(|(prefix, name)| ((*prefix).to_owned(), (*name).to_owned())).collect();
        libraries.sort();
        libraries.dedup_by(|one, other| one.0 == other.0);
        Owners { own, libraries }
    }

    /// Whose a class is, by its descriptor.
    pub fn of(&self, descriptor: &str) -> Origin {
        if !self.own.is_empty() && descriptor.starts_with(&self.own) {
            return Origin::Own;
        }
        // What begins a descriptor sorts before it, the longest last; between may stand others that do not begin it.
        let end = self.libraries.partition_point(|(prefix, _)| prefix.as_str() <= descriptor);
        let before = self.libraries.get(..end).unwrap_or_default().iter().rev();
        let first = descriptor.split_inclusive('/').next().unwrap_or(descriptor);
        let library = before
            .take_while(|(prefix, _)| prefix.starts_with(first))
            .find(|(prefix, _)| descriptor.starts_with(prefix.as_str()));
        library.map_or(Origin::Own, |(_, name)| Origin::Library(name.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_library_counts_and_the_app_before_all() {
        let owners = Owners::new(Some("com.google.example"), &[("Lcom/acme/sdk/", "Acme SDK")]);
        let library = |name: &str| Origin::Library(name.to_owned());
        assert_eq!(owners.of("Lcom/google/example/Main;"), Origin::Own);
        assert_eq!(owners.of("Lcom/google/firebase/auth/User;"), library("Firebase"));
        assert_eq!(owners.of("Lcom/google/other/X;"), library("Google"));
        assert_eq!(owners.of("Lcom/acme/sdk/X;"), library("Acme SDK"));
        assert_eq!(owners.of("Lcom/acme/X;"), Origin::Own);
        assert_eq!(owners.of("La;"), Origin::Own);
    }
}
