// Numbers and times as people read them, in the browser's language.

const count = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dateWithYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const utcDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const month = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric", timeZone: "UTC" });

export const formatCount = (value: number) => (value < 100_000 ? count.format(value) : compact.format(value));

/** A share of a whole; a dash where there is no whole. */
export const formatShare = (part: number, whole: number) => (whole > 0 ? percent.format(part / whole) : "–");

export function formatMilliseconds(value: number | null): string {
  if (value === null) return "–";
  return value < 1000 ? `${count.format(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

/** How long ago, as short as it goes: 12 s, 5 min, 3 h, then the day. */
export function formatAge(time: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000));
  if (seconds < 10) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  const day = new Date(time);
  return (day.getFullYear() === new Date(now).getFullYear() ? date : dateWithYear).format(day);
}

/** An answer without the numbers of its sources, which say nothing where the sources are not shown. */
export const withoutSources = (text: string) => text.replaceAll(/ ?\[\d{1,2}\]/g, "");
export const formatClock = (time: string) => clock.format(new Date(time));
export const formatDate = (time: string) => dateWithYear.format(new Date(time));
export const formatMoment = (time: string) => moment.format(new Date(time));
export const formatFull = (time: string) => full.format(new Date(time));
/** A day such as 2026-05-07. */
export const formatDay = (day: string) => utcDay.format(new Date(`${day}T00:00:00Z`));
/** A month such as 2026-05. */
export const formatMonth = (name: string) => month.format(new Date(`${name}-01T00:00:00Z`));

/** A visitor has no name: the end of their id tells them apart. */
export const visitorName = (visitorId: string) => `Visitor ${visitorId.slice(-4)}`;

/** The path of an address; the address itself when it is none. */
export function pathOf(url: string): string {
  try {
    const { pathname, hash } = new URL(url);
    return pathname + hash;
  } catch {
    return url;
  }
}

/** An address that may be a link: visitors and sites write them, and `javascript:` is one too. */
export function safeLink(url: string): string | undefined {
  try {
    const { protocol, href } = new URL(url);
    return protocol === "https:" || protocol === "http:" ? href : undefined;
  } catch {
    return undefined;
  }
}
