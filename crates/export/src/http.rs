//! Requests to a URL that the operator named: HTTP/1.1 on one connection that is kept, no redirects, no proxies, bounded
//! answers, a limit of time on everything.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use testudo_core::Secret;
use url::Url;

use crate::wire::{Place, WireError, is_loopback};

/// From the request to the end of its answer.
const ANSWER: Duration = Duration::from_secs(30);
const HELP: &str = "write `https://host/path` (`http://` on loopback only), without a user name in it";

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// There is no connection.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// It broke, or took too long.
    #[error("`{host}`: {cause}")]
    Broken {
        /// Where.
        host: String,
        /// Why.
        cause: String,
    },
}

/// An answer.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// The body; cut where it was too long for us.
    pub body: Bytes,
}

/// Sends to one URL.
pub struct HttpSender {
    url: Url,
    place: Place,
    authorization: Option<HeaderValue>,
    most: usize,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl HttpSender {
    /// To this URL: `https`, or `http` on loopback. `authorization` is the whole value of that header; of an answer at
    /// most `most` bytes are read.
    pub fn new(
        url: &str,
        ca_file: Option<&Path>,
        authorization: Option<&Secret<String>>,
        most: usize,
    ) -> Result<HttpSender, WireError> {
        let (parsed, place) = Place::parse(url, [("http", Some(80)), ("https", Some(443))], ca_file, HELP)?;
        let refused = |help| WireError::Address { address: parsed.as_str().to_owned(), help };
        if !place.is_secure() && !is_loopback(&parsed) {
            return Err(refused("use `https`: without it everybody on the way reads along (`http` is for loopback)"));
        }
        let authorization = authorization
            .map(|value| {
                let mut value = HeaderValue::from_str(value.expose().trim())
                    .map_err(|_| refused("the authorization file holds one line, such as `ApiKey …` or `Bearer …`"))?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        Ok(HttpSender { url: parsed, place, authorization, most, connection: None })
    }

    /// Posts a body.
    pub async fn post(
        &mut self,
        media_type: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<HttpAnswer, HttpError> {
        let request = self.request(media_type, headers, body)?;
        let answer = tokio::time::timeout(ANSWER, self.send(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(self.broken(&format!("no answer within {} s", ANSWER.as_secs()))));
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    fn request(
        &self,
        media_type: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, HttpError> {
        let path = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        let mut host = self.url.host_str().unwrap_or_default().to_owned();
        if let Some(port) = self.url.port() {
            host = format!("{host}:{port}");
        }
        let mut request = Request::post(path)
            .header(HOST, host)
            .header(CONTENT_TYPE, media_type)
            .header(USER_AGENT, concat!("testudo/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|error| self.broken(&error))?;
        let all = request.headers_mut();
        if let Some(value) = &self.authorization {
            all.insert(AUTHORIZATION, value.clone());
        }
        for (name, value) in headers {
            all.insert(name.clone(), value.clone());
        }
        Ok(request)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<HttpAnswer, HttpError> {
        // One that the server closed meanwhile is replaced; what fails after it was chosen is a failure.
        let mut kept = self.connection.take();
        if let Some(sender) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let answer = sender.send_request(request).await.map_err(|error| self.broken(&error))?;
        let (head, body) = answer.into_parts();
        let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let whole = Limited::new(body, self.most).collect().await;
        let body = match whole {
            Ok(body) => {
                self.connection = Some(sender);
                body.to_bytes()
            }
            // The status tells enough of an answer that is too long or broke off.
            Err(_) if !head.status.is_success() => Bytes::new(),
            Err(error) => return Err(self.broken(&error)),
        };
        Ok(HttpAnswer { status: head.status, retry_after: retry_after.map(Duration::from_secs), body })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, HttpError> {
        let stream = self.place.connect().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(&error))?;
        tokio::spawn(async move {
            // Whoever waits for an answer hears of it.
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn broken(&self, cause: &dyn std::fmt::Display) -> HttpError {
        HttpError::Broken { host: self.url.host_str().unwrap_or_default().to_owned(), cause: cause.to_string() }
    }
}

impl std::fmt::Debug for HttpSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpSender").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}
