// A chart by day, drawn by Chart.js, with the same figures as a table beneath it.

import type { Chart as ChartJs } from "chart.js";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { formatCount } from "../format";
import { Wide } from "./wide";

export type Series = { name: string; values: (number | null)[]; /** Which of the palette's colours. */ tone: number };

type Props = {
  title: string;
  labels: string[];
  series: Series[];
  kind: "line" | "stacked";
  unit?: "ms" | "%";
  wide?: boolean;
  children?: ComponentChildren;
};

const TONES = 6;

export function Chart({ title, labels, series, kind, unit, wide, children }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawn = useRef<ChartJs | null>(null);
  const scheme = useScheme();
  useEffect(() => {
    let isGone = false;
    import("./draw").then(({ draw }) => {
      if (isGone || !canvas.current) return;
      const style = getComputedStyle(canvas.current);
      const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
      drawn.current?.destroy();
      drawn.current = draw(canvas.current, {
        labels,
        kind,
        unit,
        series: series.map((one) => ({ ...one, colour: colour(`series-${one.tone % TONES}`) })),
        colours: { text: colour("muted"), grid: colour("line"), surface: colour("surface") },
      });
    });
    return () => {
      isGone = true;
    };
  }, [labels.join(), JSON.stringify(series), kind, unit, scheme]);
  useEffect(() => () => drawn.current?.destroy(), []);
  return (
    <figure class={wide ? "card chart wide-chart" : "card chart"}>
      <figcaption>
        <h2>{title}</h2>
        {children}
      </figcaption>
      <ul class="legend">
        {series.map(({ name, tone }) => (
          <li key={name}>
            <span class={`swatch tone-${tone % TONES}`} /> {name}
          </li>
        ))}
      </ul>
      <div class="canvas">
        <canvas ref={canvas} role="img" aria-label={`${title}, by day. The table below has the same figures.`} />
      </div>
      <details>
        <summary>As a table</summary>
        <Wide label={`${title}, as a table`}>
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Day</th>
                {series.map(({ name }) => (
                  <th key={name} scope="col" class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {labels.map((label, index) => (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  {series.map(({ name, values }) => (
                    <td key={name} class="number">
                      {values[index] == null ? "–" : `${formatCount(values[index])}${unit ? ` ${unit}` : ""}`}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      </details>
    </figure>
  );
}

/** Dark or light: a canvas does not change its colours by itself. */
function useScheme(): boolean {
  const [isDark, setIsDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const look = () => setIsDark(media.matches);
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, []);
  return isDark;
}
