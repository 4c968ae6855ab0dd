// What the script tag says: <script async src="https://…/widget.js" data-agent-id="…" data-locale="…" data-api="…">.

export interface Config {
  agentId: string;
  // Where the API is, without a slash at its end.
  api: string;
  // Where the other files of the widget are, with a slash at its end.
  files: string;
  locale: string | null;
}

export function readConfig(script: HTMLScriptElement | null): Config | null {
  const agentId = script?.dataset.agentId?.trim();
  if (!script || !agentId || !URL.canParse(script.src)) return null;
  const folder = new URL(".", script.src).href;
  return {
    agentId,
    api: (script.dataset.api ?? folder).replace(/\/+$/, ""),
    files: `${folder}widget/`,
    locale: script.dataset.locale?.trim() || null,
  };
}
