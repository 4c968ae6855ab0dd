INSERT INTO conversations (
    conversation_id, agent_id, workspace_id, visitor_id, partition, started_at, last_message_at, state, claimed_by,
    claimed_by_id, human_requested, closed, message_count, low_confidence_count, satisfaction, page_url, locale, preview,
    open_message_id, open_answer_id, answered, handed_over
)
SELECT *
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::timestamptz[], $7::timestamptz[], $8::text[],
    $9::text[], $10::text[], $11::boolean[], $12::boolean[], $13::bigint[], $14::bigint[], $15::text[], $16::text[],
    $17::text[], $18::text[], $19::text[], $20::text[], $21::boolean[], $22::boolean[]
)
ON CONFLICT (conversation_id) DO UPDATE SET
    started_at = excluded.started_at,
    last_message_at = excluded.last_message_at,
    state = excluded.state,
    claimed_by = excluded.claimed_by,
    claimed_by_id = excluded.claimed_by_id,
    human_requested = excluded.human_requested,
    closed = excluded.closed,
    message_count = excluded.message_count,
    low_confidence_count = excluded.low_confidence_count,
    answered = excluded.answered,
    handed_over = excluded.handed_over,
    satisfaction = excluded.satisfaction,
    page_url = excluded.page_url,
    locale = excluded.locale,
    preview = excluded.preview,
    open_message_id = excluded.open_message_id,
    open_answer_id = excluded.open_answer_id
