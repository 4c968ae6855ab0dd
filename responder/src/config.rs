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
    #[arg(long, env = "MAX_TURNS", default_value_t = 64, value_parser = at_least_one)]
    pub max_turns: usize,

    /// Seconds that one answer may take from start to end
    #[arg(long, env = "ANSWER_TIMEOUT_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub answer_timeout_seconds: u64,

    /// Seconds that a drain lets running answers go on; after that another instance takes them over
    #[arg(long, env = "ANSWER_DRAIN_SECONDS", default_value_t = 20)]
    pub answer_drain_seconds: u64,

    #[command(flatten)]
    pub model: ModelConfig,

    #[command(flatten)]
    pub embedding: EmbeddingConfig,
}

impl Config {
    /// How long one answer may take from start to end.
    pub const fn answer_timeout(&self) -> Duration {
        Duration::from_secs(self.answer_timeout_seconds)
    }

    /// How long running answers go on after a drain has begun.
    pub const fn answer_drain(&self) -> Duration {
        Duration::from_secs(self.answer_drain_seconds)
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

    /// Seconds that the model may take to its first token, a second try included
    #[arg(long, env = "LLM_FIRST_TOKEN_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub llm_first_token_seconds: u64,

    /// Seconds that the model may be silent in the middle of an answer
    #[arg(long, env = "LLM_STALL_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    pub llm_stall_seconds: u64,

    /// Answers in a row without a word, after which the model is left alone for half a minute
    #[arg(long, env = "LLM_FAILURES_MAX", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub llm_failures_max: u32,
}

impl ModelConfig {
    /// The endpoint, if there is one.
    pub fn base_url(&self) -> Option<&str> {
        self.llm_base_url.as_deref().filter(|url| !url.is_empty())
    }
}

/// The embedding model; without an address, passages are found by their words alone.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "responder_embedding")]
pub struct EmbeddingConfig {
    /// An OpenAI-compatible endpoint that makes vectors of texts; unset, `up` runs a small model itself, and a responder on its
    /// own finds passages by their words; `none`: `up` does so too
    #[arg(long, env = "EMBEDDING_BASE_URL")]
    pub embedding_base_url: Option<String>,

    /// Its key
    #[arg(long, env = "EMBEDDING_API_KEY", hide_env_values = true)]
    pub embedding_api_key: Option<Secret>,

    /// Its model; another one embeds all passages again, beside what stands
    #[arg(long, env = "EMBEDDING_MODEL", default_value = "default")]
    pub embedding_model: String,

    /// The cosine from which on a passage answers a question, for `low_confidence`; known of the model that `up` runs, else
    /// the words of the question decide
    #[arg(long, env = "EMBEDDING_CONFIDENT_COSINE", value_parser = cosine)]
    pub embedding_confident_cosine: Option<f64>,
}

impl EmbeddingConfig {
    /// Whether nothing was said, as files of settings may say it.
    pub fn is_unset(&self) -> bool {
        self.embedding_base_url.as_deref().is_none_or(str::is_empty)
    }

    /// The endpoint, if there is one.
    pub fn base_url(&self) -> Option<&str> {
        self.embedding_base_url
            .as_deref()
            .filter(|url| !url.is_empty() && *url != "none")
    }
}

fn cosine(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(cosine) if (-1.0..=1.0).contains(&cosine) => Ok(cosine),
        Ok(_) => Err("a cosine is from -1 to 1".to_owned()),
        Err(error) => Err(format!("{error}")),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least one turn has to be possible".to_owned()),
        Ok(turns) => Ok(turns),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    #[test]
    fn the_key_is_never_printed() {
        let config = parse(&["--llm-api-key", "sk-hidden"]).expect("settings");
        assert!(!format!("{config:?}").contains("sk-hidden"));
        let config = parse(&["--embedding-api-key", "sk-hidden"]).expect("settings");
        assert!(!format!("{config:?}").contains("sk-hidden"));
    }

    #[test]
    fn limits_that_would_answer_nothing_are_refused() {
        for wrong in ["--max-turns", "--answer-timeout-seconds", "--llm-stall-seconds"] {
            assert!(parse(&[wrong, "0"]).is_err(), "{wrong}");
        }
    }

    fn parse(arguments: &[&str]) -> Result<Config, clap::Error> {
        let command = Config::augment_args(clap::Command::new("responder"));
        let matches = command.try_get_matches_from([&["responder"], arguments].concat())?;
        Config::from_arg_matches(&matches)
    }
}
