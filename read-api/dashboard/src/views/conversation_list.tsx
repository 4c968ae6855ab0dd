// The list of conversations: the last active first, filtered, current.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { useTeam } from "../context";
import { formatAge, formatFull, pathOf, visitorName, withoutSources } from "../format";
import { useLive, useNow, useSettled } from "../live";
import { navigate, useLocation, withQuery } from "../location";
import { Icon } from "../parts/icons";
import { Link } from "../parts/link";
import { Empty, Failed, Loading, Stale } from "../parts/states";
import type { Conversation, Page } from "../types";

const LIST_MILLISECONDS = 4_000;

/** Filters by their name in the address, with what the API calls them. */
const FILTERS = [
  { name: "", label: "All", query: {} },
  { name: "waiting", label: "Waiting", query: { human_requested: "true", state: "open" } },
  { name: "claimed", label: "Team", query: { state: "claimed" } },
  { name: "unsure", label: "Unsure", query: { low_confidence: "true" } },
  { name: "open", label: "Open", query: { state: "open" } },
  { name: "closed", label: "Closed", query: { state: "closed" } },
] as const;

export function ConversationList({ open }: { open: string | null }) {
  const { query } = useLocation();
  const list = useRef<HTMLElement>(null);
  const show = query.get("show") ?? "";
  const [typed, setTyped] = useState(query.get("q") ?? "");
  const search = useSettled(typed);
  useEffect(() => {
    if ((query.get("q") ?? "") !== search) navigate(withQuery(location.pathname, query, { q: search }), { replace: true });
  }, [search]);
  const { rows, error, refresh, more } = useConversations(show, search);
  const suffix = query.size > 0 ? `?${query}` : "";
  const step = (event: KeyboardEvent) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const links = [...(list.current?.querySelectorAll<HTMLAnchorElement>("a.row") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    const next = links[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (at < 0 || !next) return;
    event.preventDefault();
    next.focus();
  };
  return (
    <section class="list" aria-label="Conversations" ref={list} onKeyDown={step}>
      <div class="list-head">
        {/* On a phone an open conversation is all there is: its name is then the page's. */}
        {open ? <h2 class="title">Conversations</h2> : <h1>Conversations</h1>}
        <label class="search">
          <Icon name="search" />
          <span class="hidden">Search in messages</span>
          <input type="search" placeholder="Search in messages" value={typed} maxLength={200} onInput={(event) => setTyped(event.currentTarget.value)} />
        </label>
        <div class="chips" role="group" aria-label="Filter">
          {FILTERS.map(({ name, label }) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === show}
              onClick={() => navigate(withQuery(location.pathname, query, { show: name || null }), { replace: true })}
            >
              {label}
            </button>
          ))}
        </div>
      </div>
      <Stale error={rows && error} />
      {!rows && error && <Failed error={error} onRetry={refresh} />}
      {!rows && !error && <Loading />}
      {rows?.length === 0 && <NothingFound filtered={show !== "" || search !== ""} />}
      {rows && rows.length > 0 && (
        <ul class="rows">
          {rows.map((row) => (
            <li key={row.conversation_id}>
              <Row row={row} href={`/conversations/${row.conversation_id}${suffix}`} current={row.conversation_id === open} />
            </li>
          ))}
        </ul>
      )}
      {more && <More onMore={more} />}
    </section>
  );
}

function NothingFound({ filtered }: { filtered: boolean }) {
  return filtered ? (
    <Empty icon="search" title="Nothing found">
      No conversation is like this. Try other words or another filter.
    </Empty>
  ) : (
    <Empty icon="chats" title="Nobody has written yet">
      As soon as a visitor writes, the conversation is here.
    </Empty>
  );
}

