// Colours that can be read, whatever the agent's theme says: what stands on a colour is chosen, or moved, until its contrast is enough.

import type { Theme } from "./types";

type Colour = readonly [red: number, green: number, blue: number];

const WHITE: Colour = [255, 255, 255];
const BLACK: Colour = [0, 0, 0];
const INK: Colour = [17, 24, 39];
const DARK_SURFACE: Colour = [27, 30, 33];
const DEFAULT_PRIMARY: Colour = [17, 24, 39];

// WCAG 2.2, 1.4.3 and 1.4.11.
const TEXT_CONTRAST = 4.5;
const SHAPE_CONTRAST = 3;

// How much of the accent is behind a source's number, as in panel.css.
const CHIP_SHARE = 0.16;

export interface Look {
  dark: boolean;
  left: boolean;
  launcher: "pill" | "circle";
  launcherLabel: string;
  avatarUrl: string;
  // Values of custom properties, by name.
  properties: Record<string, string>;
}

// What the theme means, in a browser that prefers dark colours or does not.
export function look(theme: Theme, prefersDark: boolean): Look {
  const dark = theme.mode === "dark" || (theme.mode !== "light" && prefersDark);
  const surface = dark ? DARK_SURFACE : WHITE;
  const primary = parse(theme.primary) ?? DEFAULT_PRIMARY;
  const chosen = parse(theme.on_primary);
  // Behind what the agent says. A dark colour would not stand out from a dark surface: it is made lighter first.
  const tint = dark ? mix(mix(surface, WHITE, 0.08), primary, 0.15) : mix(surface, primary, 0.07);
  // A source's number stands on a breath of its own colour; what can be read there can be read on all that is behind text.
  const chip = (accent: Colour) => mix(tint, accent, CHIP_SHARE);
  const onPrimary = chosen && contrast(chosen, primary) >= TEXT_CONTRAST ? chosen : bestOn(primary);
  return {
    dark,
    left: theme.position === "left",
    launcher: theme.launcher === "circle" || theme.launcher === "icon" ? "circle" : "pill",
    launcherLabel: typeof theme.launcher_label === "string" ? theme.launcher_label.slice(0, 60) : "",
    avatarUrl: typeof theme.avatar_url === "string" ? theme.avatar_url : "",
    properties: {
      "--d-primary": css(primary),
      "--d-on-primary": css(onPrimary),
      "--d-edge": css(readable(primary, () => surface, SHAPE_CONTRAST)),
      "--d-accent": css(readable(parse(theme.accent) ?? primary, chip, TEXT_CONTRAST)),
      "--d-tint": css(tint),
      "--d-radius": `${bounded(theme.radius, 18, 0, 32)}px`,
      "--d-x": `${bounded(theme.offset_x, 20, 0, 200)}px`,
      "--d-y": `${bounded(theme.offset_y, 20, 0, 200)}px`,
    },
  };
}

// `#rgb`, `#rrggbb` and `#rrggbbaa`, whose transparency is ignored.
export function parse(value: unknown): Colour | null {
  if (typeof value !== "string" || !/^#([0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/i.test(value)) return null;
  const wide = value.length === 4 ? [...value.slice(1)].map((digit) => digit + digit).join("") : value.slice(1);
  const channel = (at: number) => Number.parseInt(wide.slice(at, at + 2), 16);
  return [channel(0), channel(2), channel(4)];
}

export function contrast(one: Colour, other: Colour): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

// The colour, moved towards black or white until it stands out from what is behind it.
export function readable(colour: Colour, behind: (moved: Colour) => Colour, wanted: number): Colour {
  const end: Colour = luminance(behind(colour)) > 0.18 ? BLACK : WHITE;
  for (let share = 0; share < 1; share += 0.05) {
    const moved = mix(colour, end, share);
    if (contrast(moved, behind(moved)) >= wanted) return moved;
  }
  return end;
}

// One of white and black always has enough; ink is the softer black, where it does.
function bestOn(colour: Colour): Colour {
  if (contrast(WHITE, colour) >= TEXT_CONTRAST) return WHITE;
  return contrast(INK, colour) >= TEXT_CONTRAST ? INK : BLACK;
}

function mix(one: Colour, other: Colour, share: number): Colour {
  const channel = (at: 0 | 1 | 2) => Math.round(one[at] * (1 - share) + other[at] * share);
  return [channel(0), channel(1), channel(2)];
}

function luminance([red, green, blue]: Colour): number {
  const linear = (channel: number) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function css(colour: Colour): string {
  return `rgb(${colour.join(" ")})`;
}

function bounded(value: unknown, standard: number, least: number, most: number): number {
  const number = typeof value === "string" ? Number.parseFloat(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? Math.min(Math.max(number, least), most) : standard;
}
