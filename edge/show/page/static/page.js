// The page: news from the watch as server-sent events, the live picture while somebody looks.
import { drawPlot, fillHours } from "/plot.js";
import { LABELS, WORDS, element, seconds } from "/words.js";

const at = (id) => document.getElementById(id);
const REASONS = { mask_on: "mask put on", gone: "left", stopped: "watch stopped", restart: "watch restarted" };
const COVERED = {
  all: "everything is.",
  changes: "all that may be a person is.",
  faces: "faces that were found are, one that was missed is not.",
};
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

let now = new Date();        // the device's clock, not the browser's
let known = null;            // ids of the alerts that were shown already
let alerts = [], open = [];  // as sent; those that go on, with the element that counts their seconds
let counts = null;
let isKnown = false;       // whether the service was heard and not lost since
let since = null, most = Infinity;    // when the service started, and how many alerts it keeps: it knows of none before
const DAY_MS = 24 * 3600 * 1000;

const show = {
  device(device) {
    at("name").textContent = device.name;
    at("where").textContent = [device.site, `camera ${device.camera}`].filter(Boolean).join(" · ");
    at("version").textContent = device.version;
    document.title = `${device.name} · maskwatch`;
  },

  since(news) {
    since = new Date(news.since);
    most = news.most_alerts;
    describeToday();
  },

  state(state) {
    if (state.gone) return forget("The service does not run. This page waits for it.");
    now = new Date(state.t);
    const problems = Object.entries(state.problems);
    summariseState(state.unmasked, problems.map(([name]) => name));
    describeNoAlerts();
    at("problems").replaceChildren(...problems.map(([name, text]) => element("li", {}, element("strong", {}, name), ` ${text}`)));
    at("faces").replaceChildren(...LABELS.map((label) => counted(label, state.faces[label])));
    at("unknown").hidden = true;
    if (!isKnown) {
      isKnown = true;
      drawAlerts();
    }
    fill(at("vitals"), vitals(state));
    for (const { alert, lasted } of open) lasted.textContent = seconds((now - new Date(alert.opened)) / 1000);
  },

  alerts(news) {
    const fresh = known === null ? [] : news.filter((alert) => !known.has(alert.id));
    known = new Set(news.map((alert) => alert.id));
    alerts = news;
    drawAlerts(new Set(fresh.map((alert) => alert.id)));
    if (fresh.length) {
      at("announce").textContent = `Alert: ${WORDS[fresh[0].label].toLowerCase()}, ${clock(new Date(fresh[0].opened))}`;
    }
  },

  counts(news) {
    counts = news;
    describeToday();
    at("legend").replaceChildren(...LABELS.filter((label) => counts[label]).map((label) => counted(label, counts[label].reduce((a, b) => a + b, 0))));
    drawPlot(at("plot"), counts);
    fillHours(at("hours"), counts);
  },

  models(models) {
    fill(at("models"), models.map((model) => [
      model.kind === "face" ? "Finds faces" : "Judges masks",
      element("span", {}, `${model.name} ${model.version}`, element("span", { class: "quiet value" }, `sha256 ${model.sha256.slice(0, 8)}…`)),
    ]));
  },

  settings(settings) {
    at("privacy").textContent = `Pixelated before it leaves the watch: ${COVERED[settings.privacy?.pixelate] ?? "people are."}`;
    at("settings").replaceChildren(...Object.entries(settings).map(([section, values]) => {
      const list = element("dl", {});
      fill(list, Object.entries(values).map(([key, value]) => [key, element("span", { class: "value" }, shown(value))]));
      return element("section", {}, element("h3", {}, section), list);
    }));
  },
};

function vitals(state) {
  const rows = [
    ["Pictures", `${state.fps_hz.toFixed(1)} a second`],
    ["Decided after", `${Math.round(state.latency_ms)} ms`],
    ["Camera", state.camera ?? "file"],
    ["Broker", state.broker],
    ["Alerts on their way", String(state.waiting)],
  ];
  if (state.dropped_alerts) rows.push(["Alerts dropped", String(state.dropped_alerts)]);
  if (state.reopened) rows.push(["Camera reopened", `${state.reopened} times`]);
  return rows;
}

