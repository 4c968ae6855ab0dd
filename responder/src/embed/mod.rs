//! Vectors: of passages, made behind the indexing (`passages`, `pass`, `sweep`), and of questions, made while a visitor waits
//! (`questions`). All of them come from one endpoint that speaks the embeddings of OpenAI (`client`); without one, or while it
//! is away, answers stand on words alone.

mod client;
mod pass;
mod passages;
mod questions;
mod sweep;

pub(crate) use self::{
    client::{Client, EmbedError},
    passages::keep_embedded,
    questions::{Embedded, Questions},
};
