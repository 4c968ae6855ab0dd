//! The frames of the Pusher protocol, as pusher-js speaks version 7 of it: JSON whose `data` is JSON again, in a string.

use std::{ops::RangeInclusive, time::Duration};

use events::ConversationId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{channels::Ending, news::News};

/// Versions that the same frames serve.
const VERSIONS: RangeInclusive<u32> = 5..=7;

const CHANNEL_PREFIX: &str = "private-conversation.";

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Ping,
    Pong,
    Subscribe(Subscription),
    Unsubscribe {
        channel: String,
    },
    /// A message to the other clients, which we do not pass on.
    ClientEvent,
    /// Of a newer protocol, or no frame at all.
    Unknown,
}

/// What a client wants to listen to, and what proves that it may.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Subscription {
    pub(super) channel: String,
    #[serde(default)]
    pub(super) auth: String,
    pub(super) channel_data: Option<String>,
}

/// Why a socket is closed. The hundreds of the code say what pusher-js does: 40 never comes back, 41 after a second, 42 at
/// once, 43 never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    UnknownApp,
    NoVersion,
    NotAVersion,
    UnsupportedVersion,
    /// It joined nothing for a while after it was opened.
    NothingJoined,
    Ended(Ending),
    NoRoom,
    Draining,
    /// Whether it may still listen is to be asked again.
    Aged,
    Silent,
    TooLarge,
    TooMuch,
}

impl Closing {
    pub(super) const fn code(self) -> u16 {
        match self {
            Self::UnknownApp => 4001,
            Self::NotAVersion => 4006,
            Self::UnsupportedVersion => 4007,
            Self::NoVersion => 4008,
            Self::NothingJoined | Self::Ended(Ending::Erased) => 4009,
            Self::NoRoom | Self::Ended(Ending::TooSlow) => 4100,
            Self::Draining | Self::Aged => 4200,
            Self::Silent => 4201,
            Self::TooMuch => 4301,
            Self::TooLarge => 1009,
        }
    }

    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::UnknownApp => "There is no such application here.",
            Self::NotAVersion => "The protocol version is no number.",
            Self::UnsupportedVersion => "This protocol version is not spoken here.",
            Self::NoVersion => "The protocol version is missing.",
            Self::NothingJoined => "No channel was joined.",
            Self::Ended(Ending::Erased) => "The visitor was erased.",
            Self::NoRoom => "There are too many connections.",
            Self::Ended(Ending::TooSlow) => "Too many events were waiting to be read.",
            Self::Draining => "This server is stopping; connect again.",
            Self::Aged => "This connection is old; connect again.",
            Self::Silent => "Nothing was heard, not even a pong.",
            Self::TooMuch => "Too many messages were sent.",
            Self::TooLarge => "A message was too large, or none.",
        }
    }

    /// For the figures.
    pub(super) const fn outcome(self) -> &'static str {
        match self {
            Self::UnknownApp | Self::NotAVersion | Self::UnsupportedVersion | Self::NoVersion => "refused",
            Self::NothingJoined => "nothing_joined",
            Self::Ended(Ending::Erased) => "erased",
            Self::NoRoom => "no_room",
            Self::Ended(Ending::TooSlow) => "slow",
            Self::Draining => "draining",
            Self::Aged => "aged",
            Self::Silent => "silent",
            Self::TooMuch => "too_much",
            Self::TooLarge => "too_large",
        }
    }
}

/// Whether the version of the address is spoken here.
pub(super) fn check_version(version: Option<&str>) -> Result<(), Closing> {
    let version = version
        .filter(|version| !version.is_empty())
        .ok_or(Closing::NoVersion)?;
    let version: u32 = version.parse().map_err(|_| Closing::NotAVersion)?;
    if VERSIONS.contains(&version) {
        Ok(())
    } else {
        Err(Closing::UnsupportedVersion)
    }
}

/// The conversation of `private-conversation.<id>`, written as we write it.
pub(super) fn conversation_of(channel: &str) -> Option<ConversationId> {
    let id = channel.strip_prefix(CHANNEL_PREFIX)?;
    id.parse()
        .ok()
        .filter(|parsed: &ConversationId| parsed.to_string() == id)
}

/// `123.456`.
pub(super) fn is_socket_id(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.')
        .is_some_and(|(first, second)| digits(first) && digits(second))
}

/// Reads one frame.
pub(super) fn read(text: &str) -> Asked {
    #[derive(Deserialize)]
    struct Frame<'a> {
        event: String,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Left {
        channel: String,
    }
    let Ok(Frame { event, data }) = serde_json::from_str(text) else {
        return Asked::Unknown;
    };
    match event.as_str() {
        "pusher:ping" => Asked::Ping,
        "pusher:pong" => Asked::Pong,
        "pusher:subscribe" => inner(data).map_or(Asked::Unknown, Asked::Subscribe),
        "pusher:unsubscribe" => inner(data).map_or(Asked::Unknown, |Left { channel }| Asked::Unsubscribe { channel }),
        event if event.starts_with("client-") => Asked::ClientEvent,
        _ => Asked::Unknown,
    }
}

/// `data` is an object; some clients put it into a string, as servers do.
fn inner<T: DeserializeOwned>(data: Option<&RawValue>) -> Option<T> {
    let data = data?.get();
    match serde_json::from_str::<String>(data) {
        Ok(quoted) => serde_json::from_str(&quoted).ok(),
        Err(_) => serde_json::from_str(data).ok(),
    }
}

/// The first frame.
pub(super) fn established(socket_id: &str, activity_timeout: Duration) -> String {
    // Without it pusher-js never connects.
    let seconds = activity_timeout.as_secs();
    let data = format!("{{\"socket_id\":\"{socket_id}\",\"activity_timeout\":{seconds}}}");
    frame("pusher:connection_established", None, &data)
}

