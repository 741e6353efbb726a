//! How commands reach the admin API: through the running server's socket, or, when none runs, in process over the store
//! that they open themselves. One router answers both, so that both do the same.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;
use tower::ServiceExt as _;

use crate::node::Node;

/// The largest answer that a command reads.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// The admin API as commands see it.
pub enum Client {
    /// A server runs.
    Running(hyper::client::conn::http1::SendRequest<Body>),
    /// None runs.
    Offline {
        /// The admin API.
        router: Box<Router>,
        /// What it is about.
        node: Arc<Node>,
    },
}

/// What the admin API answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body; null when there is none.
    pub body: Value,
}

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection broke.
    #[error("the running server does not answer on its socket: {0}")]
    Transport(String),
    /// The answer is too long or no JSON.
    #[error("the answer of the server can't be read: {0}")]
    Answer(String),
    /// The server refused.
    #[error("{title}{detail}")]
    Refused {
        /// What.
        title: String,
        /// Why, and what to do.
        detail: String,
        /// The status.
        status: StatusCode,
    },
}

impl Client {
    /// Connects to the server that holds the data folder; none when no server runs.
    pub async fn connect(socket: &Path) -> Option<Client> {
        let stream = UnixStream::connect(socket).await.ok()?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(Client::Running(sender))
    }

    /// Another one like it, for calls at the same time; none when the server has gone.
    pub async fn another(&self, socket: &Path) -> Option<Client> {
        match self {
            Client::Running(_) => Client::connect(socket).await,
            Client::Offline { router, node } => {
                Some(Client::Offline { router: router.clone(), node: Arc::clone(node) })
            }
        }
    }

    /// Whether a server runs.
    pub fn is_running(&self) -> bool {
        matches!(self, Client::Running(_))
    }

    /// Ends it: a store that was opened for a command is closed in order.
    pub async fn close(self) {
        if let Client::Offline { node, .. } = self
            && let Err(error) = node.store.close().await
        {
            tracing::warn!(%error, "the store was not closed in order");
        }
    }

    /// Asks, and takes what was refused as an error.
    pub async fn call<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, ClientError> {
        let answer = self.send(method, path, body).await?;
        if !answer.status.is_success() {
            let text = |name: &str| answer.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let title = match text("title") {
                title if title.is_empty() => answer.status.to_string(),
                title => title,
            };
            let detail = match text("detail") {
                detail if detail.is_empty() => String::new(),
                detail => format!(": {detail}"),
            };
            return Err(ClientError::Refused { title, detail, status: answer.status });
        }
        serde_json::from_value(answer.body).map_err(|error| ClientError::Answer(error.to_string()))
    }

    /// Asks.
    pub async fn send(&mut self, method: Method, path: &str, body: Option<Value>) -> Result<Answer, ClientError> {
        let transport = |error: &dyn std::fmt::Display| ClientError::Transport(error.to_string());
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        let body = match body {
            None => Body::empty(),
            Some(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(value.to_string())
            }
        };
        let request = request.body(body).map_err(|error| transport(&error))?;
        let (status, body) = match self {
            Client::Running(sender) => {
                sender.ready().await.map_err(|error| transport(&error))?;
                let (head, body) = sender.send_request(request).await.map_err(|error| transport(&error))?.into_parts();
                (head.status, Body::new(body))
            }
            Client::Offline { router, .. } => {
                let Ok(response) = router.clone().oneshot(request).await;
                let (head, body) = response.into_parts();
                (head.status, body)
            }
        };
        let bytes = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| transport(&error))?.to_bytes();
        let body = match bytes.as_ref() {
            b"" => Value::Null,
            bytes => serde_json::from_slice(bytes)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned())),
        };
        Ok(Answer { status, body })
    }
}
