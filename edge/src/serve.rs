//! Connections: `TCP_NODELAY` (a token stream's first token takes 42 ms without it), time limits against slow clients, a cap,
//! and a drain that finishes what is under way.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::Tasks;

/// What one listener lets its clients do.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// Open connections; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// From a connection's beginning, or the answer before, to the end of a request's headers.
    pub header_read_timeout: Duration,
    /// How long a client may read nothing while there is something for it.
    pub write_timeout: Duration,
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
            write_timeout: Duration::from_secs(30),
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
    let open = TaskTracker::new();
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let builder = builder(limits);
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
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(limits.write_timeout));
        let connection = builder
            .serve_connection(TokioIo::new(Box::pin(stream)), service)
            .with_upgrades();
        let (drain, counted) = (drain.clone(), open.token());
        tasks.spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = drain.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                // What clients do to their connections is no fault of ours.
                tracing::debug!(%error, "a connection ended early");
            }
            drop((place, counted));
        });
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(limits.drain_timeout, open.wait()).await.is_err() {
        tracing::warn!("connections were still open when the drain's time was over");
    }
    Ok(())
}

/// HTTP/1.1 alone. A builder that finds out which version it is waits for the first bytes without a limit of time.
fn builder(limits: ServeLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{body::Bytes, routing::get};
    use futures::stream;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpSocket,
    };

    use super::*;

    const GIVEN: Duration = Duration::from_millis(200);

    /// Bytes that never end.
    async fn endless() -> Body {
        let piece = Bytes::from(vec![b'x'; 64 * 1024]);
        Body::from_stream(stream::repeat(Ok::<_, Infallible>(piece)))
    }

    /// A server that has room for one client, and little time for it.
    async fn narrow(tasks: &Tasks) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/endless", get(endless))
            .route("/", get(async || "hello"));
        let limits = ServeLimits {
            connections_max: 1,
            header_read_timeout: GIVEN,
            write_timeout: GIVEN,
            ..ServeLimits::default()
        };
        let inner = tasks.clone();
        tasks.spawn(async move { serve(listener, router, &inner, limits).await });
        address
    }

    /// A client whose network keeps next to nothing that it does not read.
    async fn client(server: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        socket.connect(server).await.expect("a connection")
    }

    /// Asks for something short and reads the whole answer. Whoever has the place must give it up before.
    async fn is_served(server: SocketAddr, after: &str) {
        let mut answer = String::new();
        let exchange = async {
            let mut next = client(server).await;
            next.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                .await?;
            next.read_to_string(&mut answer).await
        };
        let exchange = tokio::time::timeout(Duration::from_secs(30), exchange).await;
        assert!(exchange.is_ok(), "it waits for ever {after}");
        assert!(answer.ends_with("hello"), "{after}: {answer:?}");
    }

    #[tokio::test]
    async fn who_does_not_go_on_gives_the_place_to_the_next() {
        let tasks = Tasks::new();
        let server = narrow(&tasks).await;
        for (after, bytes) in [
            ("after silence", &b""[..]),
            ("after half a request", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "),
            ("after an answer", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            (
                "after an answer that is not read",
                b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n",
            ),
            ("after many", &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50_000)),
        ] {
            let mut idle = client(server).await;
            // All that the server takes of it; it may be let go before.
            let sent = tokio::time::timeout(GIVEN, idle.write_all(bytes)).await;
            is_served(server, after).await;
            drop((idle, sent));
        }
        tasks.start_drain();
    }

    #[tokio::test]
    async fn who_sends_byte_by_byte_gives_the_place_to_the_next() {
        let tasks = Tasks::new();
        let server = narrow(&tasks).await;
        let mut slow = client(server).await;
        let dribble = async {
            let mut pace = tokio::time::interval(GIVEN / 10);
            loop {
                pace.tick().await;
                if slow.write_all(b"X").await.is_err() {
                    break;
                }
            }
        };
        let ((), ()) = tokio::join!(dribble, is_served(server, "after a byte now and then"));
        tasks.start_drain();
    }
}
