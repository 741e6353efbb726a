//! The Unix socket in the data folder (mode 0600): who can open it owns the server.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use testudo_gateway::CloseSignal;
use tokio::net::UnixListener;

/// How long a command may take to send its request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Commands that may be served at the same time.
const MOST_CONNECTIONS: usize = 64;

/// Binds the socket and serves `router` on it until `stop` fires.
///
/// # Errors
/// When the socket can't be bound or protected.
pub fn serve(path: &Path, router: Router, stop: CloseSignal) -> std::io::Result<tokio::task::JoinHandle<()>> {
    // The store's lock says that no other server runs, so that what lies here is left over.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let path = path.to_owned();
    Ok(tokio::spawn(async move {
        let places = std::sync::Arc::new(tokio::sync::Semaphore::new(MOST_CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                () = stop.closed() => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(place) = std::sync::Arc::clone(&places).try_acquire_owned() else { continue };
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let mut http = hyper::server::conn::http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(64 * 1024);
                if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                    tracing::debug!(%error, "a command hung up");
                }
                drop(place);
            });
        }
        let _ = std::fs::remove_file(path);
    }))
}
