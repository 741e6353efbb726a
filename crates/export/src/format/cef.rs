//! Common Event Format, version 0 (`ArcSight` CEF Implementation Standard): a header of eight fields, then `key=value`.
//!
//! In the header `\` and `|` are escaped, in the extension `\` and `=`. No value has a line's end.

use std::fmt::Write as _;

use testudo_core::{OcsfClass, Severity};

use super::view::View;

/// A record as a line of CEF.
pub(crate) fn line(view: &View<'_>) -> Vec<u8> {
    let mut text = String::from("CEF:0|Testudo|Testudo|");
    header(&mut text, view.origin.version);
    text.push('|');
    header(&mut text, view.kind.name());
    text.push('|');
    header(&mut text, &view.summary());
    let severity = match view.severity {
        Severity::Informational => 1,
        Severity::Low => 3,
        Severity::Medium => 5,
        Severity::High => 8,
        Severity::Critical => 10,
    };
    let _ = write!(text, "|{severity}|");
    let mut extension = Extension { text, first: true };
    extend(view, &mut extension);
    extension.text.into_bytes()
}

struct Extension {
    text: String,
    first: bool,
}

impl Extension {
    fn add(&mut self, key: &str, value: impl AsRef<str>) {
        if !self.first {
            self.text.push(' ');
        }
        self.first = false;
        self.text.push_str(key);
        self.text.push('=');
        for c in value.as_ref().chars() {
            if matches!(c, '\\' | '=') {
                self.text.push('\\');
            }
            self.text.push(c);
        }
    }

    fn some(&mut self, key: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }

    /// One of the fields whose meaning a label says.
    fn labelled(&mut self, key: &str, label: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.add(key, value);
            self.add(&format!("{key}Label"), label);
        }
    }
}

fn extend(view: &View<'_>, out: &mut Extension) {
    out.add("rt", view.at.millis().to_string());
    out.add("externalId", &view.id);
    out.add("dvchost", &view.origin.host);
    out.add("cat", view.kind.ecs_category());
    out.add("outcome", view.outcome());
    if view.count != 1 {
        out.add("cnt", view.count.to_string());
    }
    out.some("reason", view.code.as_deref());
    if view.kind.ocsf_class() == OcsfClass::HttpActivity {
        out.add("app", "HTTP");
        out.add("act", if view.success { "allowed" } else { "denied" });
    }
    out.some("suid", view.person.as_ref().map(|who| &who.id));
    out.some("duid", view.subject.as_ref().map(|who| &who.id));
    match view.ip {
        Some(std::net::IpAddr::V4(ip)) => out.add("src", ip.to_string()),
        Some(ip) => out.labelled("c6a2", "Source IPv6 Address", Some(ip.to_string())),
        None => {}
    }
    out.labelled("cs1", "network", view.network.as_deref());
    out.labelled("cs2", "session", view.session.as_deref());
    out.labelled("cs3", "client", view.client);
    out.labelled("cs4", "target", view.target.as_deref());
    out.labelled("cs5", "control", view.control);
    out.labelled("cs6", "route", view.http.as_ref().map(|http| &*http.route));
    if let Some(http) = &view.http {
        out.add("requestMethod", &http.method);
        out.some("request", http.path.as_deref());
        out.some("requestClientApplication", http.agent.as_deref());
        out.add("in", http.bytes_in.to_string());
        out.add("out", http.bytes_out.to_string());
        out.labelled("cn1", "status", http.status.map(|status| status.to_string()));
        out.labelled("cn2", "micros", Some(http.micros.to_string()));
    }
    out.labelled("cn3", "seq", Some(view.seq.to_string()));
    out.some("testudoRequest", view.request.as_deref());
    out.some("testudoAddress", view.address.as_deref());
    out.some("testudoDevice", view.device.as_deref());
    out.some("testudoFamily", view.family.as_deref());
    out.some("testudoBuild", view.build.as_deref());
    for (name, value) in &view.facts {
        out.add(&key("testudoFact", name), value);
    }
    for (name, value) in &view.personal {
        out.add(&key("testudoPersonal", name), value);
    }
    if view.cut {
        out.add("testudoCut", "true");
    }
}

/// A key of letters and digits: `testudoFactGroupNetwork` for `group.network`.
fn key(prefix: &str, name: &str) -> String {
    let mut key = prefix.to_owned();
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = word.chars();
        key.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        key.push_str(letters.as_str());
    }
    key.truncate(64);
    key
}

fn header(out: &mut String, value: &str) {
    for c in value.chars() {
        if matches!(c, '\\' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
}
