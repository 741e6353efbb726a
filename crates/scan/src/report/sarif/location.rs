//! Places as locations: a file that GitHub can show, and the name in the terms of the code.

use super::model::{CodeFlow, FlowLocation, Location, Logical, Message, Physical, Region, ThreadFlow, Uri};
use super::{clean, cut, escape};
use crate::report::{Place, Step, class_name, method_name};

/// The most steps of a flow that GitHub takes.
const MAX_STEPS: usize = 10_000;

pub(super) fn of(place: &Place, root: Option<&str>, message: Option<&str>) -> Location {
    let path = place.artifact();
    let path = match (place, root) {
        (Place::Code { .. }, Some(root)) => format!("{}/{path}", root.trim_end_matches('/')),
        _ => path,
    };
    let column = match place {
        Place::Line { column, .. } => *column,
        _ => None,
    };
    Location {
        physical: Physical {
            artifact_location: Uri { uri: uri(&path) },
            region: Region {
                start_line: place.line().unwrap_or(1).max(1),
                start_column: column.filter(|column| *column > 0),
            },
        },
        logical: logical(place),
        message: message.map(|text| Message { text: cut(&escape(&clean(text))) }),
    }
}

pub(super) fn flow(steps: &[Step], root: Option<&str>) -> Vec<CodeFlow> {
    if steps.is_empty() {
        return Vec::new();
    }
    let steps = steps.iter().take(MAX_STEPS);
    let locations = steps.map(|step| FlowLocation { location: of(&step.place, root, Some(&step.what)) }).collect();
    vec![CodeFlow { thread_flows: [ThreadFlow { locations }] }]
}

fn logical(place: &Place) -> Vec<Logical> {
    let named =
        |name: &str, full: String, kind| vec![Logical { name: clean(name), fully_qualified_name: clean(&full), kind }];
    match place {
        Place::Package | Place::File { .. } | Place::Line { .. } | Place::Native { symbol: None, .. } => Vec::new(),
        Place::Code { class, method: Some(method), .. } => {
            named(&method_name(method), format!("{}.{}", class_name(class), method_name(method)), "member")
        }
        Place::Code { class, method: None, .. } => {
            let full = class_name(class);
            named(full.rsplit('.').next().unwrap_or(&full), full.clone(), "type")
        }
        Place::Manifest { file, path } => named(path, format!("{file}/{path}"), "element"),
        Place::Resource { name, .. } => named(name, name.clone(), "resource"),
        Place::Native { file, symbol: Some(symbol) } => named(symbol, format!("{file}!{symbol}"), "function"),
        Place::Dependency { purl, .. } => named(&place.label(), purl.clone(), "module"),
    }
}

/// A path as a relative reference of RFC 3986 that stays below its base: percent-encoded, no scheme, no root, no `..`.
pub(super) fn uri(path: &str) -> String {
    let parts = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    let parts: Vec<String> = parts.map(|part| if part == ".." { "_..".to_owned() } else { encode(part) }).collect();
    if parts.is_empty() { "package".to_owned() } else { parts.join("/") }
}

fn encode(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase();
            out.extend([digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_their_base() {
        assert_eq!(uri("res/xml/a b.xml"), "res/xml/a%20b.xml");
        assert_eq!(uri("/etc/../../passwd"), "etc/_../_../passwd");
        assert_eq!(uri("C:\\x\\y"), "C%3A/x/y");
        assert_eq!(uri("javascript:alert(1)"), "javascript%3Aalert(1)");
        assert_eq!(uri("//"), "package");
        assert_eq!(uri("日本"), "%E6%97%A5%E6%9C%AC");
        assert_eq!(uri("split.apk!/classes.dex"), "split.apk!/classes.dex");
    }
}
