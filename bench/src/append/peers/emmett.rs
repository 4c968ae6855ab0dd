//! Emmett's store for Postgres, in Node.

use super::{Peer, Program, npm};

pub(super) const NAME: &str = "emmett";

const SCRIPT: &str = "append.mjs";

pub(super) async fn install() -> anyhow::Result<Peer> {
    let folder = npm::install(NAME, &[SCRIPT]).await?;
    Ok(Peer::Program(Program {
        command: "node".into(),
        arguments: vec![folder.join(SCRIPT).into()],
        environment: Vec::new(),
    }))
}
