//! From the command line to an exit code: for the product's binary, and for one that brings projections of its own.

use std::process::ExitCode;

use clap::Parser as _;
use projector::{Registered, registry};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{cli::Cli, infra::SettingError, logging};

/// What `sysexits.h` calls `EX_USAGE`: the settings are wrong, starting again will not help.
const EXIT_USAGE: u8 = 64;

/// The product, with `own` projections beside its own.
pub async fn run_with(own: fn() -> Vec<Registered>) -> ExitCode {
    registry::extend(own);
    run().await
}

/// The product.
pub async fn run() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        let is_failure = error.use_stderr();
        // Nobody is left to tell when even this cannot be printed.
        drop(error.print());
        std::process::exit(if is_failure { i32::from(EXIT_USAGE) } else { 0 })
    });
    logging::start(&cli);
    raise_open_files();
    if rustls_provider().is_err() {
        tracing::debug!("another TLS provider was installed first");
    }
    match cli.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logging::failed(&error);
            let is_usage = error.chain().any(is_setting);
            ExitCode::from(if is_usage { EXIT_USAGE } else { 1 })
        }
    }
}

/// Each visitor's connection is an open file, and shells often allow a thousand: as many as the system lets this process have.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// Whether this is about a setting.
fn is_setting(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<SettingError>()
        || cause.is::<command_api::config::ConfigError>()
        || matches!(
            cause.downcast_ref(),
            Some(read_api::RunError::SecretMissing | read_api::RunError::Secret(_))
        )
}

/// The tree carries one TLS implementation; clients look for it here.
fn rustls_provider() -> Result<(), ()> {
    rustls::crypto::ring::default_provider().install_default().map_err(drop)
}
