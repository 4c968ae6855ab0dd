-- The tables of a version, and the statements that compare one of them with its temporary twin. PostgreSQL writes them, since
-- it knows how names are quoted.
WITH tables AS (
    SELECT
        c.oid,
        c.relname::text AS name,
        format('%I.%I', n.nspname, c.relname) AS live,
        -- Nothing when the version has a table that its definition does not make.
        (
            SELECT format('pg_temp.%I', t.relname) FROM pg_class AS t
            WHERE t.relnamespace = pg_my_temp_schema() AND t.relname = c.relname AND t.relkind = c.relkind
        ) AS scratch,
        EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attname = 'partition' AND a.atttypid = 'integer'::regtype
        ) AS is_partitioned,
        -- What names a row: its primary key, or a hash of all of it.
        coalesce(
            (
                SELECT format(
                    'jsonb_build_object(%s)', string_agg(format('%L, r.%I', a.attname, a.attname), ', ' ORDER BY k.place)
                )
                FROM pg_index AS i
                CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
                WHERE i.indrelid = c.oid AND i.indisprimary
            ),
            'jsonb_build_object(''md5'', md5((r.*)::text))'
        ) AS key
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = diagent.schema_of($1, $2) AND c.relkind = 'r'
)

SELECT
    name,
    scratch IS NOT NULL AS has_scratch,
    format(
        'SELECT %s AS partition, count(*) AS rows, coalesce(sum(hashtextextended((r.*)::text, 0)), 0)::text AS checksum '
        'FROM %s AS r GROUP BY 1',
        CASE WHEN is_partitioned THEN 'r.partition' ELSE 'NULL::integer' END, live
    ) AS live_sums,
    format(
        'SELECT %s AS partition, count(*) AS rows, coalesce(sum(hashtextextended((r.*)::text, 0)), 0)::text AS checksum '
        'FROM %s AS r GROUP BY 1',
        CASE WHEN is_partitioned THEN 'r.partition' ELSE 'NULL::integer' END, scratch
    ) AS scratch_sums,
    -- $1: the partition, where rows have one. $2: whether rows may be more than what the log shows.
    format(
        $sql$
        SELECT
            coalesce(l.key, s.key)::text AS key,
            l.doc IS NULL AS is_missing,
            s.doc IS NULL AS is_extra,
            ARRAY(
                SELECT e.key FROM jsonb_each(l.doc) AS e WHERE e.value IS DISTINCT FROM s.doc -> e.key ORDER BY 1
            ) AS columns,
            count(*) OVER () AS rows
        FROM (SELECT %1$s AS key, to_jsonb(r.*) AS doc FROM %2$s AS r WHERE %4$s) AS l
        FULL JOIN (SELECT %1$s AS key, to_jsonb(r.*) AS doc FROM %3$s AS r WHERE %4$s) AS s ON l.key = s.key
        WHERE
            l.doc IS DISTINCT FROM s.doc
            AND NOT (
                $2
                AND l.doc IS NOT NULL
                AND NOT EXISTS (
                    SELECT FROM jsonb_each(s.doc) AS e
                    WHERE
                        e.value IS DISTINCT FROM l.doc -> e.key
                        AND CASE
                            WHEN jsonb_typeof(e.value) = 'number' AND jsonb_typeof(l.doc -> e.key) = 'number'
                            THEN e.value::numeric > (l.doc -> e.key)::numeric
                            ELSE true
                        END
                )
            )
        ORDER BY 1
        LIMIT 5
        $sql$,
        key, live, scratch, CASE WHEN is_partitioned THEN 'r.partition IS NOT DISTINCT FROM $1' ELSE '$1::integer IS NULL' END
    ) AS rows
FROM tables
ORDER BY name
