SELECT
    conversation_id,
    agent_id,
    workspace_id,
    visitor_id,
    partition,
    started_at,
    last_message_at,
    claimed_by,
    claimed_by_id,
    human_requested,
    closed,
    message_count,
    low_confidence_count,
    answered,
    handed_over,
    satisfaction,
    page_url,
    locale,
    preview,
    open_message_id,
    open_answer_id
FROM conversations
WHERE conversation_id = ANY($1)