function drawAlerts(fresh = new Set()) {
  at("no-alerts").hidden = alerts.length > 0;
  at("alerts").hidden = alerts.length === 0;
  at("older-alerts").hidden = alerts.length < most;
  at("older-alerts").textContent = `The newest ${most}; older ones are not kept.`;
  describeNoAlerts();
  open = [];
  at("alerts").replaceChildren(...alerts.map((alert) => {
    const opened = new Date(alert.opened);
    const lasted = element("span", { class: "lasted" }, seconds(alert.duration_s ?? (now - opened) / 1000));
    if (alert.duration_s === null && isKnown) open.push({ alert, lasted });
    const state = alert.reason ? element("span", { class: "quiet" }, REASONS[alert.reason] ?? alert.reason) : isKnown ? element("span", { class: "tag alert" }, "now") : element("span", { class: "quiet" }, "end not known");
    const late = alert.delayed ? "sent late" : alert.waiting ? "waits for the broker" : "";
    return element("li", fresh.has(alert.id) && !still ? { class: "fresh" } : {},
      element("span", { class: "what" }, element("span", { class: `swatch ${alert.label}` }), WORDS[alert.label]),
      lasted,
      element("span", {}, element("time", { datetime: alert.opened }, clock(opened)), " ", late ? element("span", { class: "tag" }, late) : ""),
      state);
  }));
}

function summarise(tone, text) {
  const summary = at("summary");
  if (summary.textContent !== text) summary.textContent = text;    // said once by screen readers
  summary.dataset.tone = tone;
}

function summariseState(unmasked, problems) {
  const sentences = unmasked ? ["Somebody is without a mask"] : [];
  if (problems.length) sentences.push(`${problems.length === 1 ? "One problem" : `${problems.length} problems`}: ${problems.join(", ")}`);
  summarise(unmasked ? "alert" : problems.length ? "bad" : "good", sentences.join(". ") || "All is well");
}

// What was known a moment ago is not shown as if it were so now.
function forget(reason) {
  summarise("bad", reason);
  at("problems").replaceChildren();
  at("faces").replaceChildren();
  at("vitals").replaceChildren();
  at("unknown").hidden = false;
  isKnown = false;
  drawAlerts();
}

function describeNoAlerts() {
  if (!isKnown || since === null) at("no-alerts").textContent = "Not known now.";
  else at("no-alerts").textContent = now - since >= DAY_MS ? "None in the last 24 hours."
    : `None since ${clock(since)}, when the service started. Earlier ones are not known.`;
}

function describeToday() {
  if (since === null || counts === null) return;
  at("since").textContent = "Each person counts once."
    + (counts.known_from ? ` The service started at ${clock(since)}; what was before is not known.` : "");
}

function counted(label, count) {
  return element("li", {}, element("span", { class: `swatch ${label}` }), `${WORDS[label]} `, element("strong", {}, String(count)));
}

function fill(list, rows) {
  list.replaceChildren(...rows.flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]));
}

function shown(value) {
  return value === "" ? "–" : Array.isArray(value) ? value.join(", ") || "–" : String(value);
}

// In the reader's own language and order of day and month.
function clock(date) {
  const today = date.toDateString() === now.toDateString();
  return date.toLocaleString(undefined, { ...(today ? {} : { day: "numeric", month: "short" }), hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

// The live picture: asked for while the page is seen and not paused, so that the watch copies nothing otherwise.
let wanted = !still;
function look() {
  const on = wanted && !document.hidden;
  const picture = at("picture");
  at("watch").textContent = wanted ? "Pause picture" : "Show picture";
  at("no-picture").textContent = "The picture is paused.";
  at("no-picture").hidden = on;
  picture.hidden = !on;
  if (on) picture.src = `/live.mjpg?${Date.now()}`;
  else picture.removeAttribute("src");
}
at("watch").addEventListener("click", () => { wanted = !wanted; look(); });
at("picture").addEventListener("error", () => {
  if (at("picture").hidden || !at("picture").hasAttribute("src")) return;
  at("picture").hidden = true;
  at("no-picture").hidden = false;
  at("no-picture").textContent = "There is no picture now, or too many are looking. Trying again …";
  setTimeout(look, 5000);
});
document.addEventListener("visibilitychange", look);

// News. An event source that is refused gives up for good: the session is over, or there are too many readers.
function listen() {
  const source = new EventSource("/news");
  for (const [name, draw] of Object.entries(show)) {
    source.addEventListener(name, (event) => draw(JSON.parse(event.data)));
  }
  source.addEventListener("error", async () => {
    forget("The page has lost the device. Trying again …");
    if (source.readyState !== EventSource.CLOSED) return;
    const answer = await fetch("/", { method: "HEAD", redirect: "manual" }).catch(() => null);
    if (answer?.type === "opaqueredirect") location.assign("/login");
    else setTimeout(listen, 5000);
  });
}

addEventListener("resize", () => counts && drawPlot(at("plot"), counts));

listen();
look();
