INSERT INTO lead_submissions (
    lead_id, agent_id, workspace_id, visitor_id, conversation_id, email, name, phone, fields, submitted_at, partition,
    sequence, consent
)
SELECT *
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[],
    $10::timestamptz[], $11::integer[], $12::bigint[], $13::text[]
)
ON CONFLICT (partition, sequence) DO NOTHING
