//! The rules that Testudo brings. To add a file: write it under `rules/`, and name it here.

/// Each file's name and text.
pub(super) const FILES: &[(&str, &str)] = &[
    ("secrets.toml", include_str!("../../rules/secrets.toml")),
    ("dependencies.toml", include_str!("../../rules/dependencies.toml")),
    ("native.toml", include_str!("../../rules/native.toml")),
    ("apple.toml", include_str!("../../rules/apple.toml")),
    ("policy/app-store.toml", include_str!("../../rules/policy/app-store.toml")),
    ("code/crypto.toml", include_str!("../../rules/code/crypto.toml")),
    ("code/network.toml", include_str!("../../rules/code/network.toml")),
    ("code/platform.toml", include_str!("../../rules/code/platform.toml")),
    ("code/storage.toml", include_str!("../../rules/code/storage.toml")),
    ("code/auth.toml", include_str!("../../rules/code/auth.toml")),
    ("code/code.toml", include_str!("../../rules/code/code.toml")),
    ("code/resilience.toml", include_str!("../../rules/code/resilience.toml")),
    ("code/privacy.toml", include_str!("../../rules/code/privacy.toml")),
    ("android/archive.toml", include_str!("../../rules/android/archive.toml")),
    ("android/manifest.toml", include_str!("../../rules/android/manifest.toml")),
    ("android/network.toml", include_str!("../../rules/android/network.toml")),
    ("android/program.toml", include_str!("../../rules/android/program.toml")),
    ("android/resources.toml", include_str!("../../rules/android/resources.toml")),
    ("android/signature.toml", include_str!("../../rules/android/signature.toml")),
    ("policy/google-play.toml", include_str!("../../rules/policy/google-play.toml")),
    ("trackers.toml", include_str!("../../rules/trackers.toml")),
];
