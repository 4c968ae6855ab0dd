-- $1 to $8: a column each. A question's grouping key is its words without those that every question has, and without their
-- endings, in no order: "Do you ship to Norway?" and "Are you shipping to Norway" are one. Its language is the one of whose
-- stop words it has most. A question of nothing else is told by its words themselves.
INSERT INTO gaps
    (message_id, conversation_id, agent_id, workspace_id, visitor_id, partition, question, asked_at, grouping_key)
SELECT
    gap.*,
    -- An index takes no more.
    left(coalesce(nullif(said.words, ''), array_to_string(tsvector_to_array(to_tsvector('simple', gap.question)), ' ')), 500)
FROM
    unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::timestamptz[]
    ) AS gap (message_id, conversation_id, agent_id, workspace_id, visitor_id, partition, question, asked_at),
    LATERAL (
        SELECT array_to_string(lexemes, ' ') AS words
        FROM
            unnest(
                '{english,german,french,spanish,italian,portuguese,dutch,danish,norwegian,swedish,finnish,russian,turkish,simple}'
                ::regconfig[]
            ) WITH ORDINALITY AS language (config, place),
            tsvector_to_array(to_tsvector(language.config, gap.question)) AS lexemes
        ORDER BY cardinality(lexemes), place
        LIMIT 1
    ) AS said
ON CONFLICT (message_id) DO NOTHING
