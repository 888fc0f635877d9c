// The page for labelling: one photograph with its faces; each change is sent at once, and shown as kept when it is.
import { element, svgElement } from "/elements.js";

const byId = (id) => document.getElementById(id);
const LABELS = [["with_mask", "Mask"], ["without_mask", "No mask"], ["incorrect_mask", "Mask worn incorrectly"], ["not_a_face", "Not a face"]];
const KINDS = [
  ["c", "chin", "on the chin"], ["o", "nose_out", "nose out"], ["f", "forehead", "on the forehead"], ["e", "one_ear", "on one ear"],
  ["b", "beard", "beard"], ["k", "child", "child"], ["h", "hand", "hand"], ["s", "scarf", "scarf"], ["p", "paper", "paper"],
];
const WORN_WRONG = new Set(["chin", "nose_out", "forehead", "one_ear"]);
const POSES = [["a", "frontal", "facing"], ["t", "three_quarter", "turned by half"], ["r", "profile", "profile"], ["d", "bent", "bent down"]];
const LEAST_SHARE = 0.01;    // of the photograph's width: what is dragged below it is a click

let photographs = [];        // file and whether it is complete, in the order of the page
let shown = 0;               // which of them
let size = { width: 1, height: 1 };
let faces = [];              // box, label, kind, pose of each face
let selected = 0;
let past = [];               // what the labels were before each change, for undo
let isReady = false;         // whether the photograph's faces are there
let drawn = null;            // where a drag began
const added = new Set();     // boxes that were dragged here, by photograph
let sending = Promise.resolve();
let loads = 0;

async function answer(address, options) {
  const got = await fetch(address, options);
  if (got.status === 401) location.assign("/login");
  if (!got.ok) throw new Error(await got.text());
  return got.json();
}

function report(tone, text) {
  byId("status").dataset.tone = tone;
  byId("status").textContent = text;
}

async function start() {
  const listed = await answer("/photographs");
  photographs = listed.photographs;
  byId("folder").textContent = listed.folder;
  const first = photographs.findIndex((photograph) => !photograph.complete);
  await show(first < 0 ? 0 : first);
}

async function show(number, after = null) {
  const load = ++loads;
  shown = number;
  isReady = false;
  faces = [];
  selected = 0;
  drawn = null;
  draw();
  report("wait", "Finding faces …");
  byId("image").setAttribute("href", `/photographs/${number}.jpg`);
  try {
    await sending;
    const got = await answer(`/photographs/${number}`);
    if (load !== loads) return;       // another photograph was asked for meanwhile
    size = { width: got.width, height: got.height };
    faces = got.faces;
    isReady = true;
    if (after) after();
    selected = Math.max(0, faces.findIndex((face) => !face.label));
    draw();
    describe();
  } catch (error) {
    if (load === loads) report("bad", error.message);
  }
}

function draw() {
  const view = byId("view");
  view.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  byId("image").setAttribute("width", size.width);
  byId("image").setAttribute("height", size.height);
  byId("boxes").replaceChildren(...faces.map(box));
  const photograph = photographs[shown];
  const complete = photographs.filter((one) => one.complete).length;
  byId("file").textContent = photograph.file;
  byId("progress").textContent = `Photograph ${shown + 1} of ${photographs.length} · ${complete} complete`;
  byId("previous").disabled = shown === 0;
  byId("face").textContent = faces.length ? `Face ${selected + 1} of ${faces.length}` : "No face";
  const face = faces[selected];
  for (const [group, key] of [["labels", "label"], ["kinds", "kind"], ["poses", "pose"]]) {
    for (const button of byId(group).children) {
      button.setAttribute("aria-pressed", String(Boolean(face) && face[key] === button.dataset.value));
      button.disabled = !face;
    }
  }
}

function box(face, number) {
  const state = `${face.label ?? "open"}${number === selected ? " selected" : ""}`;
  const group = svgElement("g", { class: state }, rectangle(face.box, "under"), rectangle(face.box, "over"));
  group.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    selected = number;
    draw();
  });
  return group;
}

function rectangle([x, y, width, height], kind) {
  return svgElement("rect", { x, y, width, height, class: kind });
}

function describe() {
  const open = faces.filter((face) => !face.label).length;
  if (open) report("wait", `${open} ${open === 1 ? "face has" : "faces have"} no label yet.`);
  else if (photographs[shown].complete) report("good", "Complete, and kept.");
  else report("wait", "No face was found. Drag over a missed one, or go on: there is none.");
}

function change(edit) {
  if (!isReady) return;
  past.push({ number: shown, faces: structuredClone(faces) });
  edit();
  draw();
  keep();
}

