//! Vectors that nobody needs any more: of passages that are gone, and of models that were replaced. They are kept for a day,
//! for a page may come back and a model may be put back.

use sqlx::PgPool;

use super::passages::in_time;

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
        in_time(sqlx::query(statement).execute(pool)).await?;
    }
    in_time(sqlx::query(DROP_REPLACED).bind(model).execute(pool)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use embedded::testing;
    use sqlx::{Row as _, postgres::PgRow};

    use super::*;

    const TABLES: &str = concat!(
        "CREATE SCHEMA diagent; CREATE SCHEMA read;",
        "CREATE TABLE read.document_chunks (agent_id text, content_hash bytea);",
        include_str!("../../../migrations/shared/0002_embeddings.sql"),
        include_str!("../../../migrations/shared/0006_unused_embeddings.sql"),
        "INSERT INTO diagent.embedding_models (model, active, updated_at) VALUES ('now', true, now()), \
         ('next', false, now() - interval '9 days'), ('replaced', false, now() - interval '2 days'), \
         ('just replaced', false, now());",
        "INSERT INTO diagent.embeddings (agent_id, model, content_hash) \
         SELECT 'a', model, hash::bytea FROM diagent.embedding_models, unnest(ARRAY['stays', 'goes']) AS hash;",
        "INSERT INTO read.document_chunks (agent_id, content_hash) VALUES ('a', 'stays'), ('another', 'goes');",
    );

    #[tokio::test]
    async fn what_nobody_needs_is_dropped_after_a_day() {
        let database = testing::database().await;
        let pool = PgPool::connect(database.url()).await.expect("a database");
        sqlx::raw_sql(TABLES).execute(&pool).await.expect("tables");

        sweep(&pool, "next").await.expect("swept");
        let all = [
            "just replaced goes",
            "just replaced stays",
            "next goes",
            "next stays",
            "now goes",
            "now stays",
        ];
        assert_eq!(left(&pool).await, all, "a page may come back");

        let a_day_later = "UPDATE diagent.embeddings SET unused_since = unused_since - interval '25 hours'";
        sqlx::query(a_day_later).execute(&pool).await.expect("a day later");
        sweep(&pool, "next").await.expect("swept");
        assert_eq!(left(&pool).await, ["just replaced stays", "next stays", "now stays"]);
    }

    async fn left(pool: &PgPool) -> Vec<String> {
        let rows = sqlx::query(
            "SELECT model || ' ' || convert_from(content_hash, 'UTF8') AS name FROM diagent.embeddings ORDER BY 1",
        );
        let rows: Vec<PgRow> = rows.fetch_all(pool).await.expect("vectors");
        rows.iter().map(|row| row.get("name")).collect()
    }
}
