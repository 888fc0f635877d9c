// The page: server-sent events fill its sections, and the live image is requested while somebody can see it.
import { showDrift } from "/drift.js";
import { drawPlot, fillHours } from "/plot.js";
import { LABELS, LABEL_NAMES, element, fill, seconds } from "/elements.js";

const byId = (id) => document.getElementById(id);
const DAY_MS = 24 * 3600 * 1000;
const RETRY_MS = 5000;
const REASONS = { mask_on: "mask put on", gone: "left", stopped: "service stopped", restart: "service restarted" };
const PIXELATED = {
  all: "The device pixelates the whole image before it sends it.",
  changes: "The device pixelates everything that may be a person before it sends the image.",
  faces: "The device pixelates the faces that it finds before it sends the image; a face that it misses stays visible.",
};
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;

let now = new Date();        // the device's clock, not the browser's
let isConnected = false;     // to the service: what the page shows is current
let since = null;            // when the service started; it knows of no alert before
let maxAlerts = Infinity;    // how many alerts the service keeps
let alerts = [];             // newest first
let alertIds = null;         // of the alerts shown so far, null before the first ones
let openAlerts = [];         // those that have not ended, each with the element that shows its duration
let counts = null;
let drift = null;            // what is published of it; null: it is not watched

const handlers = {
  device(device) {
    byId("name").textContent = device.name;
    byId("where").textContent = [device.site, `camera ${device.camera}`].filter(Boolean).join(" · ");
    byId("version").textContent = device.version;
    document.title = `${device.name} · maskwatch`;
  },

  since(message) {
    since = new Date(message.since);
    maxAlerts = message.most_alerts;
    describeToday();
  },

  state(state) {
    if (state.gone) return showDisconnected("The service is not running. This page reconnects when it is back.");
    now = new Date(state.t);
    const problems = Object.entries(state.problems);
    summariseState(state.unmasked, problems.map(([name]) => name));
    describeNoAlerts();
    byId("problems").replaceChildren(...problems.map(([name, text]) => element("li", {}, element("strong", {}, name), ` ${text}`)));
    byId("faces").replaceChildren(...LABELS.map((label) => labelCount(label, state.faces[label])));
    byId("unknown").hidden = true;
    if (!isConnected) {
      isConnected = true;
      drawAlerts();
      showDrift(drift);
    }
    fill(byId("vitals"), vitals(state));
    for (const { alert, duration } of openAlerts) duration.textContent = seconds((now - new Date(alert.opened)) / 1000);
  },

  alerts(message) {
    const added = alertIds === null ? [] : message.filter((alert) => !alertIds.has(alert.id));
    alertIds = new Set(message.map((alert) => alert.id));
    alerts = message;
    drawAlerts(new Set(added.map((alert) => alert.id)));
    if (added.length) {
      byId("announcement").textContent = `Alert: ${LABEL_NAMES[added[0].label].toLowerCase()}, ${clock(new Date(added[0].opened))}`;
    }
  },

  counts(message) {
    counts = message;
    describeToday();
    const total = (label) => counts[label].reduce((a, b) => a + b, 0);
    byId("legend").replaceChildren(...LABELS.filter((label) => counts[label]).map((label) => labelCount(label, total(label))));
    drawPlot(byId("plot"), counts);
    fillHours(byId("hours"), counts);
  },

  drift(message) {
    drift = message;
    if (isConnected) showDrift(drift);
  },

  models(models) {
    fill(byId("models"), models.map((model) => [
      model.kind === "face" ? "Face detector" : "Mask classifier",
      element("span", {}, `${model.name} ${model.version}`, element("span", { class: "quiet value" }, `sha256 ${model.sha256.slice(0, 8)}…`)),
    ]));
  },

  settings(settings) {
    byId("privacy").textContent = PIXELATED[settings.privacy?.pixelate] ?? "The device pixelates people before it sends the image.";
    byId("settings").replaceChildren(...Object.entries(settings).map(([section, values]) => {
      const list = element("dl", {});
      fill(list, Object.entries(values).map(([key, value]) => [key, element("span", { class: "value" }, settingText(value))]));
      return element("section", {}, element("h3", {}, section), list);
    }));
  },
};

function vitals(state) {
  const rows = [
    ["Frame rate", `${state.fps_hz.toFixed(1)} fps`],
    ["Latency", `${Math.round(state.latency_ms)} ms`],
    ["Camera", state.camera ?? "file"],
    ["Broker", state.broker],
    ["Alerts waiting", String(state.waiting)],
  ];
  if (state.dropped_alerts) rows.push(["Alerts dropped", String(state.dropped_alerts)]);
  if (state.reopened) rows.push(["Camera reopened", `${state.reopened} times`]);
  return rows;
}

