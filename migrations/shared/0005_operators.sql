-- What operators decided about versions.

-- Events that were left out of a version. They stay named: whoever folds the log again to verify the version leaves them
-- out as well.
CREATE TABLE diagent.skipped_events (
    projection text        NOT NULL,
    version    integer     NOT NULL,
    partition  text        NOT NULL,
    sequence   bigint      NOT NULL,
    skipped_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, version, partition, sequence),
    FOREIGN KEY (projection, version) REFERENCES diagent.versions ON DELETE CASCADE
);

-- Forgets a version: its tables, checkpoints and letters. Never the one that readers see.
CREATE FUNCTION diagent.drop_version(of_projection text, of_version integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    is_live boolean;
BEGIN
    SELECT live INTO is_live FROM diagent.versions
    WHERE projection = of_projection AND version = of_version FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no version % of the projection %', of_version, of_projection USING ERRCODE = 'no_data_found';
    END IF;
    IF is_live THEN
        RAISE EXCEPTION 'version % of % is live', of_version, of_projection USING ERRCODE = 'object_in_use';
    END IF;
    -- The checkpoints go first: a worker in the middle of a batch holds its own, and is waited for there.
    DELETE FROM diagent.versions WHERE projection = of_projection AND version = of_version;
    EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', diagent.schema_of(of_projection, of_version));
END
$$;
