//! A front end as strict as the gateway: it turns bytes into a request, and says what it would refuse after the engine
//! has seen it.

use super::suite::Input;

/// A request as the engine is given it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    pub protocol: Vec<u8>,
    pub line: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// The bytes of a test's request, as its own runner would send them.
pub fn bytes(input: &Input) -> Vec<u8> {
    if let Some(encoded) = &input.encoded_request {
        let encoded: String = encoded.split_whitespace().collect();
        return data_encoding::BASE64.decode(encoded.as_bytes()).unwrap();
    }
    let data = input.data.as_deref().unwrap_or_default().as_bytes();
    let mut out = format!("{} {} {}\r\n", input.method, input.uri, input.version).into_bytes();
    for (name, value) in &input.headers.0 {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    let has = |name: &str| input.headers.0.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if input.autocomplete_headers {
        if !data.is_empty() && !has("content-type") {
            out.extend_from_slice(b"Content-Type: application/x-www-form-urlencoded\r\n");
        }
        let may_have_body = ["POST", "PUT", "PATCH"].contains(&input.method.as_str());
        if (!data.is_empty() || may_have_body) && !has("content-length") {
            out.extend_from_slice(format!("Content-Length: {}\r\n", data.len()).as_bytes());
        }
        if !has("connection") {
            out.extend_from_slice(b"Connection: close\r\n");
        }
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(data);
    out
}

impl Request {
    /// Reads the head line by line, and takes the rest as the body.
    pub fn parse(bytes: &[u8]) -> Request {
        let mut request = Request::default();
        let mut rest = bytes;
        let mut first = true;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..at];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            rest = &rest[at + 1..];
            if first {
                request.first(line);
                first = false;
            } else if line.is_empty() {
                break;
            } else {
                let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
                let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
                request.headers.push((line[..colon].to_vec(), value.to_vec()));
            }
        }
        request.body = if request.is_chunked() { unchunk(rest) } else { rest.to_vec() };
        if !request.is_chunked() {
            let length = request.header("content-length").and_then(|text| text.parse::<usize>().ok());
            request.body.truncate(length.unwrap_or(0));
        }
        request
    }

    /// Method, target and protocol; what lies between is all of the target.
    fn first(&mut self, line: &[u8]) {
        self.line = line.to_vec();
        let text = line;
        let start = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
        let end = text.iter().rposition(|byte| *byte == b' ').unwrap_or(text.len());
        self.method = text[..start].to_vec();
        if start < end {
            self.target = text[start + 1..end].to_vec();
            self.protocol = text[end + 1..].to_vec();
            if self.protocol.is_empty() {
                self.protocol = b"HTTP/0.9".to_vec();
            }
        } else {
            self.target = text.get(start + 1..).unwrap_or_default().to_vec();
        }
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// Whether a strict parser refuses it (RFC 9112, RFC 3986), once the engine has seen it.
    pub fn is_refused(&self) -> bool {
        let token = |text: &[u8]| {
            !text.is_empty()
                && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
        };
        let target = match self.target.first() {
            Some(b'/') => self.target.iter().all(|byte| byte.is_ascii_graphic() && !b"#\\".contains(byte)),
            Some(b'*') => self.target.len() == 1 && self.method == b"OPTIONS",
            _ if self.method == b"CONNECT" => self.target.contains(&b':'),
            _ => self.target.starts_with(b"http://") || self.target.starts_with(b"https://"),
        };
        let protocol = self.protocol == b"HTTP/1.1" || self.protocol == b"HTTP/1.0";
        let hosts: Vec<&Vec<u8>> = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(b"host"))
            .map(|(_, value)| value)
            .collect();
        let host = match hosts.as_slice() {
            [] => self.protocol == b"HTTP/1.0",
            [host] => {
                !host.is_empty() && host.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte))
            }
            _ => false,
        };
        let clean = |value: &[u8]| !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'));
        let headers = self.headers.iter().all(|(name, value)| token(name) && clean(value));
        let digits = |text: String| text.bytes().all(|byte| byte.is_ascii_digit());
        let length = self.header("content-length").is_none_or(digits);
        let framing = length && !(self.is_chunked() && self.header("content-length").is_some());
        !(token(&self.method) && target && protocol && host && headers && framing)
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..at]);
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else { break };
        let data = rest.get(at + 2..).unwrap_or_default();
        if size == 0 || data.len() < size {
            break;
        }
        body.extend_from_slice(&data[..size]);
        rest = data.get(size + 2..).unwrap_or_default();
    }
    body
}
