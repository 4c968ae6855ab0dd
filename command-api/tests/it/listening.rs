//! Who gets a signature to listen to a conversation.

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use command_api::{pusher::app_key::Grant, router};
use edge::operator::{Scope, ScopeName};
use events::ConversationId;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::{Instance, OTHER_WORKSPACE, SITE, WORKSPACE, somebody};

const SOCKET: &str = "123.456";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_visitor_may_listen_to_the_conversation_of_the_token() {
    let instance = Instance::start().await;
    let bearer = somebody();
    let token = instance.visitors_token(bearer);
    let own = channel(bearer.conversation_id);
    let asked = [
        (FORM, form(SOCKET, &own)),
        (
            "application/json",
            json!({ "socket_id": SOCKET, "channel_name": own }).to_string(),
        ),
    ];
    for (kind, body) in asked {
        let (status, answer) = ask(&instance, &token, kind, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(answer.get("channel_data").is_none(), "{answer}");
        let grant = Grant {
            socket_id: SOCKET,
            channel: &own,
            channel_data: None,
        };
        assert!(instance.app.app_key.verifies(grant, text(&answer["auth"])), "{answer}");
    }

    let other = form(SOCKET, &channel(ConversationId::generate()));
    refused(ask(&instance, &token, FORM, other).await, 403, "forbidden");
}

#[tokio::test]
async fn what_is_no_socket_or_no_channel_is_not_signed() {
    let instance = Instance::start().await;
    let bearer = somebody();
    let token = instance.visitors_token(bearer);
    let own = channel(bearer.conversation_id);
    for body in [
        form("", &own),
        form("123", &own),
        form("1:2.3", &own),
        form(SOCKET, ""),
        "a=b".to_owned(),
    ] {
        refused(ask(&instance, &token, FORM, body).await, 422, "validation_failed");
    }
    refused(
        ask(&instance, "nobody", FORM, form(SOCKET, &own)).await,
        401,
        "unauthorized",
    );
}

#[tokio::test]
async fn a_person_of_the_team_may_listen_to_the_conversations_of_their_workspace() {
    let instance = Instance::start().await;
    let (bearer, _) = instance.talking_visitor().await;
    let channel = channel(bearer.conversation_id);
    let ask_as = async |workspace, scopes: &[ScopeName], channel: &str| {
        let token = instance.operators_token(workspace, scopes);
        ask(&instance, &token, FORM, form(SOCKET, channel)).await
    };
    let (own, other) = (Scope::One(WORKSPACE), Scope::One(OTHER_WORKSPACE));

    for workspace in [own, Scope::All] {
        let (status, answer) = ask_as(workspace, &[ScopeName::Read], &channel).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let who = text(&answer["channel_data"]);
        let grant = Grant {
            socket_id: SOCKET,
            channel: &channel,
            channel_data: Some(who),
        };
        assert!(instance.app.app_key.verifies(grant, text(&answer["auth"])), "{answer}");
        let who: Value = serde_json::from_str(who).expect("JSON");
        assert_eq!(who, json!({ "user_id": "robin", "user_info": { "name": "Robin" } }));
    }

    let writes = ask_as(own, &[ScopeName::Write], &channel).await;
    refused(writes, 403, "forbidden");
    let elsewhere = ask_as(other, &[ScopeName::Read], &channel).await;
    refused(elsewhere, 404, "conversation_not_found");
    for nothing in ["private-conversation.none", &self::channel(ConversationId::generate())] {
        let answer = ask_as(own, &[ScopeName::Read], nothing).await;
        refused(answer, 404, "conversation_not_found");
    }
}

fn refused((status, answer): (StatusCode, Value), expected: u16, code: &str) {
    assert_eq!(status, expected, "{answer}");
    assert_eq!(answer["error"]["code"], code, "{answer}");
}

async fn ask(instance: &Instance, token: &str, kind: &str, body: String) -> (StatusCode, Value) {
    let (router, _) = router::build(instance.app.clone());
    let request = Request::post("/broadcasting/auth")
        .header(header::ORIGIN, SITE)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, kind);
    let request = request.body(Body::from(body)).expect("a request");
    let answer = router.oneshot(request).await.expect("an answer");
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    let status = answer.status();
    let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

fn channel(conversation_id: ConversationId) -> String {
    format!("private-conversation.{conversation_id}")
}

fn form(socket_id: &str, channel: &str) -> String {
    format!("socket_id={socket_id}&channel_name={channel}")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
