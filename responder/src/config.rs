//! What this role is told from outside.

use std::{net::SocketAddr, time::Duration};

use edge::Secret;

/// Settings of the responder.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "responder")]
pub struct Config {
    /// Where the responder's health and figures are served
    #[arg(long, env = "RESPONDER_ADDR", default_value = "127.0.0.1:8083")]
    pub responder_addr: SocketAddr,

    /// Turns that one instance answers at a time; further ones wait
    #[arg(long, env = "MAX_TURNS", default_value_t = 64)]
    pub max_turns: usize,

    /// Seconds that one answer may take from start to end
    #[arg(long, env = "ANSWER_TIMEOUT_SECONDS", default_value_t = 60)]
    pub answer_timeout_seconds: u64,

    #[command(flatten)]
    pub model: ModelConfig,
}

impl Config {
    /// How long one answer may take from start to end.
    pub const fn answer_timeout(&self) -> Duration {
        Duration::from_secs(self.answer_timeout_seconds)
    }
}

/// The language model; without an address, answers are sentences from the agent's own documents.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "responder_model")]
pub struct ModelConfig {
    /// An OpenAI-compatible endpoint, for example <http://127.0.0.1:8000/v1>
    #[arg(long, env = "LLM_BASE_URL")]
    pub llm_base_url: Option<String>,

    /// Its key
    #[arg(long, env = "LLM_API_KEY", hide_env_values = true)]
    pub llm_api_key: Option<Secret>,

    /// Its model
    #[arg(long, env = "LLM_MODEL", default_value = "default")]
    pub llm_model: String,
}
