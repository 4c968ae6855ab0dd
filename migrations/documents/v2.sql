-- The agents' knowledge: pages, cut into passages that can be searched by their words, and found again by their content.

-- What a passage takes from its agent.
CREATE TABLE agents (
    agent_id     text      NOT NULL PRIMARY KEY,
    workspace_id text      NOT NULL,
    language     regconfig NOT NULL
);

CREATE TABLE documents (
    agent_id     text        NOT NULL,
    document_id  text        NOT NULL,
    workspace_id text        NOT NULL,
    url          text        NOT NULL,
    title        text        NOT NULL,
    chunks       integer     NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (agent_id, document_id)
);

CREATE TABLE document_chunks (
    agent_id     text      NOT NULL,
    document_id  text      NOT NULL,
    -- From 0, in the page's order.
    chunk        integer   NOT NULL,
    url          text      NOT NULL,
    title        text      NOT NULL,
    -- The headings above it, outermost first, separated by ' > '.
    heading      text      NOT NULL,
    -- The id of the innermost of them on the page, or the one that renderers of Markdown give it; '' before the first.
    anchor       text      NOT NULL,
    -- Markdown.
    content      text      NOT NULL,
    -- Of title, heading and content: what says the same has the same vector (`diagent.embeddings`).
    content_hash bytea     NOT NULL,
    language     regconfig NOT NULL,
    search       tsvector  NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector(language, title), 'A')
        || setweight(to_tsvector(language, heading), 'B')
        || setweight(to_tsvector(language, content), 'C')
    ) STORED,
    PRIMARY KEY (agent_id, document_id, chunk)
);
CREATE INDEX document_chunks_search ON document_chunks USING gin (search);
CREATE INDEX document_chunks_by_content ON document_chunks (agent_id, content_hash);

-- Every word that an agent's passages have, as `search` has it, and how many of them have it: what a word of a question
-- weighs, and what a misspelt one may have meant. A word that no passage has any more stays with 0.
CREATE TABLE document_words (
    agent_id text    NOT NULL,
    word     text    NOT NULL,
    chunks   integer NOT NULL,
    PRIMARY KEY (agent_id, word)
) WITH (fillfactor = 80);
CREATE INDEX document_words_alike ON document_words USING gin (word gin_trgm_ops);
