-- $1 agent, $2 workspace, $3 and $4 the first and the last day: how far the conversations that began then have got.
WITH span AS (
    SELECT $3::date::timestamp AT TIME ZONE 'UTC' AS begins, ($4::date + 1)::timestamp AT TIME ZONE 'UTC' AS ends
),
leads AS (
    SELECT DISTINCT l.conversation_id FROM read.leads AS l WHERE l.agent_id = $1 AND l.workspace_id = $2
)
SELECT
    count(*) AS visits,
    count(*) FILTER (WHERE c.message_count > 0) AS conversations,
    count(*) FILTER (WHERE c.message_count > 0 AND c.answered) AS answered,
    count(*) FILTER (
        WHERE c.message_count > 0 AND c.answered AND leads.conversation_id IS NOT NULL
    ) AS leads
FROM read.conversations AS c
CROSS JOIN span
LEFT JOIN leads ON leads.conversation_id = c.conversation_id
WHERE c.agent_id = $1 AND c.workspace_id = $2 AND c.started_at >= span.begins AND c.started_at < span.ends
