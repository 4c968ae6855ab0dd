-- $3 model, $4 the question's vector. Passages that are close in meaning, and those that say most of the question; of each how
-- close it is, how much it covers, and its rank by words. The vector is read once, wherever it stands in a subquery.
near AS MATERIALIZED (
    SELECT content_hash FROM diagent.embeddings
    WHERE agent_id = $1 AND model = $3
    ORDER BY embedding <=> (SELECT $4::halfvec)
    LIMIT 40
),
worded AS MATERIALIZED (
    SELECT chunks.content_hash
    FROM question, read.document_chunks AS chunks
    WHERE chunks.agent_id = $1 AND chunks.search @@ question.any_of
    ORDER BY ts_rank('{0.1, 0.4, 0.7, 1.0}', chunks.search, question.any_of) DESC
    LIMIT 60
)
SELECT
    chunks.url,
    chunks.title,
    chunks.heading,
    chunks.anchor,
    chunks.content,
    1 - (embeddings.embedding <=> (SELECT $4::halfvec)) AS cosine,
    coalesce(covered.weight / question.weight, 0) AS coverage,
    coalesce(ranked.words / question.weight, 0) AS words,
    question.lexemes,
    question.weights,
    question.has_unknown
FROM question
CROSS JOIN (SELECT content_hash FROM near UNION SELECT content_hash FROM worded) AS found
JOIN read.document_chunks AS chunks ON chunks.agent_id = $1 AND chunks.content_hash = found.content_hash
LEFT JOIN diagent.embeddings AS embeddings
    ON embeddings.agent_id = $1 AND embeddings.model = $3 AND embeddings.content_hash = found.content_hash
CROSS JOIN LATERAL (
    SELECT sum(asked.weight) AS weight FROM asked WHERE chunks.search @@ asked.query
) AS covered
CROSS JOIN LATERAL (
    SELECT sum(weight * ts_rank('{0.1, 0.4, 0.7, 1.0}', chunks.search, query)) AS words FROM ranked_by
) AS ranked
ORDER BY chunks.url, chunks.chunk
