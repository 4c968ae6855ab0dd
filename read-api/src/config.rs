//! What this role is told from outside.

use std::{net::SocketAddr, time::Duration};

use edge::Secret;

/// Settings of the read API.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "read_api")]
pub struct Config {
    /// Where the read API listens
    #[arg(long, env = "READ_API_ADDR", default_value = "127.0.0.1:8081")]
    pub read_api_addr: SocketAddr,

    /// Verifies operators' tokens; at least 32 bytes
    #[arg(
        id = "read_api_operator_jwt_secret",
        long = "read-api-operator-jwt-secret",
        env = "OPERATOR_JWT_SECRET",
        hide_env_values = true
    )]
    pub operator_jwt_secret: Option<Secret>,

    /// How long a read waits for its `min_position`, in milliseconds
    #[arg(long, env = "MIN_POSITION_TIMEOUT_MS", default_value_t = 5_000)]
    pub min_position_timeout_ms: u64,

    /// Where the dashboard's browser finds the command API, to take conversations over; unset, the dashboard only reads
    #[arg(long, env = "DASHBOARD_COMMAND_API_URL")]
    pub dashboard_command_api_url: Option<String>,
}

impl Config {
    /// How long a read waits for its `min_position`.
    pub const fn min_position_timeout(&self) -> Duration {
        Duration::from_millis(self.min_position_timeout_ms)
    }
}
