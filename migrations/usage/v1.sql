-- What each workspace used, by month (UTC). An erasure leaves it: it was used.

-- One row per partition, so that the partitions' workers never wait for each other's rows.
CREATE TABLE usage_by_partition (
    workspace_id      text    NOT NULL,
    -- Its first day.
    month             date    NOT NULL,
    partition         integer NOT NULL,
    conversations     bigint  NOT NULL,
    messages          bigint  NOT NULL,
    answers           bigint  NOT NULL,
    prompt_tokens     bigint  NOT NULL,
    completion_tokens bigint  NOT NULL,
    PRIMARY KEY (workspace_id, month, partition)
) WITH (fillfactor = 50);

CREATE VIEW usage AS
SELECT
    workspace_id, month, sum(conversations)::bigint AS conversations, sum(messages)::bigint AS messages,
    sum(answers)::bigint AS answers, sum(prompt_tokens)::bigint AS prompt_tokens,
    sum(completion_tokens)::bigint AS completion_tokens
FROM usage_by_partition
GROUP BY workspace_id, month;
