//! A batch that a server is given long after whoever sent it has sent it again.

use std::sync::Arc;

use events::{Clock, Log, cloud_event::Meta, log::LogConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
};

use crate::support::{Bench, Someone, config, recorded};

const COMMIT: &[u8] = b"Nats-Batch-Commit";

#[tokio::test]
async fn a_batch_that_arrives_late_is_not_stored_a_second_time() {
    let Bench { log, nats } = Bench::start().await;
    let wire = Wire::to(nats.url()).await;
    let over_the_wire = LogConfig {
        nats_url: wire.url.clone(),
        ..config(&nats)
    };
    let sender = Log::connect(&over_the_wire, Clock::default()).await.expect("a log");
    let someone = Someone::new();
    let events = [recorded(&someone, "first"), recorded(&someone, "second")];

    let stored = sender.append(&someone.telemetry(), &events, &Meta::default()).await;
    let position = stored.expect("by a second try");
    wire.late.deliver.notify_one();
    wire.late.answered.notified().await;

    let stored = log.events_of(&someone.telemetry()).await.expect("events");
    let positions: Vec<_> = stored.iter().map(|event| event.position.sequence).collect();
    assert_eq!(positions, [position.sequence - 1, position.sequence]);
}

/// A wire that keeps the first batch back and ends the connection that it came from.
struct Wire {
    url: String,
    late: Arc<Late>,
}

struct Late {
    /// Its one permit goes to the first batch.
    place: Semaphore,
    deliver: Notify,
    answered: Notify,
}

impl Wire {
    #[expect(clippy::disallowed_methods, reason = "the wire lives as long as the test")]
    async fn to(url: &str) -> Self {
        let (before, server) = url.rsplit_once('@').expect("a user");
        let server = server.trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("{before}@{}", listener.local_addr().expect("an address"));
        let late = Arc::new(Late {
            place: Semaphore::new(1),
            deliver: Notify::new(),
            answered: Notify::new(),
        });
        let kept = Arc::clone(&late);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.expect("the server");
                tokio::spawn(connection(client, server, Arc::clone(&kept)));
            }
        });
        Self { url, late }
    }
}

/// Carries what both say, until one ends it or the first batch comes.
async fn connection(mut client: TcpStream, mut server: TcpStream, late: Arc<Late>) {
    let (mut asked, mut answered) = (vec![0; 64 * 1_024], vec![0; 64 * 1_024]);
    loop {
        tokio::select! {
            size = client.read(&mut asked) => {
                let Ok(size @ 1..) = size else { return };
                let said = &asked[..size];
                if said.windows(COMMIT.len()).any(|window| window == COMMIT)
                    && let Ok(place) = late.place.try_acquire()
                {
                    place.forget();
                    drop(client);
                    return deliver(server, said, &late).await;
                }
                server.write_all(said).await.expect("the server takes it");
            }
            size = server.read(&mut answered) => {
                let Ok(size @ 1..) = size else { return };
                if client.write_all(&answered[..size]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Gives the server what was meant for it when it is time, and says when it has answered that.
async fn deliver(mut server: TcpStream, held: &[u8], late: &Late) {
    late.deliver.notified().await;
    server.write_all(held).await.expect("the server takes it");
    // The client's new connection listens to the same inbox: other answers come as well.
    let text = String::from_utf8_lossy(held);
    let inbox = text.split_whitespace().rfind(|word| word.starts_with("_INBOX."));
    let inbox = inbox.expect("the commit wants an answer").as_bytes();
    let mut answers = Vec::new();
    while let Ok(1..) = server.read_buf(&mut answers).await {
        if answers.windows(inbox.len()).any(|window| window == inbox) {
            return late.answered.notify_one();
        }
    }
}
