//! Posted forms, read strictly: at most 16 KiB, `application/x-www-form-urlencoded`, at most 32 fields, no name twice.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use testudo_core::Secret;

/// The largest body.
pub(crate) const LARGEST: usize = 16 * 1024;
const MOST_FIELDS: usize = 32;

/// Why a body is no form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormError {
    /// It is too large.
    #[error("the form is too large; shorten what you entered")]
    TooLarge,
    /// It is something else.
    #[error("the request is no form; go back and use the page's button")]
    MediaType,
    /// It is not encoded as a form, has too many fields, or one of them twice.
    #[error("the form can't be read; go back, reload the page and try again")]
    Malformed,
}

impl FormError {
    pub(crate) fn status(self) -> u16 {
        match self {
            FormError::TooLarge => 413,
            FormError::MediaType => 415,
            FormError::Malformed => 400,
        }
    }
}

/// The fields of a form. Every value is kept as a secret, because some are.
pub struct Form(Vec<(String, Secret<String>)>);

impl Form {
    /// Reads a body of at most so many bytes.
    pub(crate) async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Form, FormError> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(FormError::MediaType);
        }
        let body = http_body_util::Limited::new(body, most);
        match http_body_util::BodyExt::collect(body).await {
            Ok(collected) => Form::parse(&collected.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(FormError::TooLarge),
            Err(_) => Err(FormError::Malformed),
        }
    }

    /// Reads the fields of a body.
    ///
    /// # Errors
    /// When it is no form of ours.
    pub fn parse(bytes: &[u8]) -> Result<Form, FormError> {
        let mut fields: Vec<(String, Secret<String>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            // The parser puts U+FFFD where the text was not UTF-8; a password must be what was typed or nothing.
            if value.contains('\u{fffd}') || name.contains('\u{fffd}') || fields.len() == MOST_FIELDS {
                return Err(FormError::Malformed);
            }
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(FormError::Malformed);
            }
            fields.push((name.into_owned(), Secret::new(value.into_owned())));
        }
        Ok(Form(fields))
    }

    /// A field's text; empty when it was not sent.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.expose().as_str())
    }

    /// A field as a secret.
    pub fn secret(&self, name: &str) -> Secret<String> {
        Secret::new(self.text(name).to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn fields_are_decoded() {
        let form = Form::parse(b"username=ada%40example.com&password=a+b%2B%C3%A4").unwrap();
        assert_eq!(form.text("username"), "ada@example.com");
        assert_eq!(form.secret("password").expose(), "a b+ä");
        assert_eq!(form.text("missing"), "");
    }

    #[test]
    fn odd_forms_are_refused() {
        assert!(matches!(Form::parse(b"a=1&a=2"), Err(FormError::Malformed)));
        assert!(matches!(Form::parse(b"a=%ff"), Err(FormError::Malformed)));
        let many = (0..33).map(|n| format!("f{n}=1")).collect::<Vec<_>>().join("&");
        assert!(matches!(Form::parse(many.as_bytes()), Err(FormError::Malformed)));
    }
}
