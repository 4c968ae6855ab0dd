-- $1 agent, $2 question. The question's words as the agent's documents are indexed, and how many passages have each.
WITH total AS (
    SELECT coalesce(sum(chunks), 0)::float8 AS chunks FROM read.documents WHERE agent_id = $1
),
language AS (
    SELECT coalesce(
        (SELECT language FROM read.document_chunks WHERE agent_id = $1 LIMIT 1), 'english'::regconfig
    ) AS config
),
asked AS (
    SELECT lexeme
    FROM language, unnest(tsvector_to_array(to_tsvector(language.config, $2))) AS lexeme
    WHERE lexeme !~ '[\\'']'
    LIMIT 64
)
SELECT
    asked.lexeme,
    coalesce(words.chunks, 0)::float8 AS chunks,
    total.chunks AS total
FROM asked
CROSS JOIN total
LEFT JOIN read.document_words AS words ON words.agent_id = $1 AND words.word = asked.lexeme
