//! Writing a batch of agents and pages.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::{Agent, Page, chunk::Chunk};

const UPSERT_AGENTS: &str = "INSERT INTO agents (agent_id, workspace_id, language)
    SELECT a.agent_id, a.workspace_id, a.language::regconfig
    FROM unnest($1::text[], $2::text[], $3::text[]) AS a (agent_id, workspace_id, language)
    ON CONFLICT (agent_id) DO UPDATE SET workspace_id = excluded.workspace_id, language = excluded.language";
/// The index is of a generated column: changing the language indexes the passage again.
const RELABEL: &str = "WITH changed AS (
        UPDATE document_chunks AS c SET language = a.language
        FROM agents AS a
        WHERE a.agent_id = ANY($1) AND c.agent_id = a.agent_id AND c.language <> a.language
        RETURNING c.agent_id
    )
    SELECT DISTINCT agent_id FROM changed";
const DELETE: &str = "WITH gone AS (SELECT * FROM unnest($1::text[], $2::text[]) AS g (agent_id, document_id)),
    chunks AS (
        DELETE FROM document_chunks AS c USING gone
        WHERE c.agent_id = gone.agent_id AND c.document_id = gone.document_id
        RETURNING c.agent_id, c.search
    ),
    fewer AS (
        SELECT agent_id, word, count(*)::integer AS chunks
        FROM chunks, unnest(tsvector_to_array(search)) AS word GROUP BY agent_id, word
    ),
    words AS (
        UPDATE document_words AS w SET chunks = w.chunks - fewer.chunks
        FROM fewer WHERE w.agent_id = fewer.agent_id AND w.word = fewer.word
    )
    DELETE FROM documents AS d USING gone WHERE d.agent_id = gone.agent_id AND d.document_id = gone.document_id";
const FORGET_WORDS: &str = "DELETE FROM document_words WHERE agent_id = ANY($1)";
const FORGET_UNUSED_WORDS: &str = "DELETE FROM document_words WHERE agent_id = ANY($1) AND chunks = 0";
const COUNT_WORDS: &str = "INSERT INTO document_words (agent_id, word, chunks)
    SELECT c.agent_id, word, count(*)
    FROM document_chunks AS c, unnest(tsvector_to_array(c.search)) AS word
    WHERE c.agent_id = ANY($1) GROUP BY c.agent_id, word";
const INSERT_DOCUMENTS: &str =
    "INSERT INTO documents (agent_id, document_id, workspace_id, url, title, chunks, updated_at)
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::timestamptz[]
    )";
/// A page may come before its agent is defined: until then its language is English, as an agent's is that names none.
const INSERT_CHUNKS: &str = "WITH chunks AS (
        INSERT INTO document_chunks
            (agent_id, document_id, chunk, url, title, heading, anchor, content, content_hash, language)
        SELECT n.agent_id, n.document_id, n.chunk, d.url, d.title, n.heading, n.anchor, n.content, n.content_hash,
            coalesce(a.language, 'english'::regconfig)
        FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::bytea[])
            AS n (agent_id, document_id, chunk, heading, anchor, content, content_hash)
        JOIN documents AS d ON d.agent_id = n.agent_id AND d.document_id = n.document_id
        LEFT JOIN agents AS a ON a.agent_id = n.agent_id
        RETURNING agent_id, search
    )
    INSERT INTO document_words AS w (agent_id, word, chunks)
    SELECT agent_id, word, count(*)
    FROM chunks, unnest(tsvector_to_array(search)) AS word GROUP BY agent_id, word
    ON CONFLICT (agent_id, word) DO UPDATE SET chunks = w.chunks + excluded.chunks";

