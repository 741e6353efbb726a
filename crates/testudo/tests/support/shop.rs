//! A small shop before a backend that tells what it saw: an API with one route for each control.

use super::Server;
use super::http::{Person, Tokens};
use super::upstream::Upstream;

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery staple";

/// The API.
pub const API: &str = r#"
openapi: 3.1.0
info: {title: Shop, version: "1"}
security: [{shop: []}]
components:
  securitySchemes:
    shop:
      type: oauth2
      flows:
        authorizationCode: {authorizationUrl: /a, tokenUrl: /t, scopes: {"orders:read": See orders.}}
paths:
  /public:
    get: {security: [], responses: {"200": {description: ok}}}
  /items/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer, minimum: 1}}]
    get:
      parameters: [{name: limit, in: query, schema: {type: integer, maximum: 100}}]
      responses: {"200": {description: ok}}
    put: {requestBody: {content: {text/plain: {}, application/json: {}}}, responses: {"200": {description: ok}}}
  /orders:
    get:
      security: [{shop: ["orders:read"]}]
      parameters: [{name: page, in: query, schema: {type: integer}}]
      responses: {"200": {description: ok}}
  /vault:
    get: {x-testudo: {acr: 2}, responses: {"200": {description: ok}}}
  /staff:
    get: {x-testudo: {roles: [clerk]}, responses: {"200": {description: ok}}}
  /refunds:
    post: {requestBody: {content: {"*/*": {}}}, responses: {"200": {description: ok}}}
  /notes:
    post:
      x-testudo: {max-body: 1 KiB}
      requestBody: {content: {text/plain: {schema: {type: string}}, application/octet-stream: {}}}
      responses: {"200": {description: ok}}
"#;

/// What no one may.
pub const POLICY: &str = r#"
@id("no-refunds")
@text("refunds are made at the counter")
forbid (principal, action == Action::"POST", resource in Path::"/refunds");
"#;

/// A server before a backend that tells what it saw.
pub struct Shop {
    pub server: Server,
    pub upstream: Upstream,
}

impl Shop {
    /// With the API above and more lines of configuration.
    pub fn start(more: &str) -> Shop {
        let upstream = Upstream::start();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("api.yaml"), API).unwrap();
        std::fs::write(folder.path().join("policy.cedar"), POLICY).unwrap();
        std::fs::write(folder.path().join("testudo.toml"), toml(&upstream, more)).unwrap();
        let server = Server::start_in(folder, &[]);
        let redirect = "http://127.0.0.1/callback";
        let create = ["client", "create", "app", "--redirect", redirect, "--first-party", "--scope", "orders:read"];
        server.run(&[&create[..], &["--cors", "https://app.example"]].concat());
        server.create_person("ada@example.org", PASSWORD);
        Shop { server, upstream }
    }

    /// Tokens of Ada for the client `app`.
    pub fn ada(&self, scope: &str) -> Tokens {
        self.server.tokens(&mut Person::new("ada@example.org", PASSWORD), "app", scope)
    }
}

/// The configuration, with more lines.
pub fn toml(upstream: &Upstream, more: &str) -> String {
    format!(
        "[upstream]\nservers = [\"{}\"]\n[contract]\nopenapi = \"api.yaml\"\n[policies]\nfiles = [\"policy.cedar\"]\n{more}\n",
        upstream.url()
    )
}
