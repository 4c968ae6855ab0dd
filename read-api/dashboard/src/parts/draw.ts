// Chart.js with only what is used, in a chunk of its own: whoever never opens the insights never loads it.

import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
  type ChartDataset,
} from "chart.js";

Chart.register(BarController, BarElement, CategoryScale, LinearScale, LineController, LineElement, PointElement, Tooltip);

type Drawing = {
  labels: string[];
  series: { name: string; values: (number | null)[]; colour: string }[];
  kind: "line" | "stacked";
  unit?: "ms" | "%";
  colours: { text: string; grid: string; surface: string };
};

export function draw(canvas: HTMLCanvasElement, { labels, series, kind, unit, colours }: Drawing): Chart {
  const isStacked = kind === "stacked";
  const datasets: ChartDataset<"bar" | "line", (number | null)[]>[] = series.map(({ name, values, colour }) =>
    isStacked
      ? { label: name, data: values, backgroundColor: colour, borderRadius: 2, maxBarThickness: 28, categoryPercentage: 0.8, barPercentage: 1 }
      : {
          label: name,
          data: values,
          borderColor: colour,
          backgroundColor: colour,
          borderWidth: 2,
          pointRadius: values.filter((value) => value !== null).length > 14 ? 0 : 3,
          pointHitRadius: 12,
          spanGaps: true,
          cubicInterpolationMode: "monotone",
        },
  );
  const withUnit = (value: number) => `${value.toLocaleString()}${unit ? ` ${unit}` : ""}`;
  return new Chart<"bar" | "line", (number | null)[]>(canvas, {
    type: isStacked ? "bar" : "line",
    data: { labels, datasets },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: {
          stacked: isStacked,
          grid: { display: false },
          border: { color: colours.grid },
          ticks: { color: colours.text, maxRotation: 0, autoSkipPadding: 16 },
        },
        y: {
          stacked: isStacked,
          beginAtZero: true,
          suggestedMax: unit === "%" ? 100 : 4,
          grid: { color: colours.grid },
          border: { display: false },
          ticks: { color: colours.text, precision: 0, maxTicksLimit: 5, callback: (value) => withUnit(Number(value)) },
        },
      },
      plugins: {
        tooltip: {
          callbacks: { label: ({ dataset, parsed }) => ` ${dataset.label}: ${parsed.y === null ? "–" : withUnit(parsed.y)}` },
          // What is 0 on a day says nothing there.
          filter: ({ parsed }) => !isStacked || parsed.y !== 0,
        },
      },
    },
  });
}
