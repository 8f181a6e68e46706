// Bars over days, by uPlot. Colours are those of the style sheet, so that both themes have theirs.

import uPlot from "../vendor/uplot/uPlot.esm.js";

const HEIGHT = 180;
const drawn = new WeakMap(); // element → {key, plot}
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Draws `chart` into `element`: series stand on each other. Anew only where the numbers or the theme have changed. */
export function bars(element, chart, days) {
  const key = JSON.stringify([dark.matches, days.map((day) => chart.series.map(([field]) => day[field]))]);
  const known = drawn.get(element);
  if (known?.key === key) return;
  known?.plot.destroy();
  drawn.set(element, { key, plot: plotted(element, chart, days) });
}

function plotted(element, chart, days) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const { sums, tops } = stacked(chart, days);
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const plot = new uPlot(
    {
      width: element.clientWidth || 320,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 8, 0, 0],
      scales: { x: { time: false, range: [-0.6, days.length - 0.4] }, y: { range: (_, __, top) => [0, Math.max(top, 1) * 1.1] } },
      axes: [
        { ...axis, size: 30, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => days[tick]?.day.slice(5) ?? "") },
        { ...axis, size: 44 },
      ],
      series: [{}, ...tops.map((name) => ({ fill: colour(name), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.6, 40] }) }))],
    },
    [days.map((_, number) => number), ...sums],
    element,
  );
  new ResizeObserver(() => plot.setSize({ width: element.clientWidth || 320, height: HEIGHT })).observe(element);
  return plot;
}

/** The highest sum first, so that lower ones are painted over it. */
function stacked(chart, days) {
  const sums = [];
  const tops = [];
  let below = days.map(() => 0);
  for (const [field, name] of chart.series) {
    below = below.map((value, number) => value + days[number][field] * (chart.scale ?? 1));
    sums.unshift(below);
    tops.unshift(name);
  }
  return { sums, tops };
}
