//! What the fuzz targets check; `tests/replay.rs` runs the same on stable.

use std::collections::BTreeMap;

use testudo_identity::{Params, RedirectUri, Username};
use url::Url;

/// Parameters of a request: what is taken is what every other form reader reads, without control characters, and what
/// stands twice is known to.
pub fn oauth_params(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(params) = Params::parse(text) else { return };
    assert!(text.len() <= 16 * 1024);
    let mut read: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(data) {
        read.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    let mut count = 0;
    for (name, value) in params.iter() {
        count += 1;
        assert!(!name.chars().chain(value.chars()).any(char::is_control), "{name:?}={value:?}");
        let values = &read[name];
        assert_eq!(values.first().map(String::as_str), Some(value), "{name:?}");
        assert_eq!(params.is_repeated(name), values.len() > 1, "{name:?}");
        assert_eq!(params.get(name), Some(value).filter(|value| !value.is_empty()));
    }
    assert_eq!(count, read.len());
    assert!(count <= 64);
    assert_eq!(params.repeated().is_some(), read.values().any(|values| values.len() > 1));
    // Written again as a form, it says the same.
    let written: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(params.iter()).finish();
    if let Ok(again) = Params::parse(&written) {
        assert!(again.iter().eq(params.iter()));
    }
}

/// User names: one name has one form, however it was typed, and the form is plain.
pub fn username(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(name) = text.parse::<Username>() else { return };
    let normal = name.as_str();
    assert!((2..=254).contains(&normal.len()), "{normal:?}");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._+-@".contains(&byte);
    assert!(normal.bytes().all(plain), "{normal:?}");
    assert!(normal.bytes().filter(|byte| *byte == b'@').count() <= 1);
    assert!(normal.starts_with(name.local_part()) && !name.local_part().is_empty());
    let same = |typed: &str| assert_eq!(typed.parse::<Username>().as_ref(), Ok(&name), "{typed:?}");
    same(normal);
    same(&normal.to_uppercase());
    same(&format!("\t {normal} \n"));
    let wide: String = normal.chars().filter_map(|c| char::from_u32(u32::from(c) + 0xfee0)).collect();
    same(&wide);
}

/// Redirect URIs, one a line: what a registration matches is the very text, or leads to the same place on this machine.
pub fn redirect(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let Ok(registered) = RedirectUri::parse(lines.next().unwrap_or_default()) else { return };
    assert!(registered.matches(registered.as_str()));
    assert!(registered.as_str().bytes().all(|byte| byte.is_ascii_graphic()) && registered.as_str().len() <= 512);
    let url = Url::parse(registered.as_str()).expect("it was read as one");
    assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none());
    assert!(matches!(url.scheme(), "https" | "http") || url.scheme().contains('.'));
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]"));
    assert!(url.scheme() != "http" || loopback, "{registered} is not encrypted");
    for presented in lines.filter(|line| *line != registered.as_str()) {
        if !registered.matches(presented) {
            continue;
        }
        let other =
            Url::parse(presented).unwrap_or_else(|error| panic!("{presented:?} matches, and is no URI: {error}"));
        assert_eq!((url.scheme(), other.scheme()), ("http", "http"), "{registered} {presented:?}");
        assert!(matches!(other.host_str(), Some("127.0.0.1" | "[::1]")), "{presented:?}");
        assert!(other.username().is_empty() && other.password().is_none(), "{presented:?}");
        assert_eq!(url.host_str(), other.host_str(), "{registered} {presented:?}");
        assert_eq!((url.path(), url.query()), (other.path(), other.query()), "{registered} {presented:?}");
    }
}
