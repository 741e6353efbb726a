//! The OAuth 2.1 and OpenID Connect server: people, sessions, tokens and second factors.
