WITH decided AS (
    UPDATE diagent.dead_letters AS d SET state = 'retry', updated_at = now()
    WHERE
        d.projection = $1 AND d.version = $2 AND d.partition = $3 AND d.sequence = $4
        AND NOT EXISTS (
            SELECT FROM diagent.dead_letters AS e
            WHERE
                e.projection = d.projection AND e.version = d.version AND e.partition = d.partition
                AND e.subject = d.subject AND e.sequence < d.sequence
        )
    RETURNING d.projection, d.version, d.partition, d.sequence
),

-- Somebody had it left out, and thought again before a worker did it.
unskipped AS (
    DELETE FROM diagent.skipped_events AS s USING decided AS d
    WHERE
        s.projection = d.projection AND s.version = d.version AND s.partition = d.partition
        AND s.sequence = d.sequence
)

SELECT sequence FROM decided
