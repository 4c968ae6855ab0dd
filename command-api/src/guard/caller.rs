//! What is known of a request before anybody is authenticated: where it comes from and what it carries along.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use events::cloud_event::Meta;

use super::{client_ip::ClientIp, limits::RateSlot};
use crate::app::App;

/// An unauthenticated caller.
#[derive(Debug)]
pub struct Caller {
    pub ip: ClientIp,
    pub headers: HeaderMap,
    pub rate: RateSlot,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        // Only a test that calls the router without a socket has no peer.
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
        Ok(Self {
            ip: app.trusted_proxies.client(peer, &parts.headers),
            headers: parts.headers.clone(),
            rate: RateSlot::of(parts),
        })
    }
}

/// What events of this request carry of it: its id and its trace.
pub fn meta(headers: &HeaderMap) -> Meta {
    Meta {
        correlation_id: Some(edge::request_id()),
        traceparent: traceparent(headers),
        ..Meta::default()
    }
}

/// The token of `Authorization: Bearer …`.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The W3C trace context, when it is one: `00-<32 hex>-<16 hex>-<2 hex>`.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let hex = text
        .bytes()
        .all(|byte| byte == b'-' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (lengths == [2, 32, 16, 2] && hex).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        body::{Body, to_bytes},
        extract::Request,
        http::HeaderValue,
        routing::get,
    };
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn events_carry_the_id_and_the_trace_of_their_request() {
        const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let carried = async |headers: HeaderMap| {
            let meta = meta(&headers);
            format!("{:?} {:?}", meta.correlation_id, meta.traceparent)
        };
        let router = edge::layers(Router::new().route("/", get(carried)), "test");
        let request = Request::get("/")
            .header(edge::request::REQUEST_ID, "theirs-1")
            .header("traceparent", TRACE);
        let request = request.body(Body::empty()).expect("a request");
        let answer = router.oneshot(request).await.expect("an answer");
        let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        let expected = format!("{:?} {:?}", Some("theirs-1"), Some(TRACE));
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }

    #[test]
    fn only_a_well_formed_trace_is_carried_along() {
        let of = |text| {
            traceparent(&HeaderMap::from_iter([(
                "traceparent".parse().expect("a name"),
                HeaderValue::from_static(text),
            )]))
        };
        assert!(
            of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").is_some(),
            "the example of the standard"
        );
        assert_eq!(of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"), None);
        assert_eq!(of("alex@example.com"), None);
    }

    #[test]
    fn the_scheme_of_a_token_has_no_case() {
        let of = |text| {
            bearer_token(&HeaderMap::from_iter([(
                header::AUTHORIZATION,
                HeaderValue::from_static(text),
            )]))
            .map(str::to_owned)
        };
        assert_eq!(of("bearer abc").as_deref(), Some("abc"));
        assert_eq!(of("Basic abc"), None);
        assert_eq!(of("abc"), None);
    }
}
