INSERT INTO messages (
    conversation_id, message_id, agent_id, workspace_id, visitor_id, role, content, citations, low_confidence,
    finish_reason, author, answerer, page_url, created_at, cleared, status, answer_to, first_token_ms, partition, sequence
)
SELECT
    m.conversation_id, m.message_id, c.agent_id, c.workspace_id, c.visitor_id, m.role, m.content, m.citations,
    m.low_confidence, m.finish_reason, m.author, m.answerer, m.page_url, m.created_at, false, m.status, m.answer_to,
    m.first_token_ms, m.partition, m.sequence
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::boolean[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::timestamptz[], $12::text[], $13::text[], $14::bigint[], $15::integer[], $16::bigint[]
) AS m (
    conversation_id, message_id, role, content, citations, low_confidence, finish_reason, author, answerer, page_url,
    created_at, status, answer_to, first_token_ms, partition, sequence
)
JOIN conversations AS c ON c.conversation_id = m.conversation_id
ON CONFLICT (conversation_id, message_id) DO NOTHING
