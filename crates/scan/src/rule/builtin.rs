//! The rules that Testudo brings. To add a file: write it under `rules/`, and name it here.

/// Each file's name and text.
pub(super) const FILES: &[(&str, &str)] = &[
    ("rules/secrets.toml", include_str!("../../rules/secrets.toml")),
    ("rules/dependencies.toml", include_str!("../../rules/dependencies.toml")),
    ("native.toml", include_str!("../../rules/native.toml")),
    ("apple.toml", include_str!("../../rules/apple.toml")),
    ("policy/app-store.toml", include_str!("../../rules/policy/app-store.toml")),
];
