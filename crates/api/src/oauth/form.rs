//! Reading a form body: the right content type, at most 16 KiB, UTF-8.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::answer::refuse;

/// No form of ours is longer.
const LONGEST: usize = 16 * 1024;

/// The body of a form, or the answer that says why not.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<String, Box<Response>> {
    if !is_form(headers) {
        let text = "send the parameters as `application/x-www-form-urlencoded`";
        return Err(Box::new(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)));
    }
    let bytes = match Limited::new(body, LONGEST).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Box::new(refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 16 KiB; send less")));
        }
        Err(_) => return Err(Box::new(refuse(StatusCode::BAD_REQUEST, "the body broke off; send it again"))),
    };
    String::from_utf8(bytes.into())
        .map_err(|_| Box::new(refuse(StatusCode::BAD_REQUEST, "the body is not UTF-8; encode it as a form does")))
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(first), None) = (types.next(), types.next()) else {
        return false;
    };
    let Ok(text) = first.to_str() else {
        return false;
    };
    let (media, parameters) = text.split_once(';').unwrap_or((text, ""));
    let parameters = parameters.trim();
    media.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && (parameters.is_empty() || parameters.eq_ignore_ascii_case("charset=utf-8"))
}
