//! Connections: `TCP_NODELAY` (a token stream's first token takes 42 ms without it), time limits against slow clients, a cap,
//! writes that are finished for whoever does not wait, and a drain that finishes what is under way.

use std::{convert::Infallible, io, net::SocketAddr, panic::resume_unwind, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request, response::Response};
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

/// What the kernel holds for a client beside what is on its way to it. It would take megabytes for one that does not read, where
/// no limit of ours sees them.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 64 * 1024;

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
        if let Err(error) = prepare(&stream) {
            tracing::debug!(%error, "the client was gone before it was served");
            continue;
        }
        let (router, answering) = (router.clone(), tasks.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            // On the heap while it runs: the connection would keep its room for as long as it is open.
            Box::pin(answer(router.clone(), request, answering.clone()))
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

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    Ok(())
}

/// Answers a request. A read ends with its client. A write is finished for one that has gone, too: it must not end between two
/// steps, such as a visitor's token dead and what is known of the visitor still there, or a conversation counted and not begun.
async fn answer(router: Router, request: Request<Body>, tasks: Tasks) -> Result<Response, Infallible> {
    if request.method().is_safe() {
        return router.oneshot(request).await;
    }
    match tasks.spawn(router.oneshot(request)).await {
        Ok(answered) => answered,
        // The runtime ends, and this task with it; or somebody panicked.
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::{
        body::Bytes,
        routing::{get, post},
    };
    use futures::{StreamExt as _, stream};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpSocket,
        sync::mpsc,
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
        narrow_with(tasks, Router::new()).await
    }

    /// The same with further routes.
    async fn narrow_with(tasks: &Tasks, further: Router) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = further
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

    #[tokio::test]
    async fn what_a_client_began_to_write_is_finished_when_it_has_gone() {
        let tasks = Tasks::new();
        let (steps, mut done) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let opened = Arc::clone(&gate);
        let write = move || {
            let (steps, gate) = (steps.clone(), Arc::clone(&gate));
            async move {
                steps.send("the first step").expect("a test that listens");
                drop(gate.acquire().await);
                steps.send("the second").expect("a test that listens");
            }
        };
        let server = narrow_with(&tasks, Router::new().route("/write", post(write))).await;
        let mut hasty = client(server).await;
        let request = b"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
        hasty.write_all(request).await.expect("bytes are sent");
        assert_eq!(done.recv().await, Some("the first step"));

        drop(hasty);
        is_served(server, "after who has gone").await;
        opened.add_permits(1);

        assert_eq!(done.recv().await, Some("the second"));
        tasks.start_drain();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn little_is_held_for_who_does_not_read() {
        let (tasks, sent) = (Tasks::new(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&sent);
        let bytes = move || {
            let sent = Arc::clone(&counted);
            let pieces = stream::repeat(Bytes::from_static(&[b'x'; 1_024]));
            let pieces = pieces.inspect(move |piece| {
                sent.fetch_add(piece.len(), Ordering::Relaxed);
            });
            async { Body::from_stream(pieces.map(Ok::<_, Infallible>)) }
        };
        let server = narrow_with(&tasks, Router::new().route("/bytes", get(bytes))).await;
        let mut idle = client(server).await;
        let request = b"GET /bytes HTTP/1.1\r\nHost: x\r\n\r\n";
        idle.write_all(request).await.expect("bytes are sent");

        is_served(server, "after who does not read").await;

        let sent = sent.load(Ordering::Relaxed);
        assert!(sent > 0 && sent < 512 * 1_024, "{sent}");
        tasks.start_drain();
    }
}
