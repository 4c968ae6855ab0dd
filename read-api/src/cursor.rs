//! Pages by key: a cursor is the last row's place in the order, so that a page costs the same however far down it is.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use edge::BadInput;
use time::OffsetDateTime;

/// Rows of one page.
const LIMIT_DEFAULT: i64 = 50;
const LIMIT_MAX: i64 = 200;

/// A row's place in a list that is ordered by a time and an id, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub time: OffsetDateTime,
    pub id: String,
}

impl Cursor {
    /// The text for the caller; it means nothing to them.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {}", self.time.unix_timestamp_nanos() / 1_000, self.id))
    }

    /// Back from the text.
    ///
    /// # Errors
    /// The text is not one that we gave.
    pub fn decode(text: &str) -> Result<Self, BadInput> {
        let wrong = || BadInput::invalid("cursor", "it is not one that this list gave");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let plain = String::from_utf8(bytes).map_err(|_| wrong())?;
        let (micros, id) = plain.split_once(' ').ok_or_else(wrong)?;
        // No row is older than 1970, and Postgres does not count back as far as a number does.
        let micros: u64 = micros.parse().map_err(|_| wrong())?;
        let nanos = i128::from(micros) * 1_000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| wrong())?;
        // Postgres cannot hold a NUL, and ids have none.
        if id.contains('\0') {
            Err(wrong())
        } else {
            Ok(Self {
                time,
                id: id.to_owned(),
            })
        }
    }
}

/// The number of rows that a caller gets.
///
/// # Errors
/// It is not between 1 and 200.
pub fn limit(asked: Option<i64>) -> Result<i64, BadInput> {
    match asked {
        None => Ok(LIMIT_DEFAULT),
        Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(BadInput::invalid(
            "limit",
            format!("it must be between 1 and {LIMIT_MAX}"),
        )),
    }
}

/// One page: one row more than `limit` was fetched, to know whether there is another page.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// For `?cursor=`; none on the last page.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The page of `rows`, which are at most `limit + 1`.
    pub fn new(mut rows: Vec<T>, limit: i64, cursor: impl Fn(&T) -> Cursor) -> Self {
        let limit = usize::try_from(limit).unwrap_or_default();
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| has_more).map(|row| cursor(row).encode());
        Self {
            data: rows,
            next_cursor,
        }
    }
}

impl<T: serde::Serialize> axum::response::IntoResponse for Page<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_cursor_survives_its_text(micros in 0..253_402_300_800_000_000_u64, id in "[^\\x00]{0,40}") {
            let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).expect("a time");
            let cursor = Cursor { time, id };
            prop_assert_eq!(Cursor::decode(&cursor.encode()).ok(), Some(cursor));
        }

        #[test]
        fn whatever_is_sent_is_a_cursor_or_none(text in "(?s).{0,80}", bytes: Vec<u8>, micros in "[+-]?[0-9]{0,40}", id in "(?s).{0,40}") {
            let forged = [text, URL_SAFE_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(format!("{micros} {id}"))];
            for cursor in forged.iter().filter_map(|text| Cursor::decode(text).ok()) {
                prop_assert_eq!(Cursor::decode(&cursor.encode()).ok(), Some(cursor));
            }
        }
    }

    #[test]
    fn a_cursor_survives_its_text() {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_790_000_000_123_456_000).expect("a time");
        let cursor = Cursor {
            time,
            id: "01JA8Q5T3V9Y6ZK4W2M7XN8RBC".to_owned(),
        };
        assert_eq!(Cursor::decode(&cursor.encode()).expect("ours"), cursor);
    }

    #[test]
    fn forged_cursors_are_refused() {
        let forged = [
            "",
            "!",
            "AAAA",
            &URL_SAFE_NO_PAD.encode("x y"),
            &URL_SAFE_NO_PAD.encode("99999999999999999999999999 a"),
            &URL_SAFE_NO_PAD.encode("-300000000000000000 a"),
            &URL_SAFE_NO_PAD.encode("1 a\0"),
        ];
        for text in forged {
            assert!(Cursor::decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let cursor = |row: &i32| Cursor {
            time: OffsetDateTime::UNIX_EPOCH,
            id: row.to_string(),
        };
        assert_eq!(Page::new(vec![1, 2], 2, cursor).next_cursor, None);
        let page = Page::new(vec![1, 2, 3], 2, cursor);
        assert_eq!(
            (
                page.data.len(),
                Cursor::decode(&page.next_cursor.expect("a cursor")).expect("ours").id
            ),
            (2, "2".to_owned())
        );
    }
}
