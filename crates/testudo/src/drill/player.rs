//! A player of a drill: a phone with its app and its browser, honest or not. It fills in the pages that people fill in,
//! and keeps cookies and tokens.

mod totp;

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::{Method, StatusCode, header};
use testudo_crypto::{digest, random};

use super::DrillError;
use super::client::{Line, Reply, Stage};

pub use totp::Totp;

/// Where codes go; nobody listens there.
const REDIRECT: &str = "http://127.0.0.1:9/callback";
/// The strength of a sign-in with a second factor.
pub const SECOND: &str = "urn:testudo:acr:2";
/// Pages from the start of a sign-in to its end.
const MOST_PAGES: usize = 16;

/// Tokens of an app.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

/// Which app asks for what.
#[derive(Clone, Copy, Debug)]
pub struct App<'a> {
    /// The client's id.
    pub client: &'a str,
    /// The scopes.
    pub scope: &'a str,
    /// More for the authorization endpoint.
    pub more: &'a [(&'a str, &'a str)],
}

/// The player.
pub struct Player {
    stage: Stage,
    line: Line,
    cookies: BTreeMap<String, String>,
    agent: String,
    /// The user name.
    pub name: String,
    /// The password, as far as it is known.
    pub password: String,
    /// The authenticator app, once there is one.
    pub totp: Option<Totp>,
}

impl Player {
    /// Without cookies or tokens.
    pub fn new(stage: &Stage, from: IpAddr, agent: &str, name: &str, password: &str) -> Player {
        Player {
            stage: stage.clone(),
            line: stage.line(from),
            cookies: BTreeMap::new(),
            agent: agent.to_owned(),
            name: name.to_owned(),
            password: password.to_owned(),
            totp: None,
        }
    }

    /// Goes on from another address.
    pub fn moves_to(&mut self, from: IpAddr) {
        self.line.speaks_for(from);
    }

    /// Forgets the browser's cookies.
    pub fn forgets(&mut self) {
        self.cookies.clear();
    }

