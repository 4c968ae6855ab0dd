//! Reading an event's attributes and its data in one pass over its bytes: half the work of a pass for each, and most of what
//! a rebuild of a read model does.
//!
//! Both types are derived and stay as they are. The attributes drive the pass; when it comes to `data`, the event's own
//! enum is given what it expects: the `type` that was seen before, and this `data`.

use std::{borrow::Cow, marker::PhantomData};

use serde::{
    Deserialize, Deserializer as _,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, MapAccess, Visitor,
        value::{BorrowedStrDeserializer, MapAccessDeserializer, StrDeserializer, StringDeserializer},
    },
};

use crate::{cloud_event::Attributes, upcast};

type JsonError = serde_json::Error;

/// Both of them, as today's writers write them: in today's version, `type` before `data`.
///
/// # Errors
/// It is no event, is not of type `E`, or was written otherwise.
pub(crate) fn read<E: DeserializeOwned>(payload: &[u8]) -> Result<(Attributes, E), JsonError> {
    let mut json = serde_json::Deserializer::from_slice(payload);
    let both = json.deserialize_map(Both(PhantomData))?;
    json.end()?;
    Ok(both)
}

struct Both<E>(PhantomData<E>);

impl<'de, E: DeserializeOwned> Visitor<'de> for Both<E> {
    type Value = (Attributes, E);

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an event in CloudEvents JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut tee = Tee {
            map,
            kind: None,
            event: None,
            is_current: false,
        };
        let attributes = Attributes::deserialize(MapAccessDeserializer::new(&mut tee))?;
        let event = tee.event.ok_or_else(|| A::Error::missing_field("data"))?;
        if tee.is_current {
            Ok((attributes, event))
        } else {
            Err(A::Error::custom("not in today's version"))
        }
    }
}

/// What the attributes read: all of `map` but `type`, `dataschema` and `data`, which are read on the way.
struct Tee<'de, A, E> {
    map: A,
    kind: Option<Text<'de>>,
    event: Option<E>,
    /// Whether `dataschema` names the version that `type` is written in today.
    is_current: bool,
}

impl<'de, A: MapAccess<'de>, E: DeserializeOwned> Tee<'de, A, E> {
    /// Reads the value of `key`, if it is none of the attributes'.
    fn take(&mut self, key: &str) -> Result<bool, A::Error> {
        let Self { map, kind, .. } = self;
        let missing = || A::Error::missing_field("type");
        match key {
            "type" => *kind = Some(map.next_value()?),
            "dataschema" => {
                let Text(kind) = kind.as_ref().ok_or_else(missing)?;
                let Text(schema) = map.next_value()?;
                self.is_current = upcast::version(&schema) == Some(upcast::current_version(kind));
            }
            "data" => {
                let Text(kind) = kind.as_ref().ok_or_else(missing)?;
                let event = TypeAndData {
                    left: ["type", "data"].iter(),
                    kind: Some(kind),
                    map,
                };
                self.event = Some(E::deserialize(MapAccessDeserializer::new(event))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'de, A: MapAccess<'de>, E: DeserializeOwned> MapAccess<'de> for &mut Tee<'de, A, E> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(Text(key)) = self.map.next_key()? {
            if self.take(&key)? {
                continue;
            }
            return match key {
                Cow::Borrowed(key) => seed.deserialize(BorrowedStrDeserializer::new(key)),
                Cow::Owned(key) => seed.deserialize(StringDeserializer::new(key)),
            }
            .map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// What the event's enum reads: `type`, then `data`, whose value comes next in `map`.
struct TypeAndData<'a, A> {
    left: std::slice::Iter<'static, &'static str>,
    /// Until it is read.
    kind: Option<&'a str>,
    map: &'a mut A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for TypeAndData<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.left.next() {
            Some(key) => seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.kind.take() {
            Some(kind) => seed.deserialize(StrDeserializer::new(kind)),
            None => self.map.next_value_seed(seed),
        }
    }
}

/// A text, from where it stands if it can be.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{conversation::ConversationEvent, telemetry::TelemetryEvent};

    const CLICK: &str = include_str!("../tests/golden/diagent.telemetry.recorded.v1.json");
    const ANSWER: &str = include_str!("../tests/golden/diagent.message.answered.v1.json");

    #[test]
    fn one_pass_reads_what_two_read() {
        same_as_two_passes::<TelemetryEvent>(CLICK);
        same_as_two_passes::<ConversationEvent>(ANSWER);
    }

    #[test]
    fn what_is_no_event_of_the_type_or_is_ordered_otherwise_is_left_to_others() {
        assert!(read::<TelemetryEvent>(ANSWER.as_bytes()).is_err(), "another type");
        let mut data_first = serde_json::Map::new();
        let event: serde_json::Map<_, _> = serde_json::from_str(CLICK).expect("JSON");
        data_first.insert("data".to_owned(), event["data"].clone());
        let data_first = serde_json::to_string(&data_first).expect("JSON");
        assert!(
            read::<TelemetryEvent>(data_first.as_bytes()).is_err(),
            "no type before its data"
        );
        assert!(
            read::<TelemetryEvent>(&CLICK.as_bytes()[..CLICK.len() / 2]).is_err(),
            "half of one"
        );
    }

    fn same_as_two_passes<E: DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) {
        let (attributes, event) = read::<E>(text.as_bytes()).expect("an event");
        assert_eq!(attributes, serde_json::from_str(text).expect("attributes"));
        assert_eq!(event, serde_json::from_str(text).expect("an event"));
    }
}
