-- What the widgets report, counted. Counts hold no visitor, so an erasure leaves them.

-- One row per partition, so that the partitions' workers never wait for each other's rows.
CREATE TABLE telemetry_counts_by_partition (
    agent_id     text    NOT NULL,
    day          date    NOT NULL,
    event        text    NOT NULL,
    -- '' where no rule caused it.
    rule_id      text    NOT NULL,
    -- The path without query; '' where no page was named.
    page         text    NOT NULL,
    workspace_id text    NOT NULL,
    partition    integer NOT NULL,
    count        bigint  NOT NULL,
    PRIMARY KEY (agent_id, day, event, rule_id, page, workspace_id, partition)
) WITH (fillfactor = 70);

CREATE VIEW telemetry_counts AS
SELECT agent_id, workspace_id, day, event, rule_id, page, sum(count)::bigint AS count
FROM telemetry_counts_by_partition
GROUP BY agent_id, workspace_id, day, event, rule_id, page;
