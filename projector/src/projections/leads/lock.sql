-- Makes the rows that are missing and locks those that stand, by id, so that no two workers wait for each other in a circle.
-- What is written into a new row here is overwritten by the fold, or dropped, before anybody sees it.
INSERT INTO leads (
    lead_id, agent_id, workspace_id, email, fields, submissions, first_seen_at, last_seen_at, conversation_id, visitor_id
)
SELECT t.lead_id, '', '', '', '{}', 0, 'epoch', 'epoch', '', ''
FROM unnest($1::text[]) AS t (lead_id)
ORDER BY t.lead_id
ON CONFLICT (lead_id) DO UPDATE SET lead_id = excluded.lead_id
