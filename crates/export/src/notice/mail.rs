//! Notices by mail: SMTP with TLS (RFC 3207 STARTTLS or RFC 8314 implicit), in plain on loopback only.

use std::path::Path;
use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use testudo_core::Secret;

use super::{Notice, NoticeError};
use crate::wire::is_loopback_host;

/// For each step of the exchange.
const STEP: Duration = Duration::from_secs(15);
/// The most receivers of a notice.
const MOST_RECEIVERS: usize = 20;

/// How a mail server is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailTls {
    /// In plain first, then `STARTTLS`, which must work.
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// Without TLS: loopback only.
    None,
}

/// Where and how mail goes out.
#[derive(Clone, Debug)]
pub struct MailSettings<'s> {
    /// `smtp://host:587` (STARTTLS), `smtps://host:465`, or `smtp+plain://127.0.0.1:25`.
    pub server: &'s str,
    /// Who sends.
    pub from: &'s str,
    /// Who receives.
    pub to: &'s [String],
    /// A line with the user's name and one with the password.
    pub credentials: Option<&'s Secret<String>>,
    /// PEM file of the CA of the server.
    pub ca_file: Option<&'s Path>,
}

/// A mail setting that can't work.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct MailError(String);

/// Tells by mail.
pub struct MailChannel {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    host: String,
}

impl MailChannel {
    /// Through this server. Nothing is connected yet.
    pub fn new(settings: &MailSettings<'_>) -> Result<MailChannel, MailError> {
        let (host, port, tls) = server(settings.server)?;
        let refused = |what: &str, error: &dyn std::fmt::Display| MailError(format!("{what}: {error}"));
        let parameters = || {
            let mut builder = TlsParameters::builder(host.clone());
            if let Some(path) = settings.ca_file {
                let text = read(path).map_err(|error| refused(&path.display().to_string(), &error))?;
                let certificate =
                    Certificate::from_pem(&text).map_err(|error| refused(&path.display().to_string(), &error))?;
                builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
            }
            builder.build_rustls().map_err(|error| refused("TLS", &error))
        };
        let tls = match tls {
            MailTls::StartTls => Tls::Required(parameters()?),
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            MailTls::None => Tls::None,
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host).port(port).tls(tls).timeout(Some(STEP));
        if let Some(text) = settings.credentials {
            let mut lines = text.expose().lines();
            let (Some(user), Some(password)) = (lines.next(), lines.next()) else {
                return Err(MailError(
                    "the credentials file holds the user's name in its first line and the password in its second"
                        .into(),
                ));
            };
            builder = builder.credentials(Credentials::new(user.trim().to_owned(), password.to_owned()));
        }
        let mailbox = |text: &str| {
            text.parse::<Mailbox>().map_err(|error| refused(&format!("`{text}` is not an address"), &error))
        };
        if settings.to.is_empty() || settings.to.len() > MOST_RECEIVERS {
            return Err(MailError(format!("name 1 to {MOST_RECEIVERS} receivers in `to`")));
        }
        Ok(MailChannel {
            transport: builder.build(),
            from: mailbox(settings.from)?,
            to: settings.to.iter().map(|text| mailbox(text)).collect::<Result<_, _>>()?,
            host,
        })
    }

    pub(super) async fn send(&self, notice: &Notice) -> Result<(), NoticeError> {
        let message = self.message(notice).map_err(|error| NoticeError::Refused(error.to_string()))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(NoticeError::Refused(self.shown(&error))),
            Err(error) => Err(NoticeError::Later(self.shown(&error))),
        }
    }

    fn message(&self, notice: &Notice) -> Result<Message, lettre::error::Error> {
        let domain = self.from.email.domain();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(format!("[testudo] {}: {}", notice.severity, notice.title))
            .message_id(Some(format!("<{}@{domain}>", notice.id)))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        builder.body(notice.text())
    }

    /// An error without what the server said: that may quote addresses.
    fn shown(&self, error: &lettre::transport::smtp::Error) -> String {
        match error.status() {
            Some(code) => format!("the mail server `{}` answered {code}", self.host),
            None if error.is_timeout() => format!("the mail server `{}` did not answer in time", self.host),
            None if error.is_tls() => format!("TLS with the mail server `{}` failed", self.host),
            None => format!("the mail server `{}` can't be spoken to", self.host),
        }
    }
}

impl std::fmt::Debug for MailChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailChannel").field("host", &self.host).finish_non_exhaustive()
    }
}

fn server(text: &str) -> Result<(String, u16, MailTls), MailError> {
    let refused =
        || MailError(format!("`{text}` is no mail server; write `smtp://host:587` (STARTTLS) or `smtps://host:465`"));
    let url = url::Url::parse(text).map_err(|_| refused())?;
    if !url.username().is_empty()
        || url.password().is_some()
        || !matches!(url.path(), "" | "/")
        || url.query().is_some()
    {
        return Err(refused());
    }
    let host = url.host_str().ok_or_else(refused)?.trim_matches(['[', ']']).to_owned();
    let (tls, port) = match url.scheme() {
        "smtp" => (MailTls::StartTls, 587),
        "smtps" => (MailTls::Implicit, 465),
        "smtp+plain" if is_loopback_host(&host) => (MailTls::None, 25),
        "smtp+plain" => {
            return Err(MailError("mail in plain is for loopback only; use `smtp://` or `smtps://`".into()));
        }
        _ => return Err(refused()),
    };
    Ok((host, url.port().unwrap_or(port), tls))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut text = Vec::new();
    std::fs::File::open(path)?.take(1024 * 1024).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use testudo_core::{Severity, Timestamp};

    use super::*;

    #[test]
    fn servers_are_parsed_strictly() {
        assert_eq!(server("smtp://mail.example.org"), Ok(("mail.example.org".into(), 587, MailTls::StartTls)));
        assert_eq!(server("smtps://mail.example.org:4650"), Ok(("mail.example.org".into(), 4650, MailTls::Implicit)));
        assert_eq!(server("smtp+plain://127.0.0.1:2525"), Ok(("127.0.0.1".into(), 2525, MailTls::None)));
        for bad in [
            "mail.example.org",
            "smtp+plain://mail.example.org",
            "smtp://u:p@mail.example.org",
            "http://x",
            "smtp://x/y",
        ] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_title_can_not_add_a_header() {
        let to = ["soc@example.org".to_owned()];
        let settings = MailSettings {
            server: "smtp+plain://127.0.0.1:2525",
            from: "Testudo <testudo@example.org>",
            to: &to,
            credentials: None,
            ca_file: None,
        };
        let channel = MailChannel::new(&settings).unwrap();
        let notice = Notice {
            id: "msg_1".into(),
            kind: "incident.opened".into(),
            at: Timestamp::EPOCH,
            title: "x\r\nBcc: eve@example.org\r\n\r\nhello".into(),
            severity: Severity::High,
            done: Vec::new(),
            target: "inc_1".into(),
            link: "https://localhost".into(),
        }
        .bounded();
        let text = String::from_utf8(channel.message(&notice).unwrap().formatted()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
        assert!(head.contains("Message-ID: <msg_1@example.org>"), "{head}");
        assert!(MailChannel::new(&MailSettings { to: &[], ..settings.clone() }).is_err());
        assert!(MailChannel::new(&MailSettings { from: "nobody", ..settings }).is_err());
    }
}