    /// One request of the browser.
    async fn browse(&mut self, method: Method, path: &str, form: Option<&str>) -> Result<Reply, DrillError> {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![(header::ACCEPT, "text/html"), (header::USER_AGENT, self.agent.as_str())];
        if !cookies.is_empty() {
            headers.push((header::COOKIE, cookies.as_str()));
        }
        if form.is_some() {
            headers.push((header::CONTENT_TYPE, "application/x-www-form-urlencoded"));
        }
        let reply = self.line.send(method, path, &headers, form.unwrap_or_default().as_bytes()).await?;
        for value in reply.headers.get_all(header::SET_COOKIE) {
            let Some((name, rest)) = value.to_str().ok().and_then(|text| text.split_once('=')) else { continue };
            let value = rest.split(';').next().unwrap_or_default();
            if value.is_empty() || rest.to_ascii_lowercase().contains("max-age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(reply)
    }

    /// Opens a page and sends its form, with its hidden fields. A page that is refused is the answer.
    async fn fill_in(&mut self, path: &str, page: Option<Reply>, fields: &[(&str, &str)]) -> Result<Reply, DrillError> {
        let page = match page {
            Some(page) => page,
            None => self.browse(Method::GET, path, None).await?,
        };
        if page.status != StatusCode::OK {
            return Ok(page);
        }
        let mut all = hidden(&page.text());
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let form: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        let path = path.split('?').next().unwrap_or_default().to_owned();
        self.browse(Method::POST, &path, Some(&form)).await
    }

    /// Tries a name and a password on the page. A redirection is a success.
    pub async fn sign_in(&mut self) -> Result<Reply, DrillError> {
        let (name, password) = (self.name.clone(), self.password.clone());
        self.fill_in("/sign-in", None, &[("username", &name), ("password", &password)]).await
    }

    /// Tries a code on the page of the second factor.
    pub async fn second_factor(&mut self, code: &str) -> Result<Reply, DrillError> {
        self.fill_in("/sign-in/factor", None, &[("code", code)]).await
    }

    /// Adds an authenticator app to the account that is signed in.
    pub async fn enrol(&mut self, page: Option<Reply>) -> Result<(), DrillError> {
        let path = "/account/totp";
        let page = match page {
            Some(page) => page,
            None => self.browse(Method::GET, path, None).await?,
        };
        let text = page.text();
        let shown = text.split_once("<code>").and_then(|(_, rest)| rest.split_once('<')).map(|(key, _)| key);
        let mut totp = shown.and_then(Totp::new).ok_or_else(|| unexpected(path, &page))?;
        let code = totp.next().await;
        let reply = self.fill_in(path, Some(page), &[("code", &code)]).await?;
        if !matches!(reply.status.as_u16(), 200 | 303) {
            return Err(unexpected(path, &reply));
        }
        self.totp = Some(totp);
        Ok(())
    }

    /// Signs in to an app: code with PKCE, from start to end. What is refused on the way is the answer.
    pub async fn tokens(&mut self, app: App<'_>) -> Result<Result<Tokens, Reply>, DrillError> {
        let verifier = random::token();
        let challenge = data_encoding::BASE64URL_NOPAD.encode(&digest::sha256(verifier.expose().as_bytes()));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("client_id", app.client)
            .append_pair("redirect_uri", REDIRECT)
            .append_pair("response_type", "code")
            .append_pair("scope", app.scope)
            .append_pair("state", "a-state")
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(app.more);
        let code = match self.authorize(&format!("/authorize?{}", query.finish())).await? {
            Ok(code) => code,
            Err(refused) => return Ok(Err(refused)),
        };
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", app.client),
            ("redirect_uri", REDIRECT),
            ("code", &code),
            ("code_verifier", verifier.expose()),
        ];
        self.token(&form).await
    }

    async fn authorize(&mut self, start: &str) -> Result<Result<String, Reply>, DrillError> {
        let mut path = start.to_owned();
        for _ in 0..MOST_PAGES {
            let mut reply = self.browse(Method::GET, &path, None).await?;
            if reply.status == StatusCode::OK {
                let at = path.split('?').next().unwrap_or_default().to_owned();
                reply = match at.as_str() {
                    "/sign-in" => {
                        let (name, password) = (self.name.clone(), self.password.clone());
                        self.fill_in(&path, Some(reply), &[("username", &name), ("password", &password)]).await?
                    }
                    "/sign-in/factor" => {
                        let code = self.code().await?;
                        self.fill_in(&path, Some(reply), &[("code", &code)]).await?
                    }
                    "/consent" => self.fill_in(&path, Some(reply), &[("approve", "yes")]).await?,
                    "/account/totp" => {
                        self.enrol(Some(reply)).await?;
                        start.clone_into(&mut path);
                        continue;
                    }
                    _ => return Err(unexpected(&at, &reply)),
                };
            }
            let Some(location) = reply.header(header::LOCATION).filter(|_| reply.status.is_redirection()) else {
                return Ok(Err(reply));
            };
            if let Some(query) = location.strip_prefix(REDIRECT) {
                let query = query.trim_start_matches('?').to_owned();
                let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
                return Ok(code.map(|(_, code)| code.into_owned()).ok_or(reply));
            }
            location.strip_prefix(&self.stage.origin).unwrap_or(location).clone_into(&mut path);
        }
        Err(DrillError::Server("a sign-in went round in circles".into()))
    }

    /// A code of the authenticator app that was not used yet.
    pub async fn code(&mut self) -> Result<String, DrillError> {
        let none = || DrillError::Server(format!("`{}` is asked for a second factor that nobody gave her", self.name));
        let totp = self.totp.as_mut().ok_or_else(none)?;
        Ok(totp.next().await)
    }

    async fn token(&mut self, form: &[(&str, &str)]) -> Result<Result<Tokens, Reply>, DrillError> {
        let form: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers =
            [(header::CONTENT_TYPE, "application/x-www-form-urlencoded"), (header::USER_AGENT, self.agent.as_str())];
        let reply = self.line.send(Method::POST, "/token", &headers, form.as_bytes()).await?;
        let body = reply.json();
        let text = |name: &str| body.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        Ok(match (reply.status, text("access_token")) {
            (StatusCode::OK, Some(access)) => Ok(Tokens { access, refresh: text("refresh_token").unwrap_or_default() }),
            _ => Err(reply),
        })
    }

    /// Replaces tokens by their refresh token.
    pub async fn refresh(&mut self, client: &str, refresh: &str) -> Result<Result<Tokens, Reply>, DrillError> {
        self.token(&[("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", refresh)]).await
    }

    /// One request of the app, with a token.
    pub async fn call(&mut self, path: &str, access: &str) -> Result<Reply, DrillError> {
        let bearer = format!("Bearer {access}");
        let headers = [(header::AUTHORIZATION, bearer.as_str()), (header::USER_AGENT, self.agent.as_str())];
        self.line.send(Method::GET, path, &headers, b"").await
    }

    /// The same at the admin address.
    pub async fn call_admin(&mut self, path: &str, access: &str) -> Result<Reply, DrillError> {
        let bearer = format!("Bearer {access}");
        let headers = [(header::AUTHORIZATION, bearer.as_str()), (header::USER_AGENT, self.agent.as_str())];
        let mut line = self.stage.admin_line();
        line.send(Method::GET, path, &headers, b"").await
    }
}

fn unexpected(path: &str, reply: &Reply) -> DrillError {
    let text: String = reply.text().chars().take(200).collect();
    DrillError::Server(format!("`{path}` answered {} in a way that the drill does not know: {text}", reply.status))
}

/// The hidden fields of the first form of a page.
fn hidden(html: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for field in html.split("<input type=\"hidden\" name=\"").skip(1) {
        let Some((name, rest)) = field.split_once("\" value=\"") else { continue };
        let Some((value, _)) = rest.split_once('"') else { continue };
        if !found.iter().any(|(known, _)| known == name) {
            found.push((name.to_owned(), unescape(value)));
        }
    }
    found
}

fn unescape(text: &str) -> String {
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&quot;", "\""), ("&#38;", "&"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_fields_are_read_once_each() {
        let page = "<form><input type=\"hidden\" name=\"csrf\" value=\"a&#38;b\"><input type=\"hidden\" name=\"next\" \
                    value=\"/x\"></form><form><input type=\"hidden\" name=\"csrf\" value=\"other\"></form>";
        assert_eq!(hidden(page), [("csrf".to_owned(), "a&b".to_owned()), ("next".to_owned(), "/x".to_owned())]);
        assert!(hidden("no form").is_empty());
    }
}
