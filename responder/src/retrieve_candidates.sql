-- $1 agent, $2 lexemes, $3 their weights. The passages that cover most of the question's weight; those that cover the same
-- by Postgres' own rank, in which title, headings and body count differently.
WITH asked AS (
    SELECT lexeme, weight FROM unnest($2::text[], $3::float8[]) AS asked (lexeme, weight)
),
question AS (
    SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery AS any_of, sum(weight) AS weight FROM asked
)
SELECT
    chunks.url,
    chunks.title,
    chunks.heading,
    chunks.anchor,
    chunks.content,
    covered.weight / question.weight AS coverage
FROM question, read.document_chunks AS chunks, LATERAL (
    SELECT coalesce(sum(asked.weight), 0) AS weight
    FROM asked
    WHERE asked.lexeme = ANY (tsvector_to_array(chunks.search))
) AS covered
WHERE chunks.agent_id = $1 AND chunks.search @@ question.any_of
ORDER BY
    coverage DESC,
    ts_rank_cd('{0.1, 0.2, 0.4, 1.0}', chunks.search, question.any_of, 1) DESC,
    chunks.url,
    chunks.chunk
LIMIT 60
