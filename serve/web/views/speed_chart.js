// A small chart of speed over time: lines in SVG, a legend, and the same numbers as a table.

import { HEIGHT, WIDTH, meanWithin, scaleChart, tabulate } from "/static/chart_scale.js";
import { describeLine, duration, figure } from "/static/compare_words.js";
import { draw, make } from "/static/dom.js";

let charts = 0;

// `unit` is "photos" or "faces". There are at most two lines; they differ by colour and by dashes.
/** @type {(options: { title: string, unit: string, lines: ChartLine[] }) => HTMLElement} */
export function speedChart({ title, unit, lines }) {
  const scale = scaleChart(lines);
  const cut = scale.isCut ? `Peaks up to ${figure(scale.highest)} ${unit} per second are cut off.` : null;
  return make("figure", { class: "speed" },
    make("figcaption", {}, make("strong", {}, title), `: ${unit} per second`),
    lines.length > 1 ? make("p", { class: "legend quiet" }, lines.map(({ label }, i) => legendKey(label, i))) : null,
    make("div", { class: "plot" },
      make("span", { class: "peak quiet", "aria-hidden": "true" }, figure(scale.top)),
      drawPlot({ title: `${title}: ${unit} per second`, unit, lines }, scale.paths)),
    make("p", { class: "axis quiet", "aria-hidden": "true" },
      make("span", {}, "0 s"), make("span", {}, duration(scale.untilSeconds))),
    cut && make("p", { class: "quiet" }, cut),
    make("details", {}, make("summary", {}, "As a table"), speedTable({ title, unit, lines })));
}

/** @type {(label: string, place: number) => HTMLElement} */
const legendKey = (label, place) =>
  make("span", { class: "key" }, drawKey(place), make("span", {}, label));

/** @type {(place: number) => SVGElement} */
const drawKey = (place) =>
  draw("svg", { viewBox: "0 0 28 4", class: "swatch", "aria-hidden": "true" },
    draw("path", { d: "M0 2H28", class: `line line-${place}` }));

/** @type {(chart: { title: string, unit: string, lines: ChartLine[] }, paths: string[]) => SVGElement} */
function drawPlot({ title, unit, lines }, paths) {
  charts += 1;
  const [titleId, textId] = [`chart-title-${charts}`, `chart-text-${charts}`];
  const text = lines.map((line) => describeLine(line, { mean: meanWithin(line.points), unit })).join(" ");
  return draw("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
    "aria-labelledby": titleId, "aria-describedby": textId,
  },
  draw("title", { id: titleId }, title), draw("desc", { id: textId }, text),
  ...[0, 0.5, 1].map((share) => draw("path", { d: `M0 ${share * HEIGHT}H${WIDTH}`, class: "grid" })),
  ...paths.map((path, i) => draw("path", { d: path || "M0 0", class: `line line-${i}` })));
}

/** @type {(chart: { title: string, unit: string, lines: ChartLine[] }) => HTMLElement} */
function speedTable({ title, unit, lines }) {
  const rows = tabulate(lines).map(({ fromSeconds, untilSeconds, means }) => make("tr", {},
    make("th", { scope: "row" }, `${duration(fromSeconds)} – ${duration(untilSeconds)}`),
    means.map((mean) => make("td", {}, mean === null ? "–" : figure(mean)))));
  return make("table", { class: "compared" },
    make("caption", { class: "spoken" }, `${title}: ${unit} per second`),
    make("thead", {}, make("tr", {}, ["Time", ...lines.map(({ label }) => label)]
      .map((heading) => make("th", { scope: "col" }, heading)))),
    make("tbody", {}, rows));
}
