//! The wire between the roles and one server: it can be cut, get slow, or go silent without telling anybody.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// How the wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Whole,
    /// Every connection ends, and new ones end at once.
    Cut,
    /// Everything arrives a tenth to three tenths of a second late.
    Slow,
    /// Everything is swallowed, and no connection ends. Those that were open stay so for ever, as behind a router that has
    /// forgotten them.
    Silent,
}

/// After this a server's own probes find that a client is gone.
const PROBED: Duration = Duration::from_secs(30);

pub(super) struct Wire {
    url: String,
    state: watch::Sender<State>,
}

impl Wire {
    /// A wire to the server of `url`, a whole one.
    #[expect(clippy::disallowed_methods, reason = "the wire lives as long as the test")]
    pub(super) async fn to(url: &str) -> Self {
        let (before, after) = url.rsplit_once('@').expect("a user");
        let server = after.split('/').next().expect("an address").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address");
        let url = format!("{before}@{}", after.replacen(&server, &own.to_string(), 1));
        let (state, seen) = watch::channel(State::Whole);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, server.clone(), seen.clone()));
            }
        });
        Self { url, state }
    }

    /// What clients are told instead of the server's own address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn becomes(&self, state: State) {
        self.state.send_replace(state);
    }
}

/// One connection, until one of both ends it or the wire does.
async fn connection(mut client: TcpStream, server: String, mut state: watch::Receiver<State>) {
    let now = *state.borrow_and_update();
    match now {
        State::Cut => return,
        State::Silent => return swallow(&mut client).await,
        State::Whole | State::Slow => {}
    }
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let pace = state.clone();
    let carried = async {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        tokio::select! {
            () = carry(from_client, to_server, &pace) => {}
            () = carry(from_server, to_client, &pace) => {}
        }
    };
    let is_over = |state: &State| matches!(state, State::Cut | State::Silent);
    tokio::select! {
        () = carried => return,
        over = state.wait_for(is_over) => if over.is_ok_and(|state| *state == State::Cut) { return },
    }
    let forgotten = async {
        drop(tokio::time::timeout(PROBED, swallow(&mut server)).await);
        drop(server);
    };
    tokio::join!(swallow(&mut client), forgotten);
}

/// Brings what one says to the other, until there is no more.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, state: &watch::Receiver<State>) {
    let mut chunk = vec![0; 64 * 1_024];
    for number in 0_u64.. {
        let Ok(size @ 1..) = from.read(&mut chunk).await else {
            return;
        };
        if *state.borrow() == State::Slow {
            tokio::time::sleep(Duration::from_millis(100 + number % 3 * 100)).await;
        }
        if to.write_all(&chunk[..size]).await.is_err() {
            return;
        }
    }
}

/// Reads until there is no more, and tells nobody.
async fn swallow(from: &mut TcpStream) {
    drop(tokio::io::copy(from, &mut tokio::io::sink()).await);
}
