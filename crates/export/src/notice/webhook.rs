//! Signed webhooks after Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp` and `webhook-signature` with
//! `v1,<base64 HMAC-SHA-256 of "id.timestamp.body">`.
//!
//! Each attempt is signed for its own instant, so that a receiver can refuse what is older than its window; the id stays,
//! so that it can know a repeat. Two secrets give two signatures, while a secret is replaced.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderName, HeaderValue};
use serde_json::json;
use testudo_core::{Secret, Timestamp};
use testudo_crypto::digest;

use super::{Notice, NoticeError};
use crate::{HttpSender, WireError};

const PREFIX: &str = "whsec_";
/// The answer is not read for more than its status.
const MAX_ANSWER: usize = 64 * 1024;
/// The window that the specification names for receivers.
pub const WINDOW: Duration = Duration::from_mins(5);

/// One or two secrets of a webhook.
#[derive(Clone, Debug)]
pub struct WebhookSecrets(Vec<Secret<Vec<u8>>>);

/// A text that holds no webhook secrets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a webhook's secret is a line `whsec_` and the base64 of 24 to 64 bytes; two lines while one is replaced")]
pub struct SecretError;

impl WebhookSecrets {
    /// Parses one secret a line.
    pub fn parse(text: &str) -> Result<WebhookSecrets, SecretError> {
        let decode = |line: &str| {
            let bytes = BASE64.decode(line.trim().strip_prefix(PREFIX)?.as_bytes()).ok()?;
            (24..=64).contains(&bytes.len()).then(|| Secret::new(bytes))
        };
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let secrets = lines.map(decode).collect::<Option<Vec<_>>>().ok_or(SecretError)?;
        if matches!(secrets.len(), 1 | 2) { Ok(WebhookSecrets(secrets)) } else { Err(SecretError) }
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signed = self.0.iter().map(|secret| {
            let mac = digest::hmac_sha256(secret.expose(), &content(id, timestamp, body));
            format!("v1,{}", BASE64.encode(&mac))
        });
        signed.collect::<Vec<_>>().join(" ")
    }

    /// Whether a request is signed with one of the secrets, at most [`WINDOW`] before or after `now`. As receivers do it.
    pub fn verify(&self, id: &str, timestamp: i64, signatures: &str, body: &[u8], now: Timestamp) -> bool {
        let window = i64::try_from(WINDOW.as_secs()).unwrap_or(i64::MAX);
        let is_fresh = now.seconds().checked_sub(timestamp).is_some_and(|age| (-window..=window).contains(&age));
        let of = |text: &str| text.strip_prefix("v1,").and_then(|text| BASE64.decode(text.as_bytes()).ok());
        let is_signed = signatures.split(' ').filter_map(of).any(|mac| {
            let own = |secret: &Secret<Vec<u8>>| digest::hmac_sha256(secret.expose(), &content(id, timestamp, body));
            self.0.iter().any(|secret| digest::equal(&own(secret), &mac))
        });
        is_fresh && is_signed
    }
}

fn content(id: &str, timestamp: i64, body: &[u8]) -> Vec<u8> {
    let mut content = format!("{id}.{timestamp}.").into_bytes();
    content.extend_from_slice(body);
    content
}

/// Tells a URL.
#[derive(Debug)]
pub struct WebhookChannel {
    sender: tokio::sync::Mutex<HttpSender>,
    secrets: WebhookSecrets,
}

impl WebhookChannel {
    /// To this URL: `https`, or `http` on loopback.
    pub fn new(url: &str, ca_file: Option<&Path>, secrets: WebhookSecrets) -> Result<WebhookChannel, WireError> {
        let sender = HttpSender::new(url, ca_file, None, MAX_ANSWER)?;
        Ok(WebhookChannel { sender: tokio::sync::Mutex::new(sender), secrets })
    }

    pub(super) async fn send(&self, notice: &Notice, now: Timestamp) -> Result<(), NoticeError> {
        let body = body(notice);
        let timestamp = now.seconds();
        let headers = [
            ("webhook-id", notice.id.clone()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", self.secrets.sign(&notice.id, timestamp, &body)),
        ];
        let headers = headers.map(|(name, value)| {
            let value = HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(""));
            (HeaderName::from_static(name), value)
        });
        let answer = self.sender.lock().await.post("application/json", &headers, Bytes::from(body)).await;
        let answer = answer.map_err(|error| NoticeError::Later(error.to_string()))?;
        let text = format!("the webhook answered {}", answer.status.as_u16());
        match answer.status.as_u16() {
            200..=299 => Ok(()),
            // 410: the receiver wants no more of them.
            410 => Err(NoticeError::Refused(format!("{text}: it wants no more notices"))),
            300..=399 => Err(NoticeError::Refused(format!("{text}: redirects are not followed"))),
            _ => Err(NoticeError::Later(text)),
        }
    }
}

fn body(notice: &Notice) -> Vec<u8> {
    let body = json!({
        "type": notice.kind,
        "timestamp": notice.at.to_string(),
        "data": {
            "title": notice.title, "severity": notice.severity.name(), "target": notice.target, "done": notice.done,
            "link": notice.link,
        },
    });
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use testudo_core::Severity;

    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn the_signature_of_the_reference_libraries() {
        let secrets = WebhookSecrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let (id, timestamp, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(secrets.sign(id, timestamp, body), signature);
        let now = Timestamp::from_seconds(timestamp);
        assert!(secrets.verify(id, timestamp, signature, body, now));
        assert!(secrets.verify(id, timestamp, &format!("v1,AAAA v2,x {signature}"), body, now));
        assert!(!secrets.verify(id, timestamp, signature, b"{}", now));
        assert!(!secrets.verify("msg_other", timestamp, signature, body, now));
        for (late, holds) in [(299, true), (301, false), (-299, true), (-301, false)] {
            assert_eq!(
                secrets.verify(id, timestamp, signature, body, Timestamp::from_seconds(timestamp + late)),
                holds
            );
        }
        assert!(!secrets.verify(id, i64::MIN, signature, body, now));
    }

    #[test]
    fn while_a_secret_is_replaced_both_verify() {
        let (old, new) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let both = WebhookSecrets::parse(&format!("{new}\n{old}\n")).unwrap();
        let signatures = both.sign("msg_1", 1_000, b"{}");
        for one in [old, new] {
            let one = WebhookSecrets::parse(one).unwrap();
            assert!(one.verify("msg_1", 1_000, &signatures, b"{}", Timestamp::from_seconds(1_000)));
        }
        for bad in ["", "whsec_", "whsec_AAAA", "secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nx"] {
            assert!(WebhookSecrets::parse(bad).is_err(), "{bad}");
        }
        assert!(!format!("{both:?}").contains("C2FV"));
    }

    #[test]
    fn the_body_as_it_is() {
        let notice = Notice {
            id: "msg_1".into(),
            kind: "incident.opened".into(),
            at: Timestamp::from_seconds(1_772_407_800),
            title: "Credential stuffing\nfrom one network".into(),
            severity: Severity::High,
            done: vec!["limits tightened for one network".into()],
            target: "inc_01m859aw8vrn8rdcr5kc2829qy".into(),
            link: "https://localhost:8444/console/incidents/inc_01m859aw8vrn8rdcr5kc2829qy".into(),
        }
        .bounded();
        let body: serde_json::Value = serde_json::from_slice(&body(&notice)).unwrap();
        insta::with_settings!({ sort_maps => true }, { insta::assert_json_snapshot!("webhook", body) });
        insta::assert_snapshot!("text", notice.text());
    }
}
