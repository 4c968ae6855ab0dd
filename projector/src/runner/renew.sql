WITH long_dead AS (
    DELETE FROM diagent.workers WHERE expires_at < now() - interval '1 hour' AND worker_id <> $1
)

INSERT INTO diagent.workers (worker_id, projections, expires_at)
VALUES ($1, $2, now() + $3)
ON CONFLICT (worker_id) DO UPDATE SET projections = excluded.projections, expires_at = excluded.expires_at
