//! One open socket, from the first frame to the last.

use std::{pin::pin, time::Duration};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use events::{ConversationId, clock};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    app_key::Grant,
    channels::{Ending, Listener, Side},
    places::Place,
    protocol::{self, Asked, Closing, Subscription},
    time_to_leave,
};
use crate::{app::App, metrics};

/// A client that takes no byte for this long is gone.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// After our close frame the client's is waited for, or the network might drop ours.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Channels of one socket: a visitor needs one, a dashboard some.
const CHANNELS_MAX: usize = 100;

/// Messages of a client in [`RATE_WINDOW`].
const RATE_MAX: u32 = 120;
const RATE_WINDOW: Duration = Duration::from_secs(10);

/// How a socket ended.
enum End {
    /// By us.
    Closed(Closing),
    /// By the client, or the network.
    Gone,
    /// By us, without a word: it takes none.
    Stuck,
}

struct Session {
    app: App,
    socket: WebSocket,
    socket_id: String,
    listener: Listener,
    life: Life,
}

/// When a client was last heard of, and what it may still do.
struct Life {
    rhythm: Rhythm,
    opened: Instant,
    heard: Instant,
    pinged: bool,
    joined: bool,
    window: Instant,
    messages: u32,
}

/// What is expected of a client, all of it from the time after which it asks for a sign of life itself.
#[derive(Clone, Copy)]
struct Rhythm {
    /// A client that says nothing for this long is asked whether it is there; its own pings come sooner.
    ping_after: Duration,
    pong_patience: Duration,
    /// A socket must join something within this: without a channel it is worth nothing, and costs a place.
    join_patience: Duration,
}

/// Serves a socket to its end; one that is not welcome is told why.
pub(super) async fn run(app: App, mut socket: WebSocket, welcome: Result<Place, Closing>) {
    let _open = metrics::OpenSocket::begin();
    let end = match welcome {
        Err(closing) => say_goodbye(&mut socket, closing).await,
        Ok(_place) => {
            let listener = app.live.channels.listener();
            let session = Session {
                socket_id: clock::new_socket_id(),
                life: Life::begin(app.reverb.activity_timeout()),
                app,
                socket,
                listener,
            };
            session.serve().await
        }
    };
    metrics::socket_ended(match end {
        End::Closed(closing) => closing.outcome(),
        End::Gone => "gone",
        End::Stuck => Closing::Ended(Ending::TooSlow).outcome(),
    });
}

impl Session {
    async fn serve(mut self) -> End {
        let end = self.converse().await;
        let End::Closed(closing) = end else { return end };
        // What is left to hear is not heard any more.
        drop(self.listener);
        say_goodbye(&mut self.socket, closing).await
    }