/// The client listens from now on.
pub(super) fn succeeded(channel: &str) -> String {
    frame("pusher_internal:subscription_succeeded", Some(channel), "{}")
}

/// The client does not listen. Without this frame it would wait for ever.
pub(super) fn refused(channel: &str, status: u16, error: &str) -> String {
    let kind = if status == 401 { "AuthError" } else { "LimitReached" };
    let data = format!("{{\"type\":\"{kind}\",\"status\":{status},\"error\":\"{error}\"}}");
    frame("pusher:subscription_error", Some(channel), &data)
}

/// Something was wrong; unlike all others it has its data as an object.
pub(super) fn error(code: u16, message: &str) -> String {
    format!("{{\"event\":\"pusher:error\",\"data\":{{\"code\":{code},\"message\":\"{message}\"}}}}")
}

pub(super) fn ping() -> String {
    frame("pusher:ping", None, "{}")
}

pub(super) fn pong() -> String {
    frame("pusher:pong", None, "{}")
}

/// What happened in a conversation.
pub(super) fn event(news: &News) -> String {
    let channel = format!("{CHANNEL_PREFIX}{}", news.conversation_id);
    frame(news.event, Some(&channel), news.data.get())
}

fn frame(event: &str, channel: Option<&str>, data: &str) -> String {
    #[derive(Serialize)]
    struct Frame<'a> {
        event: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<&'a str>,
        data: &'a str,
    }
    serde_json::to_string(&Frame { event, channel, data }).expect("texts serialise")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn frames_of_clients_are_read() {
        let auth = "key:00".to_owned();
        let channel = "private-conversation.x".to_owned();
        for (frame, expected) in [
            (json!({ "event": "pusher:ping", "data": {} }), Asked::Ping),
            (json!({ "event": "pusher:pong" }), Asked::Pong),
            (
                json!({ "event": "pusher:subscribe", "data": { "channel": channel, "auth": auth, "new": 1 } }),
                Asked::Subscribe(Subscription {
                    channel: channel.clone(),
                    auth: auth.clone(),
                    channel_data: None,
                }),
            ),
            (
                json!({ "event": "pusher:subscribe", "data": json!({ "channel": channel, "channel_data": "{}" }).to_string() }),
                Asked::Subscribe(Subscription {
                    channel: channel.clone(),
                    auth: String::new(),
                    channel_data: Some("{}".to_owned()),
                }),
            ),
            (
                json!({ "event": "pusher:unsubscribe", "data": { "channel": channel } }),
                Asked::Unsubscribe {
                    channel: channel.clone(),
                },
            ),
            (
                json!({ "event": "client-typing", "channel": channel, "data": {} }),
                Asked::ClientEvent,
            ),
            (json!({ "event": "pusher:signin", "data": {} }), Asked::Unknown),
            (json!({ "event": "pusher:subscribe" }), Asked::Unknown),
            (json!({ "event": 5 }), Asked::Unknown),
            (json!([]), Asked::Unknown),
        ] {
            assert_eq!(read(&frame.to_string()), expected, "{frame}");
        }
        assert_eq!(read("nonsense"), Asked::Unknown);
    }

    #[test]
    fn the_data_of_our_frames_is_json_in_a_string() {
        let frame: Value = serde_json::from_str(&established("1.2", Duration::from_secs(30))).expect("JSON");
        assert_eq!(frame["event"], "pusher:connection_established");
        let data: Value = serde_json::from_str(frame["data"].as_str().expect("a string")).expect("JSON");
        assert_eq!(data, json!({ "socket_id": "1.2", "activity_timeout": 30 }));
        for frame in [
            succeeded("c"),
            refused("c", 401, "No."),
            event(&News::erased(ConversationId::from_bits(1))),
        ] {
            let frame: Value = serde_json::from_str(&frame).expect("JSON");
            assert!(frame["channel"].is_string(), "{frame}");
            let data: Value = serde_json::from_str(frame["data"].as_str().expect("a string")).expect("JSON");
            assert!(data.is_object(), "{frame}");
        }
        let wrong: Value = serde_json::from_str(&error(4301, "No.")).expect("JSON");
        assert_eq!(wrong["data"]["code"], 4301);
    }

    #[test]
    fn versions_by_table() {
        for (version, expected) in [
            (Some("7"), Ok(())),
            (Some("5"), Ok(())),
            (None, Err(Closing::NoVersion)),
            (Some(""), Err(Closing::NoVersion)),
            (Some("seven"), Err(Closing::NotAVersion)),
            (Some("7.0"), Err(Closing::NotAVersion)),
            (Some("4"), Err(Closing::UnsupportedVersion)),
            (Some("8"), Err(Closing::UnsupportedVersion)),
        ] {
            assert_eq!(check_version(version), expected, "{version:?}");
        }
    }

    #[test]
    fn channels_and_sockets_are_named_in_one_way_only() {
        let id = ConversationId::from_bits(77);
        assert_eq!(conversation_of(&format!("private-conversation.{id}")), Some(id));
        let lowercase = format!("private-conversation.{id}").to_lowercase();
        for other in [
            "private-conversation.",
            "conversation.x",
            "private-conversation.*",
            lowercase.as_str(),
        ] {
            assert_eq!(conversation_of(other), None, "{other}");
        }
        assert!(is_socket_id("123.456"));
        for other in ["", "1", ".", "1.", "1.2.3", "a.b", "-1.2", "1.2:private-x"] {
            assert!(!is_socket_id(other), "{other}");
        }
    }
}
