//! Where a form was posted from, by what browsers say about it and scripts can't forge.
//!
//! `Sec-Fetch-Site` (Fetch Metadata) and `Origin` (RFC 6454) must not contradict us. Our pages ask for no referrer, under
//! which browsers send `Origin: null` with their own forms; that is taken only when `Sec-Fetch-Site` says `same-origin`.
//! A caller that sends neither is no browser of the last years; the form token still has to be right.

/// Whether a state-changing request comes from one of our own origins.
pub fn same_origin(origin: Option<&str>, fetch_site: Option<&str>, own: &[String]) -> bool {
    match (fetch_site, origin) {
        (None, None) | (Some("same-origin"), None | Some("null")) => true,
        (None | Some("same-origin"), Some(origin)) => own.iter().any(|own| own == origin),
        (Some(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_post_forms() {
        let own = ["https://id.example.org".to_owned(), "https://127.0.0.1:9443".to_owned()];
        let cases = [
            (None, None, true),
            (Some("https://id.example.org"), None, true),
            (Some("https://id.example.org"), Some("same-origin"), true),
            (Some("https://127.0.0.1:9443"), Some("same-origin"), true),
            (Some("null"), Some("same-origin"), true),
            (None, Some("same-origin"), true),
            (Some("null"), None, false),
            (Some("null"), Some("cross-site"), false),
            (Some("https://id.example.org"), Some("cross-site"), false),
            (Some("https://id.example.org"), Some("same-site"), false),
            (Some("https://id.example.org.evil.org"), None, false),
            (Some("http://id.example.org"), None, false),
            (Some("https://evil.org"), Some("same-origin"), false),
            (None, Some("none"), false),
            (None, Some("cross-site"), false),
        ];
        for (origin, site, expected) in cases {
            assert_eq!(same_origin(origin, site, &own), expected, "{origin:?} {site:?}");
        }
    }
}
