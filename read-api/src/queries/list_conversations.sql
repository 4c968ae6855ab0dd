-- $1 agent, $2 workspace, $3 state, $4 human requested, $5 from, $6 to, $7 search, $8 and $9 cursor, $10 limit
SELECT
    conversation_id, visitor_id, state, claimed_by, human_requested, message_count, low_confidence_count,
    satisfaction, page_url, locale, preview, started_at, last_message_at
FROM read.conversations
WHERE agent_id = $1
    AND workspace_id = $2
    AND ($3::text IS NULL OR state = $3)
    AND ($4::boolean IS NULL OR human_requested = $4)
    AND ($5::timestamptz IS NULL OR last_message_at >= $5)
    AND ($6::timestamptz IS NULL OR last_message_at < $6)
    AND ($7::text IS NULL OR preview ILIKE $7)
    AND ($8::timestamptz IS NULL OR (last_message_at, conversation_id) < ($8, $9))
ORDER BY last_message_at DESC, conversation_id DESC
LIMIT $10
