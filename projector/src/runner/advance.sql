WITH moved AS (
    UPDATE diagent.checkpoints
    SET
        sequence = $6,
        pending = CASE WHEN $5 = $6 THEN pending ELSE $7 END,
        event_at = coalesce($8, event_at),
        log_id = $9,
        updated_at = now()
    WHERE projection = $1 AND version = $2 AND partition = $3 AND epoch = $4 AND sequence = $5
    RETURNING projection, version
)

SELECT
    set_config('search_path', quote_ident(diagent.schema_of(projection, version)) || ', public', true),
    set_config('synchronous_commit', 'off', true),
    set_config('idle_in_transaction_session_timeout', '3s', true)
FROM moved
