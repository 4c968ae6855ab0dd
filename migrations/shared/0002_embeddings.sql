-- Vectors of passages, kept apart from every version of every projection: a rebuild embeds nothing again. The responder fills
-- it; `shared/0003_vectors.sql` adds the vectors themselves where PostgreSQL has pgvector.

-- Words that are alike, in the contrib of every PostgreSQL.
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

CREATE TABLE diagent.embeddings (
    agent_id     text  NOT NULL,
    model        text  NOT NULL,
    -- Of the passages that it is the vector of.
    content_hash bytea NOT NULL,
    PRIMARY KEY (agent_id, model, content_hash)
);

-- The models that passages were embedded with; at most one is what questions are embedded with now.
CREATE TABLE diagent.embedding_models (
    model      text        NOT NULL PRIMARY KEY,
    active     boolean     NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX embedding_models_one_active ON diagent.embedding_models (active) WHERE active;

-- How far the passages of each agent are embedded with the model of now.
CREATE VIEW read.embeddings AS
SELECT e.agent_id, e.content_hash, e.model
FROM diagent.embeddings AS e
JOIN diagent.embedding_models AS m ON m.model = e.model AND m.active;

CREATE VIEW read.embedding_model AS
SELECT model FROM diagent.embedding_models WHERE active;
