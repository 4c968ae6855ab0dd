-- $1 agent, $2 workspace, $3 and $4 the first and the last day. A row per day, and the total behind them, without a day.
WITH span AS (
    SELECT $3::date::timestamp AT TIME ZONE 'UTC' AS begins, ($4::date + 1)::timestamp AT TIME ZONE 'UTC' AS ends
),
days AS (
    SELECT day::date AS day FROM generate_series($3::date, $4::date, interval '1 day') AS day
),
begun AS (
    SELECT
        (c.started_at AT TIME ZONE 'UTC')::date AS day,
        c.message_count > 0 AS has_message,
        c.handed_over
    FROM read.conversations AS c
    CROSS JOIN span
    WHERE c.agent_id = $1 AND c.workspace_id = $2 AND c.started_at >= span.begins AND c.started_at < span.ends
),
conversations AS (
    SELECT
        day, count(*) AS visits, count(*) FILTER (WHERE has_message) AS conversations,
        count(*) FILTER (WHERE has_message AND handed_over) AS handed_over
    FROM begun
    GROUP BY GROUPING SETS ((day), ())
),
answers AS (
    SELECT
        day, count(*) AS answers, count(*) FILTER (WHERE low_confidence) AS low_confidence,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY first_token_ms) AS first_token_p50_ms,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY first_token_ms) AS first_token_p95_ms
    FROM (
        SELECT (m.created_at AT TIME ZONE 'UTC')::date AS day, m.low_confidence, m.first_token_ms
        FROM read.messages AS m
        CROSS JOIN span
        WHERE m.agent_id = $1 AND m.role = 'assistant' AND m.created_at >= span.begins AND m.created_at < span.ends
    ) AS given
    GROUP BY GROUPING SETS ((day), ())
),
leads AS (
    SELECT day, count(*) AS leads
    FROM (
        SELECT (l.first_seen_at AT TIME ZONE 'UTC')::date AS day
        FROM read.leads AS l
        CROSS JOIN span
        WHERE l.agent_id = $1 AND l.workspace_id = $2 AND l.first_seen_at >= span.begins AND l.first_seen_at < span.ends
    ) AS new
    GROUP BY GROUPING SETS ((day), ())
)
SELECT
    frame.day::text AS day,
    coalesce(c.visits, 0) AS visits,
    coalesce(c.conversations, 0) AS conversations,
    coalesce(c.handed_over, 0) AS handed_over,
    coalesce(a.answers, 0) AS answers,
    coalesce(a.low_confidence, 0) AS low_confidence,
    a.first_token_p50_ms,
    a.first_token_p95_ms,
    coalesce(l.leads, 0) AS leads
FROM (SELECT day FROM days UNION ALL SELECT NULL) AS frame
LEFT JOIN conversations AS c ON c.day IS NOT DISTINCT FROM frame.day
LEFT JOIN answers AS a ON a.day IS NOT DISTINCT FROM frame.day
LEFT JOIN leads AS l ON l.day IS NOT DISTINCT FROM frame.day
ORDER BY frame.day NULLS LAST
