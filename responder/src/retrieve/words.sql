-- Passages that say most of the question, by their words alone.
worded AS MATERIALIZED (
    SELECT chunks.document_id, chunks.chunk
    FROM question, read.document_chunks AS chunks
    WHERE chunks.agent_id = $1 AND chunks.search @@ question.any_of
    ORDER BY ts_rank('{0.1, 0.4, 0.7, 1.0}', chunks.search, question.any_of) DESC
    LIMIT 150
)
SELECT
    chunks.url,
    chunks.title,
    chunks.heading,
    chunks.anchor,
    chunks.content,
    NULL::float8 AS cosine,
    coalesce(covered.weight / question.weight, 0) AS coverage,
    coalesce(ranked.words / question.weight, 0) AS words,
    question.lexemes,
    question.weights,
    question.has_unknown
FROM question
CROSS JOIN worded
JOIN read.document_chunks AS chunks
    ON chunks.agent_id = $1 AND chunks.document_id = worded.document_id AND chunks.chunk = worded.chunk
CROSS JOIN LATERAL (
    SELECT sum(asked.weight) AS weight FROM asked WHERE chunks.search @@ asked.query
) AS covered
CROSS JOIN LATERAL (
    SELECT sum(weight * ts_rank('{0.1, 0.4, 0.7, 1.0}', chunks.search, query)) AS words FROM ranked_by
) AS ranked
ORDER BY chunks.url, chunks.chunk
