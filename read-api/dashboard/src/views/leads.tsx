// Leads: who left an address.

import { useMemo, useState } from "preact/hooks";

import { useTeam } from "../context";
import { formatAge, formatFull, formatMoment } from "../format";
import { useLive, useNow, useSettled } from "../live";
import { Icon } from "../parts/icons";
import { Link } from "../parts/link";
import { Empty, Failed, Loading, Stale } from "../parts/states";
import type { Lead, Page } from "../types";
import { More } from "./conversation_list";

const LEADS_MILLISECONDS = 10_000;

export function Leads() {
  const { api, agent } = useTeam();
  const [typed, setTyped] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const search = useSettled(typed.trim());
  const path = `/agents/${agent.agent_id}/leads${search ? `?q=${encodeURIComponent(search)}` : ""}`;
  const { data, error, refresh } = useLive<Page<Lead>>(path, LEADS_MILLISECONDS);
  const [older, setOlder] = useState<{ path: string; rows: Lead[]; cursor: string | null }>({ path, rows: [], cursor: null });
  const known = older.path === path ? older : { path, rows: [], cursor: null };
  const rows = useMemo(() => {
    if (!data) return null;
    const first = new Set(data.data.map((row) => row.lead_id));
    return [...data.data, ...known.rows.filter((row) => !first.has(row.lead_id))];
  }, [data, known.rows]);
  const cursor = known.rows.length > 0 ? known.cursor : (data?.next_cursor ?? null);
  const more = async () => {
    const page = await api.page<Lead>(`${path}${search ? "&" : "?"}cursor=${cursor}`);
    setOlder({ path, rows: [...known.rows, ...page.data], cursor: page.next_cursor });
  };
  const download = async () => {
    setProblem(null);
    try {
      save(await api.file(`${path}${search ? "&" : "?"}format=csv`), `leads of ${agent.name}.csv`);
    } catch (failure) {
      setProblem((failure as Error).message);
    }
  };
  return (
    <div class="view">
      <header class="view-head">
        <h1>Leads</h1>
        <label class="search">
          <Icon name="search" />
          <span class="hidden">Search by name or address</span>
          <input type="search" placeholder="Name or address" value={typed} maxLength={200} onInput={(event) => setTyped(event.currentTarget.value)} />
        </label>
        <button type="button" class="button" onClick={download} disabled={!rows || rows.length === 0}>
          <Icon name="download" /> CSV
        </button>
      </header>
      {problem && (
        <p class="problem banner" role="alert">
          The file could not be made: {problem}
        </p>
      )}
      <Stale error={rows && error} />
      {!rows && error && <Failed error={error} onRetry={refresh} />}
      {!rows && !error && <Loading />}
      {rows?.length === 0 &&
        (search ? (
          <Empty icon="search" title="Nobody found">
            No name and no address has “{search}” in it.
          </Empty>
        ) : (
          <Empty icon="leads" title="No leads yet">
            When a visitor leaves an address in the chat, it is here, once for each address.
          </Empty>
        ))}
      {rows && rows.length > 0 && <Table rows={rows} />}
      {cursor && <More onMore={more} />}
    </div>
  );
}

function Table({ rows }: { rows: Lead[] }) {
  const now = useNow();
  return (
    <table class="table cards">
      <thead>
        <tr>
          <th scope="col">Contact</th>
          <th scope="col">Phone</th>
          <th scope="col">Answers</th>
          <th scope="col">Agreed to</th>
          <th scope="col" class="number">
            Sent
          </th>
          <th scope="col" class="number">
            Last seen
          </th>
          <th scope="col">
            <span class="hidden">Conversation</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((lead) => (
          <tr key={lead.lead_id}>
            <th scope="row">
              {lead.name && <strong>{lead.name}</strong>}
              <a href={`mailto:${lead.email}`}>{lead.email}</a>
            </th>
            <td data-label="Phone">{lead.phone ? <a href={`tel:${lead.phone.replaceAll(/[^+\d]/g, "")}`}>{lead.phone}</a> : <span class="muted">–</span>}</td>
            <td data-label="Answers">
              <Fields fields={lead.fields} />
            </td>
            <td data-label="Agreed to">
              <Consent lead={lead} />
            </td>
            <td data-label="Sent" class="number">
              {lead.submissions}×
            </td>
            <td data-label="Last seen" class="number">
              <time dateTime={lead.last_seen_at} title={formatFull(lead.last_seen_at)}>
                {formatAge(lead.last_seen_at, now)}
              </time>
            </td>
            <td class="number">{lead.conversation_id && <Link href={`/conversations/${lead.conversation_id}`}>Conversation</Link>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Fields({ fields }: { fields: Record<string, unknown> }) {
  const entries = Object.entries(fields);
  if (entries.length === 0) return <span class="muted">–</span>;
  return (
    <ul class="fields">
      {entries.map(([key, value]) => (
        <li key={key}>
          <span class="muted">{key.replaceAll("_", " ")}</span> {value === true ? "yes" : value === false ? "no" : String(value)}
        </li>
      ))}
    </ul>
  );
}

/** In the words that the form had then. */
function Consent({ lead: { consent, consented_at } }: { lead: Lead }) {
  if (!consent || !consented_at) return <span class="muted">–</span>;
  return (
    <div class="consent">
      <q>{consent}</q>
      <time class="muted small" dateTime={consented_at} title={formatFull(consented_at)}>
        {formatMoment(consented_at)}
      </time>
    </div>
  );
}

function save(file: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The browser has taken the file by then; Safari takes it late.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
