-- $1 model, $2 and $3 the last passage of the page before, $4 how many. Passages without a vector of the model; what several
-- pages say in the same words counts once.
SELECT DISTINCT ON (chunks.agent_id, chunks.content_hash)
    chunks.agent_id, chunks.content_hash, chunks.title, chunks.heading, chunks.content
FROM read.document_chunks AS chunks
WHERE (chunks.agent_id, chunks.content_hash) > ($2, $3) AND NOT EXISTS (
    SELECT FROM diagent.embeddings AS embeddings
    WHERE embeddings.agent_id = chunks.agent_id
        AND embeddings.model = $1
        AND embeddings.content_hash = chunks.content_hash
)
ORDER BY chunks.agent_id, chunks.content_hash
LIMIT $4
