-- Conversations and their messages. One projection owns both, so that a list and what it opens never disagree.

CREATE TABLE conversations (
    conversation_id      text        NOT NULL PRIMARY KEY,
    agent_id             text        NOT NULL,
    workspace_id         text        NOT NULL,
    visitor_id           text        NOT NULL,
    partition            integer     NOT NULL,
    started_at           timestamptz NOT NULL,
    -- When anyone last wrote; when it began, until then.
    last_message_at      timestamptz NOT NULL,
    state                text        NOT NULL CHECK (state IN ('open', 'claimed', 'closed')),
    -- The name of the person of the team who has it, and that person's id; nobody has one that is closed.
    claimed_by           text,
    claimed_by_id        text,
    human_requested      boolean     NOT NULL,
    closed               boolean     NOT NULL,
    message_count        bigint      NOT NULL,
    low_confidence_count bigint      NOT NULL,
    -- What stays true of it: an answer was sure of itself or came from a person; a person was asked for, or came.
    answered             boolean     NOT NULL,
    handed_over          boolean     NOT NULL,
    satisfaction         text        CHECK (satisfaction IN ('good', 'bad')),
    page_url             text,
    locale               text,
    -- The beginning of the last message.
    preview              text,
    -- The turn that waits for its answer.
    open_message_id      text,
    open_answer_id       text
) WITH (fillfactor = 70);
CREATE INDEX conversations_page ON conversations (agent_id, last_message_at, conversation_id);
-- What a team looks for is rare, so that these are small and an ordinary message does not touch them.
CREATE INDEX conversations_not_open ON conversations (agent_id, state, last_message_at, conversation_id) WHERE state <> 'open';
CREATE INDEX conversations_waiting ON conversations (agent_id, last_message_at, conversation_id) WHERE human_requested;
CREATE INDEX conversations_begun ON conversations (agent_id, started_at);
CREATE INDEX conversations_of_visitor ON conversations (agent_id, visitor_id);

CREATE TABLE messages (
    conversation_id text        NOT NULL,
    message_id      text        NOT NULL,
    agent_id        text        NOT NULL,
    workspace_id    text        NOT NULL,
    visitor_id      text        NOT NULL,
    role            text        NOT NULL CHECK (role IN ('visitor', 'assistant', 'operator')),
    content         text        NOT NULL,
    citations       jsonb       NOT NULL,
    low_confidence  boolean,
    finish_reason   text        CHECK (finish_reason IN ('complete', 'stopped', 'length')),
    rating          text        CHECK (rating IN ('up', 'down')),
    -- Who of the team wrote, for `operator`.
    author          text,
    -- What produced the answer: `extractive` or the name of a model.
    answerer        text,
    page_url        text,
    created_at      timestamptz NOT NULL,
    -- Hidden from the visitor and from the model.
    cleared         boolean     NOT NULL,
    -- A visitor's message is posted, then answered, failed, or abandoned (cleared, closed or taken over before the answer
    -- came); one of the team stays posted; an answer is answered.
    status          text        NOT NULL CHECK (status IN ('posted', 'answered', 'failed', 'abandoned')),
    -- The visitor's message that this answers.
    answer_to       text,
    failure_code    text,
    first_token_ms  bigint,
    partition       integer     NOT NULL,
    sequence        bigint      NOT NULL,
    position        text        NOT NULL GENERATED ALWAYS AS (partition::text || ':' || sequence::text) STORED,
    PRIMARY KEY (conversation_id, message_id)
) WITH (fillfactor = 80);
CREATE INDEX messages_page ON messages (conversation_id, created_at, message_id);
-- What is said, with the workspace as a word of it: whoever searches their own passes over what others said.
CREATE INDEX messages_words ON messages
    USING gin (to_tsvector('simple', 'w' || workspace_id || ' ' || regexp_replace(content, '\W+', ' ', 'g')));
CREATE INDEX messages_answers ON messages (agent_id, created_at) INCLUDE (conversation_id, low_confidence, first_token_ms)
    WHERE role = 'assistant';
