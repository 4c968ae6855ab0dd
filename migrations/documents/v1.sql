-- The agents' knowledge: pages, cut into passages that can be searched.

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
    agent_id    text      NOT NULL,
    document_id text      NOT NULL,
    -- From 0, in the page's order.
    chunk       integer   NOT NULL,
    url         text      NOT NULL,
    title       text      NOT NULL,
    -- The headings above it, outermost first, separated by ' > '.
    heading     text      NOT NULL,
    -- The id that renderers of Markdown give the innermost of them; '' before the first.
    anchor      text      NOT NULL,
    -- Markdown.
    content     text      NOT NULL,
    language    regconfig NOT NULL,
    search      tsvector  NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector(language, title), 'A')
        || setweight(to_tsvector(language, heading), 'B')
        || setweight(to_tsvector(language, content), 'C')
    ) STORED,
    PRIMARY KEY (agent_id, document_id, chunk)
);
CREATE INDEX document_chunks_search ON document_chunks USING gin (search);
