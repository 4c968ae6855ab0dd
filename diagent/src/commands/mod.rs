//! Commands of operators and analysts. They speak to the APIs as any other client would.

pub mod agent;
mod api;
mod bar;
mod definition;
pub mod doctor;
pub mod eval;
pub mod knowledge;
pub mod projections;
pub mod replay;
pub mod schema;
pub mod token;
pub mod workspace;
