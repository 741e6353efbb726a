//! TLS, HTTP/1.1 and HTTP/2, strict framing and upstream pools; no policy.
