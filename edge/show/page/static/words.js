// The words of the page, and how its elements are made: as text, never as markup.
export const LABELS = ["with_mask", "without_mask", "incorrect_mask", "unsure"];
export const WORDS = { with_mask: "Mask", without_mask: "No mask", incorrect_mask: "Worn wrongly", unsure: "Unsure" };

export function element(name, attributes, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

export function drawn(name, attributes, ...children) {
  return furnish(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function furnish(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function seconds(value) {
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
