-- $1 agent, $2 lexemes. Passages that have any of the words, with those that they have.
WITH asked AS (
    SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery AS query FROM unnest($2::text[]) AS lexeme
)
SELECT
    chunks.url,
    chunks.title,
    chunks.heading,
    chunks.anchor,
    chunks.content,
    ts_rank_cd('{0.1, 0.2, 0.4, 1.0}', chunks.search, asked.query, 1)::float8 AS rank,
    ARRAY(
        SELECT unnest(tsvector_to_array(chunks.search)) INTERSECT SELECT unnest($2::text[])
    ) AS matched
FROM asked, read.document_chunks AS chunks
WHERE chunks.agent_id = $1 AND chunks.search @@ asked.query
ORDER BY rank DESC
LIMIT 60
