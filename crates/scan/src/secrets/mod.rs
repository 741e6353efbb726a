//! Secrets in strings, resources, assets, native libraries and bundles.
