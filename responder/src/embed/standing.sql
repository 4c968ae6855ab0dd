-- The model that questions are embedded with, how far the index has read the log, and whether there is room for vectors.
SELECT
    (SELECT model FROM read.embedding_model) AS model,
    (
        SELECT max(c.sequence) FROM diagent.checkpoints AS c
        JOIN diagent.versions AS v ON v.projection = c.projection AND v.version = c.version AND v.live
        WHERE c.projection = 'documents'
    ) AS position,
    EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'diagent.embeddings'::regclass AND attname = 'embedding' AND NOT attisdropped
    ) AS is_able
