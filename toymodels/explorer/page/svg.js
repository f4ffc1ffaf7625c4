// Drawing in SVG: elements that are made once and moved with every frame.

const SVG = "http://www.w3.org/2000/svg";

/** As many digits as can be seen: a number that stays the same is not painted again. */
function digits(value) {
  if (typeof value !== "number" || Number.isInteger(value)) return `${value}`;
  return String(Number(value.toFixed(Math.abs(value) < 1 ? 2 : 1)));
}

export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    const text = digits(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
  return node;
}

/** Give a node its text, where it has another one. */
export function tell(node, text) {
  const words = String(text);
  if (node.textContent !== words) node.textContent = words;
}

/** The corners of a line or an outline, as an attribute. */
export function pointsOf(places) {
  return places.map(([x, y]) => `${digits(x)},${digits(y)}`).join(" ");
}

export function add(parent, name, attributes = {}, text = null) {
  const node = set(document.createElementNS(SVG, name), attributes);
  if (text !== null) node.textContent = text;
  parent.append(node);
  return node;
}

/** A fresh drawing in `place`, of a size in its own units; it fills the width. */
export function drawing(place, width, height, label) {
  place.replaceChildren();
  return add(place, "svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label,
  });
}

/** Exactly `count` children of a group, made or removed as needed. */
export function pool(group, name, count, attributes = {}) {
  while (group.childElementCount > count) group.lastElementChild.remove();
  while (group.childElementCount < count) add(group, name, attributes);
  return group.children;
}

/** Round numbers from low to high, about `count`. */
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough);
  const found = [];
  for (let k = Math.ceil(low / size); k * size <= high + size * 1e-9; k++) found.push(k * size);
  return found;
}

/** A number in as few signs as it needs. */
export function brief(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size >= 0.001) return String(Number(value.toPrecision(3))).replace("-", "−");
  return value.toExponential(1).replace("-", "−").replace("e-", "e−");
}

const CLEAR = "rgba(0, 0, 0, 0)";
const KEPT = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity",
  "fill-opacity", "opacity", "font-size", "font-family", "font-weight", "text-anchor",
  "stroke-linecap", "stroke-linejoin", "paint-order"];

/** The drawing as a file's text, with what the style sheet gave it written out. */
export function standalone(svg) {
  const copy = svg.cloneNode(true);
  const nodes = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((node, k) => {
    const computed = getComputedStyle(nodes[k]);
    for (const name of KEPT) {
      const value = computed.getPropertyValue(name);
      // Programs that do not know this colour draw it black.
      node.setAttribute(name, value === CLEAR ? "none" : value);
    }
    for (const name of ["class", "tabindex", "aria-roledescription"]) node.removeAttribute(name);
  });
  const [, , width, height] = svg.getAttribute("viewBox").split(" ");
  set(copy, { xmlns: SVG, width, height });
  const ground = document.createElementNS(SVG, "rect");
  const [x, y] = svg.getAttribute("viewBox").split(" ");
  set(ground, { x, y, width, height, fill: getComputedStyle(document.body).backgroundColor });
  copy.prepend(ground);
  return new XMLSerializer().serializeToString(copy);
}
