//! Notices: telling people that something needs them. A notice is a few short lines without personal data; what it is
//! about is in the console.

pub mod mail;
pub mod webhook;

use serde::{Deserialize, Serialize};
use testudo_core::{Severity, Timestamp};

pub use mail::{MailChannel, MailSettings, MailTls};
pub use webhook::WebhookChannel;

/// What people are told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// The same each time it is sent, so that a repeat is known as one.
    pub id: String,
    /// What it is about, such as `incident.opened`.
    pub kind: String,
    /// When that was.
    pub at: Timestamp,
    /// In a line.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was done about it already, a line each.
    #[serde(default)]
    pub done: Vec<String>,
    /// What it is about, such as `inc_…`.
    pub target: String,
    /// Where to see it.
    pub link: String,
}

/// Why a notice did not arrive.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoticeError {
    /// It may work later.
    #[error("{0}")]
    Later(String),
    /// It will never work in this way.
    #[error("{0}")]
    Refused(String),
}

/// By what people are told.
#[derive(Debug)]
pub enum Channel {
    /// Mail over SMTP.
    Mail(MailChannel),
    /// A signed request.
    Webhook(WebhookChannel),
}

impl Channel {
    /// Sends a notice once.
    pub async fn send(&self, notice: &Notice, now: Timestamp) -> Result<(), NoticeError> {
        match self {
            Channel::Mail(channel) => channel.send(notice).await,
            Channel::Webhook(channel) => channel.send(notice, now).await,
        }
    }
}

impl Notice {
    /// The same with texts of bounded length on one line each, and at most twenty lines of what was done.
    #[must_use]
    pub fn bounded(mut self) -> Notice {
        let short = |text: &str| crate::text::clip(&crate::text::one_line(text), 200).into_owned();
        self.title = short(&self.title);
        self.done.truncate(20);
        self.done.iter_mut().for_each(|line| *line = short(line));
        self
    }

    /// The text for people.
    pub fn text(&self) -> String {
        let mut text =
            format!("{}\n\nSeverity: {}\nSince: {}\nWhat: {}\n", self.title, self.severity, self.at, self.target);
        if !self.done.is_empty() {
            text.push_str("\nDone already:\n");
            for line in &self.done {
                text.push_str("- ");
                text.push_str(line);
                text.push('\n');
            }
        }
        text.push_str("\nSee it: ");
        text.push_str(&self.link);
        text.push('\n');
        text
    }
}
