//! The binary's commands, run by somebody of an agent's team.

use std::{env::temp_dir, process::Output};

use tokio::process::Command;

use super::{Agent, jwt};

impl Agent {
    /// Runs `diagent` with these arguments.
    pub(crate) async fn diagent(&self, arguments: &[&str]) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_diagent"))
            .args(arguments)
            .env("DIAGENT_DATA_DIR", temp_dir().join(format!("diagent-it-{}", self.id)))
            .env("COMMAND_API_URL", self.command_api())
            .env("READ_API_URL", self.read_api())
            .env(
                "DIAGENT_TOKEN",
                jwt::operator("robin", &self.workspace_id, "read write admin"),
            )
            .output();
        output.await.expect("the binary")
    }
}

/// Runs `diagent` with these arguments, which must succeed; what it printed.
pub(crate) async fn succeeds(agent: &Agent, arguments: &[&str]) -> String {
    let output = agent.diagent(arguments).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}
