// How an agent does: figures, charts by day, a funnel.

import { useMemo, useState } from "preact/hooks";

import { useTeam } from "../context";
import { formatCount, formatDay, formatMilliseconds, formatShare } from "../format";
import { useLive } from "../live";
import { navigate, useLocation, withQuery } from "../location";
import { Chart, type Series } from "../parts/chart";
import { Empty, Failed, Loading, Stale } from "../parts/states";
import type { Insights as Figures } from "../types";

const INSIGHTS_MILLISECONDS = 30_000;
const RANGES = [7, 30, 90];
const DAY_MILLISECONDS = 86_400_000;
/** Kinds of events that a chart tells apart; the rest is one. */
const KINDS_MAX = 5;

export function Insights() {
  const { agent } = useTeam();
  const { query } = useLocation();
  const asked = Number(query.get("days"));
  const days = RANGES.includes(asked) ? asked : 30;
  const from = new Date(Date.now() - (days - 1) * DAY_MILLISECONDS).toISOString().slice(0, 10);
  const { data, error, refresh } = useLive<{ data: Figures }>(`/agents/${agent.agent_id}/insights?from=${from}`, INSIGHTS_MILLISECONDS);
  return (
    <div class="view">
      <header class="view-head">
        <h1>Insights</h1>
        <div class="chips" role="group" aria-label="Range">
          {RANGES.map((range) => (
            <button
              key={range}
              type="button"
              aria-pressed={range === days}
              onClick={() => navigate(withQuery("/insights", query, { days: String(range) }), { replace: true })}
            >
              {range} days
            </button>
          ))}
        </div>
      </header>
      <Stale error={data && error} />
      {!data && error && <Failed error={error} onRetry={refresh} />}
      {!data && !error && <Loading />}
      {data && (data.data.total.visits === 0 && data.data.events.length === 0 ? <NothingYet days={days} /> : <Charts figures={data.data} />)}
    </div>
  );
}

const NothingYet = ({ days }: { days: number }) => (
  <Empty icon="insights" title={`Nothing in ${days} days`}>
    As soon as visitors see the widget, its figures are here.
  </Empty>
);

function Charts({ figures }: { figures: Figures }) {
  const { days, total, funnel } = figures;
  const labels = days.map(({ day }) => formatDay(day ?? ""));
  const deflected = total.conversations - total.handed_over;
  return (
    <>
      <dl class="tiles">
        <Tile name="Conversations" value={formatCount(total.conversations)} note={`${formatCount(total.visits)} visits`} />
        <Tile name="Deflection" value={formatShare(deflected, total.conversations)} note="ended without a person" />
        <Tile name="First word" value={formatMilliseconds(total.first_token_p50_ms)} note={`19 of 20 within ${formatMilliseconds(total.first_token_p95_ms)}`} />
        <Tile name="Unsure" value={formatShare(total.low_confidence, total.answers)} note={`of ${formatCount(total.answers)} answers`} />
        <Tile name="Leads" value={formatCount(total.leads)} note="new addresses" />
      </dl>
      <div class="charts">
        <Chart
          title="Conversations"
          labels={labels}
          kind="stacked"
          series={[
            { name: "The agent alone", values: days.map((day) => day.conversations - day.handed_over), tone: 0 },
            { name: "With a person", values: days.map((day) => day.handed_over), tone: 3 },
          ]}
        />
        <FunnelChart funnel={funnel} />
        <Chart
          title="Time to the first word"
          labels={labels}
          kind="line"
          unit="ms"
          series={[
            { name: "Half of the answers", values: days.map((day) => day.first_token_p50_ms), tone: 0 },
            { name: "19 of 20", values: days.map((day) => day.first_token_p95_ms), tone: 3 },
          ]}
        />
        <Chart
          title="Deflection and unsure answers"
          labels={labels}
          kind="line"
          unit="%"
          series={[
            { name: "Deflected conversations", values: days.map((day) => share(day.conversations - day.handed_over, day.conversations)), tone: 0 },
            { name: "Unsure answers", values: days.map((day) => share(day.low_confidence, day.answers)), tone: 3 },
          ]}
        />
        <EventsChart figures={figures} labels={labels} />
      </div>
    </>
  );
}

const share = (part: number, whole: number) => (whole > 0 ? Math.round((part / whole) * 100) : null);

function Tile({ name, value, note }: { name: string; value: string; note: string }) {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>
        <strong>{value}</strong>
        <span>{note}</span>
      </dd>
    </div>
  );
}

function FunnelChart({ funnel }: { funnel: Figures["funnel"] }) {
  const steps = [
    { name: "Saw the widget", count: funnel.visits },
    { name: "Wrote a message", count: funnel.conversations },
    { name: "Got a sure answer", count: funnel.answered },
    { name: "Left an address", count: funnel.leads },
  ];
  return (
    <figure class="card chart">
      <figcaption>
        <h2>From visit to lead</h2>
      </figcaption>
      <ol class="funnel">
        {steps.map(({ name, count }, index) => (
          <li key={name}>
            <span>{name}</span>
            <strong>{formatCount(count)}</strong>
            <meter min={0} max={Math.max(1, funnel.visits)} value={count} aria-label={name} />
            <span class="muted small">{index > 0 ? `${formatShare(count, steps[index - 1]!.count)} of the step before` : "all conversations begun"}</span>
          </li>
        ))}
      </ol>
    </figure>
  );
}

type EventsProps = { figures: Figures; labels: string[] };

/** What the widgets reported, by day: told apart by event, or by the rule that caused it. */
function EventsChart({ figures, labels }: EventsProps) {
  const [by, setBy] = useState<"event" | "rule">("event");
  const series = useMemo(() => {
    const events = by === "event" ? figures.events : figures.events.filter(({ rule_id }) => rule_id !== "");
    const nameOf = (row: Figures["events"][number]) => (by === "event" ? row.event : row.rule_id);
    return seriesOf(events.map((row) => ({ day: row.day, name: nameOf(row), count: row.count })), figures.days.map(({ day }) => day ?? ""));
  }, [figures, by]);
  return (
    <Chart title="What happened in the widget" labels={labels} kind="stacked" series={series} wide>
      <div class="chips" role="group" aria-label="Told apart by">
        {(["event", "rule"] as const).map((name) => (
          <button key={name} type="button" aria-pressed={by === name} onClick={() => setBy(name)}>
            By {name}
          </button>
        ))}
      </div>
    </Chart>
  );
}

/** A series for each of the most frequent names, and one for the others. */
function seriesOf(rows: { day: string; name: string; count: number }[], days: string[]): Series[] {
  const totals = new Map<string, number>();
  for (const { name, count } of rows) totals.set(name, (totals.get(name) ?? 0) + count);
  const names = [...totals].sort(([, a], [, b]) => b - a).map(([name]) => name);
  const own = names.length > KINDS_MAX + 1 ? names.slice(0, KINDS_MAX) : names;
  const shown = own.length < names.length ? [...own, "others"] : own;
  const at = new Map(days.map((day, index) => [day, index]));
  const series = shown.map((name, tone) => ({ name, values: days.map(() => 0), tone }));
  for (const { day, name, count } of rows) {
    const values = series[own.includes(name) ? own.indexOf(name) : shown.length - 1]?.values;
    const index = at.get(day);
    if (values && index !== undefined) values[index] = (values[index] ?? 0) + count;
  }
  return series;
}
