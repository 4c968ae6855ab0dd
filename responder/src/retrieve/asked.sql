-- $1 agent, $2 question. What the question asks for, as the agent's passages are indexed: its words, each with its weight (the
-- fewer passages have it, the more it tells) and a query that finds it; then neighbours that stand together in the question.
-- A word that no passage has stands for those that begin with it or are written almost like it; if there are none, it only
-- weighs. A site is not asked about something else by the words with which anything is asked.
WITH language AS (
    SELECT coalesce(
        (SELECT language FROM read.document_chunks WHERE agent_id = $1 LIMIT 1), 'english'::regconfig
    ) AS config
),
total AS MATERIALIZED (
    SELECT coalesce(sum(chunks), 0)::float8 AS chunks FROM read.documents WHERE agent_id = $1
),
said AS MATERIALIZED (
    SELECT said.lexeme, said.positions[1] AS place, coalesce(words.chunks, 0) AS chunks
    FROM (
        SELECT lexeme, positions FROM language, unnest(to_tsvector(language.config, $2))
        WHERE lexeme !~ '[\\'']' LIMIT 64
    ) AS said
    LEFT JOIN read.document_words AS words ON words.agent_id = $1 AND words.word = said.lexeme
),
meant AS MATERIALIZED (
    SELECT
        said.lexeme,
        string_agg(quote_literal(alike.word), ' | ')::tsquery AS query,
        max(alike.chunks) AS chunks
    FROM said, LATERAL (
        SELECT words.word, words.chunks
        FROM read.document_words AS words
        WHERE words.agent_id = $1
            AND words.chunks > 0
            AND words.word !~ '[\\'']'
            AND (
                (words.word % said.lexeme AND similarity(words.word, said.lexeme) >= 0.5)
                OR words.word LIKE replace(replace(said.lexeme, '%', ''), '_', '') || '%'
            )
        ORDER BY similarity(words.word, said.lexeme) DESC, words.word
        LIMIT 3
    ) AS alike
    WHERE said.chunks = 0 AND length(said.lexeme) > 3
    GROUP BY said.lexeme
),
asked AS MATERIALIZED (
    SELECT
        said.lexeme,
        said.place,
        coalesce(meant.query, quote_literal(said.lexeme)::tsquery) AS query,
        coalesce(meant.chunks, said.chunks) = 0
        AND said.lexeme <> ALL (
            '{anyth,could,far,find,get,give,got,help,kind,know,like,long,look,make,mani,may,might,much,must,need,often,pleas,possibl,
            show,soon,someth,tell,thing,use,want,way,work,would,
            bitt,brauch,gibt,gross,kost,lang,mocht,viel,weit,wiss,wollt,
            avoir,combien,faut,peut,peux,voudr,vouloir}'::text[]
        ) AS is_unknown,
        greatest(ln((total.chunks + 1) / (coalesce(meant.chunks, said.chunks) + 0.5)), 0.1)::float8 AS weight,
        sum(coalesce(meant.chunks, said.chunks)) OVER (ORDER BY coalesce(meant.chunks, said.chunks), said.lexeme) AS reached
    FROM said CROSS JOIN total LEFT JOIN meant ON meant.lexeme = said.lexeme
),
ranked_by AS MATERIALIZED (
    SELECT query, weight FROM asked
    UNION ALL
    SELECT tsquery_phrase(one.query, next.query, next.place - one.place), (one.weight + next.weight) / 20
    FROM asked AS one JOIN asked AS next ON next.place - one.place BETWEEN 1 AND 2
),
-- Passages that share nothing with the question but words that a great many have are not looked at for their words.
question AS MATERIALIZED (
    SELECT
        string_agg(query::text, ' | ') FILTER (WHERE reached <= 1000 OR is_rarest)::tsquery AS any_of,
        sum(weight) AS weight,
        array_agg(lexeme) AS lexemes,
        array_agg(weight) AS weights,
        coalesce(bool_or(is_unknown), false) AS has_unknown
    FROM (SELECT asked.*, reached = min(reached) OVER () AS is_rarest FROM asked) AS asked
),
