// Drift: what moved, in words; the distance of the last windows and the estimated accuracy, as two plots and a table.
import { element, fill, svgElement } from "/elements.js";

const HEIGHT = 190, LEFT = 34, RIGHT = 8, BOTTOM = 24, TOP = 10;
const byId = (id) => document.getElementById(id);
const QUANTITIES = { face_px: "Face size", brightness: "Brightness", sharpness: "Sharpness", warmth: "Colour, blue to red", tint: "Colour, magenta to green",
  turn: "Pose", score: "Detector score", confidence: "Confidence", label: "Mix of labels", place: "Place in the image",
  quarter: "Darkest quarter" };
const ESTIMATES = { accuracy: "Accuracy", unmasked_recall: "Unmasked recall", unmasked_precision: "Unmasked precision" };
const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;    // never broken between lines

// Show what is published of drift; null: it is not watched, or not known while disconnected.
export function showDrift(drift) {
  byId("drift-card").hidden = drift === null;
  if (drift === null) return;
  const text = byId("drift-state");
  if (text.textContent !== inWords(drift)) text.textContent = inWords(drift);    // screen readers read each change once
  text.dataset.tone = drift.state === "drift" ? "bad" : "none";
  byId("drift-unlike").hidden = !drift.unlike_reference?.length;
  byId("drift-unlike").textContent = `Unlike the images on which the model was measured: ${(drift.unlike_reference ?? []).join(", ")}.`;
  byId("drift-known").hidden = !drift.history?.length;
  if (!drift.history?.length) return;
  fill(byId("drift-estimates"), Object.entries(ESTIMATES).map(([key, name]) => [name, estimate(drift[key])]));
  byId("drift-windows").textContent = `A window is ${drift.window_faces} people; the newest is at the right.`;
  drawDistance(byId("drift-distance"), drift);
  drawAccuracy(byId("drift-accuracy"), drift);
  fillQuantities(byId("drift-quantities"), drift.quantities);
}

function inWords(drift) {
  if (drift.state === "no_reference") return "Not watched: the mask model has no reference to compare with.";
  if (!drift.history.length) return `Nothing to compare yet: the first window is full after ${drift.window_faces} people.`;
  if (drift.state === "learning" && !drift.causes.length) {
    return "No drift. Until enough people were seen here, they are compared with the images on which the model was measured.";
  }
  if (drift.state !== "drift") return "No drift: the faces are like those seen here before.";
  return `Drift: ${drift.causes.join(", ")}. ${drift.problem ? "It has lasted, and is a problem." : "It is a problem once it has lasted."}`;
}

function estimate(found) {
  return found ? `${percent(found.estimate)} (${percent(found.low)} to ${percent(found.high)})` : "too few people";
}

function drawDistance(container, { history }) {
  const values = history.map(([distance]) => distance);
  const farthest = Math.max(2, ...values);
  const step = [0.5, 1, 2, 5, 10, 20, 50].find((size) => farthest / size <= 5) ?? 100;
  const labels = Array.from({ length: Math.ceil(farthest / step) + 1 }, (_, k) => k * step);
  const beyond = values.filter((value) => value > 1).length;
  const text = `Distance of the last ${values.length} windows in units of the limit of chance: newest ${values.at(-1)}, ${beyond} beyond the limit.`;
  drawSeries(container, values, { labels, text, limit: 1 });
}

function drawAccuracy(container, { history }) {
  const values = history.map(([, accuracy]) => accuracy === null ? null : 100 * accuracy);
  const known = values.filter((value) => value !== null);
  const low = Math.max(0, Math.floor(Math.min(95, ...known) / 5) * 5);
  const step = [1, 5, 10, 20].find((size) => (100 - low) / size <= 5 && (100 - low) % size === 0);
  const labels = Array.from({ length: (100 - low) / step + 1 }, (_, k) => low + k * step);
  const newest = known.length ? `newest ${known.at(-1).toFixed(1)} %` : "not known yet";
  drawSeries(container, values, { labels, text: `Estimated accuracy at the last ${values.length} windows: ${newest}.` });
}

// Draw values over the windows; labels: the numbers at the axis, from the lowest to the highest value that it shows.
function drawSeries(container, values, { labels, text, limit }) {
  const low = labels[0], high = labels.at(-1);
  const width = Math.max(240, container.clientWidth);
  const x = (k) => LEFT + (values.length === 1 ? 1 : k / (values.length - 1)) * (width - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - BOTTOM - TOP);
  const plot = svgElement("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": text });
  for (const value of labels) {
    plot.append(svgElement("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svgElement("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)));
  }
  plot.append(svgElement("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: y(low), y2: y(low) }),
    svgElement("text", { x: LEFT, y: HEIGHT - 6 }, values.length > 1 ? `${values.length - 1} windows before` : ""),
    svgElement("text", { x: width - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, "newest"));
  if (limit) plot.append(svgElement("line", { class: "limit", x1: LEFT, x2: width - RIGHT, y1: y(limit), y2: y(limit) }));
  const points = values.map((value, k) => value === null ? null : [x(k), y(value)]);
  plot.append(svgElement("path", { class: "series", d: pathOf(points) }));
  points.forEach((point, k) => {
    if (!point) return;
    const [cx, cy] = point;
    if (limit && values[k] > limit) plot.append(svgElement("rect", { class: "beyond", x: cx - 4, y: cy - 4, width: 8, height: 8 }));
    else if (k === points.length - 1) plot.append(svgElement("circle", { class: "newest", cx, cy, r: 4 }));
  });
  container.replaceChildren(plot);
}

// Return a path through the points, interrupted where one is missing.
function pathOf(points) {
  return points.map((point, k) => point ? `${points[k - 1] ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}` : "").join("");
}

function fillQuantities(table, quantities) {
  const rows = Object.entries(quantities).sort(([, a], [, b]) => b.distance - a.distance).map(([name, { distance }]) => element("tr", {},
    element("th", { scope: "row" }, QUANTITIES[name] ?? name),
    element("td", {}, distance.toFixed(2)),
    element("td", {}, distance > 1 ? "yes" : "no")));
  table.tBodies[0].replaceChildren(...rows);
}
