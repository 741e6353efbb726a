//! Headers of masked answers: nothing may name the bytes that the upstream sent, and no cache may mix what several people
//! see.
//!
//! A tag becomes one of the plan: `"v1"` becomes `W/"v1~ms0123456789ab"`, with `s` for a strong and `w` for a weak one.
//! On the way back it is the upstream's own again, in `If-None-Match` only for the same plan, in `If-Match` always: there
//! it names a state, not what was seen of it.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use testudo_crypto::digest::sha256;
use testudo_privacy::{DataClass, Masking, Plan};

/// Digests and signatures of bytes that are not delivered, and what belongs to parts of them.
const OF_BYTES: [HeaderName; 10] = [
    header::CONTENT_LENGTH,
    header::ACCEPT_RANGES,
    header::TRAILER,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("signature"),
    HeaderName::from_static("signature-input"),
    HeaderName::from_static("x-goog-hash"),
];
const MARK: &str = "~m";
/// `~m`, `s` or `w`, and the plan.
const SUFFIX: usize = MARK.len() + 1 + PLAN;
const PLAN: usize = 12;

/// The plan's part of a tag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag([u8; PLAN]);

impl Tag {
    pub(super) fn new(fingerprint: &[u8; 32], plan: &Plan) -> Tag {
        let digest = sha256(format!("{}{plan:?}", data_encoding::HEXLOWER.encode(fingerprint)).as_bytes());
        let hex = data_encoding::HEXLOWER.encode(&digest);
        Tag(hex.as_bytes().first_chunk().copied().unwrap_or_default())
    }
}

