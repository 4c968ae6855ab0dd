-- Since when no passage has had the vector's content; it is dropped a day later.
ALTER TABLE diagent.embeddings ADD COLUMN unused_since timestamptz;
