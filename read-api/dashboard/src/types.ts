// What the read API answers; /docs describes each field.

export type Agent = {
  agent_id: string;
  name: string;
  workspace_id: string;
  workspace_name: string;
  published: boolean;
};

export type ConversationState = "open" | "claimed" | "closed";

export type Conversation = {
  conversation_id: string;
  agent_id: string;
  visitor_id: string;
  state: ConversationState;
  claimed_by: string | null;
  claimed_by_id: string | null;
  human_requested: boolean;
  message_count: number;
  low_confidence_count: number;
  satisfaction: "good" | "bad" | null;
  page_url: string | null;
  locale: string | null;
  preview: string | null;
  started_at: string;
  last_message_at: string;
};

export type Citation = { id: number; url: string; title?: string };

export type Message = {
  message_id: string;
  role: "visitor" | "assistant" | "operator";
  content: string;
  citations: Citation[];
  low_confidence: boolean | null;
  finish_reason: "complete" | "stopped" | "length" | null;
  rating: "up" | "down" | null;
  author: string | null;
  page_url: string | null;
  cleared: boolean;
  status: "posted" | "answered" | "failed" | "abandoned";
  failure_code: string | null;
  first_token_ms: number | null;
  created_at: string;
};

export type ConversationView = Conversation & { messages: Message[] };

export type Lead = {
  lead_id: string;
  email: string;
  name: string | null;
  phone: string | null;
  fields: Record<string, unknown>;
  consent: string | null;
  consented_at: string | null;
  submissions: number;
  first_seen_at: string;
  last_seen_at: string;
  conversation_id: string | null;
};

export type Page<T> = { data: T[]; next_cursor: string | null };

export type Figures = {
  day?: string;
  visits: number;
  conversations: number;
  handed_over: number;
  answers: number;
  low_confidence: number;
  first_token_p50_ms: number | null;
  first_token_p95_ms: number | null;
  leads: number;
};

export type Insights = {
  days: Figures[];
  total: Figures;
  funnel: { visits: number; conversations: number; answered: number; leads: number };
  events: { day: string; event: string; rule_id: string; count: number }[];
};

export type Gap = { question: string; times: number; last_asked_at: string; conversations: string[] };

export type Usage = {
  monthly_conversations: number;
  months: { month: string; conversations: number; messages: number; answers: number; prompt_tokens: number; completion_tokens: number }[];
};

export type Projection = {
  projection: string;
  version: number;
  live: boolean;
  state: "running" | "paused" | "halted";
  reason: string | null;
  lag_events: number;
  lag_seconds: number;
  dead_letters: number;
};
