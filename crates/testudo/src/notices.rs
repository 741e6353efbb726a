//! Notices: an outbox that outlives restarts. An action puts a notice in; the leading node sends it, and tries again for
//! some hours; what became of it is `notice.sent` or `notice.failed`.
//!
//! A notice says what an incident is about, how bad it is, what was done already, and where to look. It holds nothing
//! personal: it is made of the journal's plain part.

mod about;
mod outbox;

use std::sync::{Arc, Weak};
use std::time::Duration;

use testudo_core::{Event, EventKind, IncidentId};
use testudo_crypto::random;
use testudo_export::Backoff;
use testudo_export::notice::mail::MailSettings;
use testudo_export::notice::webhook::WebhookSecrets;
use testudo_export::notice::{Channel, MailChannel, NoticeError, WebhookChannel};
use testudo_gateway::CloseSignal;
use testudo_store::{CommitError, Stored, Tx};
use tokio::sync::Notify;

use self::outbox::{Pending, Stage};
use crate::actions::{ActionError, Notice, Notices};
use crate::config::{Config, NotifyConfig, NotifyKind};
use crate::exports::TargetError;
use crate::node::Node;

/// How often the outbox is looked into when nobody says that there is something new.
const TICK: Duration = Duration::from_secs(1);
/// Attempts for one notice, and the waits between them: about two hours in all.
const ATTEMPTS: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_secs(4);
const LONGEST_WAIT: Duration = Duration::from_mins(30);
/// One attempt is over by then.
const ATTEMPT: Duration = Duration::from_mins(1);
/// The same notice asked for again within this time is the same notice.
const SAME: Duration = Duration::from_mins(10);

/// Builds all channels of a configuration once, so that mistakes are told before anything is put in force.
pub fn check(config: &Config) -> Result<(), TargetError> {
    config.notify.iter().try_for_each(|channel| build(channel).map(drop))
}

/// The channel that is configured so. Nothing is connected yet.
fn build(config: &NotifyConfig) -> Result<Channel, TargetError> {
    let name = &config.name;
    let refused = |error: &dyn std::fmt::Display| TargetError::Value { name: name.clone(), message: error.to_string() };
    let missing = |key: &str| refused(&format!("`{key}` is missing"));
    let ca_file = config.ca_file.as_deref();
    match config.kind {
        NotifyKind::Mail => {
            let credentials = match &config.credentials_file {
                Some(path) => Some(crate::exports::secret(name, path)?),
                None => None,
            };
            let settings = MailSettings {
                server: config.server.as_deref().ok_or_else(|| missing("server"))?,
                from: config.from.as_deref().ok_or_else(|| missing("from"))?,
                to: &config.to,
                credentials: credentials.as_ref(),
                ca_file,
            };
            Ok(Channel::Mail(MailChannel::new(&settings).map_err(|error| refused(&error))?))
        }
        NotifyKind::Webhook => {
            let path = config.secret_file.as_ref().ok_or_else(|| missing("secret-file"))?;
            let secret = crate::exports::secret(name, path)?;
            let secrets = WebhookSecrets::parse(secret.expose()).map_err(|error| refused(&error))?;
            let url = config.url.as_deref().ok_or_else(|| missing("url"))?;
            let channel = WebhookChannel::new(url, ca_file, secrets);
            let wire = |source| TargetError::Wire { name: name.clone(), source };
            Ok(Channel::Webhook(channel.map_err(wire)?))
        }
    }
}

/// The outbox, as actions see it.
pub struct Outbox {
    node: Weak<Node>,
    added: Arc<Notify>,
}

impl Outbox {
    /// Of a node, and what follows it until `stop` fires.
    pub fn start(node: &Arc<Node>, stop: CloseSignal) -> Outbox {
        let added = Arc::new(Notify::new());
        tokio::spawn(follow(Arc::clone(node), Arc::clone(&added), stop));
        Outbox { node: Arc::downgrade(node), added }
    }
}

impl Notices for Outbox {
    fn notify<'a>(&'a self, channel: &'a str, incident: IncidentId) -> Notice<'a> {
        Box::pin(async move {
            let node = self.node.upgrade().ok_or_else(|| ActionError::Unavailable("the server is stopping".into()))?;
            if !node.config().notify.iter().any(|known| known.name == channel) {
                return Err(ActionError::NotFound("channel"));
            }
            put(&node, channel, incident).await?;
            self.added.notify_one();
            Ok(())
        })
    }
}

