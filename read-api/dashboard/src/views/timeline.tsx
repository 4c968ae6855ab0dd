// What was written in a conversation, oldest first.

import { useTeam } from "../context";
import { formatClock, formatDate, formatFull, formatMilliseconds, safeLink } from "../format";
import { Icon } from "../parts/icons";
import type { Citation, ConversationView, Message } from "../types";

export function Timeline({ conversation }: { conversation: ConversationView }) {
  const { messages } = conversation;
  const last = messages.at(-1);
  const isAnswering = conversation.state === "open" && last?.role === "visitor" && last.status === "posted";
  return (
    <ol class="timeline">
      {messages.length === 0 && <li class="note">Nobody has written yet.</li>}
      {messages.map((message, index) => {
        const day = formatDate(message.created_at);
        const before = messages[index - 1];
        return [
          (!before || formatDate(before.created_at) !== day) && (
            <li key={day} class="day">
              {day}
            </li>
          ),
          <Entry key={message.message_id} message={message} agentId={conversation.agent_id} />,
        ];
      })}
      {isAnswering && (
        <li class="note" aria-live="polite">
          The agent is answering…
        </li>
      )}
      {conversation.human_requested && conversation.state === "open" && <li class="note warn">The visitor asks for a person.</li>}
    </ol>
  );
}

function Entry({ message, agentId }: { message: Message; agentId: string }) {
  const { agents } = useTeam();
  const agentName = agents.find(({ agent_id }) => agent_id === agentId)?.name ?? "Agent";
  const writer = { visitor: "Visitor", assistant: agentName, operator: message.author ?? "Team" }[message.role];
  return (
    <li class={`entry ${message.role}${message.cleared ? " cleared" : ""}`}>
      <p class="entry-head">
        <strong>{writer}</strong>
        <time dateTime={message.created_at} title={formatFull(message.created_at)}>
          {formatClock(message.created_at)}
        </time>
      </p>
      <p class="bubble">{message.content}</p>
      <Remarks message={message} />
      {message.citations.length > 0 && <Sources citations={message.citations} />}
    </li>
  );
}

/** What the team should know of a message beside its text. */
function Remarks({ message }: { message: Message }) {
  const remarks = [
    message.low_confidence && (
      <span class="warn">
        <Icon name="unsure" /> Not sure
      </span>
    ),
    message.rating && (
      <span>
        <Icon name={message.rating === "up" ? "good" : "bad"} /> {message.rating === "up" ? "Helpful" : "Not helpful"}
      </span>
    ),
    message.finish_reason === "stopped" && <span>Stopped by the visitor</span>,
    message.finish_reason === "length" && <span>Cut at its longest</span>,
    message.status === "failed" && (
      <span class="warn">
        <Icon name="unsure" /> No answer came: {message.failure_code}
      </span>
    ),
    message.status === "abandoned" && <span>Not answered by the agent</span>,
    message.cleared && <span>Cleared by the visitor</span>,
    message.first_token_ms !== null && <span title="Time to the first word">{formatMilliseconds(message.first_token_ms)}</span>,
  ].filter(Boolean);
  return remarks.length > 0 ? <p class="remarks">{remarks}</p> : null;
}

function Sources({ citations }: { citations: Citation[] }) {
  return (
    <ul class="sources" aria-label="Sources">
      {citations.map(({ id, url, title }) => (
        <li key={id}>
          <a href={safeLink(url)} target="_blank" rel="noreferrer" title={url}>
            [{id}] {title || url}
          </a>
        </li>
      ))}
    </ul>
  );
}
