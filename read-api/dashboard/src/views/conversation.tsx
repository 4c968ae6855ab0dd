// One conversation: everything that was written, and what a person can do in it.

import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { ApiError } from "../api";
import { useTeam } from "../context";
import { formatFull, formatMoment, pathOf, safeLink, visitorName } from "../format";
import { useLive } from "../live";
import { useLocation } from "../location";
import { Icon } from "../parts/icons";
import { Link } from "../parts/link";
import { Empty, Failed, Loading, Stale } from "../parts/states";
import type { ConversationView } from "../types";
import { Composer } from "./composer";
import { Timeline } from "./timeline";

const CONVERSATION_MILLISECONDS = 2_500;

type Action = "claim" | "release" | "close";

export function Conversation({ id }: { id: string }) {
  const { query } = useLocation();
  const { data, error, refresh } = useLive<{ data: ConversationView }>(`/conversations/${id}`, CONVERSATION_MILLISECONDS);
  // Also when it was there: its visitor was forgotten.
  const isGone = error?.status === 404;
  const back = query.size > 0 ? `/conversations?${query}` : "/conversations";
  return (
    <section class="conversation" aria-label="Conversation">
      {data && !isGone ? (
        <Loaded conversation={data.data} error={error} refresh={refresh} back={back} />
      ) : (
        <>
          <div class="conversation-head">
            <Back href={back} />
            <h1 class="hidden">Conversation</h1>
          </div>
          {isGone && (
            <Empty icon="chats" title="It is not here">
              There is no such conversation. The visitor may have asked to be forgotten.
            </Empty>
          )}
          {error && !isGone && <Failed error={error} onRetry={refresh} />}
          {!error && <Loading />}
        </>
      )}
    </section>
  );
}

const Back = ({ href }: { href: string }) => (
  <Link class="quiet back" href={href} label="Back to the list">
    <Icon name="back" />
  </Link>
);

type LoadedProps = { conversation: ConversationView; error: ApiError | null; refresh: (position?: string | null) => void; back: string };

function Loaded({ conversation, error, refresh, back }: LoadedProps) {
  const { api, session } = useTeam();
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState<Action | null>(null);
  const title = useRef<HTMLHeadingElement>(null);
  // On a phone the list has gone, and the link that was followed with it.
  useEffect(() => {
    if (document.activeElement === document.body || !document.activeElement?.checkVisibility()) title.current?.focus();
  }, []);
  const act = async (action: Action, body?: object) => {
    setBusy(action);
    setProblem(null);
    try {
      refresh(await api.act(conversation.conversation_id, action, body));
    } catch (failure) {
      setProblem((failure as Error).message);
      refresh();
    }
    setBusy(null);
    // The button that was pressed is not there any more; with a conversation of one's own, the composer takes the focus.
    title.current?.focus();
  };
  const canWrite = api.commandApi !== null && session.scopes.includes("write");
  const isMine = conversation.state === "claimed" && conversation.claimed_by_id === session.id;
  return (
    <>
      <header class="conversation-head">
        <Back href={back} />
        <div class="about">
          <h1 ref={title} tabIndex={-1}>
            {visitorName(conversation.visitor_id)}
          </h1>
          <Standing conversation={conversation} isMine={isMine} />
        </div>
        {canWrite && conversation.state !== "closed" && (
          <div class="actions">
            {conversation.state === "open" && (
              <button type="button" class="button primary" disabled={busy !== null} onClick={() => act("claim")}>
                Take over
              </button>
            )}
            {isMine && (
              <button type="button" class="button" disabled={busy !== null} onClick={() => act("release")}>
                Give back
              </button>
            )}
            {conversation.state === "claimed" && !isMine && (
              <AskedTwice
                label="Take over"
                question={`Take it over from ${conversation.claimed_by}?`}
                yes="Take it over"
                no="Leave it"
                disabled={busy !== null}
                onYes={() => act("claim", { instead_of: conversation.claimed_by_id })}
              >
                {conversation.claimed_by} cannot write in it then. The visitor sees that somebody else is there.
              </AskedTwice>
            )}
            <AskedTwice
              label="Close"
              question="Close this conversation?"
              yes="Close it"
              no="Keep it open"
              isDanger
              disabled={busy !== null}
              onYes={() => act("close")}
            >
              The visitor cannot write in it any more. Their next message begins a new one.
            </AskedTwice>
          </div>
        )}
      </header>
      <Details conversation={conversation} />
      <Stale error={error} />
      {problem && (
        <p class="problem banner" role="alert">
          {problem}
          <button type="button" class="quiet" onClick={() => setProblem(null)}>
            <Icon name="close" />
            <span class="hidden">Dismiss</span>
          </button>
        </p>
      )}
      <Scroll last={conversation.messages.at(-1)?.message_id}>
        <Timeline conversation={conversation} />
      </Scroll>
      {isMine && canWrite ? (
        <Composer id={conversation.conversation_id} onSent={refresh} />
      ) : (
        <p class="hint">{hint(conversation, canWrite, api.commandApi !== null)}</p>
      )}
    </>
  );
}

