// What was used, and where the read models stand.

import { useTeam } from "../context";
import { formatCount, formatMonth, formatShare } from "../format";
import { useLive } from "../live";
import { Empty, Failed, Loading, Stale } from "../parts/states";
import { Wide } from "../parts/wide";
import type { Projection, Usage } from "../types";

const PROJECTIONS_MILLISECONDS = 5_000;
const USAGE_MILLISECONDS = 30_000;

export function System() {
  return (
    <div class="view narrow">
      <header class="view-head">
        <h1>System</h1>
      </header>
      <UsageOfMonth />
      <Projections />
    </div>
  );
}

function UsageOfMonth() {
  const { scope } = useTeam();
  const { data, error, refresh } = useLive<{ data: Usage }>(`/workspaces/${scope.workspaceId}/usage`, USAGE_MILLISECONDS);
  if (!data) return error ? <Failed error={error} onRetry={refresh} /> : <Loading rows={2} />;
  const { monthly_conversations: quota, months } = data.data;
  const thisMonth = new Date().toISOString().slice(0, 7);
  const used = months.find(({ month }) => month === thisMonth)?.conversations ?? 0;
  return (
    <section class="card" aria-labelledby="usage-title">
      <h2 id="usage-title">Usage</h2>
      <Stale error={error} />
      <p class="quota">
        <strong>{formatCount(used)}</strong> conversations in {formatMonth(thisMonth)}
        {quota > 0 ? ` of ${formatCount(quota)} (${formatShare(used, quota)})` : ", without a limit"}
      </p>
      {quota > 0 && <meter min={0} max={quota} high={quota * 0.9} value={used} aria-label="Conversations of this month against the quota" />}
      {months.length > 0 && (
        <Wide label="Usage by month">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Month</th>
                <th scope="col" class="number">Conversations</th>
                <th scope="col" class="number">Messages</th>
                <th scope="col" class="number">Answers</th>
                <th scope="col" class="number">Prompt tokens</th>
                <th scope="col" class="number">Answer tokens</th>
              </tr>
            </thead>
            <tbody>
              {months.map((row) => (
                <tr key={row.month}>
                  <th scope="row">{formatMonth(row.month)}</th>
                  <td class="number">{formatCount(row.conversations)}</td>
                  <td class="number">{formatCount(row.messages)}</td>
                  <td class="number">{formatCount(row.answers)}</td>
                  <td class="number">{formatCount(row.prompt_tokens)}</td>
                  <td class="number">{formatCount(row.completion_tokens)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </section>
  );
}

function Projections() {
  const { data, error, refresh } = useLive<{ data: Projection[] }>("/projections", PROJECTIONS_MILLISECONDS);
  return (
    <section class="card" aria-labelledby="projections-title">
      <h2 id="projections-title">Read models</h2>
      <p class="muted">Each is built from the event log, at its own pace. What lags is shown late; nothing is lost.</p>
      <Stale error={data && error} />
      {!data && (error ? <Failed error={error} onRetry={refresh} /> : <Loading rows={4} />)}
      {data?.data.length === 0 && <Empty icon="system" title="No read models">No projector has run yet.</Empty>}
      {data && data.data.length > 0 && (
        <Wide label="Read models and their state">
          <table class="table cards">
            <thead>
              <tr>
                <th scope="col">Read model</th>
                <th scope="col">State</th>
                <th scope="col" class="number">Events behind</th>
                <th scope="col" class="number">Seconds behind</th>
                <th scope="col" class="number">Dead letters</th>
              </tr>
            </thead>
            <tbody>
              {data.data.map((row) => (
                <tr key={`${row.projection} ${row.version}`}>
                  <th scope="row">
                    {row.projection} <span class="muted">v{row.version}</span>
                  </th>
                  <td>
                    <StateBadge row={row} />
                  </td>
                  <td class={row.lag_events > 0 ? "number warn" : "number"} data-label="Events behind">
                    {formatCount(row.lag_events)}
                  </td>
                  <td class="number" data-label="Seconds behind">{formatCount(Math.round(row.lag_seconds))}</td>
                  <td class={row.dead_letters > 0 ? "number bad" : "number"} data-label="Dead letters">
                    {formatCount(row.dead_letters)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </section>
  );
}

function StateBadge({ row }: { row: Projection }) {
  if (row.state === "halted") return <span class="badge bad" title={row.reason ?? undefined}>Halted: {row.reason}</span>;
  if (row.state === "paused") return <span class="badge warn">Paused</span>;
  return row.live ? <span class="badge accent">Live</span> : <span class="badge">{row.lag_events > 0 ? "Being built" : "Ready beside the live one"}</span>;
}
