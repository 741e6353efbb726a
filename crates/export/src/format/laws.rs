//! What holds for all formats and all records: one line, bounded, read back by whoever knows the format.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::syslog::{self, MAX_MESSAGE};
use super::{Format, MAX_LINE, samples};
use crate::Record;
use crate::text::is_control;

#[test]
fn the_formats_as_they_are() {
    let origin = samples::origin();
    for record in samples::records() {
        for format in Format::ALL {
            let line = String::from_utf8(format.line(&record, &origin, MAX_LINE)).unwrap();
            let name = format!("{}-{}", format.name(), record.plain.kind);
            match serde_json::from_str::<Value>(&line) {
                // The order of members is the build's, not the format's.
                Ok(document) => insta::with_settings!({ sort_maps => true }, {
                    insta::assert_json_snapshot!(name, document);
                }),
                Err(_) => insta::assert_snapshot!(name, line.replace(&format!(" {} ", std::process::id()), " PID ")),
            }
        }
    }
}

/// The fields that OCSF 1.4.0 requires of each class, beside those of all events; one of several is written `a|b`.
const REQUIRED: [(u64, &[&str]); 10] = [
    (2004, &["finding_info.uid", "finding_info.title"]),
    (2005, &["finding_info_list.0.uid", "status_id", "assignee|assignee_group"]),
    (3001, &["user.uid|user.name|user.account"]),
    (3002, &["user.uid|user.name|user.account", "service|dst_endpoint"]),
    (3003, &["user.uid|user.name|user.account", "privileges|group"]),
    (3004, &["entity.name|entity.uid"]),
    (3005, &["user.uid|user.name|user.account", "privileges.0"]),
    (4002, &["http_request|http_response"]),
    (6002, &["app.name|app.uid"]),
    (7001, &["command_uid"]),
];
const ALWAYS: [&str; 9] = [
    "activity_id",
    "category_uid",
    "class_uid",
    "metadata.version",
    "metadata.product.name|metadata.product.uid",
    "severity_id",
    "time",
    "type_uid",
    "message",
];

#[test]
fn each_kind_has_what_its_class_of_ocsf_requires() {
    let origin = samples::origin();
    for record in samples::all_kinds() {
        let line = Format::Ocsf.line(&record, &origin, MAX_LINE);
        let event: Value = serde_json::from_slice(&line).unwrap();
        let class = event["class_uid"].as_u64().unwrap();
        let (_, own) = REQUIRED.iter().find(|(known, _)| *known == class).unwrap_or_else(|| panic!("{class}"));
        for fields in ALWAYS.iter().chain(own.iter()) {
            let there = |field: &str| {
                let place = format!("/{}", field.replace('.', "/"));
                event.pointer(&place).is_some_and(|value| !value.is_null())
            };
            assert!(fields.split('|').any(there), "{} lacks `{fields}`: {event}", record.plain.kind);
        }
        assert_eq!(event["type_uid"].as_u64().unwrap(), class * 100 + event["activity_id"].as_u64().unwrap());
        assert_eq!(event["category_uid"].as_u64().unwrap(), class / 1_000);
        // Objects that the schema knows have at least what makes them whole.
        for (object, one_of) in [
            ("actor", &["user", "session", "app_uid"][..]),
            ("src_endpoint", &["ip", "uid", "name"]),
            ("http_response", &["code"]),
        ] {
            if let Some(object) = event.get(object) {
                assert!(one_of.iter().any(|name| object.get(name).is_some()), "{event}");
            }
        }
    }
}

/// The types that ECS 8 allows in each category that we use.
const ECS_TYPES: [(&str, &[&str]); 6] = [
    ("web", &["access", "error", "info"]),
    ("authentication", &["start", "end", "info"]),
    ("session", &["start", "end", "info"]),
    ("iam", &["admin", "change", "creation", "deletion", "group", "info", "user"]),
    ("intrusion_detection", &["allowed", "denied", "info"]),
    ("configuration", &["access", "change", "creation", "deletion", "info"]),
];

