//! Snapshots keep a cold aggregate as fast as a warm one: loading is one message and a short tail.

use async_nats::HeaderMap;
use serde::{Deserialize, Serialize};

use super::{
    Loaded, Log, LogError, Stored, direct_get,
    publish::{Acknowledgement, RequestProblem},
    streams::SNAPSHOTS,
};
use crate::Subject;

#[derive(Deserialize)]
struct Snapshot<A> {
    form: u32,
    sequence: u64,
    state: A,
}

#[derive(Serialize)]
struct SnapshotOf<'a, A> {
    form: u32,
    sequence: u64,
    state: &'a A,
}

/// The subject of a snapshot.
pub(super) fn subject_text(subject: &Subject, partitions: u16) -> String {
    format!("snap.{}", subject.text(partitions))
}

impl Log {
    /// Keeps `loaded` as the state to start from. Only a shortcut: without it the events are folded from the first.
    ///
    /// # Errors
    /// The log cannot be written.
    pub async fn save_snapshot<A: Stored>(&self, subject: &Subject, loaded: &Loaded<A>) -> Result<(), LogError> {
        let Some(form) = A::SNAPSHOT_FORM else {
            return Ok(());
        };
        self.up().await?;
        let snapshot = SnapshotOf {
            form,
            sequence: loaded.sequence,
            state: &*loaded.state,
        };
        let body = serde_json::to_vec(&snapshot)?.into();
        match self
            .request(&subject_text(subject, self.partitions()), HeaderMap::new(), body)
            .await
        {
            Ok(Acknowledgement::Stored { .. }) => Ok(()),
            Ok(Acknowledgement::Refused { error }) => Err(error.into()),
            Err(RequestProblem::Away(error)) => Err(error),
            Err(RequestProblem::Unclear) => Err(LogError::Unacknowledged),
        }
    }

    /// The last snapshot of the aggregate at `subject`, if there is one of today's form.
    pub(super) async fn snapshot<A: Stored>(&self, subject: &Subject) -> Result<Option<Loaded<A>>, LogError> {
        let Some(form) = A::SNAPSHOT_FORM else {
            return Ok(None);
        };
        let Some(message) = direct_get::last(self, SNAPSHOTS, &subject_text(subject, self.partitions())).await? else {
            return Ok(None);
        };
        // One that cannot be read is one of another form: the events tell the same.
        let snapshot = serde_json::from_slice::<Snapshot<A>>(&message.payload)
            .ok()
            .filter(|snapshot| snapshot.form == form);
        Ok(snapshot.map(|snapshot| Loaded {
            state: snapshot.state.into(),
            sequence: snapshot.sequence,
        }))
    }
}
