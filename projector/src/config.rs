//! What this role is told from outside. The database's address is not here: whoever starts the role brings the pool.

use std::{net::SocketAddr, num::NonZeroUsize};

/// Settings of the projector.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "projector")]
pub struct Config {
    /// Where health and figures are served
    #[arg(long, env = "PROJECTOR_ADDR", default_value = "127.0.0.1:8084")]
    pub projector_addr: SocketAddr,

    /// Runs these projections only, separated by commas
    #[arg(long, env = "PROJECTOR_ONLY", value_delimiter = ',')]
    pub only: Vec<String>,

    /// Runs all but these projections, separated by commas
    #[arg(long, env = "PROJECTOR_EXCEPT", value_delimiter = ',')]
    pub except: Vec<String>,

    /// Events in one transaction, at most
    #[arg(long, env = "PROJECTOR_BATCH_EVENTS", default_value = "4000")]
    pub projector_batch_events: NonZeroUsize,

    /// Milliseconds that an event waits for others, to be applied with them; longer while many partitions are busy, and not
    /// at all when a batch is full
    #[arg(long, env = "PROJECTOR_BATCH_LINGER_MS", default_value_t = 100)]
    pub projector_batch_linger_ms: u64,
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
    fn projections_are_named_in_one_list() {
        let config = Command::parse_from(["projector", "--only", "leads,usage"]).config;
        assert_eq!(
            (config.only, config.except),
            (vec!["leads".to_owned(), "usage".to_owned()], vec![])
        );
    }
}
