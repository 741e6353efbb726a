//! Addresses of Git repositories as names of Swift packages: without scheme, user and `.git`.

/// `https://github.com/owner/name.git`, `git@github.com:owner/name` → `github.com/owner/name`.
pub(super) fn name(address: &str) -> String {
    let rest = address.split_once("://").map(|(_, rest)| rest);
    let (authority, path) = match rest {
        Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
        // `user@host:path`; a path of this machine stays as it is.
        None => match address.split_once(':') {
            Some((authority, path)) if !authority.contains('/') => (authority, path),
            _ => return address.trim_end_matches('/').trim_end_matches(".git").to_owned(),
        },
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    format!("{}/{path}", host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn addresses_of_one_repository_have_one_name() {
        for address in [
            "https://github.com/apple/swift-nio.git",
            "https://GitHub.com/apple/swift-nio/",
            "https://token@github.com:443/apple/swift-nio",
            "ssh://git@github.com/apple/swift-nio.git",
            "git@github.com:apple/swift-nio.git",
        ] {
            assert_eq!(name(address), "github.com/apple/swift-nio", "{address}");
        }
        assert_eq!(name("../local/Kit"), "../local/Kit");
    }
}
