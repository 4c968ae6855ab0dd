-- What the runner keeps: versions of projections, checkpoints, workers, dead letters.

CREATE SCHEMA read;

-- One row per built version of a projection: its tables are in the schema <projection>_v<version>.
CREATE TABLE diagent.versions (
    projection  text        NOT NULL,
    version     integer     NOT NULL,
    -- The VERSION of the code that fills it, and the file migrations/<projection>/v<definition>.sql that made it.
    definition  integer     NOT NULL,
    -- The tables and views that readers see when it is live.
    exposes     text[]      NOT NULL,
    live        boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    promoted_at timestamptz,
    PRIMARY KEY (projection, version)
);
CREATE UNIQUE INDEX versions_one_live ON diagent.versions (projection) WHERE live;

-- Live processes. A worker's row is its lease: it covers every partition it owns, and is renewed by one statement a second
-- that waits for no batch.
CREATE TABLE diagent.workers (
    worker_id   text        NOT NULL PRIMARY KEY,
    projections text[]      NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);

-- How far each version has read each partition. `epoch` is the fence: it rises with every change of hands, and a batch is
-- committed only under the epoch that it began with.
CREATE TABLE diagent.checkpoints (
    projection   text        NOT NULL,
    version      integer     NOT NULL,
    partition    text        NOT NULL,
    sequence     bigint      NOT NULL DEFAULT 0,
    -- Which log this is a place in; null until the first batch.
    log_id       text,
    epoch        bigint      NOT NULL DEFAULT 0,
    -- The worker; it counts only while its row in `workers` has not expired.
    owner        text,
    -- A halted partition waits for an operator: `reason` says what was found.
    state        text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'halted')),
    reason       text,
    -- Events behind, as the log counted at the last batch.
    pending      bigint      NOT NULL DEFAULT 0,
    -- When the log stored the last event that was read.
    event_at     timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, version, partition),
    FOREIGN KEY (projection, version) REFERENCES diagent.versions ON DELETE CASCADE
) WITH (fillfactor = 50);

-- Events that could not be applied, and later events of the same subject, which wait behind them in order.
CREATE TABLE diagent.dead_letters (
    projection text        NOT NULL,
    version    integer     NOT NULL,
    partition  text        NOT NULL,
    sequence   bigint      NOT NULL,
    subject    text        NOT NULL,
    -- Whose it is, so that an erasure finds it.
    agent_id   text,
    visitor_id text,
    event_type text        NOT NULL,
    stored_at  timestamptz NOT NULL,
    -- The event as it is in the log.
    payload    bytea       NOT NULL,
    -- dead: it failed; waiting: it stands behind one that failed; retry, skip: what an operator wants done with it.
    state      text        NOT NULL CHECK (state IN ('dead', 'waiting', 'retry', 'skip')),
    error      text,
    attempts   integer     NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, version, partition, sequence),
    FOREIGN KEY (projection, version) REFERENCES diagent.versions ON DELETE CASCADE
);
CREATE INDEX dead_letters_by_visitor ON diagent.dead_letters (agent_id, visitor_id);

CREATE FUNCTION diagent.schema_of(of_projection text, of_version integer) RETURNS text
LANGUAGE sql IMMUTABLE RETURN of_projection || '_v' || of_version::text;

CREATE FUNCTION diagent.create_schema_of(of_projection text, of_version integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', diagent.schema_of(of_projection, of_version));
END
$$;

-- Points the views of `read` at one version. Whoever reads sees the old version or the new one, never half of either.
CREATE FUNCTION diagent.promote(of_projection text, of_version integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    relation text;
    shown    text[];
BEGIN
    SELECT exposes INTO shown FROM diagent.versions
    WHERE projection = of_projection AND version = of_version FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version % of the projection %', of_version, of_projection USING ERRCODE = 'no_data_found';
    END IF;
    FOR relation IN
        SELECT unnest(exposes) FROM diagent.versions WHERE projection = of_projection AND live
    LOOP
        EXECUTE format('DROP VIEW IF EXISTS read.%I', relation);
    END LOOP;
    FOREACH relation IN ARRAY shown LOOP
        EXECUTE format(
            'CREATE VIEW read.%I AS SELECT * FROM %I.%I',
            relation, diagent.schema_of(of_projection, of_version), relation
        );
    END LOOP;
    UPDATE diagent.versions SET live = false WHERE projection = of_projection AND live;
    UPDATE diagent.versions SET live = true, promoted_at = now()
    WHERE projection = of_projection AND version = of_version;
END
$$;

CREATE VIEW read.checkpoints AS
SELECT
    c.projection, c.version, c.partition, c.sequence, c.log_id, v.live, v.definition, c.state, c.reason,
    CASE WHEN w.expires_at > now() THEN c.owner END AS owner,
    c.pending, c.event_at, c.updated_at,
    (
        SELECT count(*) FROM diagent.dead_letters AS d
        WHERE d.projection = c.projection AND d.version = c.version AND d.partition = c.partition
    ) AS dead_letters
FROM diagent.checkpoints AS c
JOIN diagent.versions AS v ON v.projection = c.projection AND v.version = c.version
LEFT JOIN diagent.workers AS w ON w.worker_id = c.owner;

-- Without the payload, which holds what the visitor wrote.
CREATE VIEW read.dead_letters AS
SELECT
    projection, version, partition, sequence, subject, agent_id, visitor_id, event_type, stored_at, state, error, attempts,
    created_at, updated_at
FROM diagent.dead_letters;
