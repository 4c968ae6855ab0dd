//! What this role is told from outside: flags and environment variables, checked before anything starts.
//!
//! Secrets are optional here because `diagent up` makes its own; `Config::keys` refuses a role that has none.

use std::{net::SocketAddr, num::ParseIntError, time::Duration};

use edge::{Secret, operator::OperatorKey};

use crate::{
    guard::{client_ip::TrustedProxies, dashboard::DashboardOrigins, token::WidgetKeys},
    pusher::{PlaceLimits, app_key::AppKey},
};

/// Secrets shorter than this, in bytes, are refused.
pub const SECRET_BYTES_MIN: usize = 32;

/// Settings of the command API.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "command_api")]
pub struct Config {
    /// Where the widget API listens
    #[arg(long, env = "COMMAND_API_ADDR", default_value = "127.0.0.1:8080")]
    pub command_api_addr: SocketAddr,

    /// Signs visitors' tokens; at least 32 bytes
    #[arg(long, env = "WIDGET_JWT_SECRET", hide_env_values = true)]
    pub widget_jwt_secret: Option<Secret>,

    /// The secret before the last rotation: its tokens are still accepted
    #[arg(long, env = "WIDGET_JWT_SECRET_PREVIOUS", hide_env_values = true)]
    pub widget_jwt_secret_previous: Option<Secret>,

    /// Verifies operators' tokens; at least 32 bytes
    #[arg(
        id = "command_api_operator_jwt_secret",
        long = "command-api-operator-jwt-secret",
        env = "OPERATOR_JWT_SECRET",
        hide_env_values = true
    )]
    pub operator_jwt_secret: Option<Secret>,

    /// Networks whose X-Forwarded-For is believed, as CIDRs separated by commas
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "")]
    pub trusted_proxies: TrustedProxies,

    /// How long `POST /messages` waits for the answer before it says `answer_pending`
    #[arg(long, env = "SYNC_ANSWER_TIMEOUT", default_value = "25s", value_parser = parse_duration)]
    pub sync_answer_timeout: Duration,

    /// How long open streams may go on after the process was told to stop
    #[arg(long, env = "STREAM_DRAIN_GRACE", default_value = "10s", value_parser = parse_duration)]
    pub stream_drain_grace: Duration,

    /// Where the team opens the dashboard, as `scheme://host[:port]` separated by commas: from there conversations are taken over
    #[arg(long, env = "DASHBOARD_ORIGINS", default_value = "")]
    pub dashboard_origins: DashboardOrigins,

    #[command(flatten)]
    pub reverb: ReverbConfig,

    #[command(flatten)]
    pub limits: LimitsConfig,
}

/// The socket for live events, and where `init` says it is.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "command_api_reverb")]
pub struct ReverbConfig {
    /// The public key of the Pusher-compatible socket
    #[arg(long, env = "REVERB_APP_KEY", default_value = "diagent")]
    pub reverb_app_key: String,

    /// The host that browsers reach the socket on
    #[arg(long, env = "REVERB_HOST", default_value = "localhost")]
    pub reverb_host: String,

    /// The port that browsers reach the socket on
    #[arg(long, env = "REVERB_PORT", default_value_t = 8080)]
    pub reverb_port: u16,

    /// `ws` or `wss`
    #[arg(long, env = "REVERB_SCHEME", default_value = "ws")]
    pub reverb_scheme: String,

    /// Signs who may listen, at least 32 bytes; by default it is derived from `WIDGET_JWT_SECRET`
    #[arg(long, env = "REVERB_APP_SECRET", hide_env_values = true)]
    pub reverb_app_secret: Option<Secret>,

    /// A client that hears nothing on its socket for this long asks whether it is still open; whole seconds
    #[arg(long, env = "REVERB_ACTIVITY_TIMEOUT", default_value = "30s", value_parser = parse_duration)]
    pub reverb_activity_timeout: Duration,

    /// After this long at most a client has to connect again, and to show that it still may listen; 0 is without limit
    #[arg(long, env = "REVERB_SOCKET_MAX_AGE", default_value = "60m", value_parser = parse_duration)]
    pub reverb_socket_max_age: Duration,

    /// Sockets that one instance holds at most; 0 is without limit
    #[arg(long, env = "REVERB_SOCKETS_MAX", default_value_t = 10_000)]
    pub reverb_sockets_max: usize,

    /// Sockets that one client address holds at most; 0 is without limit
    #[arg(long, env = "REVERB_SOCKETS_PER_ADDRESS", default_value_t = 200)]
    pub reverb_sockets_per_address: usize,
}

impl ReverbConfig {
    /// At least a second: less would be a socket that only asks whether it is open.
    pub(crate) fn activity_timeout(&self) -> Duration {
        self.reverb_activity_timeout.max(Duration::from_secs(1))
    }

    pub(crate) const fn place_limits(&self) -> PlaceLimits {
        PlaceLimits {
            of_instance: self.reverb_sockets_max,
            of_address: self.reverb_sockets_per_address,
        }
    }

