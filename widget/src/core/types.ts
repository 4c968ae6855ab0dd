// What the widget API says, as far as the widget reads it. Contract: POST /v1/widget/init and /messages/stream.

export interface Welcome {
  conversation_id: string;
  visitor_id: string;
  anonymous_id: string;
  jwt: string;
  agent: Agent;
  branding: Branding;
  behavior_rules: Rule[];
  messages: Message[];
  reverb: Reverb;
  restricted_paths?: string[];
  active_message?: { message_id: string } | null;
}

export interface Agent {
  id: string;
  name: string;
  persona: { name: string; tone: string; greeting?: string };
  theme: Theme;
  starter_prompts: string[];
  language_default: string;
  lead_fields?: LeadField[];
  lead_form?: LeadForm;
}

// How the widget looks. Whatever is missing or makes no sense takes its default.
export interface Theme {
  primary?: unknown;
  on_primary?: unknown;
  accent?: unknown;
  // Pixels of the panel's corners.
  radius?: unknown;
  position?: unknown;
  mode?: unknown;
  launcher?: unknown;
  launcher_label?: unknown;
  offset_x?: unknown;
  offset_y?: unknown;
  avatar_url?: unknown;
}

export interface Branding {
  show: boolean;
  label?: string;
  url?: string;
  logo_url?: string;
  display_mode?: "logo_and_label" | "logo_only" | "label_only";
}

export interface LeadField {
  key: string;
  label?: string;
  kind?: "text" | "number" | "checkbox" | "select";
  required?: boolean;
  options?: string[];
}

export interface LeadForm {
  // The visitor is asked before the first message.
  before_chat?: boolean;
  // What the visitor agrees to.
  consent?: string;
}

export interface Reverb {
  app_key: string;
  host: string;
  port: number;
  scheme: string;
}

export interface Citation {
  id: number;
  url: string;
  title?: string;
  snippet?: string;
}

export type Rating = "up" | "down";

export interface Message {
  id: string;
  role: "visitor" | "assistant" | "operator";
  content: string;
  citations?: Citation[];
  low_confidence?: boolean;
  finish_reason?: string;
  rating?: Rating;
  author?: string;
  created_at?: string;
}

export interface MessagePage {
  messages: Message[];
  has_more: boolean;
}

export interface ConversationView {
  state: "open" | "claimed" | "closed";
  claimed_by?: string | null;
  human_requested?: boolean;
  active_message?: { message_id: string } | null;
}

// One `data:` line of an answer.
export type Frame =
  | { event: "token"; token: string }
  | { event: "restart" }
  | { event: "citations"; citations: Citation[] }
  | { event: "done"; conversation_id: string; message_id?: string; finish_reason?: string; low_confidence?: boolean }
  | { event: "error"; code: string; message: string; retryable?: boolean };

// What the agent does by itself, and when (events/src/agent/rule.rs).
export interface Rule {
  id: string;
  priority?: number;
  conditions: Conditions;
  action: RuleAction;
}

// All that are given must hold.
export interface Conditions {
  intent_keywords?: string[];
  url_patterns?: string[];
  scroll_percent?: number;
  idle_seconds?: number;
  exit_intent?: boolean;
  message_count?: number;
}

export type RuleAction =
  // A line with one button, which asks the agent or leads to a page.
  | { kind: "cta"; message: string; label: string; prompt?: string; url?: string }
  // The lead form, and what stands above it.
  | { kind: "lead_capture"; message: string }
  // The way to a person, or to a page.
  | { kind: "route"; to: "human" | "page"; message: string; label: string; url?: string };
