-- The live workers are an array, and no join: after waiting for a row's lock PostgreSQL checks the row's own columns again,
-- but not what it was joined with.
WITH free AS (
    SELECT c.projection, c.version, c.partition
    FROM diagent.checkpoints AS c
    WHERE
        c.projection = $2
        AND c.version = $3
        AND c.state = 'running'
        AND (
            c.owner IS NULL
            OR c.owner <> ALL(ARRAY(SELECT w.worker_id FROM diagent.workers AS w WHERE w.expires_at > now()))
        )
    ORDER BY c.partition
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)

UPDATE diagent.checkpoints AS c
SET owner = $1, epoch = c.epoch + 1
FROM free
WHERE c.projection = free.projection AND c.version = free.version AND c.partition = free.partition
RETURNING c.partition, c.epoch
