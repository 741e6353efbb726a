//! HTTP/1.1 over TLS, raw enough to say anything, and a browser and an OAuth client on top of it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use testudo_crypto::{digest, random};

use super::Server;

/// Where codes go; nobody listens there.
pub const REDIRECT: &str = "http://127.0.0.1:9/callback";
/// The second level of authentication.
pub const ACR_2: &str = "urn:testudo:acr:2";

/// A connection through TLS.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The status and the code of a problem document or an OAuth error.
    pub fn refusal(&self) -> (u16, String) {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let code = body.get("code").or_else(|| body.get("error")).and_then(Value::as_str).unwrap_or_default();
        (self.status, code.to_owned())
    }
}

/// Reads one whole answer of a connection that stays open.
pub fn read_reply(stream: &mut impl Read) -> Reply {
    let mut head = Vec::new();
    let mut byte = [0_u8];
    while !head.ends_with(b"\r\n\r\n") {
        stream
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head)));
        head.push(byte[0]);
    }
    let mut reply = parse_head(&head);
    if let Some(length) = reply.header("content-length") {
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        reply.body = body;
    }
    reply
}

/// Reads the head of an answer, and leaves the rest.
pub fn read_head(stream: &mut impl Read) -> Reply {
    let mut head = Vec::new();
    let mut byte = [0_u8];
    while !head.ends_with(b"\r\n\r\n") {
        stream
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head)));
        head.push(byte[0]);
    }
    parse_head(&head)
}

fn parse_head(head: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    Reply { status, headers: lines.filter_map(header).collect(), body: Vec::new() }
}

/// Reads everything until the peer closes, and takes it for one answer.
fn read_last(stream: &mut impl Read) -> Reply {
    let mut bytes = Vec::new();
    // A peer that closes without a word of TLS is one that has closed.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&bytes))) + 4;
    let mut reply = parse_head(&bytes[..end]);
    let body = &bytes[end..];
    reply.body = if reply.header("transfer-encoding").is_some() { unchunk(body) } else { body.to_vec() };
    reply
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 || rest.len() < line + 4 + size {
            break;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
    body
}

/// Trusts the server's own CA.
pub struct Http(Arc<ClientConfig>);

impl Http {
    /// With this CA.
    pub fn new(ca: &Path) -> Http {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Http(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }

    /// A connection after its handshake.
    pub fn open(&self, to: SocketAddr) -> Tls {
        self.try_open(to).unwrap()
    }

    /// The same, where the handshake may fail.
    pub fn try_open(&self, to: SocketAddr) -> std::io::Result<Tls> {
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        let mut tcp = TcpStream::connect(to)?;
        tcp.set_read_timeout(Some(Duration::from_mins(1)))?;
        tcp.set_nodelay(true)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        Ok(StreamOwned::new(connection, tcp))
    }

    /// One request on a connection of its own.
    pub fn send(&self, to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut stream = self.open(to);
        stream.write_all(&request(to, method, path, headers, body, true)).unwrap();
        stream.flush().unwrap();
        read_last(&mut stream)
    }
}

/// The bytes of a request.
pub fn request(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8], last: bool) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\n", to.port());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" || method == "PUT" {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str(if last { "Connection: close\r\n\r\n" } else { "\r\n" });
    [text.as_bytes(), body].concat()
}

/// Encodes a form or a query.
pub fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Somebody who signs in.
#[derive(Clone)]
pub struct Person {
    pub username: String,
    pub password: String,
    pub totp: Option<Totp>,
}

impl Person {
    /// Without a second factor yet.
    pub fn new(username: &str, password: &str) -> Person {
        Person { username: username.into(), password: password.into(), totp: None }
    }
}

/// An authenticator app (RFC 6238).
#[derive(Clone)]
pub struct Totp {
    secret: Vec<u8>,
    next: u64,
}

impl Totp {
    /// Over a secret as the page shows it.
    pub fn new(shown: &str) -> Totp {
        let text: String = shown.chars().filter(|c| !c.is_whitespace()).collect();
        Totp { secret: data_encoding::BASE32_NOPAD.decode(text.as_bytes()).unwrap(), next: 0 }
    }

    /// A code that was not used yet. Three steps are open at a time; a fourth code waits for its time.
    pub fn code(&mut self) -> String {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30;
        let step = self.next.max(now() - 1);
        while step > now() + 1 {
            std::thread::sleep(Duration::from_millis(200));
        }
        self.next = step + 1;
        let mac = digest::hmac_sha1(&self.secret, &step.to_be_bytes());
        let at = usize::from(mac[19] & 15);
        let number = u32::from_be_bytes([mac[at] & 0x7f, mac[at + 1], mac[at + 2], mac[at + 3]]);
        format!("{:06}", number % 1_000_000)
    }
}

/// What a code was exchanged for.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: String,
    pub refresh: Option<String>,
    pub lifetime: u64,
}

