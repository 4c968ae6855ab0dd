//! Who is let in with a visitor's token, for what, and until when.

use std::time::Duration;

use axum::http::Method;
use command_api::{
    error::ApiError,
    guard::{
        limits::{Bucket, RateSlot},
        token::Bearer,
        visitor::{LeadVisitor, LeavingVisitor, Visitor},
    },
};
use events::{ConversationId, Partition, Subject, VisitorId, cloud_event::Meta};

use crate::support::{AGENT, Instance, WORKSPACE, hello, somebody, traced};

#[tokio::test]
async fn a_visitor_is_who_the_token_names() {
    let instance = Instance::start().await;
    let bearer = somebody();
    let Bearer {
        agent_id,
        visitor_id,
        conversation_id,
    } = bearer;

    let token = instance.visitors_token(bearer);
    let visitor = Visitor::admit(&instance.app, &token, Bucket::Read, &traced(), &RateSlot::default())
        .await
        .expect("a visitor");

    assert_eq!(visitor.subject(), Subject::Visitor { agent_id, visitor_id });
    let conversation = |conversation_id| Subject::Conversation {
        agent_id,
        visitor_id,
        conversation_id,
    };
    assert_eq!(visitor.conversation(), conversation(conversation_id));
    let earlier = ConversationId::generate();
    assert_eq!(visitor.conversation_named(earlier), conversation(earlier));
    let meta = visitor.meta();
    assert_eq!(meta.workspace_id, Some(WORKSPACE));
    assert_eq!(meta.conversation_id, Some(conversation_id));
    assert!(meta.correlation_id.is_some() && meta.traceparent.is_some(), "{meta:?}");
}

#[tokio::test]
async fn tokens_of_others_open_nothing() {
    let instance = Instance::start().await;
    let unknown = instance.visitors_token(Bearer {
        agent_id: events::AgentId::from_bits(8),
        ..somebody()
    });
    let admitted = instance.guard::<Visitor>(Method::GET, &unknown).await;
    assert!(matches!(admitted, Err(ApiError::AgentNotFound)), "{admitted:?}");

    for token in ["", "a.b.c"] {
        let visitor = instance.guard::<Visitor>(Method::GET, token).await.map(drop);
        let lead = instance.guard::<LeadVisitor>(Method::POST, token).await.map(drop);
        let leaving = instance.guard::<LeavingVisitor>(Method::DELETE, token).await.map(drop);
        for admitted in [visitor, lead, leaving] {
            assert!(matches!(admitted, Err(ApiError::Unauthorized)), "{token}: {admitted:?}");
        }
    }
}

#[tokio::test]
async fn reading_writing_and_leads_are_counted_apart() {
    let instance = Instance::start_with(&[
        "--limit-read-per-minute=1",
        "--limit-session-per-minute=2",
        "--limit-leads-per-minute=3",
    ])
    .await;
    let token = instance.visitors_token(somebody());
    let mut passed = [0; 3];
    for _ in 0..5 {
        let admitted = [
            instance.guard::<Visitor>(Method::GET, &token).await.map(drop),
            instance.guard::<Visitor>(Method::POST, &token).await.map(drop),
            instance.guard::<LeadVisitor>(Method::POST, &token).await.map(drop),
        ];
        for (passed, admitted) in passed.iter_mut().zip(admitted) {
            *passed += u32::from(admitted.is_ok());
        }
    }
    assert_eq!(passed, [1, 2, 3]);
    let leaving = instance.guard::<LeavingVisitor>(Method::DELETE, &token).await;
    assert!(
        matches!(leaving, Err(ApiError::Throttled { .. })),
        "to leave is to write: {leaving:?}"
    );
}

#[tokio::test]
async fn who_was_forgotten_is_let_in_to_be_forgotten_and_for_nothing_else() {
    let instance = Instance::start().await;
    let (bearer, visitor) = instance.talking_visitor().await;
    let token = instance.visitors_token(bearer);
    assert!(!visitor.is_revoked(&instance.app));

    forget(&instance, bearer).await;

    assert!(visitor.is_revoked(&instance.app));
    let visitor = instance.guard::<Visitor>(Method::GET, &token).await.map(drop);
    let lead = instance.guard::<LeadVisitor>(Method::POST, &token).await.map(drop);
    for admitted in [visitor, lead] {
        assert!(matches!(admitted, Err(ApiError::Unauthorized)), "{admitted:?}");
    }
    let LeavingVisitor(leaving) = instance.guard(Method::DELETE, &token).await.expect("a repeat");
    assert_eq!(leaving.visitor_id, bearer.visitor_id);
    let neighbour = instance.visitors_token(somebody());
    instance
        .guard::<Visitor>(Method::GET, &neighbour)
        .await
        .expect("somebody else");
}

#[tokio::test]
async fn what_is_written_by_who_is_forgotten_meanwhile_goes_as_well() {
    let instance = Instance::start().await;
    let (bearer, visitor) = instance.talking_visitor().await;
    forget(&instance, bearer).await;

    let late = visitor.act(&instance.app, hello()).await.map(drop);

    assert!(matches!(late, Err(ApiError::Unauthorized)), "{late:?}");
    assert_eq!(left(&instance, bearer.visitor_id).await, [visitor.subject()]);
}

#[tokio::test]
async fn who_has_left_nothing_is_not_forgotten_again() {
    let instance = Instance::start().await;
    let (bearer, visitor) = instance.talking_visitor().await;
    forget(&instance, bearer).await;
    let last = async || {
        instance
            .app
            .log
            .last_sequence(Partition::Events(0))
            .await
            .expect("a number")
    };
    let before = last().await;

    let settled = visitor.settle(&instance.app).await;

    assert!(matches!(settled, Err(ApiError::Unauthorized)), "{settled:?}");
    assert_eq!(last().await, before, "the tombstone that stands is enough");
}

/// Erases the visitor, and waits until the instance knows.
async fn forget(instance: &Instance, bearer: Bearer) {
    let mut changes = instance.app.revocations.changes();
    let (log, meta) = (&instance.app.log, Meta::default());
    let erased = log.erase_visitor(AGENT, bearer.visitor_id, &meta).await;
    erased.expect("erased");
    let learned = async {
        while !instance.app.revocations.is_forgotten(bearer.conversation_id) {
            changes.changed().await.expect("it follows");
        }
    };
    tokio::time::timeout(Duration::from_secs(10), learned)
        .await
        .expect("it learns of the erasure");
}

async fn left(instance: &Instance, visitor_id: VisitorId) -> Vec<Subject> {
    let subjects = instance.app.log.subjects_of_visitor(AGENT, visitor_id).await;
    subjects.expect("subjects")
}
