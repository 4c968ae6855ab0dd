//! A small embedding model in this process, behind the interface that production has too: the embeddings of OpenAI, on a
//! loopback port. all-MiniLM-L6-v2 with int8 weights, 384 dimensions; English, and less of what is close to it.
//!
//! - [`model`]: from a text to its vector; [`tokens`]: the text as the model reads it.
//! - [`router`]: the interface. A question is embedded at once; passages wait for their turn, on threads (`lane`) that leave
//!   the processor to everything else.

mod lane;
pub mod model;
mod router;
mod tokens;

pub use model::{LoadError, Model};
pub use router::{Embedder, router};

/// What the model is called in requests and answers.
pub const MODEL_NAME: &str = "all-minilm-l6-v2";
