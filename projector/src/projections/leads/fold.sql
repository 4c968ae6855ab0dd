WITH folded AS (
    SELECT
        lead_id,
        count(*)::integer AS submissions,
        min(submitted_at) AS first_seen_at,
        max(submitted_at) AS last_seen_at,
        (array_agg(agent_id ORDER BY submitted_at DESC, partition DESC, sequence DESC))[1] AS agent_id,
        (array_agg(workspace_id ORDER BY submitted_at DESC, partition DESC, sequence DESC))[1] AS workspace_id,
        (array_agg(email ORDER BY submitted_at DESC, partition DESC, sequence DESC))[1] AS email,
        (array_agg(conversation_id ORDER BY submitted_at DESC, partition DESC, sequence DESC))[1] AS conversation_id,
        (array_agg(visitor_id ORDER BY submitted_at DESC, partition DESC, sequence DESC))[1] AS visitor_id,
        (
            array_agg(name ORDER BY submitted_at DESC, partition DESC, sequence DESC) FILTER (WHERE name IS NOT NULL)
        )[1] AS name,
        (
            array_agg(phone ORDER BY submitted_at DESC, partition DESC, sequence DESC) FILTER (WHERE phone IS NOT NULL)
        )[1] AS phone,
        (
            array_agg(consent ORDER BY submitted_at DESC, partition DESC, sequence DESC) FILTER (WHERE consent IS NOT NULL)
        )[1] AS consent,
        max(submitted_at) FILTER (WHERE consent IS NOT NULL) AS consented_at
    FROM lead_submissions
    WHERE lead_id = ANY($1)
    GROUP BY lead_id
),

merged AS (
    SELECT s.lead_id, jsonb_object_agg(f.key, f.value ORDER BY s.submitted_at, s.partition, s.sequence) AS fields
    FROM lead_submissions AS s
    CROSS JOIN LATERAL jsonb_each(s.fields) AS f
    WHERE s.lead_id = ANY($1)
    GROUP BY s.lead_id
)

UPDATE leads
SET
    agent_id = folded.agent_id,
    workspace_id = folded.workspace_id,
    email = folded.email,
    name = folded.name,
    phone = folded.phone,
    fields = coalesce(merged.fields, '{}'),
    consent = folded.consent,
    consented_at = folded.consented_at,
    submissions = folded.submissions,
    first_seen_at = folded.first_seen_at,
    last_seen_at = folded.last_seen_at,
    conversation_id = folded.conversation_id,
    visitor_id = folded.visitor_id
FROM folded LEFT JOIN merged ON merged.lead_id = folded.lead_id
WHERE leads.lead_id = folded.lead_id
