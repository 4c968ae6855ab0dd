// The fields of the lead form, and what is wrong with what was entered. The API checks again, and its word counts.

import type { Person } from "../core/widget";
import type { Agent } from "../core/types";
import type { Strings } from "../strings/en";

export interface Field {
  // As the API calls it: `email`, or `fields.company`.
  name: string;
  label: string;
  kind: "text" | "email" | "tel" | "number" | "checkbox" | "select";
  isRequired: boolean;
  options: string[];
  autocomplete: string;
}

export type Values = Record<string, string | boolean>;
export type Problems = Record<string, string>;

export function fieldsOf({ lead_fields: own = [], lead_form: form }: Agent, strings: Strings): Field[] {
  const standard = (name: string, label: string, kind: Field["kind"], autocomplete: string, isRequired = false): Field => ({
    name,
    label,
    kind,
    autocomplete,
    isRequired,
    options: [],
  });
  return [
    standard("name", strings.name, "text", "name"),
    standard("email", strings.email, "email", "email", true),
    standard("phone", strings.phone, "tel", "tel"),
    ...own.map(({ key, label, kind = "text", required = false, options = [] }) => ({
      name: `fields.${key}`,
      label: label || key,
      kind,
      isRequired: required,
      options,
      autocomplete: "off",
    })),
    ...(form?.consent ? [standard("consent", form.consent, "checkbox", "off", true)] : []),
  ];
}

export function prefilled(fields: readonly Field[], person: Person): Values {
  return Object.fromEntries(fields.map(({ name, kind }) => [name, kind === "checkbox" ? false : (person[name as keyof Person] ?? "")]));
}

export function problemsOf(fields: readonly Field[], values: Values, strings: Strings): Problems {
  const problems: Problems = {};
  for (const field of fields) {
    const problem = problemOf(field, values[field.name] ?? "", strings);
    if (problem) problems[field.name] = problem;
  }
  return problems;
}

function problemOf({ kind, isRequired }: Field, value: string | boolean, strings: Strings): string | null {
  if (typeof value === "boolean") return isRequired && !value ? strings.mustTick : null;
  const text = value.trim();
  if (text === "") return isRequired ? strings.missing : null;
  if (kind === "email" && !/^[^\s@]+@[^\s@]+\.[^\s@.]+$/.test(text)) return strings.badEmail;
  if (kind === "tel" && !/^\+?[\d\s()./-]{5,}$/.test(text)) return strings.badPhone;
  if (kind === "number" && !Number.isFinite(Number(text.replace(",", ".")))) return strings.badNumber;
  return null;
}

// What the API says is wrong, in the visitor's language.
export function refused(fields: readonly Field[], refusals: readonly { field: string }[], strings: Strings): Problems {
  const words: Partial<Record<Field["kind"], string>> = { email: strings.badEmail, tel: strings.badPhone, number: strings.badNumber, checkbox: strings.mustTick };
  const named = new Set(refusals.map(({ field }) => field));
  return Object.fromEntries(fields.filter(({ name }) => named.has(name)).map(({ name, kind }) => [name, words[kind] ?? strings.badField]));
}

export function bodyOf(fields: readonly Field[], values: Values): Person & { fields: Record<string, unknown>; consent?: boolean } {
  const body: Record<string, unknown> = {};
  const own: Record<string, unknown> = {};
  for (const { name, kind } of fields) {
    const value = values[name];
    const sent = typeof value === "string" ? value.trim() : value;
    if (sent === "" || sent === undefined) continue;
    const key = name.replace(/^fields\./, "");
    (key === name ? body : own)[key] = kind === "number" && typeof sent === "string" ? Number(sent.replace(",", ".")) : sent;
  }
  return { ...body, fields: own };
}
