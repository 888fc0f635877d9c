// People counted today, as stacked bars of ten minutes (of an hour on narrow screens), and as a table.
import { LABELS, LABEL_NAMES, element, svgElement } from "/elements.js";

const HEIGHT = 190, LEFT = 34, BOTTOM = 24, TOP = 8;
const labelsOf = (counts) => LABELS.filter((label) => Array.isArray(counts[label]));

export function drawPlot(container, counts) {
  const width = Math.max(280, container.clientWidth);
  const merged = width < 700 ? 60 / counts.step_min : 1;
  const bars = grouped(counts, merged);
  const steps = bars[0].heights.length;
  const highest = Math.max(4, ...Array.from({ length: steps }, (_, k) => bars.reduce((sum, bar) => sum + bar.heights[k], 0)));
  const x = (step) => LEFT + (step / steps) * (width - LEFT - 4);
  const y = (count) => HEIGHT - BOTTOM - (count / highest) * (HEIGHT - BOTTOM - TOP);
  const plot = svgElement("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": description(counts) });
  if (counts.known_from) {
    const known = x(counts.known_from / merged);
    plot.append(svgElement("rect", { class: "unknown", x: LEFT, width: known - LEFT, y: TOP, height: y(0) - TOP }));
    if (known - LEFT > 90) plot.append(svgElement("text", { x: (LEFT + known) / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "no data"));
  }
  for (const count of ticks(highest)) {
    plot.append(svgElement("line", { x1: LEFT, x2: width - 4, y1: y(count), y2: y(count) }),
      svgElement("text", { x: LEFT - 6, y: y(count) + 4, "text-anchor": "end" }, String(count)));
  }
  const base = Array(steps).fill(0);
  for (const { label, heights } of bars) {
    heights.forEach((count, k) => {
      if (!count) return;
      const gap = merged > 1 ? 2 : 0.5;
      plot.append(svgElement("rect", { class: label, x: x(k) + gap, width: Math.max(1, x(k + 1) - x(k) - 2 * gap),
        y: y(base[k] + count), height: y(base[k]) - y(base[k] + count) }));
      base[k] += count;
    });
  }
  for (let hour = 0; hour <= 24; hour += width < 700 ? 6 : 3) {
    const anchor = hour === 0 ? "start" : hour === 24 ? "end" : "middle";
    plot.append(svgElement("text", { x: x(hour * steps / 24), y: HEIGHT - 6, "text-anchor": anchor }, String(hour).padStart(2, "0")));
  }
  plot.append(svgElement("line", { class: "axis", x1: LEFT, x2: width - 4, y1: y(0), y2: y(0) }));
  const moment = x((counts.now + 1) / merged);
  plot.append(svgElement("line", { class: "now", x1: moment, x2: moment, y1: TOP, y2: y(0) }));
  container.replaceChildren(plot);
}

export function fillHours(table, counts) {
  const bars = grouped(counts, 60 / counts.step_min);
  const last = Math.floor(counts.now * counts.step_min / 60);
  const first = Math.floor(counts.known_from * counts.step_min / 60);
  const rows = Array.from({ length: last + 1 }, (_, hour) => element("tr", {},
    element("th", { scope: "row" }, `${String(hour).padStart(2, "0")}:00`),
    ...bars.map((bar) => element("td", {}, hour < first ? "–" : String(bar.heights[hour])))));
  table.tBodies[0].replaceChildren(...rows);
}

function grouped(counts, merged) {
  return labelsOf(counts).map((label) => ({
    label,
    heights: Array.from({ length: counts[label].length / merged }, (_, k) =>
      counts[label].slice(k * merged, (k + 1) * merged).reduce((sum, count) => sum + count, 0)),
  }));
}

function ticks(highest) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((size) => highest / size <= 4) ?? 5000;
  return Array.from({ length: Math.floor(highest / step) + 1 }, (_, k) => k * step);
}

function description(counts) {
  const sums = labelsOf(counts).map((label) => `${LABEL_NAMES[label].toLowerCase()} ${counts[label].reduce((a, b) => a + b, 0)}`);
  const known = counts.known_from ? " There are no counts from before the service started." : "";
  return `People counted today: ${sums.join(", ")}.${known} The table below shows them by hour.`;
}
