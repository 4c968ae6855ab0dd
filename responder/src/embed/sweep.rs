//! Vectors that nobody needs any more: of passages that are gone, and of models that were replaced. They are kept for a day,
//! for a page may come back and a model may be put back.

use sqlx::PgPool;

const KEEP: &str =
    "UPDATE diagent.embeddings AS e SET unused_since = NULL WHERE e.unused_since IS NOT NULL AND EXISTS (
    SELECT FROM read.document_chunks AS c WHERE c.agent_id = e.agent_id AND c.content_hash = e.content_hash)";
const MARK: &str =
    "UPDATE diagent.embeddings AS e SET unused_since = now() WHERE e.unused_since IS NULL AND NOT EXISTS (
    SELECT FROM read.document_chunks AS c WHERE c.agent_id = e.agent_id AND c.content_hash = e.content_hash)";
const DROP_UNUSED: &str = "DELETE FROM diagent.embeddings WHERE unused_since < now() - interval '1 day'";
const DROP_REPLACED: &str = "WITH replaced AS (
        DELETE FROM diagent.embedding_models
        WHERE NOT active AND model <> $1 AND updated_at < now() - interval '1 day' RETURNING model
    )
    DELETE FROM diagent.embeddings AS e USING replaced WHERE e.model = replaced.model";

/// Drops what has not been needed for a day; `model` is the configured one, which may not be complete yet.
pub(super) async fn sweep(pool: &PgPool, model: &str) -> sqlx::Result<()> {
    for statement in [KEEP, MARK, DROP_UNUSED] {
        sqlx::query(statement).execute(pool).await?;
    }
    sqlx::query(DROP_REPLACED).bind(model).execute(pool).await?;
    Ok(())
}
