//! What the head of a request says (`ModSecurity` v3, `Transaction::processURI` and `addRequestHeader`).

use testudo_body::form;

use super::json;
use super::lanes::{Place, place};
use super::state::State;
use crate::ruleset::RuleSet;
use crate::ruleset::view::Lane;
use crate::seclang::{Processor, Variable};

/// The first line of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestLine<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The target as sent.
    pub target: &'a [u8],
    /// The protocol, such as `HTTP/1.1`.
    pub protocol: &'a [u8],
    /// The line as it came, where it came as a line.
    pub raw: Option<&'a [u8]>,
}

impl State {
    /// Takes the request line, with the arguments of its query.
    pub(super) fn request_line(&mut self, set: &RuleSet, line: &RequestLine<'_>) {
        self.set(Variable::RequestMethod, line.method);
        self.set(Variable::RequestUriRaw, line.target);
        self.set(Variable::RequestProtocol, line.protocol);
        match line.raw {
            Some(raw) => self.set(Variable::RequestLine, raw),
            None => self.set(Variable::RequestLine, &[line.method, line.target, line.protocol].join(&b' ')),
        }
        let target = until(line.target, b'#');
        let (path, query) = match target.iter().position(|byte| *byte == b'?') {
            Some(at) => (target.get(..at).unwrap_or_default(), target.get(at + 1..)),
            None => (target, None),
        };
        let name = unescape(path);
        self.set(Variable::RequestFilename, &name);
        let last = name.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
        if !last.is_empty() && last.len() < name.len() {
            self.set(Variable::RequestBasename, last);
        }
        self.set(Variable::RequestUri, without_authority(&unescape(target)));
        if let Some(query) = query {
            self.set(Variable::QueryString, query);
            self.arguments(set, Variable::ArgsGet, query);
        }
        self.set_number(Variable::ArgsCombinedSize, self.arguments_size);
    }

    /// Adds the arguments of a form or query.
    pub(super) fn arguments(&mut self, set: &RuleSet, variable: Variable, text: &[u8]) {
        let limits = form::Limits { total: u64::MAX, fields: usize::MAX, name: usize::MAX, value: usize::MAX };
        let separator = form::Separators::Only(set.settings.separator);
        let mut invalid = 0;
        let mut give = |field: &form::Field<'_>| {
            let (name, value) = (field.name.decode(), field.value.decode());
            invalid += name.invalid + value.invalid;
            self.argument(set, variable, &name.bytes, &value.bytes, place(field.value.span));
            Ok::<(), std::convert::Infallible>(())
        };
        // Without limits, nothing refuses.
        let _ = form::Reader::new(limits).separators(separator).read(text, &mut give);
        if invalid > 0 {
            self.set(Variable::UrlencodedError, b"1");
        }
    }

    /// Adds an argument, unless there are too many; says whether it was added.
    pub(super) fn argument(
        &mut self,
        set: &RuleSet,
        variable: Variable,
        name: &[u8],
        value: &[u8],
        place: Option<Place>,
    ) -> bool {
        if self.arguments >= set.settings.arguments {
            return false;
        }
        self.arguments += 1;
        self.arguments_size += name.len() + value.len();
        self.add_at(set, Lane::of(variable), name, value, place);
        if self.json_in_arguments {
            json::read_within(self, set, variable, name, value);
        }
        true
    }

    /// Takes a header.
    pub(super) fn request_header(&mut self, set: &RuleSet, name: &[u8], value: &[u8]) {
        self.add(set, Lane::of(Variable::RequestHeaders), name, value);
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("cookie") {
            self.cookies(set, value);
        } else if is("content-type") {
            self.content_type(value);
        } else if is("host") {
            let host = until(value, b':');
            self.set(Variable::ServerName, if value.starts_with(b"[") { value } else { host });
        } else if is("authorization") {
            self.authorization(value);
        }
    }

    fn cookies(&mut self, set: &RuleSet, value: &[u8]) {
        for pair in value.trim_ascii_end().split(|byte| *byte == b';') {
            let pair = pair.trim_ascii_start();
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = match at {
                Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
                None => (pair, &[] as &[u8]),
            };
            if !name.is_empty() {
                self.add(set, Lane::of(Variable::RequestCookies), name, value);
                if self.json_in_arguments {
                    let text = unescape(value);
                    json::read_within(self, set, Variable::RequestCookies, name, &text);
                }
            }
        }
    }

    /// Chooses the reader of the body.
    fn content_type(&mut self, value: &[u8]) {
        let begins =
            |known: &str| value.get(..known.len()).is_some_and(|head| head.eq_ignore_ascii_case(known.as_bytes()));
        let processor = if begins("multipart/form-data") {
            Processor::Multipart
        } else if begins("application/x-www-form-urlencoded") {
            Processor::UrlEncoded
        } else {
            return;
        };
        self.processor = Some(processor);
        self.set(Variable::ReqbodyProcessor, processor.name().as_bytes());
    }

    fn authorization(&mut self, value: &[u8]) {
        let scheme = until(value, b' ');
        self.set(Variable::AuthType, scheme);
        if scheme.eq_ignore_ascii_case(b"basic") {
            let token = value.get(scheme.len()..).unwrap_or_default().trim_ascii();
            if let Ok(pair) = data_encoding::BASE64.decode(token) {
                self.set(Variable::RemoteUser, until(&pair, b':'));
            }
        }
    }
}

/// The bytes before the first of these.
pub(super) fn until(text: &[u8], byte: u8) -> &[u8] {
    text.split(|other| *other == byte).next().unwrap_or_default()
}

/// Resolves percent escapes; what is malformed stays.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if let (b'%', [high, low, behind @ ..]) = (byte, after)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            out.push(high << 4 | low);
            rest = behind;
        } else {
            out.push(*byte);
        }
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The path of a target that names scheme and authority.
fn without_authority(target: &[u8]) -> &[u8] {
    if target.starts_with(b"/") {
        return target;
    }
    let Some(colon) = target.iter().position(|byte| *byte == b':') else { return target };
    let Some(rest) = target.get(colon + 1..).and_then(|rest| rest.strip_prefix(b"//")) else { return target };
    match rest.iter().position(|byte| *byte == b'/') {
        Some(path) => rest.get(path..).unwrap_or_default(),
        None => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        assert_eq!(without_authority(b"http://a/b?c"), b"/b?c");
        assert_eq!(without_authority(b"http://a"), b"http://a");
        assert_eq!(without_authority(b"a/b"), b"a/b");
        assert_eq!(unescape(b"/a%2Fb%2+%zz"), b"/a/b%2+%zz");
    }
}
