//! Where lines come from: the log itself, where this machine may reach it, else the read API.

use anyhow::{Context as _, bail};
use bytes::{Bytes, BytesMut};
use events::Clock;
use futures::{StreamExt as _, stream::BoxStream};
use read_api::replay::{Cursor, Filter, Format, Replay, Wanted, line, read_events};
use reqwest::{Method, Response};

use crate::{
    commands::api::{Api, ApiArgs, Side},
    infra::InfraArgs,
};

const CHUNK_BYTES: usize = 256 * 1024;
const BROKE_OFF: &str = "the log broke off; the same command with --after and the last cursor goes on";

/// A replay under way. Both ways give the same lines.
pub(super) enum Source {
    Log(Box<Replay>),
    Api(Box<Lines>),
}

/// An answer of the read API.
pub(super) struct Lines {
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    /// The beginning of a line whose end has not arrived.
    rest: BytesMut,
    bounds: (Cursor, Cursor),
    cursor: Cursor,
}

impl Source {
    /// Begins. A token is for the API. Without one the log is read where it is: at `NATS_URL`, or in a running
    /// `diagent up`; that needs no encoding for the way in between.
    pub(super) async fn open(filter: &Filter, api: ApiArgs, infra: &InfraArgs) -> anyhow::Result<Self> {
        match infra.nats_or_ups()? {
            Some(nats_url) if !api.has_token() => {
                let log = infra.log(&nats_url, "replay", Clock::default()).await?;
                let wanted = Wanted::resolve(&log, filter, None).await?;
                Ok(Self::Log(Box::new(Replay::open(&log, wanted).await?)))
            }
            _ => {
                let answer = Api::new(api, infra)?
                    .call((Side::Read, Method::GET), "events", &query(filter), None)
                    .await?;
                Ok(Self::Api(Box::new(Lines::of(answer)?)))
            }
        }
    }

    /// Appends whole lines; false when there are no more. May be dropped while it waits; nothing is lost by that.
    pub(super) async fn read(&mut self, into: &mut BytesMut) -> anyhow::Result<bool> {
        match self {
            Self::Log(replay) => {
                let broke_off = |error| anyhow::Error::from_boxed(error).context(BROKE_OFF);
                let Some(event) = replay.next().await.map_err(broke_off)? else {
                    return Ok(false);
                };
                line(Format::Ndjson, &event, &replay.cursor(), into);
                match replay.lines_at_hand(Format::Ndjson, CHUNK_BYTES, into) {
                    Some(Err(error)) => Err(broke_off(error)),
                    Some(Ok(())) | None => Ok(true),
                }
            }
            Self::Api(lines) => lines.read(into).await,
        }
    }

    /// Where the reader stands after what was read.
    pub(super) fn cursor(&self) -> Cursor {
        match self {
            Self::Log(replay) => replay.cursor(),
            Self::Api(lines) => lines.cursor.clone(),
        }
    }

    /// Where the reader stood at the beginning, and where the log ended then.
    pub(super) const fn bounds(&self) -> (&Cursor, &Cursor) {
        match self {
            Self::Log(replay) => replay.bounds(),
            Self::Api(lines) => (&lines.bounds.0, &lines.bounds.1),
        }
    }
}

impl Lines {
    fn of(answer: Response) -> anyhow::Result<Self> {
        let cursor = |name| -> anyhow::Result<Cursor> {
            let value = answer
                .headers()
                .get(name)
                .context("the read API is of another version")?;
            value.to_str()?.parse::<Cursor>().map_err(anyhow::Error::new)
        };
        let bounds = (cursor(read_events::BEGINNING)?, cursor(read_events::END)?);
        Ok(Self {
            cursor: bounds.0.clone(),
            bounds,
            chunks: answer.bytes_stream().boxed(),
            rest: BytesMut::new(),
        })
    }

    async fn read(&mut self, into: &mut BytesMut) -> anyhow::Result<bool> {
        while let Some(chunk) = self.chunks.next().await {
            self.rest.extend_from_slice(&chunk.context(BROKE_OFF)?);
            let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let lines = self.rest.split_to(end + 1);
            self.cursor = last_cursor(&lines).context("a line of the read API has no cursor")?;
            into.extend_from_slice(&lines);
            return Ok(true);
        }
        if self.rest.is_empty() {
            Ok(false)
        } else {
            bail!(BROKE_OFF)
        }
    }
}

/// The cursor of the last of whole `lines`: it stands in front of what was stored.
fn last_cursor(lines: &[u8]) -> Option<Cursor> {
    let last = lines.strip_suffix(b"\n")?.rsplit(|byte| *byte == b'\n').next()?;
    let text = std::str::from_utf8(last).ok()?;
    let (_, cursor) = text.split_once("\",\"cursor\":\"")?;
    cursor.split_once('"')?.0.parse().ok()
}

/// The filter as the API takes it.
fn query(filter: &Filter) -> Vec<(&'static str, String)> {
    super::state::parameters(filter).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_where_its_reader_stands() {
        let lines = b"{\"position\":\"0:1\",\"cursor\":\"0:1,control:0\",\"id\":\"a\"}\n\
                      {\"position\":\"0:2\",\"cursor\":\"0:2,control:4\",\"id\":\"\\\",\\\"cursor\\\":\\\"\"}\n";
        assert_eq!(
            last_cursor(lines).map(|cursor| cursor.to_string()).as_deref(),
            Some("0:2,control:4")
        );
    }
}
