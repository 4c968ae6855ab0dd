//! What a limit lets pass, counted by the log.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
    response::Response,
};
use command_api::{
    error::ApiError,
    guard::limits::{self, Bucket, RateSlot},
    router,
};
use tower::ServiceExt as _;

use crate::support::{Instance, SITE, somebody};

#[tokio::test]
async fn as_many_requests_of_a_minute_pass_as_the_limit_says() {
    let instance = Instance::start_with(&["--limit-init-per-minute", "3"]).await;
    for minute in 0..2 {
        for number in 1..=5 {
            let admitted = admit(&instance, Bucket::Init, "somebody").await;
            assert_eq!(admitted.is_ok(), number <= 3, "request {number} of minute {minute}");
            if let Err(error) = admitted {
                let ApiError::Throttled { retry_after } = error else {
                    panic!("{error}")
                };
                assert!(retry_after <= Duration::from_mins(1), "{retry_after:?}");
            }
        }
        admit(&instance, Bucket::Init, "else").await.expect("somebody else");
        instance.next_minute();
    }
}

#[tokio::test]
async fn every_bucket_has_a_limit_and_a_count_of_its_own() {
    let limits = [
        ("--limit-init-per-minute", Bucket::Init, 2),
        ("--limit-session-per-minute", Bucket::Session, 3),
        ("--limit-read-per-minute", Bucket::Read, 4),
        ("--limit-leads-per-minute", Bucket::Leads, 5),
    ];
    let arguments = limits.map(|(argument, _, limit)| format!("{argument}={limit}"));
    let instance = Instance::start_with(&arguments.each_ref().map(String::as_str)).await;
    for (_, bucket, limit) in limits {
        for number in 1..=limit + 1 {
            let admitted = admit(&instance, bucket, "somebody").await;
            assert_eq!(admitted.is_ok(), number <= limit, "{number} of {bucket:?}");
        }
    }
}

#[tokio::test]
async fn a_limit_of_nothing_is_none() {
    let instance = Instance::start_with(&["--limit-read-per-minute", "0"]).await;
    for _ in 0..3 {
        admit(&instance, Bucket::Read, "somebody").await.expect("without limit");
    }
}

#[tokio::test]
async fn what_cannot_be_counted_passes() {
    let mut instance = Instance::start_with(&["--limit-init-per-minute", "1"]).await;
    admit(&instance, Bucket::Init, "somebody").await.expect("the first");
    instance.nats.kill();
    admit(&instance, Bucket::Init, "somebody").await.expect("not counted");
}

#[tokio::test]
async fn an_answer_says_what_is_left_of_the_limit() {
    let instance = Instance::start_with(&["--limit-read-per-minute", "2"]).await;
    let token = instance.visitors_token(somebody());
    for (left, status) in [
        ("1", StatusCode::OK),
        ("0", StatusCode::OK),
        ("0", StatusCode::TOO_MANY_REQUESTS),
    ] {
        let answer = read(&instance, &token).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["ratelimit-limit"], "2");
        assert_eq!(answer.headers()["ratelimit-remaining"], left);
        let reset = answer.headers()["ratelimit-reset"].to_str().expect("a number");
        assert!((1..=60).contains(&reset.parse().expect("a number")), "{reset}");
    }
    let uncounted = read(&instance, "no token").await;
    assert_eq!(uncounted.status(), StatusCode::UNAUTHORIZED);
    assert!(!uncounted.headers().contains_key("ratelimit-limit"));
}

async fn admit(instance: &Instance, bucket: Bucket, who: &str) -> Result<(), ApiError> {
    limits::admit(&instance.app, bucket, &limits::key(&[who]), &RateSlot::default()).await
}

async fn read(instance: &Instance, token: &str) -> Response {
    let (router, _) = router::build(instance.app.clone());
    let request = Request::get("/api/v1/widget/conversation")
        .header(header::ORIGIN, SITE)
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = request.body(Body::empty()).expect("a request");
    router.oneshot(request).await.expect("an answer")
}
