// What every view may ask for: the API, who is signed in, the agents.

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Api } from "./api";
import type { Session } from "./session";
import type { Agent } from "./types";

export type Team = {
  api: Api;
  session: Session;
  agents: Agent[];
  /** What the conversations are of: one agent, or all of a workspace. */
  scope: { workspaceId: string; agentId: string | null };
  /** What the other views are of. */
  agent: Agent;
};

export const TeamContext = createContext<Team | null>(null);
export const ApiContext = createContext<Api | null>(null);

function present<T>(value: T | null): T {
  if (value === null) throw new Error("outside of its provider");
  return value;
}

export const useTeam = () => present(useContext(TeamContext));
export const useApi = () => present(useContext(ApiContext));
