-- Events that are lost for good, and that an operator has accepted as lost: projections go on past them.
CREATE TABLE diagent.losses (
    log_id      text        NOT NULL,
    partition   text        NOT NULL,
    -- Sequences, both included.
    first       bigint      NOT NULL,
    last        bigint      NOT NULL CHECK (last >= first),
    accepted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (log_id, partition, first, last)
);

-- Whether the binary that set a letter aside did not know the event: another one may, and tries by itself.
ALTER TABLE diagent.dead_letters ADD COLUMN unreadable boolean NOT NULL DEFAULT false;