function drawAlerts(added = new Set()) {
  byId("no-alerts").hidden = alerts.length > 0;
  byId("alerts").hidden = alerts.length === 0;
  byId("older-alerts").hidden = alerts.length < maxAlerts;
  byId("older-alerts").textContent = `Only the newest ${maxAlerts} alerts are listed; the history has the others.`;
  describeNoAlerts();
  openAlerts = [];
  byId("alerts").replaceChildren(...alerts.map((alert) => {
    const opened = new Date(alert.opened);
    const duration = element("span", { class: "duration" }, seconds(alert.duration_s ?? (now - opened) / 1000));
    if (alert.duration_s === null && isConnected) openAlerts.push({ alert, duration });
    const delivery = alert.waiting ? "not sent yet" : alert.delayed ? "sent late" : "";
    return element("li", added.has(alert.id) && !reducedMotion ? { class: "added" } : {},
      element("span", { class: "label" }, element("span", { class: `swatch ${alert.label}` }), LABEL_NAMES[alert.label]),
      duration,
      element("span", {}, element("time", { datetime: alert.opened }, clock(opened)), " ", delivery ? element("span", { class: "tag" }, delivery) : ""),
      alertEnd(alert));
  }));
}

function alertEnd(alert) {
  if (alert.reason) return element("span", { class: "quiet" }, REASONS[alert.reason] ?? alert.reason);
  if (isConnected) return element("span", { class: "tag alert" }, "now");
  return element("span", { class: "quiet" }, "end not known");
}

function summarise(tone, text) {
  const summary = byId("summary");
  if (summary.textContent !== text) summary.textContent = text;    // screen readers read each change once
  summary.dataset.tone = tone;
}

function summariseState(unmasked, problems) {
  const sentences = unmasked ? ["Somebody is not wearing a mask"] : [];
  if (problems.length) sentences.push(`${problems.length === 1 ? "One problem" : `${problems.length} problems`}: ${problems.join(", ")}`);
  summarise(unmasked ? "alert" : problems.length ? "bad" : "good", sentences.join(". ") || "All is well");
}

// Remove what is no longer current, so that nobody takes it for the present state.
function showDisconnected(reason) {
  summarise("bad", reason);
  byId("problems").replaceChildren();
  byId("faces").replaceChildren();
  byId("vitals").replaceChildren();
  byId("unknown").hidden = false;
  isConnected = false;
  drawAlerts();
  showDrift(null);
}

function describeNoAlerts() {
  if (!isConnected || since === null) byId("no-alerts").textContent = "Not available while disconnected.";
  else byId("no-alerts").textContent = now - since >= DAY_MS ? "None in the last 24 hours."
    : `None since ${clock(since)}, when the service started. The history has earlier ones.`;
}

function describeToday() {
  if (since === null || counts === null) return;
  byId("since").textContent = "Each person is counted once."
    + (counts.known_from ? ` The service started at ${clock(since)}; there are no counts from before.` : "");
}

function labelCount(label, count) {
  return element("li", {}, element("span", { class: `swatch ${label}` }), `${LABEL_NAMES[label]} `, element("strong", {}, String(count)));
}

function settingText(value) {
  return value === "" ? "–" : Array.isArray(value) ? value.join(", ") || "–" : String(value);
}

// Return a time, with the date unless it is today, as the browser's language writes it.
function clock(date) {
  const isToday = date.toDateString() === now.toDateString();
  return date.toLocaleString(undefined, { ...(isToday ? {} : { day: "numeric", month: "short" }), hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

// The live image: requested only while the page is visible and not paused, so that the service copies nothing otherwise.
let isPaused = reducedMotion;
function updateImage() {
  const isShown = !isPaused && !document.hidden;
  const image = byId("image");
  byId("pause").textContent = isPaused ? "Show image" : "Pause image";
  byId("no-image").textContent = "The image is paused.";
  byId("no-image").hidden = isShown;
  image.hidden = !isShown;
  if (isShown) image.src = `/live.mjpg?${Date.now()}`;
  else image.removeAttribute("src");
}
byId("pause").addEventListener("click", () => { isPaused = !isPaused; updateImage(); });
byId("image").addEventListener("error", () => {
  if (byId("image").hidden || !byId("image").hasAttribute("src")) return;
  byId("image").hidden = true;
  byId("no-image").hidden = false;
  byId("no-image").textContent = "No image, or too many viewers. Trying again …";
  setTimeout(updateImage, RETRY_MS);
});
document.addEventListener("visibilitychange", updateImage);

// An event source whose request is refused does not try again: the session has ended, or there are too many viewers.
function connect() {
  const source = new EventSource("/events");
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
  source.addEventListener("error", async () => {
    showDisconnected("The connection to the device is lost. Trying again …");
    if (source.readyState !== EventSource.CLOSED) return;
    const response = await fetch("/", { method: "HEAD", redirect: "manual" }).catch(() => null);
    if (response?.type === "opaqueredirect") location.assign("/login");
    else setTimeout(connect, RETRY_MS);
  });
}

addEventListener("resize", () => {
  if (counts) drawPlot(byId("plot"), counts);
  if (isConnected) showDrift(drift);
});

connect();
updateImage();
