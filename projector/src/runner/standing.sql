SELECT
    c.projection,
    c.version,
    c.partition,
    c.owner,
    c.epoch,
    c.sequence,
    c.state,
    coalesce(d.letters, 0) AS dead_letters,
    coalesce(d.has_requests, false) AS has_requests
FROM diagent.checkpoints AS c
JOIN diagent.versions AS v ON v.projection = c.projection AND v.version = c.version
LEFT JOIN (
    SELECT
        projection,
        version,
        partition,
        count(*) AS letters,
        bool_or(state IN ('retry', 'skip')) AS has_requests
    FROM diagent.dead_letters
    GROUP BY projection, version, partition
) AS d ON d.projection = c.projection AND d.version = c.version AND d.partition = c.partition
WHERE v.projection || ':' || v.definition = ANY($1)
ORDER BY c.projection, c.version, c.partition