    async fn converse(&mut self) -> End {
        let established = protocol::established(&self.socket_id, self.app.reverb.activity_timeout());
        if let Err(end) = send(&mut self.socket, established).await {
            return end;
        }
        let (app, seed) = (self.app.clone(), seed_of(&self.socket_id));
        let mut leave = pin!(time_to_leave(&app, seed));
        loop {
            let answered = tokio::select! {
                biased;
                closing = &mut leave => return End::Closed(closing),
                news = self.listener.next() => match news {
                    Ok(news) => {
                        metrics::event_told(news.event);
                        send(&mut self.socket, protocol::event(&news)).await
                    }
                    Err(ending) => return End::Closed(Closing::Ended(ending)),
                },
                message = self.socket.recv() => self.hear(message).await,
                () = sleep_until(self.life.due()) => self.look_after().await,
            };
            if let Err(end) = answered {
                return end;
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let message = match message {
            Some(Ok(message)) => message,
            // Whether the connection broke or the message did shows when the client is told.
            Some(Err(_)) => return Err(End::Closed(Closing::TooLarge)),
            None => return Err(End::Gone),
        };
        self.life.hears().map_err(End::Closed)?;
        let asked = match &message {
            Message::Text(text) => protocol::read(text),
            Message::Close(_) => return Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Binary(_) => Asked::Unknown,
        };
        let answer = match asked {
            Asked::Ping => protocol::pong(),
            Asked::Pong => return Ok(()),
            Asked::Subscribe(subscription) => self.subscribe(&subscription).map_err(End::Closed)?,
            Asked::Unsubscribe { channel } => {
                if let Some(conversation_id) = protocol::conversation_of(&channel) {
                    self.listener.leave(conversation_id);
                }
                return Ok(());
            }
            Asked::ClientEvent => protocol::error(4301, "Client events are not passed on."),
            Asked::Unknown => protocol::error(4200, "The message was not understood."),
        };
        send(&mut self.socket, answer).await
    }

    /// Joins a channel that was signed for this socket; the answer.
    fn subscribe(&mut self, subscription: &Subscription) -> Result<String, Closing> {
        let Subscription {
            channel,
            auth,
            channel_data,
        } = subscription;
        let Some(conversation_id) = self.granted(subscription, auth) else {
            // Its name is the client's own, and goes back as it came.
            return Ok(protocol::refused(
                channel,
                401,
                "The signature is missing or not valid.",
            ));
        };
        // Only members of a team are introduced with their name.
        let side = if channel_data.is_some() {
            Side::Team
        } else {
            Side::Visitor
        };
        let has_room = self.listener.joined() < CHANNELS_MAX;
        if !has_room || self.listener.join(conversation_id, side).is_err() {
            return Ok(protocol::refused(channel, 429, "There are too many subscriptions."));
        }
        // The signature may be older than an erasure, which told those who had joined.
        if self.app.revocations.is_forgotten(conversation_id) {
            return Err(Closing::Ended(Ending::Erased));
        }
        self.life.joined = true;
        Ok(protocol::succeeded(channel))
    }

    fn granted(&self, subscription: &Subscription, auth: &str) -> Option<ConversationId> {
        let conversation_id = protocol::conversation_of(&subscription.channel)?;
        let grant = Grant {
            socket_id: &self.socket_id,
            channel: &subscription.channel,
            channel_data: subscription.channel_data.as_deref(),
        };
        self.app.app_key.verifies(grant, auth).then_some(conversation_id)
    }

    /// The time has come to ask for a sign of life, or to give up.
    async fn look_after(&mut self) -> Result<(), End> {
        match self.life.wants() {
            Some(Want::Ping) => {
                self.life.pinged = true;
                send(&mut self.socket, protocol::ping()).await
            }
            Some(Want::Close(closing)) => Err(End::Closed(closing)),
            None => Ok(()),
        }
    }
}

/// What a socket's age asks for.
#[derive(Debug, PartialEq, Eq)]
enum Want {
    Ping,
    Close(Closing),
}

impl Life {
    fn begin(activity_timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            rhythm: Rhythm {
                ping_after: activity_timeout + activity_timeout / 2,
                pong_patience: activity_timeout,
                join_patience: activity_timeout * 2,
            },
            opened: now,
            heard: now,
            pinged: false,
            joined: false,
            window: now,
            messages: 0,
        }
    }

    /// When to look again.
    fn due(&self) -> Instant {
        let Rhythm {
            ping_after,
            pong_patience,
            join_patience,
        } = self.rhythm;
        let silence = if self.pinged {
            ping_after + pong_patience
        } else {
            ping_after
        };
        let silent = self.heard + silence;
        if self.joined {
            silent
        } else {
            silent.min(self.opened + join_patience)
        }
    }

    fn wants(&self) -> Option<Want> {
        let now = Instant::now();
        let Rhythm {
            ping_after,
            pong_patience,
            join_patience,
        } = self.rhythm;
        if !self.joined && now >= self.opened + join_patience {
            return Some(Want::Close(Closing::NothingJoined));
        }
        let silence = now - self.heard;
        match self.pinged {
            true if silence >= ping_after + pong_patience => Some(Want::Close(Closing::Silent)),
            false if silence >= ping_after => Some(Want::Ping),
            _ => None,
        }
    }

    /// Notes a sign of life.
    fn hears(&mut self) -> Result<(), Closing> {
        let now = Instant::now();
        self.heard = now;
        self.pinged = false;
        if now - self.window >= RATE_WINDOW {
            self.window = now;
            self.messages = 0;
        }
        self.messages += 1;
        if self.messages > RATE_MAX {
            Err(Closing::TooMuch)
        } else {
            Ok(())
        }
    }
}

/// What spreads the sockets of an instance over time.
fn seed_of(socket_id: &str) -> u128 {
    socket_id
        .split('.')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), End> {
    match timeout(WRITE_PATIENCE, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Stuck),
    }
}

/// Says why, as a frame and as a code: clients read one or the other. A client that can be told nothing any more was gone before.
async fn say_goodbye(socket: &mut WebSocket, closing: Closing) -> End {
    let (code, reason) = (closing.code(), closing.reason());
    let goodbye = async {
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        };
        let error = Message::Text(protocol::error(code, reason).into());
        if socket.send(error).await.is_err() {
            return End::Gone;
        }
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
        End::Closed(closing)
    };
    timeout(CLOSE_PATIENCE, goodbye).await.unwrap_or_else(|_| {
        tracing::debug!(code, "a client did not close its side");
        End::Closed(closing)
    })
}
