//! JSON Web Tokens (RFC 7519): the head must name an algorithm, the claims be an object; their issuer and role tell the kind.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::found::{Reason, Status};
use super::{Check, Held, Seen, Verdict};

pub(super) fn token(check: Check, seen: &Seen<'_>) -> Verdict {
    let mut parts = seen.text().split(|byte| *byte == b'.');
    let Some(head) = parts.next().and_then(object) else { return Verdict::No };
    let Some(claims) = parts.next().and_then(object) else { return Verdict::No };
    let Some(algorithm) = head.get("alg").and_then(Value::as_str) else { return Verdict::No };
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = match (text("iss"), text("role")) {
        ("supabase", "service_role") => Check::JwtServiceRole,
        ("supabase", "anon") => Check::JwtAnon,
        ("kubernetes/serviceaccount", _) => Check::JwtKubernetes,
        _ if claims.get("kubernetes.io").is_some() => Check::JwtKubernetes,
        _ => Check::Jwt,
    };
    if kind != check {
        return Verdict::No;
    }
    let expires = claims.get("exp").and_then(Value::as_i64);
    let documented = text("sub") == "1234567890" && text("name") == "John Doe";
    let status = match (expires, seen.now) {
        _ if documented => Status::Test,
        (Some(expires), Some(now)) if expires < now => Status::Expired,
        _ => Status::Unknown,
    };
    let mut reasons = vec![Reason::Verified("its head and claims can be read")];
    let plain = |text: &str| text.chars().filter(char::is_ascii_graphic).take(40).collect::<String>();
    reasons.push(Reason::Carries(format!("it is signed with {}", plain(algorithm))));
    match expires {
        Some(expires) => reasons.push(Reason::Carries(format!("it expires at {expires} (seconds since 1970)"))),
        None => reasons.push(Reason::Carries("it never expires".to_owned())),
    }
    Verdict::Holds(Held { status, reasons, judged: true, ..Held::new(&seen.span) })
}

fn object(part: &[u8]) -> Option<serde_json::Map<String, Value>> {
    let json = Zeroizing::new(BASE64URL_NOPAD.decode(part).ok()?);
    match serde_json::from_slice(&json) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}
