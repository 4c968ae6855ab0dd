// The frame around every view: where one can go, of which agent, and who one is.

import { useState } from "preact/hooks";

import type { Api } from "../api";
import { TeamContext, type Team } from "../context";
import { useLive } from "../live";
import { useLocation } from "../location";
import { Icon, type IconName } from "../parts/icons";
import { Link } from "../parts/link";
import { Empty, Failed, Loading } from "../parts/states";
import type { Session } from "../session";
import type { Agent, Conversation, Page } from "../types";
import { Conversations } from "./conversations";
import { Insights } from "./insights";
import { Leads } from "./leads";
import { Questions } from "./questions";
import { System } from "./system";

const VIEWS: { path: string; name: string; short?: string; icon: IconName; view: () => preact.JSX.Element }[] = [
  { path: "/conversations", name: "Conversations", short: "Chats", icon: "chats", view: Conversations },
  { path: "/leads", name: "Leads", icon: "leads", view: Leads },
  { path: "/insights", name: "Insights", icon: "insights", view: Insights },
  { path: "/questions", name: "Questions", icon: "questions", view: Questions },
  { path: "/system", name: "System", icon: "system", view: System },
];

const SCOPE_KEY = "diagent.scope";
const AGENTS_MILLISECONDS = 60_000;
const WAITING_MILLISECONDS = 10_000;

type Props = { api: Api; session: Session; onSignOut: () => void };

export function Frame({ api, session, onSignOut }: Props) {
  const { path } = useLocation();
  const [chosen, setChosen] = useState(() => sessionStorage.getItem(SCOPE_KEY) ?? "");
  const { data, error, refresh } = useLive<{ data: Agent[] }>("/agents", AGENTS_MILLISECONDS);
  const team = data && scopeOf(data.data, chosen, api, session);
  const waiting = useWaiting(team);
  const current = VIEWS.find((view) => path.startsWith(view.path)) ?? VIEWS[0]!;
  document.title = `${waiting > 0 ? `(${waiting}) ` : ""}${current.name} · Diagent`;
  const choose = (scope: string) => {
    sessionStorage.setItem(SCOPE_KEY, scope);
    setChosen(scope);
  };
  let view = <Loading />;
  if (team) view = <current.view key={current.path} />;
  else if (data) {
    view = (
      <Empty icon="chats" title="No agent yet">
        Define one with <code>diagent agent apply -f agent.yaml</code>, and its conversations are here.
      </Empty>
    );
  } else if (error) view = <Failed error={error} onRetry={refresh} />;
  return (
    <div class="frame">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="side">
        <div class="brand">
          <img src="/favicon.svg" alt="" width="28" height="28" />
          <span>Diagent</span>
        </div>
        {team && <ScopePicker team={team} chosen={chosen} allowsAll={current.path === "/conversations"} onChoose={choose} />}
        <nav aria-label="Views">
          {VIEWS.map(({ path, name, short, icon }) => (
            <Link key={path} href={path} current={path === current.path}>
              <Icon name={icon} />
              <span class={short && "long"}>{name}</span>
              {short && <span class="short">{short}</span>}
              {path === "/conversations" && waiting > 0 && (
                <span class="count" title="Visitors who ask for a person">
                  {waiting > 50 ? "50+" : waiting}
                  <span class="hidden"> waiting for a person</span>
                </span>
              )}
            </Link>
          ))}
        </nav>
        <div class="who">
          <span class="avatar" aria-hidden="true">
            {session.name.slice(0, 1).toUpperCase()}
          </span>
          <span class="name">{session.name}</span>
          <button type="button" class="quiet" title="Sign out" onClick={onSignOut}>
            <Icon name="leave" />
            <span class="hidden">Sign out</span>
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <TeamContext.Provider value={team || null}>{view}</TeamContext.Provider>
      </main>
    </div>
  );
}

function scopeOf(agents: Agent[], chosen: string, api: Api, session: Session): Team | null {
  const first = agents.find((agent) => agent.agent_id === chosen) ?? agents.find((agent) => agent.workspace_id === chosen) ?? agents[0];
  if (!first) return null;
  const agentId = first.agent_id === chosen ? chosen : null;
  return { api, session, agents, scope: { workspaceId: first.workspace_id, agentId }, agent: first };
}

type PickerProps = { team: Team; chosen: string; allowsAll: boolean; onChoose: (scope: string) => void };

/** Which agent, or all of a workspace where that makes sense. With one agent there is nothing to choose. */
function ScopePicker({ team, chosen, allowsAll, onChoose }: PickerProps) {
  if (team.agents.length === 1) return <p class="scope">{team.agent.name}</p>;
  const workspaces = new Map(team.agents.map((agent) => [agent.workspace_id, agent.workspace_name]));
  const shown = allowsAll ? (team.scope.agentId ?? team.scope.workspaceId) : team.agent.agent_id;
  return (
    <select class="scope" aria-label="Agent" value={shown} key={chosen} onChange={(event) => onChoose(event.currentTarget.value)}>
      {[...workspaces].map(([workspaceId, name]) => (
        <optgroup key={workspaceId} label={name || `Workspace ${workspaceId.slice(-4)}`}>
          {allowsAll && <option value={workspaceId}>All agents{workspaces.size > 1 && name ? ` of ${name}` : ""}</option>}
          {team.agents
            .filter((agent) => agent.workspace_id === workspaceId)
            .map((agent) => (
              <option key={agent.agent_id} value={agent.agent_id}>
                {agent.name}
              </option>
            ))}
        </optgroup>
      ))}
    </select>
  );
}

/** How many visitors ask for a person and have none yet; 51 for more than 50. */
function useWaiting(team: Team | null): number {
  const workspace = team && `/workspaces/${team.scope.workspaceId}/conversations?human_requested=true&limit=50`;
  const { data } = useLive<Page<Conversation>>(workspace, WAITING_MILLISECONDS);
  const open = data?.data.filter(({ state }) => state === "open").length ?? 0;
  return data?.next_cursor ? 51 : open;
}
