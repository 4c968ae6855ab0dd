-- Receipts of erasures. They name a visitor's id, which is a hash, and nothing else of the visitor.

CREATE TABLE erasures (
    receipt_id   text        NOT NULL PRIMARY KEY,
    visitor_id   text        NOT NULL,
    agent_id     text        NOT NULL,
    workspace_id text        NOT NULL,
    partition    integer     NOT NULL,
    sequence     bigint      NOT NULL,
    -- Of the last tombstone: a read model that has passed it has forgotten the visitor.
    position     text        NOT NULL GENERATED ALWAYS AS (partition::text || ':' || sequence::text) STORED,
    erased_at    timestamptz NOT NULL
);
CREATE INDEX erasures_of_workspace ON erasures (workspace_id, erased_at DESC);
