//! A question's vector, while a visitor waits: soon, or not at all.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use quick_cache::sync::Cache;
use tokio::{sync::watch, time::Instant};

use super::{
    Client,
    client::{Purpose, literal},
};
use crate::{config::EmbeddingConfig, metrics};

/// After this long the answer stands on words alone.
const PATIENCE: Duration = Duration::from_millis(500);

/// An endpoint that failed is not asked again for this long: not every visitor should wait for it.
const PAUSE: Duration = Duration::from_secs(5);

/// Vectors that are kept: many visitors ask the questions that the site suggests.
const RECENT: usize = 1_000;

/// Measured with `diagent eval` over a manual of a thousand pages: the second best passage of a question that it answers has
/// 0.33 and more, that of one about something else 0.21 and less.
const MINILM_CONFIDENT: f64 = 0.28;

/// Makes vectors of questions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Questions {
    client: Option<Client>,
    /// The model whose vectors the passages have.
    active: watch::Receiver<Option<Arc<str>>>,
    asked_again_at: Arc<Mutex<Option<Instant>>>,
    confident_cosine: Option<f64>,
    /// By hashes of models and questions: nobody's words are kept.
    recent: Arc<Cache<u64, Arc<str>>>,
    hasher: RandomState,
}

/// A question as the model sees it.
#[derive(Debug, Clone)]
pub(crate) struct Embedded {
    pub(crate) model: Arc<str>,
    /// As PostgreSQL reads it.
    pub(crate) vector: Arc<str>,
}

impl Questions {
    /// Questions for `client`; `active` says which model the passages were embedded with.
    pub(crate) fn new(
        client: Option<Client>,
        active: watch::Receiver<Option<Arc<str>>>,
        config: &EmbeddingConfig,
    ) -> Self {
        Self {
            client,
            active,
            asked_again_at: Arc::default(),
            confident_cosine: config.embedding_confident_cosine,
            recent: Arc::new(Cache::new(RECENT)),
            hasher: RandomState::new(),
        }
    }

    /// The cosine from which on a passage can be trusted, where that is known of the model in use.
    pub(crate) fn confident_cosine(&self) -> Option<f64> {
        let known = || {
            let model = self.active.borrow().clone()?.to_lowercase();
            model.contains("all-minilm-l6").then_some(MINILM_CONFIDENT)
        };
        self.confident_cosine.or_else(known)
    }

    /// The vector of `question` by the model that the passages were embedded with; none when there is no such model or it
    /// does not answer in time. While another model's vectors are being made, the endpoint is asked for the old one by name.
    pub(crate) async fn embed(&self, question: &str) -> Option<Embedded> {
        let client = self.client.as_ref()?;
        let model = self.active.borrow().clone()?;
        let key = self.hasher.hash_one((&*model, question));
        if let Some(vector) = self.recent.get(&key) {
            return Some(Embedded { model, vector });
        }
        if self.is_away() {
            metrics::question_embedded("passed_over", None);
            return None;
        }
        let started = Instant::now();
        let vectors = client
            .embed(&model, Purpose::Question, &[question.to_owned()], PATIENCE)
            .await;
        match vectors {
            Ok(vectors) => {
                metrics::question_embedded("embedded", Some(started.elapsed()));
                let vector: Arc<str> = literal(vectors.first()?).into();
                self.recent.insert(key, Arc::clone(&vector));
                Some(Embedded { model, vector })
            }
            Err(error) => {
                metrics::question_embedded("failed", None);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "questions are looked up by their words alone for a moment"
                );
                let pause = error.retry_after().unwrap_or(PAUSE).min(PAUSE);
                *self.asked_again_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + pause);
                None
            }
        }
    }

    fn is_away(&self) -> bool {
        let asked_again_at = self.asked_again_at.lock().unwrap_or_else(PoisonError::into_inner);
        asked_again_at.is_some_and(|at| Instant::now() < at)
    }
}