/** The first page, current, and behind it those that were asked for. */
function useConversations(show: string, search: string) {
  const { api, scope, agents } = useTeam();
  const base = scope.agentId ? `/agents/${scope.agentId}/conversations` : `/workspaces/${scope.workspaceId}/conversations`;
  const path = useMemo(() => {
    const filter = FILTERS.find(({ name }) => name === show)?.query ?? {};
    const query = new URLSearchParams({ has_messages: "true", ...filter });
    if (search.trim()) query.set("q", search.trim());
    return `${base}?${query}`;
  }, [base, show, search, agents]);
  const { data, error, refresh } = useLive<Page<Conversation>>(path, LIST_MILLISECONDS);
  const [older, setOlder] = useState<{ path: string; rows: Conversation[]; cursor: string | null }>({ path, rows: [], cursor: null });
  const known = older.path === path ? older : { path, rows: [], cursor: null };
  const rows = useMemo(() => {
    if (!data) return null;
    // What has moved up into the first page is not shown a second time.
    const first = new Set(data.data.map((row) => row.conversation_id));
    return [...data.data, ...known.rows.filter((row) => !first.has(row.conversation_id))];
  }, [data, known.rows]);
  const cursor = known.rows.length > 0 ? known.cursor : (data?.next_cursor ?? null);
  const more = async () => {
    const page = await api.page<Conversation>(`${path}&cursor=${cursor}`);
    setOlder({ path, rows: [...known.rows, ...page.data], cursor: page.next_cursor });
  };
  return { rows, error, refresh, more: cursor ? more : null };
}

function Row({ row, href, current }: { row: Conversation; href: string; current: boolean }) {
  const { agents, scope } = useTeam();
  const now = useNow();
  const agent = agents.length > 1 && !scope.agentId && agents.find(({ agent_id }) => agent_id === row.agent_id);
  return (
    <Link class={row.human_requested && row.state === "open" ? "row waiting" : "row"} href={href} current={current}>
      <span class="row-head">
        <strong>{visitorName(row.visitor_id)}</strong>
        <span class="page">{[row.page_url && pathOf(row.page_url), agent && agent.name].filter(Boolean).join(" · ")}</span>
        <time dateTime={row.last_message_at} title={formatFull(row.last_message_at)}>
          {formatAge(row.last_message_at, now)}
        </time>
      </span>
      <span class="preview">{row.preview === null ? "Cleared by the visitor" : withoutSources(row.preview)}</span>
      <span class="badges">
        {row.human_requested && row.state === "open" && (
          <span class="badge warn">
            <Icon name="hand" /> Asks for a person
          </span>
        )}
        {row.state === "claimed" && (
          <span class="badge accent">
            <Icon name="person" /> {row.claimed_by}
          </span>
        )}
        {row.state === "closed" && <span class="badge">Closed</span>}
        {row.low_confidence_count > 0 && (
          <span class="badge" title="Answers that were not sure of themselves">
            <Icon name="unsure" /> {row.low_confidence_count} unsure
          </span>
        )}
        {row.satisfaction && (
          <span class="badge" title={row.satisfaction === "good" ? "The visitor was content" : "The visitor was not content"}>
            <Icon name={row.satisfaction} /> {row.satisfaction === "good" ? "Content" : "Not content"}
          </span>
        )}
        <span class="messages">{row.message_count === 1 ? "1 message" : `${row.message_count} messages`}</span>
      </span>
    </Link>
  );
}

/** The next page, fetched when its place comes into view, or when asked. */
export function More({ onMore }: { onMore: () => Promise<void> }) {
  const button = useRef<HTMLButtonElement>(null);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const load = async () => {
    setBusy(true);
    setFailed(false);
    await onMore().catch(() => setFailed(true));
    setBusy(false);
  };
  useEffect(() => {
    if (busy || failed || !button.current) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && load(), { rootMargin: "400px" });
    observer.observe(button.current);
    return () => observer.disconnect();
  });
  return (
    <button type="button" class="button more" ref={button} disabled={busy} onClick={load}>
      {failed ? "That did not work. Try again" : busy ? "Loading…" : "Show more"}
    </button>
  );
}
