import { expect, test } from "vitest";
import { contrast, look, parse } from "../src/core/theme";

// rgb(1 2 3) as look() writes it.
const colour = (value: string | undefined) => (/(\d+) (\d+) (\d+)/.exec(value ?? "") ?? []).slice(1).map(Number) as unknown as readonly [number, number, number];

test("what stands on a colour can be read, whatever the colour is", () => {
  for (let red = 0; red <= 255; red += 51) {
    for (let green = 0; green <= 255; green += 51) {
      for (let blue = 0; blue <= 255; blue += 51) {
        const hex = `#${[red, green, blue].map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
        for (const mode of ["light", "dark"]) {
          const { properties } = look({ primary: hex, on_primary: "#808080", mode }, false);
          expect(contrast(colour(properties["--d-on-primary"]), [red, green, blue]), hex).toBeGreaterThanOrEqual(4.5);
          expect(contrast(colour(properties["--d-accent"]), colour(properties["--d-tint"])), `${hex} ${mode}`).toBeGreaterThanOrEqual(4.5);
        }
      }
    }
  }
});

test("the site's own choice of what stands on its colour is taken when it can be read", () => {
  expect(look({ primary: "#1f4a3a", on_primary: "#fffbe6" }, false).properties["--d-on-primary"]).toBe("rgb(255 251 230)");
});

test("the theme says whether it is dark, or else the browser does", () => {
  expect(look({}, true).dark).toBe(true);
  expect(look({ mode: "light" }, true).dark).toBe(false);
  expect(look({ mode: "dark" }, false).dark).toBe(true);
});

test("what makes no sense takes its default, and sizes stay within bounds", () => {
  expect(parse("red; background: url(x)")).toBeNull();
  const { properties } = look({ primary: 7, radius: "900px", offset_x: -5, offset_y: Number.NaN }, false);
  expect(properties).toMatchObject({ "--d-primary": "rgb(17 24 39)", "--d-radius": "32px", "--d-x": "0px", "--d-y": "20px" });
});
