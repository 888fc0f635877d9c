// The labels of the page, and functions that make its elements: from text, never from markup.
export const LABELS = ["with_mask", "without_mask", "incorrect_mask", "unsure"];
export const LABEL_NAMES = { with_mask: "Mask", without_mask: "No mask", incorrect_mask: "Worn wrongly", unsure: "Unsure" };

export function element(name, attributes, ...children) {
  return complete(document.createElement(name), attributes, children);
}

export function svgElement(name, attributes, ...children) {
  return complete(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function complete(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export function fill(list, rows) {
  list.replaceChildren(...rows.flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]));
}

export function seconds(value) {
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
