-- $1 agent, $2 question. The question's words as the agent's documents are indexed, and how many passages have each.
WITH total AS (
    SELECT count(*)::float8 AS chunks FROM read.document_chunks WHERE agent_id = $1
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
    (
        SELECT count(*)
        FROM read.document_chunks AS own
        WHERE own.agent_id = $1 AND own.search @@ quote_literal(asked.lexeme)::tsquery
    )::float8 AS chunks,
    total.chunks AS total
FROM asked, total
