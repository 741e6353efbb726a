//! RFC 5424: header, structured data, message; and the frames of RFC 5425 and RFC 6587 (octet counting).
//!
//! The structured data are `[testudo@32473 …]`, under the enterprise number that RFC 5612 sets aside for those who have
//! none of their own, and the registered `[origin …]`. Control characters become spaces, so that no receiver sees two lines in one.

use testudo_core::{Severity, Timestamp};

use super::Format;
use super::view::{View, fit};
use crate::{Origin, Record};

/// The longest message in bytes, as most receivers take it (rsyslog's default is 8 KiB).
pub const MAX_MESSAGE: usize = 8 * 1024;
/// The facility "log audit".
pub const AUDIT: u8 = 13;

/// A message. With `body` its text is the record in that format, and the structured data name the record only.
pub fn message(record: &Record, origin: &Origin, facility: u8, body: Option<Format>, most: usize) -> Vec<u8> {
    let body = body.filter(|body| *body != Format::Rfc5424);
    fit(record, origin, most, |view| {
        let mut text = header(view, facility);
        match body {
            None => {
                structured(view, &mut text);
                text.push(' ');
                text.push_str(&view.summary());
            }
            Some(_) => naming(view, &mut text),
        }
        let mut bytes = text.into_bytes();
        if let Some(body) = body {
            bytes.push(b' ');
            let left = most.saturating_sub(bytes.len());
            bytes.extend(body.line(record, origin, left));
        }
        bytes
    })
}

/// A message with the number of its octets before it.
pub fn frame(message: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(message.len().to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(message);
}

fn header(view: &View<'_>, facility: u8) -> String {
    let severity = match view.severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
        Severity::Informational => 6,
    };
    let priority = u16::from(facility.min(23)) * 8 + severity;
    format!(
        "<{priority}>1 {} {} testudo {} {} ",
        instant(view.at),
        token(&view.origin.host, 255),
        std::process::id(),
        token(view.kind.name(), 32)
    )
}

/// An instant of the years that RFC 3339 knows, else nothing.
fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    if text.len() == 27 { text } else { "-".into() }
}

/// A text as a token of printable ASCII; `-` when nothing is left.
fn token(text: &str, most: usize) -> String {
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if kept.is_empty() { "-".into() } else { kept }
}

fn naming(view: &View<'_>, out: &mut String) {
    out.push_str("[testudo@32473");
    parameter(out, "id", &view.id);
    out.push(']');
}

fn structured(view: &View<'_>, out: &mut String) {
    out.push_str("[testudo@32473");
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            parameter(out, name, value);
        }
    };
    add("id", Some(&view.id));
    add("seq", Some(&view.seq.to_string()));
    add("outcome", Some(view.outcome()));
    add("severity", Some(view.severity.name()));
    add("control", view.control);
    add("code", view.code.as_deref());
    add("request", view.request.as_deref());
    add("person", view.person.as_ref().map(|who| &*who.id));
    add("personHash", view.person.as_ref().filter(|who| who.id != who.hash).map(|who| &*who.hash));
    add("subject", view.subject.as_ref().map(|who| &*who.id));
    add("subjectHash", view.subject.as_ref().filter(|who| who.id != who.hash).map(|who| &*who.hash));
    add("client", view.client);
    add("session", view.session.as_deref());
    add("family", view.family.as_deref());
    add("device", view.device.as_deref());
    add("build", view.build.as_deref());
    add("address", view.address.as_deref());
    add("network", view.network.as_deref());
    add("ip", view.ip.map(|ip| ip.to_string()).as_deref());
    add("target", view.target.as_deref());
    if view.count != 1 {
        add("count", Some(&view.count.to_string()));
    }
    if let Some(http) = &view.http {
        add("method", Some(&http.method));
        add("route", Some(&http.route));
        add("status", http.status.map(|status| status.to_string()).as_deref());
        add("bytesIn", Some(&http.bytes_in.to_string()));
        add("bytesOut", Some(&http.bytes_out.to_string()));
        add("micros", Some(&http.micros.to_string()));
        add("path", http.path.as_deref());
        add("userAgent", http.agent.as_deref());
    }
    for (name, value) in &view.facts {
        add(&format!("fact.{name}"), Some(value));
    }
    for (name, value) in &view.personal {
        add(&format!("personal.{name}"), Some(value));
    }
    if view.cut {
        add("cut", Some("true"));
    }
    out.push(']');
    out.push_str("[origin software=\"testudo\"");
    parameter(out, "swVersion", view.origin.version);
    out.push(']');
}

/// ` NAME="value"`: a name of at most 32 printable characters, a value in which `"`, `\` and `]` are escaped.
fn parameter(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    let kept = name.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '=' | ']' | '"')).take(32);
    let before = out.len();
    out.extend(kept);
    if out.len() == before {
        out.push('x');
    }
    out.push_str("=\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
