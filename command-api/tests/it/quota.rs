//! What a workspace may begin in a month, counted by the log.

use command_api::{
    error::ApiError,
    guard::quota::{self, Reserved},
};
use events::{WorkspaceId, log::Counter};

use crate::support::{Instance, OTHER_WORKSPACE, WORKSPACE};

#[tokio::test]
async fn as_many_conversations_begin_as_the_workspace_may_have() {
    let instance = Instance::start().await;
    instance.define_workspace(WORKSPACE, 2).await;
    for number in 1..=4 {
        match reserve(&instance, WORKSPACE).await {
            Ok(_) => assert!(number <= 2, "{number}"),
            Err(error) => {
                assert!(matches!(error, ApiError::PlanLimitReached { .. }), "{error}");
                assert!(number > 2, "{number}");
            }
        }
    }
    assert_eq!(counted(&instance, WORKSPACE).await, 2, "what was refused is given back");
}

#[tokio::test]
async fn one_that_does_not_begin_leaves_its_place_to_another() {
    let instance = Instance::start().await;
    instance.define_workspace(WORKSPACE, 1).await;
    let first = reserve(&instance, WORKSPACE).await.expect("the first");
    first.give_back(&instance.app).await;
    let _second = reserve(&instance, WORKSPACE).await.expect("in its place");
    assert!(reserve(&instance, WORKSPACE).await.is_err(), "the month is used up");
}

#[tokio::test]
async fn a_workspace_without_a_quota_is_counted_and_never_refused() {
    let instance = Instance::start().await;
    instance.define_workspace(WORKSPACE, 0).await;
    for workspace_id in [WORKSPACE, OTHER_WORKSPACE] {
        for _ in 0..3 {
            let _begun = reserve(&instance, workspace_id).await.expect("without a quota");
        }
        assert_eq!(counted(&instance, workspace_id).await, 3);
    }
}

#[tokio::test]
async fn while_nothing_can_be_counted_only_those_without_a_quota_begin() {
    let mut instance = Instance::start().await;
    instance.define_workspace(WORKSPACE, 100).await;
    instance.nats.kill();
    let (limited, unlimited) = tokio::join!(reserve(&instance, WORKSPACE), reserve(&instance, OTHER_WORKSPACE));
    assert!(matches!(limited, Err(ApiError::LogUnavailable(_))), "{limited:?}");
    let _begun = unlimited.expect("nobody pays for it by the piece");
}

async fn reserve(instance: &Instance, workspace_id: WorkspaceId) -> Result<Reserved, ApiError> {
    quota::reserve(&instance.app, workspace_id).await
}

/// What is counted of this month before one more is.
async fn counted(instance: &Instance, workspace_id: WorkspaceId) -> u64 {
    let counter = Counter::Month { workspace_id };
    let with_one_more = instance.app.log.count(counter, instance.app.now()).await;
    with_one_more.expect("a total") - 1
}
