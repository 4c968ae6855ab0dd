//! The whole product over its public HTTP interfaces: one file per topic of the contract, the features and their faults.
//!
//! Every test brings its own agent, workspace and visitors, so that most share one stack; those that move time start an
//! instance of their own that lives later, and those that break things a stack of their own.

mod admin;
mod agent_files;
mod answers;
mod claims;
mod conversation;
mod cors;
mod dashboard;
mod database_outage;
mod disconnects;
mod failover;
mod feedback;
mod figures;
mod foreign_ids;
mod full;
mod health;
mod hostile;
mod idempotency;
mod init;
mod knowledge;
mod late_writes;
mod leads;
mod limits;
mod me;
mod meaning;
mod messages;
mod model_faults;
mod origins;
mod outage;
mod privacy;
mod projection;
mod pusher;
mod pusher_ends;
mod quota;
mod replay;
mod replay_often;
mod resume;
mod shutdown;
mod stop;
mod storm;
mod strangers;
mod streaming;
#[cfg(test)]
mod support;
mod sync;
mod takeover;
mod team_reads;
mod telemetry;
mod tenants;
mod time_travel;
mod tokens;