/// Writes what passages take from their agents.
pub(super) async fn agents(connection: &mut PgConnection, agents: &BTreeMap<String, Agent>) -> sqlx::Result<()> {
    if agents.is_empty() {
        return Ok(());
    }
    sqlx::query(UPSERT_AGENTS)
        .bind(agents.keys().cloned().collect::<Vec<_>>())
        .bind(
            agents
                .values()
                .map(|agent| agent.workspace_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(agents.values().map(|agent| agent.language).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives the passages of `agents` their language of now.
pub(super) async fn relabel(connection: &mut PgConnection, agents: &BTreeMap<String, Agent>) -> sqlx::Result<()> {
    if agents.is_empty() {
        return Ok(());
    }
    let changed: Vec<String> = sqlx::query_scalar(RELABEL)
        .bind(agents.keys().cloned().collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await?;
    if changed.is_empty() {
        return Ok(());
    }
    for statement in [FORGET_WORDS, COUNT_WORDS] {
        sqlx::query(statement).bind(&changed).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Replaces the pages that were put, and drops those that were removed.
pub(super) async fn documents(
    connection: &mut PgConnection,
    documents: &BTreeMap<(String, String), Option<Page>>,
) -> sqlx::Result<()> {
    if documents.is_empty() {
        return Ok(());
    }
    let (agents, ids): (Vec<_>, Vec<_>) = documents.keys().cloned().unzip();
    sqlx::query(DELETE)
        .bind(&agents)
        .bind(ids)
        .execute(&mut *connection)
        .await?;
    let pages: Vec<(&Key, &Page)> = documents
        .iter()
        .filter_map(|(key, page)| Some((key, page.as_ref()?)))
        .collect();
    insert_documents(connection, &pages).await?;
    insert_chunks(connection, &pages).await?;
    sqlx::query(FORGET_UNUSED_WORDS)
        .bind(agents)
        .execute(connection)
        .await?;
    Ok(())
}

/// An agent's id and a document's.
type Key = (String, String);

async fn insert_documents(connection: &mut PgConnection, pages: &[(&Key, &Page)]) -> sqlx::Result<()> {
    let texts = |text: fn(&Page) -> &String| pages.iter().map(|(_, page)| text(page).as_str()).collect::<Vec<_>>();
    sqlx::query(INSERT_DOCUMENTS)
        .bind(
            pages
                .iter()
                .map(|((agent_id, _), _)| agent_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            pages
                .iter()
                .map(|((_, document_id), _)| document_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(texts(|page| &page.workspace_id))
        .bind(texts(|page| &page.url))
        .bind(texts(|page| &page.title))
        .bind(
            pages
                .iter()
                .map(|(_, page)| count(page.chunks.len()))
                .collect::<Vec<_>>(),
        )
        .bind(pages.iter().map(|(_, page)| page.updated_at).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_chunks(connection: &mut PgConnection, pages: &[(&Key, &Page)]) -> sqlx::Result<()> {
    let chunks: Vec<(&Key, usize, &Chunk)> = pages
        .iter()
        .flat_map(|(key, page)| {
            page.chunks
                .iter()
                .enumerate()
                .map(|(index, chunk)| (*key, index, chunk))
        })
        .collect();
    let texts = |text: fn(&Chunk) -> &String| {
        chunks
            .iter()
            .map(|(.., chunk)| text(chunk).as_str())
            .collect::<Vec<_>>()
    };
    sqlx::query(INSERT_CHUNKS)
        .bind(
            chunks
                .iter()
                .map(|((agent_id, _), ..)| agent_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            chunks
                .iter()
                .map(|((_, document_id), ..)| document_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(chunks.iter().map(|(_, index, _)| count(*index)).collect::<Vec<_>>())
        .bind(texts(|chunk| &chunk.heading))
        .bind(texts(|chunk| &chunk.anchor))
        .bind(texts(|chunk| &chunk.content))
        .bind(
            chunks
                .iter()
                .map(|(.., chunk)| chunk.hash.as_slice())
                .collect::<Vec<_>>(),
        )
        .execute(connection)
        .await?;
    Ok(())
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