    fn app_key(&self, widget: &Secret) -> Result<AppKey, ConfigError> {
        let secret = match &self.reverb_app_secret {
            Some(secret) if !secret.expose().is_empty() => long_enough("REVERB_APP_SECRET", Some(secret))?.clone(),
            _ => AppKey::derived_secret(widget),
        };
        Ok(AppKey::new(self.reverb_app_key.clone(), secret))
    }
}

/// Requests that one key may make in a minute; 0 is without limit. The defaults are the contract's.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(id = "command_api_limits")]
pub struct LimitsConfig {
    /// `init`, per client address and agent
    #[arg(long, env = "LIMIT_INIT_PER_MINUTE", default_value_t = 60)]
    pub limit_init_per_minute: u64,

    /// Writing, per token
    #[arg(long, env = "LIMIT_SESSION_PER_MINUTE", default_value_t = 30)]
    pub limit_session_per_minute: u64,

    /// Reading, per token: a bucket of its own, so that polling never starves sending
    #[arg(long, env = "LIMIT_READ_PER_MINUTE", default_value_t = 30)]
    pub limit_read_per_minute: u64,

    /// Leads, per token
    #[arg(long, env = "LIMIT_LEADS_PER_MINUTE", default_value_t = 5)]
    pub limit_leads_per_minute: u64,
}

/// A setting that the role cannot start with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{0} is not set")]
    Missing(&'static str),
    #[error("{0} is shorter than {SECRET_BYTES_MIN} bytes")]
    Short(&'static str),
}

/// What tokens and subscriptions are signed and checked with.
pub(crate) struct Keys {
    pub(crate) widget: WidgetKeys,
    pub(crate) operators: OperatorKey,
    pub(crate) app: AppKey,
}

impl Config {
    /// The keys of both kinds of tokens, and of subscriptions.
    pub(crate) fn keys(&self) -> Result<Keys, ConfigError> {
        let widget = long_enough("WIDGET_JWT_SECRET", self.widget_jwt_secret.as_ref())?;
        let previous = match &self.widget_jwt_secret_previous {
            Some(secret) if !secret.expose().is_empty() => {
                Some(long_enough("WIDGET_JWT_SECRET_PREVIOUS", Some(secret))?)
            }
            _ => None,
        };
        let operators = long_enough("OPERATOR_JWT_SECRET", self.operator_jwt_secret.as_ref())?;
        let operators = OperatorKey::new(operators.expose()).map_err(|_| ConfigError::Short("OPERATOR_JWT_SECRET"))?;
        Ok(Keys {
            widget: WidgetKeys::new(widget, previous),
            operators,
            app: self.reverb.app_key(widget)?,
        })
    }
}

fn long_enough<'a>(name: &'static str, secret: Option<&'a Secret>) -> Result<&'a Secret, ConfigError> {
    match secret {
        None => Err(ConfigError::Missing(name)),
        Some(secret) if secret.expose().is_empty() => Err(ConfigError::Missing(name)),
        Some(secret) if secret.expose().len() < SECRET_BYTES_MIN => Err(ConfigError::Short(name)),
        Some(secret) => Ok(secret),
    }
}

/// Reads `25`, `25s`, `250ms` or `2m`.
fn parse_duration(text: &str) -> Result<Duration, ParseIntError> {
    let text = text.trim();
    if let Some(number) = text.strip_suffix("ms") {
        return number.trim().parse().map(Duration::from_millis);
    }
    if let Some(number) = text.strip_suffix('m') {
        return number
            .trim()
            .parse::<u32>()
            .map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
    }
    text.strip_suffix('s')
        .unwrap_or(text)
        .trim()
        .parse()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn the_limits_are_the_contracts() {
        let LimitsConfig {
            limit_init_per_minute,
            limit_session_per_minute,
            limit_read_per_minute,
            limit_leads_per_minute,
        } = Command::parse_from(["command-api"]).config.limits;
        assert_eq!(
            (
                limit_init_per_minute,
                limit_session_per_minute,
                limit_read_per_minute,
                limit_leads_per_minute
            ),
            (60, 30, 30, 5)
        );
    }

    #[test]
    fn a_role_without_a_long_secret_does_not_start() {
        let keys = |arguments: &[&str]| {
            let all = ["command-api"].iter().chain(arguments);
            Command::parse_from(all)
                .config
                .keys()
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        let widget = ["--widget-jwt-secret", "0123456789abcdef0123456789abcdef"];
        assert_eq!(keys(&[]), Err("WIDGET_JWT_SECRET is not set".to_owned()));
        assert_eq!(
            keys(&["--widget-jwt-secret", "short"]),
            Err("WIDGET_JWT_SECRET is shorter than 32 bytes".to_owned())
        );
        assert_eq!(keys(&widget), Err("OPERATOR_JWT_SECRET is not set".to_owned()));
    }

    #[test]
    fn durations_name_their_unit() {
        for (text, millis) in [("25", 25_000), ("25s", 25_000), ("250ms", 250), ("2m", 120_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert!(parse_duration("soon").is_err(), "no number");
    }
}
