//! `diagent`: one binary, one subcommand per role, and the commands of operators and analysts. Bare, it is `diagent up`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    diagent::entry::run().await
}
