// The history: alerts that a search has found, and people by weekday and hour.
import { LABELS, LABEL_NAMES, element, seconds } from "/elements.js";

const byId = (id) => document.getElementById(id);
const REASONS = { mask_on: "mask put on", gone: "left", stopped: "service stopped", restart: "service restarted" };
const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const PERIOD_DAYS = 28;
const form = byId("search");

let shown = [];     // alerts, newest first
let hours = [];     // people of the period, by hour

// Return the fields of the form as the device takes them: a date is midnight here, and the last day is included.
function query() {
  const fields = Object.fromEntries(new FormData(form));
  if (fields.since) fields.since = midnight(fields.since, 0).toISOString();
  if (fields.until) fields.until = midnight(fields.until, 1).toISOString();
  return new URLSearchParams(Object.entries(fields).filter(([, value]) => value));
}

function midnight(day, later) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later);
}

async function request(address) {
  const response = await fetch(address);
  if (response.status === 401) location.assign("/login");
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

async function search(event) {
  event?.preventDefault();
  byId("error").textContent = "";
  try {
    const asked = query();
    const [found, people] = await Promise.all([request(`/history/alerts.json?${asked}`), request(`/history/people.json?${asked}`)]);
    shown = [];
    hours = people.hours;
    list(found);
    drawWeek();
    byId("alerts-csv").href = `/history/alerts.csv?${asked}`;
    byId("people-csv").href = `/history/people.csv?${asked}`;
  } catch (error) {
    byId("error").textContent = error.message;
    byId("none").textContent = "Not available.";
  }
}

async function showOlder() {
  const asked = query();
  asked.set("until", shown.at(-1).opened);
  list(await request(`/history/alerts.json?${asked}`));
}

function list(found) {
  shown.push(...found.alerts);
  byId("none").textContent = shown.length ? "" : "No alert in this period.";
  byId("none").hidden = shown.length > 0;
  byId("found").hidden = shown.length === 0;
  byId("older").hidden = !found.more;
  byId("found").tBodies[0].replaceChildren(...shown.map(row));
}

function row(alert) {
  const began = element("time", { datetime: alert.opened, title: alert.opened }, when(new Date(alert.opened)));
  return element("tr", {},
    element("th", { scope: "row" }, began, alert.clock_synced ? "" : " (clock not set)"),
    element("td", {}, element("span", { class: `swatch ${alert.label}` }), LABEL_NAMES[alert.label]),
    element("td", {}, alert.duration_s === null ? "–" : seconds(alert.duration_s)),
    element("td", {}, REASONS[alert.reason] ?? alert.reason ?? "not yet"));
}

// Return a time to the minute, with the year unless it is this one.
function when(date) {
  const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  return date.toLocaleString(undefined, { ...year, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}

function drawWeek() {
  const label = byId("counted").value;
  const cells = WEEKDAYS.map(() => Array(24).fill(0));
  for (const hour of hours) {
    const start = new Date(hour.hour);
    cells[(start.getDay() + 6) % 7][start.getHours()] += label ? hour[label] : LABELS.reduce((sum, name) => sum + (hour[name] ?? 0), 0);
  }
  const highest = Math.max(1, ...cells.flat());
  const table = byId("week");
  table.tHead.rows[0].replaceChildren(element("th", { scope: "col" }, "Day"),
    ...Array.from({ length: 24 }, (_, hour) => element("th", { scope: "col" }, String(hour).padStart(2, "0"))));
  table.tBodies[0].replaceChildren(...cells.map((counts, day) => element("tr", {},
    element("th", { scope: "row" }, WEEKDAYS[day]), ...counts.map((count) => cell(count, highest)))));
  byId("week-range").textContent = hours.length
    ? `Counted from ${when(new Date(hours[0].hour))} to ${when(new Date(hours.at(-1).hour))}; each person once.` : "Nobody was counted in this period.";
}

function cell(count, highest) {
  const node = element("td", {}, String(count));
  node.style.setProperty("--share", `${Math.round(100 * count / highest) / 2}%`);
  return node;
}

function day(date) {
  return [date.getFullYear(), String(date.getMonth() + 1).padStart(2, "0"), String(date.getDate()).padStart(2, "0")].join("-");
}

form.elements.since.value = day(new Date(Date.now() - PERIOD_DAYS * 24 * 3600 * 1000));
form.addEventListener("submit", search);
byId("older").addEventListener("click", showOlder);
byId("counted").addEventListener("change", drawWeek);
search();