/// The media type without parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Takes away what is not so of the masked bytes. `bodyless`: there are none, as in a 304.
pub(super) fn redo(tag: &Tag, gzip: bool, bodyless: bool, headers: &mut HeaderMap) {
    let none = bodyless && headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0");
    for name in OF_BYTES {
        headers.remove(name);
    }
    if none {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    if !bodyless {
        headers.remove(header::CONTENT_ENCODING);
        if gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    if let Some(own) = headers.get(header::ETAG) {
        match own.to_str().ok().and_then(|own| marked(own, tag)) {
            Some(value) => headers.insert(header::ETAG, value),
            None => headers.remove(header::ETAG),
        };
    }
}

/// Only the caller's own cache may keep it, for as long as she asks with the same token.
pub(super) fn keep_private(headers: &mut HeaderMap) {
    let own = joined(headers, &header::CACHE_CONTROL);
    let directives = || own.split(',').map(str::trim).filter(|item| !item.is_empty());
    let is = |item: &str, name: &str| item.split('=').next().unwrap_or_default().trim().eq_ignore_ascii_case(name);
    if !directives().any(|item| is(item, "no-store")) {
        let kept = directives().filter(|item| !["public", "s-maxage", "private"].iter().any(|name| is(item, name)));
        let all: Vec<&str> = std::iter::once("private").chain(kept).collect();
        if let Ok(value) = HeaderValue::from_str(&all.join(", ")) {
            headers.insert(header::CACHE_CONTROL, value);
        }
    }
    let vary = joined(headers, &header::VARY);
    for name in ["Authorization", "Accept-Encoding"] {
        if !vary.split(',').any(|item| item.trim() == "*" || item.trim().eq_ignore_ascii_case(name)) {
            headers.append(header::VARY, HeaderValue::from_static(name));
        }
    }
}

/// Shows marked headers as the plan says.
pub(super) fn mask_headers(masking: &Masking, marked: &[(HeaderName, DataClass)], headers: &mut HeaderMap) {
    for (name, class) in marked {
        let header::Entry::Occupied(mut entry) = headers.entry(name) else { continue };
        let shown: Option<Vec<HeaderValue>> = entry
            .iter()
            .map(|value| HeaderValue::from_str(&masking.value(*class, value.to_str().ok()?)?).ok())
            .collect();
        match shown {
            Some(shown) => {
                let mut shown = shown.into_iter();
                if let Some(first) = shown.next() {
                    entry.insert(first);
                }
                shown.for_each(|value| entry.append(value));
            }
            None => drop(entry.remove_entry_mult()),
        }
    }
}

/// Gives the upstream its own tags back. `now` is the plan's, when something is masked.
pub(super) fn restore_tags(headers: &mut HeaderMap, now: Option<Tag>) {
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        if !headers.contains_key(&name) || (name == header::IF_MATCH && !joined(headers, &name).contains(MARK)) {
            continue;
        }
        let list = joined(headers, &name);
        if list.trim() == "*" {
            continue;
        }
        let restored: Vec<String> = tags(&list)
            .filter_map(|tag| match (unmarked(tag), now) {
                (Some((own, _)), _) if name == header::IF_MATCH => Some(own),
                (None, _) if name == header::IF_MATCH => Some(tag.to_owned()),
                (Some((own, plan)), Some(now)) => (plan == now).then_some(own),
                (None, None) => Some(tag.to_owned()),
                // Seen under another plan: it says nothing about what would be seen now.
                _ => None,
            })
            .collect();
        headers.remove(&name);
        if let Ok(value) = HeaderValue::from_str(&restored.join(", "))
            && !restored.is_empty()
        {
            headers.insert(name, value);
        }
    }
}

/// The tag of the masked answer.
fn marked(own: &str, Tag(plan): &Tag) -> Option<HeaderValue> {
    let (kind, opaque) = match own.strip_prefix("W/") {
        Some(opaque) => ('w', opaque),
        None => ('s', own),
    };
    let inner = opaque.strip_prefix('"')?.strip_suffix('"')?;
    let plan = std::str::from_utf8(plan).ok()?;
    HeaderValue::from_str(&format!("W/\"{inner}{MARK}{kind}{plan}\"")).ok()
}

/// The upstream's own tag, and the plan under which it was seen.
fn unmarked(tag: &str) -> Option<(String, Tag)> {
    let inner = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    let at = inner.len().checked_sub(SUFFIX)?;
    let (own, suffix) = (inner.get(..at)?, inner.get(at..)?.strip_prefix(MARK)?);
    let (kind, plan) = suffix.split_at_checked(1)?;
    let plan = Tag(plan.as_bytes().first_chunk().copied()?);
    match kind {
        "s" => Some((format!("\"{own}\""), plan)),
        "w" => Some((format!("W/\"{own}\""), plan)),
        _ => None,
    }
}

/// The tags of a list; commas may stand within them.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let open = rest.find('"')?;
        let close = open + 1 + rest.get(open + 1..)?.find('"')?;
        let (tag, after) = rest.split_at_checked(close + 1)?;
        rest = after;
        Some(tag)
    })
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use testudo_privacy::Treatment;

    use super::*;

    fn plan(treatment: Treatment) -> Tag {
        Tag::new(&[7; 32], &Plan::PLAIN.with(DataClass::Pan, treatment))
    }

    fn restored(name: HeaderName, value: &str, now: Option<Tag>) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(&name, value.parse().unwrap());
        restore_tags(&mut headers, now);
        headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn tags_go_there_and_back_under_one_plan_only() {
        let (one, other) = (plan(Treatment::Null), plan(Treatment::Hash));
        for own in ["\"v1\"", "W/\"v1\"", "\"a,b\"", "\"\""] {
            let shown = marked(own, &one).unwrap();
            let shown = shown.to_str().unwrap();
            assert!(shown.starts_with("W/\""), "{shown}");
            let none_match = |now| restored(header::IF_NONE_MATCH, &format!("\"x\", {shown}"), now);
            assert_eq!(none_match(Some(one)).as_deref(), Some(own));
            assert_eq!(none_match(Some(other)), None);
            assert_eq!(restored(header::IF_NONE_MATCH, "\"x\"", None).as_deref(), Some("\"x\""));
            assert_eq!(none_match(None).as_deref(), Some("\"x\""), "what was masked is not what is plain now");
            for now in [None, Some(one), Some(other)] {
                assert_eq!(restored(header::IF_MATCH, shown, now).as_deref(), Some(own));
                assert_eq!(restored(header::IF_MATCH, "\"x\"", now).as_deref(), Some("\"x\""));
                assert_eq!(restored(header::IF_NONE_MATCH, "*", now).as_deref(), Some("*"));
            }
        }
        assert_eq!(marked("no quotes", &one), None);
    }

    proptest::proptest! {
        #[test]
        fn no_list_of_tags_is_too_odd(list in "[\"W/,~ms0-9a-f *]{0,80}", other in proptest::prelude::any::<bool>()) {
            let now = other.then(|| plan(Treatment::Null));
            for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
                if let Ok(value) = HeaderValue::from_str(&list) {
                    let mut headers = HeaderMap::new();
                    headers.insert(&name, value);
                    restore_tags(&mut headers, now);
                }
            }
            if let Some(value) = marked(&list, &plan(Treatment::Null)) {
                let (own, _) = unmarked(value.to_str().unwrap()).unwrap();
                proptest::prop_assert_eq!(own, list);
            }
        }
    }

    #[test]
    fn caches_keep_it_apart() {
        for (own, expected) in [
            ("", "private"),
            ("public, max-age=60, s-maxage=600", "private, max-age=60"),
            ("no-store", "no-store"),
            ("private, max-age=1", "private, max-age=1"),
        ] {
            let mut headers = HeaderMap::new();
            if !own.is_empty() {
                headers.insert(header::CACHE_CONTROL, own.parse().unwrap());
            }
            headers.insert(header::VARY, "accept-encoding, Origin".parse().unwrap());
            keep_private(&mut headers);
            assert_eq!(headers.get(header::CACHE_CONTROL).unwrap(), expected);
            assert_eq!(joined(&headers, &header::VARY), "accept-encoding, Origin, Authorization");
        }
    }
}
