//! What a person needs once everything runs: where to chat, where the APIs are, what to try, how to stop.

use std::{net::SocketAddr, path::Path};

use crate::{demo, print};

/// Prints it. `postgres` is where the database is, if `up` runs it.
pub(super) fn announce(data: &Path, postgres: Option<&Path>, [demo, command_api, read_api]: [SocketAddr; 3]) {
    let mut rows = vec![
        (
            "Chat",
            format!("http://{demo}"),
            "a demo site, and its agent in the corner",
        ),
        (
            "Widget API",
            format!("http://{command_api}/docs"),
            "what the widget talks to",
        ),
        (
            "Dashboard",
            format!("http://{read_api}"),
            "the team's conversations, leads and figures; sign in with a token",
        ),
        (
            "Read API",
            format!("http://{read_api}/docs"),
            "what the dashboard reads, and the event log",
        ),
        ("Data", data.display().to_string(), "kept over restarts"),
    ];
    if let Some(folder) = postgres.filter(|folder| !folder.starts_with(data)) {
        let why = "PostgreSQL does not run as root, and its user cannot reach the data folder";
        rows.push(("Database", folder.display().to_string(), why));
    }
    let widest = rows.iter().map(|(_, value, _)| value.len()).max().unwrap_or_default();
    print::line(format!("\n{}\n", print::bold("Diagent is ready.")));
    for (name, value, what) in rows {
        print::line(format!("  {name:<12}{value:<widest$}   {what}"));
    }
    let (program, agent) = (program(), demo::AGENT_ID);
    print::line(format!(
        "\n  {program} token     mints a token for the dashboard and both APIs\n  \
         {program} replay    prints the event log\n  \
         curl http://{command_api}/api/v1/widget/init -H 'Origin: http://{demo}' --json '{{\"agent_id\":\"{agent}\"}}'\n\n  \
         Ctrl-C stops everything; what is under way is finished first.\n"
    ));
}

/// How this program was called: after `cargo run` it is not in the path.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "diagent".to_owned())
}
