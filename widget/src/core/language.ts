// Which language the widget speaks: the first of the visitor's that it knows, or else the agent's, or else English.

import { en, type Strings } from "../strings/en";

export interface Language {
  code: string;
  direction: "ltr" | "rtl";
  strings: Strings;
}

export const ENGLISH: Language = { code: "en", direction: "ltr", strings: en };

const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ur"]);

// The code among `known` that fits best, by the order of what is wanted: `de-AT` is served by `de`.
export function choose(wanted: readonly string[], known: readonly string[]): string {
  for (const tag of wanted) {
    const code = tag.toLowerCase().split(/[-_]/)[0] ?? "";
    if (known.includes(code)) return code;
  }
  return "en";
}

// Loads what `code` needs; English is there already, and takes the place of what cannot be loaded.
export async function load(code: string, folder: string): Promise<Language> {
  const file = __LANGUAGES__[code];
  if (!file) return ENGLISH;
  try {
    const { default: strings } = (await import(folder + file)) as { default: Strings };
    return { code, direction: RIGHT_TO_LEFT.has(code) ? "rtl" : "ltr", strings };
  } catch {
    return ENGLISH;
  }
}
