-- $1 agent, $2 lexemes, $3 their weights. The passages that say most of the question. For each word Postgres' own rank counts
-- how often and where it stands (title, headings, body), saturating, so that one word said ten times is no match for three
-- words said once; what a passage covers, however seldom it says it, breaks ties.
WITH asked AS MATERIALIZED (
    SELECT lexeme, weight, quote_literal(lexeme)::tsquery AS query
    FROM unnest($2::text[], $3::float8[]) AS asked (lexeme, weight)
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
    said.covered / question.weight AS coverage
FROM question, read.document_chunks AS chunks, LATERAL (
    SELECT
        coalesce(sum(asked.weight) FILTER (WHERE chunks.search @@ asked.query), 0) AS covered,
        sum(asked.weight * ts_rank('{0.1, 0.4, 0.7, 1.0}', chunks.search, asked.query)) AS ranked
    FROM asked
) AS said
WHERE chunks.agent_id = $1 AND chunks.search @@ question.any_of
ORDER BY said.ranked + 0.1 * said.covered DESC, chunks.url, chunks.chunk
LIMIT 60
