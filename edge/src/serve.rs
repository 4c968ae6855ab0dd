//! Connections: `TCP_NODELAY` (a token stream's first token takes 42 ms without it), time limits against slow clients, a cap,
//! and a drain that finishes what is under way.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::ServiceExt as _;

use crate::Tasks;

/// What one listener lets its clients do.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Open connections; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// From a connection's first byte, or the answer before, to the end of a request's headers.
    pub header_read_timeout: Duration,
    /// Bytes of a request's line and headers.
    pub headers_max_bytes: usize,
    /// How long a drain waits for answers that are under way.
    pub drain_timeout: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections_max: 15_000,
            header_read_timeout: Duration::from_secs(10),
            headers_max_bytes: 32 * 1024,
            drain_timeout: Duration::from_secs(25),
        }
    }
}

/// Serves `router` on `listener` until the drain starts, then until the answers under way have ended.
/// Requests carry [`ConnectInfo`] with the peer's address.
///
/// # Errors
/// None today: a failure to accept is retried, since it is of one client or passes (too many open files).
pub async fn serve(listener: TcpListener, router: Router, tasks: &Tasks, limits: ServeLimits) -> io::Result<()> {
    let drain = tasks.drain_token();
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let builder = Arc::new(builder(limits));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = drain.cancelled() => break,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the client was gone before it was served");
            continue;
        }
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                // What clients do to their connections is no fault of ours.
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections were still open when the drain's time was over");
    }
    Ok(())
}

fn builder(limits: ServeLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_buf_size(limits.headers_max_bytes.max(8 * 1024))
        .half_close(false);
    builder
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}
