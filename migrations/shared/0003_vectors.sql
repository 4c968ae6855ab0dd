-- Applied once PostgreSQL has pgvector (0.7 or newer); until then answers stand on words alone.

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

-- Half precision: half the memory, and no question finds another page by it. Kept in the row: every search reads all of an
-- agent's, and fetching each from a table of its own would take longer than comparing it.
ALTER TABLE diagent.embeddings ADD COLUMN embedding public.halfvec NOT NULL;
ALTER TABLE diagent.embeddings ALTER COLUMN embedding SET STORAGE MAIN;