impl Tokens {
    /// The value of the Authorization header.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.access)
    }
}

/// A browser as far as forms need one. It keeps cookies for one host, whatever the port.
pub struct Browser<'a> {
    server: &'a Server,
    http: Http,
    cookies: BTreeMap<String, String>,
    address: Option<String>,
    agent: Option<String>,
}

impl<'a> Browser<'a> {
    /// Without cookies.
    pub fn new(server: &'a Server) -> Browser<'a> {
        Browser { server, http: Http::new(&server.ca()), cookies: BTreeMap::new(), address: None, agent: None }
    }

    /// The same from another address, for a server that trusts loopback as a proxy.
    #[must_use]
    pub fn from(mut self, address: &str) -> Browser<'a> {
        self.address = Some(address.to_owned());
        self
    }

    /// The same under another name of the program.
    #[must_use]
    pub fn called(mut self, agent: &str) -> Browser<'a> {
        self.agent = Some(agent.to_owned());
        self
    }

    /// Its cookies, as it sends them.
    pub fn cookies(&self) -> String {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    }

    fn send(&mut self, to: SocketAddr, method: &str, path: &str, body: Option<&str>) -> Reply {
        let cookies = self.cookies();
        let mut headers = vec![("Accept", "text/html")];
        if !cookies.is_empty() {
            headers.push(("Cookie", &cookies));
        }
        headers.extend(self.address.as_deref().map(|address| ("X-Forwarded-For", address)));
        headers.extend(self.agent.as_deref().map(|agent| ("User-Agent", agent)));
        if body.is_some() {
            headers.push(("Content-Type", "application/x-www-form-urlencoded"));
        }
        let reply = self.http.send(to, method, path, &headers, body.unwrap_or_default().as_bytes());
        for (_, value) in reply.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, rest) = value.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if value.is_empty() || rest.to_ascii_lowercase().contains("max-age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    /// Opens a page of the gateway.
    pub fn get(&mut self, path: &str) -> Reply {
        self.send(self.server.gateway, "GET", path, None)
    }

    /// Opens a page at an address.
    pub fn get_at(&mut self, to: SocketAddr, path: &str) -> Reply {
        self.send(to, "GET", path, None)
    }

    /// Fills in the form of a page, with its hidden fields, and sends it.
    pub fn submit(&mut self, path: &str, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        self.submit_at(self.server.gateway, path, page, fields)
    }

    /// The same at an address.
    pub fn submit_at(&mut self, to: SocketAddr, path: &str, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        let text = page.text();
        let mut all: Vec<(String, String)> = hidden(&text);
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let pairs: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let path = path.split('?').next().unwrap();
        self.send(to, "POST", path, Some(&form(&pairs)))
    }

    /// Adds an authenticator app to the account that is signed in.
    pub fn enrol_totp(&mut self, person: &mut Person) -> Reply {
        let page = self.get("/account/totp");
        self.confirm_totp("/account/totp", &page, person)
    }

    fn confirm_totp(&mut self, path: &str, page: &Reply, person: &mut Person) -> Reply {
        let text = page.text();
        let secret = text.split_once("Type this key: <code>").unwrap_or_else(|| panic!("no key on {path}: {text}")).1;
        let mut totp = Totp::new(secret.split_once('<').unwrap().0);
        let reply = self.submit(path, page, &[("code", &totp.code())]);
        person.totp = Some(totp);
        reply
    }

    /// Signs in through the page.
    pub fn sign_in(&mut self, person: &Person) -> Reply {
        let page = self.get("/sign-in");
        self.submit("/sign-in", &page, &[("username", &person.username), ("password", &person.password)])
    }

    /// Goes from the authorization endpoint to the redirect URI and gives its query.
    pub fn authorize(&mut self, query: &str, person: &mut Person) -> BTreeMap<String, String> {
        let start = format!("/authorize?{query}");
        let mut path = start.clone();
        let mut seen = Vec::new();
        for _ in 0..16 {
            let mut reply = self.get(&path);
            seen.push(format!("GET {path} -> {}", reply.status));
            if reply.status == 200 {
                let at = path.split('?').next().unwrap().to_owned();
                let code = |person: &mut Person| person.totp.as_mut().expect("a code is asked for").code();
                reply = match at.as_str() {
                    "/sign-in" => {
                        self.submit(&path, &reply, &[("username", &person.username), ("password", &person.password)])
                    }
                    "/sign-in/factor" => {
                        let code = code(person);
                        self.submit(&path, &reply, &[("code", &code)])
                    }
                    "/consent" => self.submit(&path, &reply, &[("approve", "yes")]),
                    "/account/totp" => {
                        let reply = self.confirm_totp(&path, &reply, person);
                        assert!(matches!(reply.status, 200 | 303), "{seen:?}: {}", reply.text());
                        // The page with recovery codes: go on from the start.
                        path.clone_from(&start);
                        continue;
                    }
                    _ => panic!("an unknown page: {seen:?}: {}", reply.text()),
                };
                seen.push(format!("POST {at} -> {}", reply.status));
            }
            assert!((300..400).contains(&reply.status), "{seen:?}: {}", reply.text());
            let location = reply.header("location").unwrap().to_owned();
            if let Some(query) = location.strip_prefix(REDIRECT) {
                return form_urlencoded::parse(query.trim_start_matches('?').as_bytes()).into_owned().collect();
            }
            location.strip_prefix(&self.server.url()).unwrap_or(&location).clone_into(&mut path);
        }
        panic!("the redirect URI was not reached: {seen:?}");
    }

    /// Code + PKCE from start to end. `more` goes to the authorization endpoint.
    pub fn tokens(&mut self, person: &mut Person, client: &str, scope: &str, more: &[(&str, &str)]) -> Tokens {
        let verifier = random::token();
        let challenge = data_encoding::BASE64URL_NOPAD.encode(&digest::sha256(verifier.expose().as_bytes()));
        let mut query = vec![
            ("client_id", client),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", scope),
            ("state", "a-state"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        query.extend_from_slice(more);
        let answer = self.authorize(&form(&query), person);
        let code = answer.get("code").unwrap_or_else(|| panic!("no code: {answer:?}"));
        let body = form(&[
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("redirect_uri", REDIRECT),
            ("code", code),
            ("code_verifier", verifier.expose()),
        ]);
        let reply = self.server.token(&body, &[]);
        assert_eq!(reply.status, 200, "{}", reply.text());
        tokens(&reply)
    }
}

/// What the token endpoint gave.
pub fn tokens(reply: &Reply) -> Tokens {
    let value = reply.json();
    Tokens {
        access: value["access_token"].as_str().unwrap().to_owned(),
        refresh: value["refresh_token"].as_str().map(str::to_owned),
        lifetime: value["expires_in"].as_u64().unwrap(),
    }
}

fn hidden(html: &str) -> Vec<(String, String)> {
    let fields = html.split("<input type=\"hidden\" name=\"").skip(1);
    let field = |text: &str| {
        let (name, rest) = text.split_once("\" value=\"")?;
        Some((name.to_owned(), unescape(rest.split_once('"')?.0)))
    };
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value) in fields.filter_map(field) {
        if !found.iter().any(|(known, _)| *known == name) {
            found.push((name, value));
        }
    }
    found
}

fn unescape(text: &str) -> String {
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&quot;", "\""), ("&#38;", "&"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

impl Server {
    /// One request to the gateway.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        Http::new(&self.ca()).send(self.gateway, method, path, headers, body)
    }

    /// A GET with a token.
    pub fn get(&self, path: &str, tokens: &Tokens) -> Reply {
        self.send("GET", path, &[("Authorization", &tokens.bearer())], b"")
    }

    /// One request to the admin address.
    pub fn send_admin(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        Http::new(&self.ca()).send(self.admin, method, path, headers, body)
    }

    /// One request to the token endpoint.
    pub fn token(&self, body: &str, headers: &[(&str, &str)]) -> Reply {
        let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.send("POST", "/token", &all, body.as_bytes())
    }

    /// Signs in with a fresh browser.
    pub fn tokens(&self, person: &mut Person, client: &str, scope: &str) -> Tokens {
        Browser::new(self).tokens(person, client, scope, &[])
    }

    /// One request to the admin API as who owns the data folder, through the socket that commands use.
    pub fn as_owner(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let mut stream = UnixStream::connect(self.data().join("testudo.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let kind = [("Content-Type", "application/json")];
        let text = body.map(Value::to_string).unwrap_or_default();
        let headers = if body.is_some() { &kind[..] } else { &[] };
        let bytes = request(self.admin, method, path, headers, text.as_bytes(), true);
        stream.write_all(&bytes).unwrap();
        read_last(&mut stream)
    }

    /// What a command prints as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let all = [&["--format", "json"], arguments].concat();
        let text = self.run(&all);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?} printed no JSON ({error}): {text}"))
    }

    /// The only session of a person that is alive.
    pub fn session_of(&self, username: &str) -> String {
        self.json(&["session", "list", username])["items"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The events of a kind, newest first.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let page = self.json(&["audit", "list", "--kind", kind, "--limit", "200"]);
        page["items"].as_array().unwrap().iter().map(|item| item["event"].clone()).collect()
    }
}