#[test]
fn each_kind_has_a_category_and_types_that_ecs_allows_together() {
    let origin = samples::origin();
    for record in samples::all_kinds() {
        let event: Value = serde_json::from_slice(&Format::Ecs.line(&record, &origin, MAX_LINE)).unwrap();
        let category = event["event"]["category"][0].as_str().unwrap();
        let (_, types) = ECS_TYPES.iter().find(|(known, _)| *known == category).unwrap();
        let own = event["event"]["type"].as_array().unwrap();
        assert!(!own.is_empty());
        assert!(own.iter().all(|own| types.contains(&own.as_str().unwrap())), "{}: {event}", record.plain.kind);
        assert!(event["@timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(event.pointer("/source/ip").is_none(), "a pseudonym is no address");
    }
}

/// A record whose texts are anything, with a personal part.
fn any_record() -> impl Strategy<Value = Record> {
    let text = || prop_oneof![".{0,40}", "[\\]\\[\"\\\\=|\n\r\u{0}<> %]{0,40}", "(x|\"|ä){400,1200}"];
    (text(), text(), text(), proptest::collection::btree_map("[a-z.= \\]\"]{1,12}", text(), 0..8), text(), any::<i64>())
        .prop_map(|(code, target, route, details, path, at)| {
            let plain = json!({
                "kind": "request.decided", "at": at, "outcome": "failure", "code": code, "target": target,
                "http": { "method": route, "route": route, "status": 403, "bytes_in": 1, "bytes_out": 2, "micros": 3 },
                "details": details,
            });
            let mut record = Record::plain(7, serde_json::from_value(plain).unwrap());
            let mut event = samples::records().remove(1).event.unwrap();
            event.http = record.plain.http.clone();
            event.http.as_mut().unwrap().path = Some(path.clone());
            event.personal.insert("username".into(), path);
            record.event = Some(event);
            record
        })
}

/// The parameters of the first element of structured data, as RFC 5424 section 6.3 writes them.
fn parameters(message: &str) -> Vec<(String, String)> {
    let start = message.find('[').unwrap();
    let mut chars = message[start + 1..].chars().peekable();
    let _id: String = chars.by_ref().take_while(|c| *c != ' ').collect();
    let mut found = Vec::new();
    loop {
        let name: String = chars.by_ref().take_while(|c| *c != '=').collect();
        assert_eq!(chars.next(), Some('"'));
        let mut value = String::new();
        loop {
            match chars.next().unwrap() {
                '"' => break,
                '\\' => value.push(chars.next().unwrap()),
                c => {
                    assert_ne!(c, ']', "unescaped");
                    value.push(c);
                }
            }
        }
        found.push((name, value));
        match chars.next().unwrap() {
            ' ' => {}
            ']' => return found,
            c => panic!("{c}"),
        }
    }
}

/// The fields of a line of CEF: seven of the header, then the extension.
fn cef_fields(line: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (mut header, mut field) = (Vec::new(), String::new());
    let mut chars = line.chars();
    while header.len() < 7 {
        match chars.next().unwrap() {
            '\\' => field.push(chars.next().unwrap()),
            '|' => header.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    // A key begins after a space and ends at an unescaped `=`.
    let rest: Vec<char> = chars.collect();
    let (mut pairs, mut start): (Vec<(String, String)>, usize) = (Vec::new(), 0);
    let mut equals = Vec::new();
    let mut escaped = false;
    for (at, c) in rest.iter().enumerate() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '=' => equals.push(at),
            _ => {}
        }
    }
    for (n, at) in equals.iter().enumerate() {
        let key: String = rest[start..*at].iter().collect();
        let end = equals.get(n + 1).map_or(rest.len(), |next| rest[..*next].iter().rposition(|c| *c == ' ').unwrap());
        let mut value = String::new();
        let mut chars = rest[at + 1..end].iter();
        while let Some(c) = chars.next() {
            value.push(if *c == '\\' { *chars.next().unwrap() } else { *c });
        }
        pairs.push((key, value));
        start = (end + 1).min(rest.len());
    }
    (header, pairs)
}

proptest! {
    #[test]
    fn syslog_is_one_bounded_line_whose_values_come_back(record in any_record()) {
        let origin = samples::origin();
        for body in [None, Some(Format::Ecs), Some(Format::Cef), Some(Format::Ocsf)] {
            let message = syslog::message(&record, &origin, syslog::AUDIT, body, MAX_MESSAGE);
            prop_assert!(message.len() <= MAX_MESSAGE, "{}", message.len());
            let text = String::from_utf8(message).unwrap();
            prop_assert!(!text.contains(is_control));
            let found = parameters(&text);
            prop_assert_eq!(&found[0], &("id".to_owned(), "testudo-00ff-7".to_owned()));
            if let Some(body @ (Format::Ecs | Format::Ocsf)) = body {
                let document = &text[text.find("] {").unwrap() + 2..];
                prop_assert!(serde_json::from_str::<Value>(document).is_ok(), "{} {document}", body.name());
            }
        }
        let text = String::from_utf8(Format::Rfc5424.line(&record, &origin, MAX_LINE)).unwrap();
        let code = record.plain.code.as_deref().unwrap();
        if code.len() < 4_096 {
            let found = parameters(&text);
            let own = found.iter().find(|(name, _)| name == "code").unwrap();
            prop_assert_eq!(&*own.1, &*crate::text::one_line(code));
        }
    }

    #[test]
    fn a_frame_is_as_long_as_it_says(message in ".{0,60}") {
        let mut out = Vec::new();
        syslog::frame(message.as_bytes(), &mut out);
        let text = String::from_utf8(out).unwrap();
        let (count, rest) = text.split_once(' ').unwrap();
        prop_assert_eq!(count.parse::<usize>().unwrap(), rest.len());
        prop_assert_eq!(rest, message);
    }

    #[test]
    fn cef_is_one_bounded_line_whose_values_come_back(record in any_record()) {
        let origin = samples::origin();
        for most in [MAX_MESSAGE, MAX_LINE] {
            let line = Format::Cef.line(&record, &origin, most);
            prop_assert!(line.len() <= most);
            let text = String::from_utf8(line).unwrap();
            prop_assert!(!text.contains(is_control));
            let (header, pairs) = cef_fields(&text);
            prop_assert_eq!(&*header[0], "CEF:0");
            prop_assert_eq!(&*header[4], "request.decided");
            let value = |key: &str| pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
            prop_assert_eq!(value("externalId"), Some("testudo-00ff-7".to_owned()));
            prop_assert!(pairs.iter().all(|(key, _)| key.chars().all(|c| c.is_ascii_alphanumeric())), "{:?}", pairs);
            if most == MAX_LINE {
                let code = crate::text::one_line(record.plain.code.as_deref().unwrap()).into_owned();
                prop_assert_eq!(value("reason"), Some(code));
            }
        }
    }

    #[test]
    fn json_is_one_bounded_line(record in any_record()) {
        let origin = samples::origin();
        for format in [Format::Ocsf, Format::Ecs] {
            for most in [MAX_MESSAGE, MAX_LINE] {
                let line = format.line(&record, &origin, most);
                prop_assert!(line.len() <= most, "{} {}", format.name(), line.len());
                prop_assert!(!line.contains(&b'\n'));
                prop_assert!(serde_json::from_slice::<Value>(&line).is_ok());
            }
        }
    }

    #[test]
    fn free_text_passes_the_masker_in_every_format(text in "[a-z]{3,12}") {
        let mut origin = samples::origin();
        let secret = format!("{text}-4111");
        let own = secret.clone();
        origin.masker = std::sync::Arc::new(move |_, text| text.replace(&own, "[masked]").into());
        let plain = json!({
            "kind": "admin.acted", "at": 1, "outcome": "success", "details": { "reason": format!("because {secret} asked") },
        });
        let record = Record::plain(1, serde_json::from_value(plain).unwrap());
        for format in Format::ALL {
            let line = String::from_utf8(format.line(&record, &origin, MAX_LINE)).unwrap();
            prop_assert!(!line.contains(&secret) && line.contains("[masked"), "{line}");
        }
        let (body, _) = super::otlp::request(&[&record], &origin);
        prop_assert!(!String::from_utf8_lossy(&body).contains(&secret));
    }
}