function hint({ state, claimed_by }: ConversationView, canWrite: boolean, isConnected: boolean): string {
  if (state === "closed") return "This conversation is closed.";
  if (!isConnected) return "Conversations are taken over where the command API is known: DASHBOARD_COMMAND_API_URL is not set.";
  if (!canWrite) return "Your token may read, not write.";
  if (state === "claimed") return `${claimed_by} has this conversation. The agent is silent.`;
  return "The agent answers. Take over to write yourself; the agent then keeps silent.";
}

function Standing({ conversation, isMine }: { conversation: ConversationView; isMine: boolean }) {
  if (conversation.state === "closed") return <span class="badge">Closed</span>;
  if (conversation.state === "claimed") {
    return (
      <span class="badge accent">
        <Icon name="person" /> {isMine ? "With you" : conversation.claimed_by}
      </span>
    );
  }
  return conversation.human_requested ? (
    <span class="badge warn">
      <Icon name="hand" /> Asks for a person
    </span>
  ) : (
    <span class="badge">With the agent</span>
  );
}

function Details({ conversation }: { conversation: ConversationView }) {
  const { agents } = useTeam();
  const agent = agents.find(({ agent_id }) => agent_id === conversation.agent_id);
  const link = conversation.page_url && safeLink(conversation.page_url);
  return (
    <dl class="facts">
      <div>
        <dt>Began</dt>
        <dd title={formatFull(conversation.started_at)}>{formatMoment(conversation.started_at)}</dd>
      </div>
      {conversation.page_url && (
        <div>
          <dt>On</dt>
          <dd>
            {link ? (
              <a href={link} target="_blank" rel="noreferrer">
                {pathOf(conversation.page_url)}
              </a>
            ) : (
              conversation.page_url
            )}
          </dd>
        </div>
      )}
      {agent && (
        <div>
          <dt>Agent</dt>
          <dd>{agent.name}</dd>
        </div>
      )}
      {conversation.locale && (
        <div>
          <dt>Language</dt>
          <dd>{conversation.locale}</dd>
        </div>
      )}
    </dl>
  );
}

type AskedTwiceProps = {
  label: string;
  question: string;
  yes: string;
  no: string;
  isDanger?: boolean;
  disabled: boolean;
  onYes: () => void;
  children: preact.ComponentChildren;
};

/** A button for what cannot be undone, or is at somebody's expense. */
function AskedTwice({ label, question, yes, no, isDanger, disabled, onYes, children }: AskedTwiceProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  return (
    <>
      <button type="button" class="button" disabled={disabled} onClick={() => dialog.current?.showModal()}>
        {label}
      </button>
      <dialog ref={dialog} aria-labelledby={title}>
        <form method="dialog">
          <h2 id={title}>{question}</h2>
          <p>{children}</p>
          <div class="actions">
            <button class="button">{no}</button>
            <button class={isDanger ? "button danger" : "button primary"} onClick={onYes}>
              {yes}
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}

/** Stays at the end while new messages come, unless somebody has scrolled up to read. */
function Scroll({ last, children }: { last: string | undefined; children: preact.ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (box.current && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [last]);
  const look = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < 80;
  };
  return (
    <div class="scroll" ref={box} onScroll={look} tabIndex={0} role="log" aria-label="Messages">
      {children}
    </div>
  );
}