/// Puts a notice into the outbox, unless it is there or was sent a moment ago.
async fn put(node: &Node, channel: &str, incident: IncidentId) -> Result<(), ActionError> {
    let unavailable = |error: &dyn std::fmt::Display| ActionError::Unavailable(error.to_string());
    let now = node.clock.now();
    let key = Pending::key(channel, incident);
    let before = node.store.get::<Pending>(key.as_str()).await.map_err(|error| unavailable(&error))?;
    let mut tx = Tx::new();
    match before {
        Some(Stored { document, .. }) if document.stage == Stage::Waiting || now.since(document.asked) < SAME => {
            return Ok(());
        }
        Some(Stored { document, version }) => {
            tx.update(&Pending { asked: now, due: now, attempts: 0, stage: Stage::Waiting, ..document }, version);
        }
        None => {
            tx.insert(&Pending::new(channel, incident, now));
        }
    }
    match node.store.commit(tx).await {
        // Somebody else put the same one in.
        Ok(_) | Err(CommitError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Sends what is in the outbox until `stop` fires.
async fn follow(node: Arc<Node>, added: Arc<Notify>, stop: CloseSignal) {
    loop {
        tokio::select! {
            () = stop.closed() => return,
            () = added.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
        if node.config().notify.is_empty() || !node.store.leads() {
            continue;
        }
        let work = async {
            if let Err(error) = send_due(&node).await {
                tracing::warn!(error, "the outbox of notices can't be looked into; it is tried again");
            }
        };
        tokio::select! { () = work => {}, () = stop.closed() => return }
    }
}

/// Sends all that is due, at the same time, so that one channel that hangs stops no other.
async fn send_due(node: &Arc<Node>) -> Result<(), String> {
    let page = node.store.list::<Pending>(None, 200, Some(Stage::Waiting.number()), false).await;
    let page = page.map_err(|error| error.to_string())?;
    let now = node.clock.now();
    let mut sending = tokio::task::JoinSet::new();
    for stored in page.items.into_iter().filter(|stored| stored.document.due <= now) {
        let Some(claimed) = claim(node, stored).await? else { continue };
        sending.spawn(attempt(Arc::clone(node), claimed));
    }
    while sending.join_next().await.is_some() {}
    Ok(())
}

/// Notes the attempt before it is made, so that a crash in the middle of it counts too.
async fn claim(node: &Node, stored: Stored<Pending>) -> Result<Option<Stored<Pending>>, String> {
    let Stored { mut document, version } = stored;
    document.attempts += 1;
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    let mut wait = FIRST_WAIT;
    for _ in 0..document.attempts {
        wait = backoff.failed(u64::from_be_bytes(random::array()));
    }
    document.due = node.clock.now().plus(wait);
    let mut tx = Tx::new();
    tx.update(&document, version);
    match node.store.commit(tx).await {
        Ok(_) => Ok(Some(Stored { document, version: version + 1 })),
        Err(CommitError::Conflict { .. }) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

async fn attempt(node: Arc<Node>, claimed: Stored<Pending>) {
    let pending = &claimed.document;
    let sent = tokio::time::timeout(ATTEMPT, send(&node, pending)).await;
    let sent = sent.unwrap_or_else(|_| Err(NoticeError::Later("it took longer than a minute".into())));
    let event = |kind| {
        Event::new(kind, node.clock.now())
            .on(pending.incident.to_string())
            .detail("channel", &*pending.channel)
            .detail("attempts", pending.attempts.to_string())
    };
    let (stage, event) = match sent {
        Ok(()) => (Stage::Sent, event(EventKind::NoticeSent)),
        Err(NoticeError::Later(cause)) if pending.attempts < ATTEMPTS => {
            tracing::warn!(channel = pending.channel, cause, "a notice could not be sent; it is tried again");
            return;
        }
        Err(NoticeError::Later(cause) | NoticeError::Refused(cause)) => {
            tracing::error!(channel = pending.channel, cause, "a notice could not be sent, and is given up");
            let failed = event(EventKind::NoticeFailed).failed(testudo_core::Control::Audit, "notice-failed");
            (Stage::Failed, failed.detail("cause", cause))
        }
    };
    let mut tx = Tx::new();
    tx.update(&Pending { stage, ..pending.clone() }, claimed.version).event(event);
    if let Err(error) = node.store.commit(tx).await {
        tracing::warn!(%error, "what became of a notice could not be written down; it may be sent again");
    }
}

async fn send(node: &Node, pending: &Pending) -> Result<(), NoticeError> {
    let config = node.config();
    let channel = config.notify.iter().find(|channel| channel.name == pending.channel);
    let channel = channel.ok_or_else(|| NoticeError::Refused("the channel is not configured any more".into()))?;
    let channel = build(channel).map_err(|error| NoticeError::Later(error.to_string()))?;
    let notice = about::incident(node, pending).await.map_err(|error| NoticeError::Later(error.to_string()))?;
    channel.send(&notice.bounded(), node.clock.now()).await
}

#[cfg(test)]
mod tests;
