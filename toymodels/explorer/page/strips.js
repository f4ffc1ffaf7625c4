// One mark for each feature: its dimensionality between named fractions, its length.

import { featureColour } from "./colours.js";
import { add, brief, drawing, pool, set, tell } from "./svg.js";

const STRIP = { width: 420, height: 230, left: 34, right: 152, top: 10, bottom: 26 };
const NORMS = { width: 420, height: 130, left: 34, right: 12, top: 10, bottom: 26 };

// As in toymodels/plotting/dimensionality.py.
const FRACTIONS = [
  ["1", "own dimension", 1], ["3/4", "tetrahedron", 3 / 4], ["2/3", "triangle", 2 / 3],
  ["1/2", "digon", 1 / 2], ["2/5", "pentagon", 2 / 5], ["3/8", "square antiprism", 3 / 8],
];

function columns(box, n) {
  const room = (box.width - box.left - box.right) / n;
  return { room, at: (i) => box.left + room * (i + 0.5) };
}

/** Numbers of features below a chart, as many as there is room for. */
function nameColumns(group, box, n, at) {
  const every = Math.max(1, Math.ceil((n * (n < 100 ? 24 : 32)) / (box.width - box.left - box.right)));
  const shown = Array.from({ length: n }, (_, i) => i).filter((i) => i % every === 0);
  [...pool(group, "text", shown.length, { class: "tick middle" })].forEach((node, k) => {
    set(node, { x: at(shown[k]), y: box.height - 8 });
    tell(node, shown[k] + 1);
  });
}

export class DimensionalityStrip {
  constructor(place) {
    this.svg = drawing(place, STRIP.width, STRIP.height, "Dimensionality of each feature");
    this.tall = STRIP.height - STRIP.top - STRIP.bottom;
    const right = STRIP.width - STRIP.right;
    const grid = add(this.svg, "g", { class: "grid" });
    const texts = add(this.svg, "g", {});
    let lowest = -Infinity;
    for (const [fraction, name, value] of FRACTIONS) {
      const y = this.y(value);
      add(grid, "line", { x1: STRIP.left, x2: right, y1: y, y2: y });
      const place = Math.max(y + 4, lowest + 15);
      lowest = place;
      add(grid, "line", { x1: right, x2: right + 8, y1: y, y2: place - 4 });
      add(texts, "text", { x: right + 11, y: place, class: "tick" }, `${fraction} ${name}`);
    }
    add(grid, "line", { x1: STRIP.left, x2: right, y1: this.y(0), y2: this.y(0) });
    for (const value of [0, 0.5, 1]) {
      add(texts, "text", { x: STRIP.left - 6, y: this.y(value) + 4, class: "tick end" }, value);
    }
    this.names = add(this.svg, "g", {});
    this.dots = add(this.svg, "g", { class: "dot" });
  }

  y(value) {
    return STRIP.top + this.tall * (1 - value / 1.04);
  }

  draw(frame) {
    const n = frame.norms.length;
    const { room, at } = columns(STRIP, n);
    const dots = pool(this.dots, "circle", n);
    for (let i = 0; i < n; i++) {
      set(dots[i], {
        cx: at(i), cy: this.y(frame.dimensionality[i] ?? 0), r: Math.max(2.5, Math.min(7, room / 2.2)),
        fill: featureColour(i, n), opacity: frame.represented[i] ? 1 : 0.35,
      });
    }
    nameColumns(this.names, STRIP, n, at);
    this.svg.setAttribute("aria-label", "Dimensionality of each feature: " +
      frame.dimensionality.slice(0, 12).map((v, i) => `${i + 1}: ${brief(v)}`).join(", ") + (n > 12 ? ", and more in the table" : ""));
  }
}

export class NormStrip {
  constructor(place) {
    this.svg = drawing(place, NORMS.width, NORMS.height, "Length of each column");
    this.grid = add(this.svg, "g", { class: "grid" });
    this.base = add(this.grid, "line", { x1: NORMS.left, x2: NORMS.width - NORMS.right });
    this.one = add(this.grid, "line", { x1: NORMS.left, x2: NORMS.width - NORMS.right, class: "ideal" });
    this.bars = add(this.svg, "g", {});
    this.names = add(this.svg, "g", {});
    this.zero = add(this.svg, "text", { x: NORMS.left - 6, class: "tick end" }, "0");
    this.unit = add(this.svg, "text", { x: NORMS.left - 6, class: "tick end" }, "1");
  }

  draw(frame) {
    const n = frame.norms.length;
    const tall = NORMS.height - NORMS.top - NORMS.bottom;
    const most = Math.max(1.15, ...frame.norms.map((v) => v ?? 0));
    const y = (value) => NORMS.top + tall * (1 - value / most);
    set(this.base, { y1: y(0), y2: y(0) });
    set(this.one, { y1: y(1), y2: y(1) });
    set(this.zero, { y: y(0) + 4 });
    set(this.unit, { y: y(1) + 4 });
    const { room, at } = columns(NORMS, n);
    const wide = Math.min(room * 0.72, 34);
    const bars = pool(this.bars, "rect", n);
    for (let i = 0; i < n; i++) {
      const top = y(frame.norms[i] ?? 0);
      set(bars[i], {
        x: at(i) - wide / 2, width: wide, y: top, height: Math.max(y(0) - top, 0.5), rx: Math.min(3, wide / 4),
        fill: featureColour(i, n), opacity: frame.represented[i] ? 1 : 0.45,
      });
    }
    nameColumns(this.names, NORMS, n, at);
    this.svg.setAttribute("aria-label", "Length of each column: " +
      frame.norms.slice(0, 12).map((v, i) => `${i + 1}: ${brief(v)}`).join(", ") + (n > 12 ? ", and more in the table" : ""));
  }
}
