-- Questions that the agents' knowledge did not answer.

-- Questions whose answer has not come yet.
CREATE TABLE open_questions (
    answer_id  text        NOT NULL PRIMARY KEY,
    agent_id   text        NOT NULL,
    visitor_id text        NOT NULL,
    question   text        NOT NULL,
    asked_at   timestamptz NOT NULL
);
CREATE INDEX open_questions_of_visitor ON open_questions (agent_id, visitor_id);

CREATE TABLE gaps (
    -- Of the answer.
    message_id      text        NOT NULL PRIMARY KEY,
    conversation_id text        NOT NULL,
    agent_id        text        NOT NULL,
    workspace_id    text        NOT NULL,
    visitor_id      text        NOT NULL,
    partition       integer     NOT NULL,
    question        text        NOT NULL,
    asked_at        timestamptz NOT NULL,
    -- The question's words that tell it from others, without their endings: the same of questions that are like each other.
    grouping_key    text        NOT NULL
);
CREATE INDEX gaps_page ON gaps (agent_id, asked_at DESC, message_id);
CREATE INDEX gaps_grouped ON gaps (agent_id, grouping_key);
CREATE INDEX gaps_of_visitor ON gaps (agent_id, visitor_id);
