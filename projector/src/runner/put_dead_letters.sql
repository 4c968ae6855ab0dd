INSERT INTO diagent.dead_letters (
    projection, version, partition, sequence, subject, agent_id, visitor_id, event_type, stored_at, payload, state, error,
    attempts, unreadable
)
SELECT
    $1, $2, $3, l.sequence, l.subject, l.agent_id, l.visitor_id, l.event_type, l.stored_at, l.payload,
    CASE WHEN l.error IS NULL THEN 'waiting' ELSE 'dead' END, l.error, l.attempts, l.unreadable
FROM unnest(
    $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::bytea[], $11::text[],
    $12::integer[], $13::boolean[]
) AS l (sequence, subject, agent_id, visitor_id, event_type, stored_at, payload, error, attempts, unreadable)
