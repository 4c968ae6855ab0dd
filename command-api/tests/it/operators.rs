//! What the token of an operator opens.

use axum::http::Method;
use command_api::{
    error::ApiError,
    guard::operator::{Admin, Caller, Reader, Writer},
};
use edge::operator::{Operator, Scope, ScopeName};
use events::conversation;

use crate::support::{Instance, OTHER_WORKSPACE, WORKSPACE, somebody};

#[tokio::test]
async fn a_token_opens_what_its_scopes_name_and_nothing_else() {
    use ScopeName::{Admin as A, Read as R, Write as W};
    let instance = Instance::start().await;
    for scopes in [&[][..], &[R], &[W], &[A], &[R, W], &[R, W, A]] {
        let token = instance.operators_token(Scope::One(WORKSPACE), scopes);
        let opened = [
            (R, opens(instance.guard::<Reader>(Method::GET, &token).await.map(drop))),
            (W, opens(instance.guard::<Writer>(Method::POST, &token).await.map(drop))),
            (A, opens(instance.guard::<Admin>(Method::PUT, &token).await.map(drop))),
        ];
        for (scope, opened) in opened {
            assert_eq!(opened, scopes.contains(&scope), "{scope} with {scopes:?}");
        }
    }
}

fn opens(admitted: Result<(), ApiError>) -> bool {
    assert!(matches!(admitted, Ok(()) | Err(ApiError::Forbidden)), "{admitted:?}");
    admitted.is_ok()
}

#[tokio::test]
async fn what_is_no_operators_token_opens_nothing() {
    let instance = Instance::start().await;
    let visitors = instance.visitors_token(somebody());
    for token in ["", "a.b.c", &visitors] {
        let admitted = instance.guard::<Reader>(Method::GET, token).await;
        assert!(matches!(admitted, Err(ApiError::Unauthorized)), "{token}: {admitted:?}");
    }
}

#[tokio::test]
async fn a_token_of_one_workspace_sees_that_one_alone() {
    let instance = Instance::start().await;
    for (of, sees_other) in [(Scope::One(WORKSPACE), false), (Scope::All, true)] {
        let token = instance.operators_token(of, &[ScopeName::Read]);
        let Reader(caller) = instance.guard(Method::GET, &token).await.expect("a reader");
        assert!(caller.may_see(WORKSPACE), "{of:?}");
        assert_eq!(caller.may_see(OTHER_WORKSPACE), sees_other, "{of:?}");
    }
}

#[tokio::test]
async fn events_say_which_workspace_they_are_of() {
    let instance = Instance::start().await;
    let token = instance.operators_token(Scope::All, &[ScopeName::Admin]);
    let Admin(caller) = instance.guard(Method::PUT, &token).await.expect("an admin");
    let meta = caller.meta(OTHER_WORKSPACE);
    assert_eq!(meta.workspace_id, Some(OTHER_WORKSPACE));
    assert!(meta.correlation_id.is_some(), "and which request they come of");
}

#[tokio::test]
async fn people_go_by_their_name_and_programs_by_their_id() {
    let instance = Instance::start().await;
    let person = async |name: Option<&str>| -> conversation::Operator {
        let operator = Operator {
            sub: "robin".to_owned(),
            name: name.map(str::to_owned),
            workspace: Scope::All,
            scopes: [ScopeName::Write].into(),
        };
        let token = instance.mint(&operator);
        let caller: Caller = instance
            .guard::<Writer>(Method::POST, &token)
            .await
            .expect("a writer")
            .0;
        caller.person()
    };
    for (name, expected) in [(Some("Robin Hood"), "Robin Hood"), (None, "robin")] {
        let conversation::Operator { id, name } = person(name).await;
        assert_eq!((id.as_str(), name.as_str()), ("robin", expected));
    }
}
