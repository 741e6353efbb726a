//! Reading what administrators send: ids in the path, strict JSON, strict queries.

use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;

use crate::Problem;

const LONGEST: usize = 64 * 1024;

/// One id in the path.
pub(super) struct Id<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr<Err = testudo_core::IdError> + Send> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id<T>, Problem> {
        let Path(texts): Path<Vec<(String, String)>> =
            Path::from_request_parts(parts, state).await.map_err(|_| Problem::malformed("the path is malformed"))?;
        let text = texts.first().map(|(_, text)| text.as_str()).unwrap_or_default();
        text.parse().map(Id).map_err(|error: testudo_core::IdError| Problem::malformed(error.to_string()))
    }
}

/// A JSON body: the right content type, at most 64 KiB, no member twice, none unknown.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Body<T>, Problem> {
        Body::within(request, LONGEST).await
    }
}

impl<T: DeserializeOwned> Body<T> {
    /// A body of at most so many bytes.
    pub(super) async fn within(request: Request, longest: usize) -> Result<Body<T>, Problem> {
        read(request, longest).await?.ok_or_else(|| Problem::malformed("the body is empty; send JSON")).map(Body)
    }
}

impl<T: DeserializeOwned + Default> Body<T> {
    /// A body that may be left out.
    pub(super) async fn optional(request: Request, longest: usize) -> Result<Body<T>, Problem> {
        Ok(Body(read(request, longest).await?.unwrap_or_default()))
    }
}

/// Reads strict JSON; nothing when there is no body at all.
async fn read<T: DeserializeOwned>(request: Request, longest: usize) -> Result<Option<T>, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = Limited::new(body, longest)
        .collect()
        .await
        .map_err(|_| Problem::new(413, "too-large", format!("the body is longer than {longest} bytes, or broke off")))?
        .to_bytes();
    let media = parts.headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok());
    if bytes.is_empty() && media.is_none() {
        return Ok(None);
    }
    let media = media.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(415, "unsupported-media-type", "send `application/json`"));
    }
    let value = testudo_crypto::jose::json::parse_strict(&bytes)
        .map_err(|error| Problem::malformed(format!("the body is not strict JSON: {error}")))?;
    serde_json::from_value(value)
        .map(Some)
        .map_err(|error| Problem::malformed(format!("the body does not fit: {error}")))
}

/// The query's parameters; none twice, none unknown.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query<T>, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Query(value))
            .map_err(|error| Problem::malformed(format!("the query does not fit: {error}")))
    }
}
