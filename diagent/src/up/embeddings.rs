//! The embedding model that `up` runs itself: served at once, fetched and read behind everything else. Until it is there
//! answers stand on words alone.

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use anyhow::Context as _;
use edge::{ServeLimits, Tasks};
use embedder::Embedder;
use responder::config::EmbeddingConfig;
use tokio::net::TcpListener;

/// A model that could not be fetched is tried again after this long.
const FETCH_PAUSE: Duration = Duration::from_mins(5);

/// Serves a model on a free loopback port, with its file in `cache`, and points `config` at it.
///
/// # Errors
/// There is no free port.
pub(super) async fn serve(config: &mut EmbeddingConfig, cache: PathBuf, tasks: &Tasks) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("no free port")?;
    config.embedding_base_url = Some(format!("http://{}/v1", listener.local_addr()?));
    embedder::MODEL_NAME.clone_into(&mut config.embedding_model);
    let embedder = Embedder::new();
    let (router, inner) = (embedder::router(embedder.clone()), tasks.clone());
    tasks.spawn(async move {
        if let Err(error) = edge::serve(listener, router, &inner, ServeLimits::default()).await {
            tracing::error!(%error, "the embedding model cannot be served");
        }
    });
    let drain = tasks.drain_token();
    tasks.spawn(async move {
        tokio::select! {
            () = drain.cancelled() => {}
            () = load(embedder, cache) => {}
        }
    });
    Ok(())
}

async fn load(embedder: Embedder, cache: PathBuf) {
    while let Err(error) = try_load(&embedder, &cache).await {
        tracing::warn!(
            error = &*error as &dyn std::error::Error,
            "there is no embedding model: answers stand on words alone (EMBEDDING_BASE_URL names another, `none` none)"
        );
        tokio::time::sleep(FETCH_PAUSE).await;
    }
}

async fn try_load(embedder: &Embedder, cache: &std::path::Path) -> anyhow::Result<()> {
    let file = embedded::model::fetch(cache).await?;
    let embedder = embedder.clone();
    tokio::task::spawn_blocking(move || embedder.load(&file)).await??;
    Ok(())
}
