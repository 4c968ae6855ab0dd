//! `diagent token`

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context as _;
use edge::operator::{Operator, OperatorKey, Scope, ScopeName};
use embedded::DataDir;
use events::{Clock, WorkspaceId};

use crate::{infra::InfraArgs, print, up::OPERATOR_SECRET};

/// Mint a token for an operator or an analyst.
#[derive(Debug, clap::Args)]
pub struct Token {
    /// The workspace it is for; without it, all of them
    #[arg(long)]
    workspace: Option<WorkspaceId>,

    /// What it may do: read, write, admin
    #[arg(long, value_delimiter = ',', default_value = "read,write,admin")]
    scope: Vec<ScopeName>,

    /// Who it is for: by this a person is known when they take a conversation over; without it, their name
    #[arg(long)]
    subject: Option<String>,

    /// The name that visitors see when this person writes
    #[arg(long)]
    name: Option<String>,

    /// How long it lives
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=87_600))]
    hours: u64,

    /// Signs the token; without it, the secret of `diagent up` in the data folder
    #[arg(long, env = "OPERATOR_JWT_SECRET", hide_env_values = true)]
    secret: Option<String>,
}

impl Token {
    /// Prints the token.
    ///
    /// # Errors
    /// There is no secret, or it is too short.
    pub fn run(self, infra: &InfraArgs) -> anyhow::Result<()> {
        let secret = match self.secret {
            Some(secret) => secret,
            None => DataDir::existing_secret(&infra.data_dir, OPERATOR_SECRET)
                .context("there is no secret to sign with; set OPERATOR_JWT_SECRET")?,
        };
        let operator = Operator {
            sub: self
                .subject
                .or_else(|| self.name.clone())
                .unwrap_or_else(|| "operator".to_owned()),
            name: self.name,
            workspace: self.workspace.map_or(Scope::All, Scope::One),
            scopes: self.scope.into_iter().collect::<BTreeSet<_>>(),
        };
        let lifetime = Duration::from_hours(self.hours);
        print::line(OperatorKey::new(&secret)?.mint(&operator, Clock::default().now(), lifetime)?);
        Ok(())
    }
}
