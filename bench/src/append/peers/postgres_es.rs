//! The Postgres store of cqrs-es, a small project of its own since it takes an older sqlx than ours.

use super::{Peer, Program};
use crate::install::build;

pub(super) const NAME: &str = "postgres-es";

pub(super) async fn install() -> anyhow::Result<Peer> {
    Ok(Peer::Program(Program {
        command: build(NAME).await?.join("append").into(),
        arguments: Vec::new(),
        environment: Vec::new(),
    }))
}
