//! Signatures of Android packages: the JAR scheme (v1) and the APK Signature Schemes v2, v3, v3.1 and v4.
