//! One pass over all passages: those without a vector of the configured model get one, and when none is left without, the
//! model is what questions are embedded with from now on.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use sqlx::{Connection as _, PgConnection, PgPool, Row as _, postgres::PgRow};

use super::{
    Client, EmbedError,
    client::{Purpose, literal},
    passages::{PassError, in_time},
};
use crate::{answer, metrics};

const MISSING: &str = include_str!("missing.sql");
const REGISTER: &str = "INSERT INTO diagent.embedding_models (model, active)
    VALUES ($1, NOT EXISTS (SELECT FROM diagent.embedding_models WHERE active)) ON CONFLICT DO NOTHING";
const STORE: &str = "INSERT INTO diagent.embeddings (agent_id, model, content_hash, embedding)
    SELECT n.agent_id, $1, n.content_hash, n.embedding::halfvec
    FROM unnest($2::text[], $3::bytea[], $4::text[]) AS n (agent_id, content_hash, embedding)
    ON CONFLICT DO NOTHING";
const RETIRE: &str =
    "UPDATE diagent.embedding_models SET active = false, updated_at = now() WHERE active AND model <> $1";
const ACTIVATE: &str =
    "UPDATE diagent.embedding_models SET active = true, updated_at = now() WHERE model = $1 AND NOT active";

/// Any number that nobody else locks: the letters of "vectors".
const LOCK: i64 = 0x0076_6563_746f_7273;

/// Passages that are read at a time; requests are made of them.
const PAGE: i64 = 256;

/// Texts of one request, and their characters: a few thousand tokens.
const TEXTS_MAX: usize = 16;
const CHARS_MAX: usize = 24_000;

/// Requests that are under way at the same time.
const REQUESTS_MAX: usize = 2;

/// A request with texts for a slow machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A text that the model refuses is tried with so much of it, in characters.
const SHORT_CHARS: usize = 1_000;

/// A passage without a vector.
#[derive(Debug, Clone)]
struct Missing {
    agent_id: String,
    content_hash: Vec<u8>,
    text: String,
}

/// Embeds what is missing; false when another instance does so already.
///
/// # Errors
/// The database or the model does not answer. What was embedded until then is kept.
pub(super) async fn pass(pool: &PgPool, client: &Client) -> Result<bool, PassError> {
    let mut connection = pool.acquire().await?;
    let locked = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK);
    let is_ours: bool = in_time(locked.fetch_one(&mut *connection)).await?;
    if !is_ours {
        return Ok(false);
    }
    // Should this be dropped in the middle, the lock must go with the connection and not back into the pool.
    let mut connection = connection.detach();
    let passed = embed_all(&mut connection, client).await;
    connection.close().await?;
    passed.map(|()| true)
}

async fn embed_all(connection: &mut PgConnection, client: &Client) -> Result<(), PassError> {
    let register = sqlx::query(REGISTER).bind(client.model());
    in_time(register.execute(&mut *connection)).await?;
    let (mut agent_id, mut content_hash) = (String::new(), Vec::new());
    loop {
        let page = sqlx::query(MISSING)
            .bind(client.model())
            .bind(&agent_id)
            .bind(&content_hash)
            .bind(PAGE);
        let rows = in_time(page.fetch_all(&mut *connection)).await?;
        let missing = rows.iter().map(missing).collect::<sqlx::Result<Vec<Missing>>>()?;
        let Some(last) = missing.last() else { break };
        (agent_id, content_hash) = (last.agent_id.clone(), last.content_hash.clone());
        let mut embedded = stream::iter(requests(missing))
            .map(|texts| embed(client, texts))
            .buffer_unordered(REQUESTS_MAX);
        while let Some(vectors) = embedded.try_next().await? {
            in_time(store(connection, client.model(), &vectors)).await?;
        }
    }
    in_time(activate(connection, client.model())).await?;
    Ok(())
}

fn missing(row: &PgRow) -> sqlx::Result<Missing> {
    let text = |name| row.try_get::<&str, _>(name);
    Ok(Missing {
        agent_id: row.try_get("agent_id")?,
        content_hash: row.try_get("content_hash")?,
        text: passage_text(text("title")?, text("heading")?, text("content")?),
    })
}