function keep() {
  const [number, body] = [shown, JSON.stringify({ faces })];
  sending = sending.then(async () => {
    try {
      const got = await answer(`/photographs/${number}`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
      photographs[number].complete = got.complete;
      if (number === shown && isReady) {
        draw();
        describe();
      }
    } catch (error) {
      report("bad", `Not kept: ${error.message}`);
    }
  });
  return sending;
}

function setLabel(label) {
  if (!faces[selected]) return;
  change(() => {
    const face = faces[selected];
    face.label = label;
    if (label !== "incorrect_mask" && WORN_WRONG.has(face.kind)) face.kind = null;
    const order = [...faces.keys()].map((step) => (selected + 1 + step) % faces.length);
    selected = order.find((number) => !faces[number].label) ?? selected;
  });
}

function toggle(key, value) {
  if (!faces[selected]) return;
  change(() => {
    const face = faces[selected];
    face[key] = face[key] === value ? null : value;
    if (key === "kind" && face.kind && WORN_WRONG.has(value)) face.label = "incorrect_mask";
  });
}

function passed() {   // a photograph that is left without a face, forwards, has none
  if (isReady && !faces.length && !photographs[shown].complete) return keep();
  return sending;
}

function go(step) {
  const number = shown + step;
  if (step > 0) passed();
  if (number >= 0 && number < photographs.length) show(number);
}

async function goToUnfinished() {
  await passed();
  const order = [...photographs.keys()].map((step) => (shown + 1 + step) % photographs.length);
  const number = order.find((one) => !photographs[one].complete);
  if (number === undefined) report("good", "Every photograph is complete.");
  else show(number);
}

function undo() {
  const last = past.pop();
  if (!last) return;
  const restore = () => {
    faces = last.faces;
    selected = Math.min(selected, Math.max(0, faces.length - 1));
    draw();
    keep();
  };
  if (last.number === shown) restore();
  else show(last.number, restore);
}

function remove() {
  if (!faces[selected]) return;
  if (!added.has(`${shown}: ${faces[selected].box}`)) return setLabel("not_a_face");
  change(() => {
    faces.splice(selected, 1);
    selected = Math.max(0, selected - 1);
  });
}

function place(event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(byId("view").getScreenCTM().inverse());
  return [Math.min(Math.max(at.x, 0), size.width), Math.min(Math.max(at.y, 0), size.height)];
}

function dragged(event) {
  const [x, y] = place(event);
  const [width, height] = [Math.abs(x - drawn[0]), Math.abs(y - drawn[1])];
  return [Math.min(x, drawn[0]), Math.min(y, drawn[1]), width, height].map((value) => Math.round(value * 10) / 10);
}

function fillTools() {
  const button = (key, value, text, act) => {
    const made = element("button", { type: "button", "aria-pressed": "false", "aria-keyshortcuts": key, "data-value": value }, element("kbd", {}, key.toUpperCase()), text);
    made.addEventListener("click", act);
    return made;
  };
  byId("labels").replaceChildren(...LABELS.map(([label, text], i) => {
    const made = button(String(i + 1), label, text, () => setLabel(label));
    made.firstChild.after(element("span", { class: `swatch ${label}` }));
    return made;
  }));
  byId("kinds").replaceChildren(...KINDS.map(([key, kind, text]) => button(key, kind, text, () => toggle("kind", kind))));
  byId("poses").replaceChildren(...POSES.map(([key, pose, text]) => button(key, pose, text, () => toggle("pose", pose))));
}

const keys = {
  ArrowLeft: () => go(-1), ArrowRight: () => go(1),
  ArrowUp: () => select(-1), ArrowDown: () => select(1),
  n: goToUnfinished, u: undo, Delete: remove, Backspace: remove,
  ...Object.fromEntries(LABELS.map(([label], i) => [String(i + 1), () => setLabel(label)])),
  ...Object.fromEntries(KINDS.map(([key, kind]) => [key, () => toggle("kind", kind)])),
  ...Object.fromEntries(POSES.map(([key, pose]) => [key, () => toggle("pose", pose)])),
};

function select(step) {
  if (!faces.length) return;
  selected = (selected + step + faces.length) % faces.length;
  draw();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey && event.key === "z") {
    event.preventDefault();
    undo();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
byId("previous").addEventListener("click", () => go(-1));
byId("next").addEventListener("click", () => go(1));
byId("undo").addEventListener("click", undo);
byId("unfinished").addEventListener("click", goToUnfinished);
byId("view").addEventListener("pointerdown", (event) => {
  if (!isReady || event.button !== 0) return;
  event.preventDefault();
  drawn = place(event);
  byId("view").setPointerCapture(event.pointerId);
});
byId("view").addEventListener("pointermove", (event) => {
  if (drawn) byId("boxes").replaceChildren(...faces.map(box), rectangle(dragged(event), "drawn"));
});
byId("view").addEventListener("pointerup", (event) => {
  if (!drawn) return;
  const made = dragged(event);
  drawn = null;
  const isFace = Math.min(made[2], made[3]) >= LEAST_SHARE * size.width;
  if (isFace) change(() => {
    added.add(`${shown}: ${made}`);
    faces.push({ box: made, label: null, kind: null, pose: null });
    selected = faces.length - 1;
  });
  else draw();
});
fillTools();
start().catch((error) => report("bad", error.message));
