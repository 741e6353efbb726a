//! Active health checks: one task for all workers, one GET per server and interval.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::config::{HealthCheck, UpstreamProtocol};
use super::connect::dial;
use super::group::{Server, UpstreamGroup};

/// Checks all servers without end.
pub(super) async fn watch(group: UpstreamGroup) {
    let Some(check) = group.0.settings.health.clone() else { return };
    let watching = group.0.servers.iter().map(|server| watch_one(&group, server, &check));
    join_all(watching).await;
}

async fn watch_one(group: &UpstreamGroup, server: &Server, check: &HealthCheck) {
    let mut streak: u32 = 0;
    loop {
        let fine = tokio::time::timeout(check.timeout, probe(group, server, check)).await.unwrap_or(false);
        let was = server.healthy.load(Relaxed);
        streak = if fine == was { 0 } else { streak + 1 };
        let needed = if was { check.unhealthy_after } else { check.healthy_after };
        if streak >= needed.max(1) {
            streak = 0;
            server.healthy.store(fine, Relaxed);
            if fine {
                tracing::info!(upstream = %server.url, "upstream is healthy again");
            } else {
                tracing::warn!(upstream = %server.url, path = %check.path, "upstream is unhealthy");
            }
        }
        tokio::time::sleep(check.interval).await;
    }
}

async fn probe(group: &UpstreamGroup, server: &Server, check: &HealthCheck) -> bool {
    match ask(group, server, check).await {
        Ok(status) => status.is_success() || status.is_redirection(),
        Err(error) => {
            tracing::debug!(upstream = %server.url, %error, "health check failed");
            false
        }
    }
}

async fn ask(
    group: &UpstreamGroup,
    server: &Server,
    check: &HealthCheck,
) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let timeout: Duration = check.timeout;
    let io = TokioIo::new(dial(group, server, timeout).await?);
    let request = Request::get(check.path.as_str());
    match server.place.protocol {
        UpstreamProtocol::Http1 => {
            let request = request
                .header("host", server.place.authority.as_str())
                .header("connection", "close")
                .body(Empty::<Bytes>::new())?;
            let (mut sender, connection) = http1::handshake(io).await?;
            let answer = sender.send_request(request);
            drive(answer, connection).await
        }
        UpstreamProtocol::Http2 => {
            let scheme = if server.place.tls.is_some() { "https" } else { "http" };
            let uri = Uri::builder()
                .scheme(scheme)
                .authority(server.place.authority.clone())
                .path_and_query(check.path.as_str())
                .build()?;
            let request = request.uri(uri).body(Empty::<Bytes>::new())?;
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            let answer = sender.send_request(request);
            drive(answer, connection).await
        }
    }
}

async fn drive(
    answer: impl Future<Output = hyper::Result<http::Response<hyper::body::Incoming>>>,
    connection: impl Future<Output = hyper::Result<()>>,
) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = answer.as_mut() => Ok(answer?.status()),
        ended = connection => {
            ended?;
            Ok(answer.await?.status())
        }
    }
}
