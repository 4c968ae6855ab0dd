//! Words that somebody looks for in conversations.
//!
//! Rare words are looked up in their index, which knows no order: what it finds is then sorted. Words that are everywhere
//! are instead checked conversation by conversation, in order, until a page is full. Which of the two is a thousand times
//! faster depends on the word. The database estimates how many messages have it; where that says few, it is tried out.

use edge::BadInput;
use events::{ConversationId, WorkspaceId};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

const CHARS_MAX: usize = 200;

/// Messages that are looked up and sorted; words of more messages are everywhere.
const RARE_MESSAGES_MAX: usize = 5_000;

/// Messages by the database's own estimate, above which looking them up is tried for [`MOMENT`] only. It is right within a few
/// percent for words that are frequent, too low for some that go together, and in a large table too high for what is in none.
const ESTIMATED_MESSAGES_MAX: u64 = 10_000;

/// What a page of words that are everywhere takes at most, by and large: so much is lost when it is tried in vain.
const MOMENT: &str = "SET LOCAL statement_timeout = '100ms'";

/// The server ended a statement that took too long.
const QUERY_CANCELED: &str = "57014";

const MESSAGES: &str = "SELECT m.conversation_id FROM read.messages AS m WHERE m.workspace_id = $1 \
    AND to_tsvector('simple', 'w' || m.workspace_id || ' ' || regexp_replace(m.content, '\\W+', ' ', 'g')) \
    @@ to_tsquery('simple', $2) LIMIT $3";
const ESTIMATE: &str = "EXPLAIN (FORMAT JSON) SELECT FROM read.messages AS m WHERE m.workspace_id = $1 \
    AND to_tsvector('simple', 'w' || m.workspace_id || ' ' || regexp_replace(m.content, '\\W+', ' ', 'g')) \
    @@ to_tsquery('simple', $2)";

/// Where to look.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// These conversations and no others.
    pub(super) conversations: Option<Vec<String>>,
    /// Those with a message that matches, as `to_tsquery` takes it.
    pub(super) words: Option<String>,
    /// What every message that matches has in it, as `ILIKE` takes it: taking a message apart costs seven times as much.
    pub(super) patterns: Option<Vec<String>>,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Nothing,
    Conversation(ConversationId),
    /// The beginnings of words, without whatever is no letter and no digit.
    Words(Vec<String>),
}

impl Typed {
    /// Reads the parameter `q`.
    ///
    /// # Errors
    /// It is too long.
    pub(super) fn parse(text: &str) -> Result<Self, BadInput> {
        if text.chars().count() > CHARS_MAX {
            return Err(BadInput::invalid(
                "q",
                format!("it must be at most {CHARS_MAX} characters"),
            ));
        }
        if let Ok(conversation_id) = text.trim().parse() {
            return Ok(Self::Conversation(conversation_id));
        }
        let words = text.split(|char: char| !char.is_alphanumeric());
        let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
        Ok(if words.is_empty() {
            Self::Nothing
        } else {
            Self::Words(words)
        })
    }
}

impl Search {
    /// Finds out where to look in a workspace.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub(super) async fn plan(pool: &PgPool, workspace_id: WorkspaceId, typed: Typed) -> sqlx::Result<Self> {
        let words = match typed {
            Typed::Nothing => return Ok(Self::default()),
            Typed::Conversation(conversation_id) => return Ok(Self::of(vec![conversation_id.to_string()])),
            Typed::Words(words) => words,
        };
        let query = format!("w{workspace_id} & {}:*", words.join(":* & "));
        Ok(match look_up(pool, workspace_id, &query).await? {
            Some(mut found) if found.len() <= RARE_MESSAGES_MAX => {
                found.sort_unstable();
                found.dedup();
                Self::of(found)
            }
            _ => Self::everywhere(query, &words),
        })
    }

    /// `words` are letters and digits, none of which means anything in a pattern.
    fn everywhere(query: String, words: &[String]) -> Self {
        Self {
            words: Some(query),
            patterns: Some(words.iter().map(|word| format!("%{word}%")).collect()),
            ..Self::default()
        }
    }

    fn of(conversations: Vec<String>) -> Self {
        Self {
            conversations: Some(conversations),
            ..Self::default()
        }
    }
}

/// The conversations of messages that match, in no order, one more than is rare at most; none when it would take too long.
async fn look_up(pool: &PgPool, workspace_id: WorkspaceId, query: &str) -> sqlx::Result<Option<Vec<String>>> {
    let limit = i64::try_from(RARE_MESSAGES_MAX + 1).unwrap_or(i64::MAX);
    let mut transaction = pool.begin().await?;
    if estimate(&mut transaction, workspace_id, query).await? > ESTIMATED_MESSAGES_MAX {
        sqlx::query(MOMENT).execute(&mut *transaction).await?;
    }
    let found = sqlx::query_scalar(MESSAGES)
        .bind(workspace_id.to_string())
        .bind(query)
        .bind(limit)
        .persistent(false)
        .fetch_all(&mut *transaction)
        .await;
    transaction.rollback().await?;
    match found {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(QUERY_CANCELED) => Ok(None),
        found => found.map(Some),
    }
}

/// How many messages match, as the planner thinks: it keeps count of the words that are frequent.
async fn estimate(connection: &mut PgConnection, workspace_id: WorkspaceId, query: &str) -> sqlx::Result<u64> {
    let plan: Value = sqlx::query_scalar(ESTIMATE)
        .bind(workspace_id.to_string())
        .bind(query)
        .persistent(false)
        .fetch_one(connection)
        .await?;
    Ok(plan[0]["Plan"]["Plan Rows"].as_u64().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_typed_becomes_words_that_the_query_language_has_no_meaning_for() {
        let words = |words: &[&str]| Typed::Words(words.iter().map(|&word| word.to_owned()).collect());
        for (text, expected) in [
            ("", Typed::Nothing),
            (" &|!'\"():*\\% ", Typed::Nothing),
            ("Refund-policy", words(&["refund", "policy"])),
            ("O'Neill & ÅNGSTRÖM:*", words(&["o", "neill", "ångström"])),
            ("7b", words(&["7b"])),
        ] {
            assert_eq!(Typed::parse(text).expect("words"), expected, "{text}");
        }
        let id = ConversationId::generate();
        let typed = Typed::parse(&format!(" {id} ")).expect("an id");
        assert_eq!(typed, Typed::Conversation(id));
        assert!(Typed::parse(&"x".repeat(CHARS_MAX + 1)).is_err());
    }
}
