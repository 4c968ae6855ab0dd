-- $1 agents, $2 workspace, $3 state, $4 human requested, $5 from, $6 to, $7 conversations, $8 words, $9 and $10 cursor, $11 limit,
-- $12 low confidence, $13 has messages, $14 patterns. Each agent's part comes from the index of its order; the parts are merged.
SELECT found.*
FROM unnest($1::text[]) AS agent (id)
CROSS JOIN LATERAL (
    SELECT
        conversation_id, agent_id, visitor_id, state, claimed_by, claimed_by_id, human_requested, message_count,
        low_confidence_count, satisfaction, page_url, locale, preview, started_at, last_message_at
    FROM read.conversations AS c
    WHERE agent_id = agent.id
        AND workspace_id = $2
        AND ($3::text IS NULL OR state = $3)
        AND ($4::boolean IS NULL OR human_requested = $4)
        AND ($12::boolean IS NULL OR (low_confidence_count > 0) = $12)
        AND ($13::boolean IS NULL OR (message_count > 0) = $13)
        AND ($5::timestamptz IS NULL OR last_message_at >= $5)
        AND ($6::timestamptz IS NULL OR last_message_at < $6)
        AND ($7::text[] IS NULL OR conversation_id = ANY ($7))
        -- Words that are in many conversations are in one of the next: the limit keeps this from becoming a join.
        AND ($8::text IS NULL OR (
            SELECT true
            FROM read.messages AS m
            WHERE m.conversation_id = c.conversation_id
                AND m.workspace_id = $2
                AND m.content ILIKE ALL ($14::text[])
                AND to_tsvector('simple', 'w' || m.workspace_id || ' ' || regexp_replace(m.content, '\W+', ' ', 'g'))
                    @@ to_tsquery('simple', $8)
            LIMIT 1
        ))
        AND ($9::timestamptz IS NULL OR (last_message_at, conversation_id) < ($9, $10))
    ORDER BY last_message_at DESC, conversation_id DESC
    LIMIT $11
) AS found
ORDER BY last_message_at DESC, conversation_id DESC
LIMIT $11
