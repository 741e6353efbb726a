//! Cross-site scripting, seen from what a browser would make of a value: `@detectXSS`.
//!
//! A value is read as HTML in up to five ways: as it stands, and as what follows an attribute's name within a tag, or
//! its value's open quote of three kinds. Elements and attributes that run scripts, and other ways to smuggle them, are
//! a finding.
//!
//! The method and the lists of names are libinjection's (version 85e252a), and so are the answers, but for one byte:
//! 0xFF ends its reading of a tag where C's characters are signed. Here it is a byte like others.

mod html;
mod names;
mod url;

pub use html::{Context, Html, Kind, Token};
use names::Attribute;

/// Whether the value runs a script in some place of a page.
pub fn detect(input: &[u8]) -> bool {
    // Without a tag and without an attribute's value there is nothing to run.
    let Some(first) = memchr::memchr2(b'<', b'=', input) else { return false };
    let tags = input.get(first..).is_some_and(|rest| memchr::memchr(b'<', rest).is_some());
    let within = |quote, context| memchr::memchr(quote, input).is_some() && runs(input, context);
    tags && runs(input, Context::Text)
        || runs(input, Context::Tag)
        || within(b'\'', Context::SingleQuoted)
        || within(b'"', Context::DoubleQuoted)
        || within(b'`', Context::BackQuoted)
}

fn runs(input: &[u8], context: Context) -> bool {
    let mut attribute = None;
    for token in Html::new(input, context) {
        let named = attribute.take();
        let found = match token.kind {
            Kind::Doctype => true,
            Kind::TagOpen => names::is_dangerous_tag(token.text),
            Kind::AttributeName => {
                attribute = names::attribute(token.text);
                false
            }
            Kind::AttributeValue => named.is_some_and(|attribute| is_dangerous_value(attribute, token.text)),
            Kind::Comment => is_dangerous_comment(token.text),
            Kind::Text | Kind::TagNameEnd | Kind::TagSelfClose | Kind::TagClose => false,
        };
        if found {
            return true;
        }
    }
    false
}

fn is_dangerous_value(attribute: Attribute, value: &[u8]) -> bool {
    match attribute {
        Attribute::Always => true,
        Attribute::Url => url::is_dangerous(value),
        Attribute::NamesAnother => names::attribute(value).is_some(),
    }
}

/// Old browsers end comments at a tick, and run conditional ones, `<?import`, `<?xml` and entities.
fn is_dangerous_comment(text: &[u8]) -> bool {
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    memchr::memchr(b'`', text).is_some()
        || text.len() > 3 && (begins(b"[if") || begins(b"xml"))
        || begins(b"import")
        || begins(b"entity")
}

#[cfg(test)]
mod tests;
