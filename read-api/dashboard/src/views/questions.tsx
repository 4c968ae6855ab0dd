// Questions that the agent's knowledge does not answer: what to write next.

import { useTeam } from "../context";
import { formatAge, formatFull } from "../format";
import { useLive, useNow } from "../live";
import { Link } from "../parts/link";
import { Empty, Failed, Loading, Stale } from "../parts/states";
import type { Gap } from "../types";

const GAPS_MILLISECONDS = 30_000;
const GAPS_MAX = 200;

export function Questions() {
  const { agent } = useTeam();
  const now = useNow();
  const { data, error, refresh } = useLive<{ data: Gap[] }>(`/agents/${agent.agent_id}/gaps?limit=${GAPS_MAX}`, GAPS_MILLISECONDS);
  const most = data?.data[0]?.times ?? 1;
  return (
    <div class="view narrow">
      <header class="view-head">
        <h1>Questions</h1>
        <p class="muted">What visitors asked and {agent.name} was not sure of, like with like. A page that answers them closes the gap.</p>
      </header>
      <Stale error={data && error} />
      {!data && error && <Failed error={error} onRetry={refresh} />}
      {!data && !error && <Loading />}
      {data?.data.length === 0 && (
        <Empty icon="questions" title="No open questions">
          {agent.name} was sure of every answer so far.
        </Empty>
      )}
      {data && data.data.length > 0 && (
        <ol class="questions">
          {data.data.map((gap) => (
            <li key={gap.question}>
              <meter min={0} max={most} value={gap.times} aria-label={`Asked ${gap.times} times`} />
              <span class="times">{gap.times}×</span>
              <div>
                <p class="question">{gap.question}</p>
                <p class="muted small">
                  Last asked{" "}
                  <time dateTime={gap.last_asked_at} title={formatFull(gap.last_asked_at)}>
                    {formatAge(gap.last_asked_at, now)}
                  </time>
                  {gap.conversations.map((id, index) => (
                    <>
                      {" · "}
                      <Link key={id} href={`/conversations/${id}`} label={`Conversation ${index + 1} with this question`}>
                        {index === 0 ? "Conversation" : index + 1}
                      </Link>
                    </>
                  ))}
                </p>
              </div>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}
