WITH decided AS (
    UPDATE diagent.dead_letters AS d SET state = 'skip', updated_at = now()
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

skipped AS (
    INSERT INTO diagent.skipped_events (projection, version, partition, sequence)
    SELECT projection, version, partition, sequence FROM decided
    ON CONFLICT DO NOTHING
)

SELECT sequence FROM decided
