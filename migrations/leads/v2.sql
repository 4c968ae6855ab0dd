-- Leads: one row per agent and e-mail address, folded from all of its submissions, whoever of the agent's visitors made them.

CREATE TABLE leads (
    lead_id         text        NOT NULL PRIMARY KEY,
    agent_id        text        NOT NULL,
    workspace_id    text        NOT NULL,
    email           text        NOT NULL,
    name            text,
    phone           text,
    fields          jsonb       NOT NULL,
    -- What was agreed to last, in the words that the form had then, and when.
    consent         text,
    consented_at    timestamptz,
    submissions     integer     NOT NULL,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    -- Of the last submission.
    conversation_id text        NOT NULL,
    visitor_id      text        NOT NULL
);
CREATE INDEX leads_page ON leads (agent_id, last_seen_at, lead_id);

CREATE TABLE lead_submissions (
    lead_id         text        NOT NULL,
    agent_id        text        NOT NULL,
    workspace_id    text        NOT NULL,
    visitor_id      text        NOT NULL,
    conversation_id text        NOT NULL,
    email           text        NOT NULL,
    name            text,
    phone           text,
    fields          jsonb       NOT NULL,
    submitted_at    timestamptz NOT NULL,
    partition       integer     NOT NULL,
    sequence        bigint      NOT NULL,
    consent         text,
    PRIMARY KEY (partition, sequence)
);
CREATE INDEX lead_submissions_of_lead ON lead_submissions (lead_id, submitted_at);
CREATE INDEX lead_submissions_of_visitor ON lead_submissions (agent_id, visitor_id);
