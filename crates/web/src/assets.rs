//! The one style sheet, inside the program, under a name that changes with its content.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use testudo_crypto::digest::sha256;

static STYLE: &str = include_str!("../assets/style.css");

static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let mut path = "/assets/".to_owned();
    for byte in sha256(STYLE.as_bytes()).iter().take(8) {
        let _ = write!(path, "{byte:02x}");
    }
    path.push_str(".css");
    path
});

/// Where the style sheet is.
pub(crate) fn stylesheet_path() -> &'static str {
    &STYLE_PATH
}

pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let known = stylesheet_path().strip_prefix("/assets/") == Some(name.as_str());
    if !known {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, STYLE).into_response()
}