/// What is embedded of a passage. A model reads little, so nothing is told twice: not the page's title again when the headings
/// begin with it, nor the numbers of sections, which mean nothing.
fn passage_text(title: &str, heading: &str, content: &str) -> String {
    let parts: Vec<&str> = heading.split(" > ").map(without_number).collect();
    let (title, heading) = (without_number(title), parts.join(" > "));
    let content = answer::plain_text(content);
    match parts.first() {
        Some(first) if first.eq_ignore_ascii_case(title) => [heading.as_str(), &content].join("\n"),
        _ => [title, &heading, &content].join("\n"),
    }
}

/// `2.1.3 Stanzas` is about stanzas, and `3 steps` are three.
fn without_number(heading: &str) -> &str {
    let is_number = |word: &str| word.contains('.') && word.chars().all(|char| char.is_ascii_digit() || char == '.');
    match heading.split_once(' ') {
        Some((first, rest)) if is_number(first) => rest.trim_start(),
        _ => heading,
    }
}

/// `passages` in portions that one request can carry.
fn requests(passages: Vec<Missing>) -> Vec<Vec<Missing>> {
    let mut requests: Vec<Vec<Missing>> = Vec::new();
    let mut chars = 0;
    for passage in passages {
        let coming = passage.text.chars().count();
        match requests.last_mut() {
            Some(request) if request.len() < TEXTS_MAX && chars + coming <= CHARS_MAX => {
                chars += coming;
                request.push(passage);
            }
            _ => {
                chars = coming;
                requests.push(vec![passage]);
            }
        }
    }
    requests
}

/// The passages with their vectors. Where the model refuses, each text is tried alone, then its beginning; what is refused
/// even so is found by its words.
async fn embed(client: &Client, passages: Vec<Missing>) -> Result<Vec<(Missing, String)>, EmbedError> {
    let texts: Vec<String> = passages.iter().map(|passage| passage.text.clone()).collect();
    let vectors = match client.embed(client.model(), Purpose::Passage, &texts, PATIENCE).await {
        Ok(vectors) => vectors.into_iter().map(Some).collect(),
        Err(error) if error.is_refusal() => one_by_one(client, &texts).await?,
        Err(error) => return Err(error),
    };
    let known = passages.into_iter().zip(vectors);
    Ok(known
        .filter_map(|(passage, vector)| Some((passage, literal(&vector?))))
        .collect())
}

async fn one_by_one(client: &Client, texts: &[String]) -> Result<Vec<Option<Vec<f32>>>, EmbedError> {
    let mut vectors = Vec::with_capacity(texts.len());
    for text in texts {
        let beginning: String = text.chars().take(SHORT_CHARS).collect();
        let mut vector = None;
        for text in [text.clone(), beginning] {
            match client.embed(client.model(), Purpose::Passage, &[text], PATIENCE).await {
                Ok(vectors) => {
                    vector = vectors.into_iter().next();
                    break;
                }
                Err(error) if error.is_refusal() => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the model refuses a passage");
                }
                Err(error) => return Err(error),
            }
        }
        vectors.push(vector);
    }
    Ok(vectors)
}

async fn store(connection: &mut PgConnection, model: &str, vectors: &[(Missing, String)]) -> sqlx::Result<()> {
    let passages = || vectors.iter().map(|(passage, _)| passage);
    sqlx::query(STORE)
        .bind(model)
        .bind(passages().map(|passage| passage.agent_id.as_str()).collect::<Vec<_>>())
        .bind(
            passages()
                .map(|passage| passage.content_hash.as_slice())
                .collect::<Vec<_>>(),
        )
        .bind(vectors.iter().map(|(_, vector)| vector.as_str()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    metrics::passages_embedded(vectors.len());
    Ok(())
}

/// Every passage has a vector of `model`: questions are embedded with it from now on.
async fn activate(connection: &mut PgConnection, model: &str) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    sqlx::query(RETIRE).bind(model).execute(&mut *transaction).await?;
    let activated = sqlx::query(ACTIVATE).bind(model).execute(&mut *transaction).await?;
    transaction.commit().await?;
    if activated.rows_affected() > 0 {
        tracing::info!(model, "all passages are embedded, questions follow");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_a_few_thousand_tokens() {
        let passage = |chars: usize| Missing {
            agent_id: String::new(),
            content_hash: Vec::new(),
            text: "é".repeat(chars),
        };
        let sizes = |chars: &[usize]| {
            let requests = requests(chars.iter().map(|chars| passage(*chars)).collect());
            requests.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[10; 40]), [16, 16, 8]);
        assert_eq!(sizes(&[10_000, 10_000, 10_000, 90_000, 1]), [2, 1, 1, 1]);
        assert!(sizes(&[]).is_empty());
    }
}
