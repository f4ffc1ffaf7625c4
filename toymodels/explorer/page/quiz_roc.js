// Two ROC curves a detector: the backdoor against coincidences, and against normal samples.

import { add, drawing, pointsOf, pool, set } from "./svg.js";

const ROC = { size: 400, left: 46, right: 10, top: 10, bottom: 44 };
// A colour and a dash each, so that neither is needed alone.
const STROKES = [
  ["#0072B2", ""], ["#D55E00", ""], ["#009E73", ""], ["#CC79A7", "7 3"],
  ["#E69F00", "2 3"], ["#56B4E9", "9 3 2 3"], ["#808080", "1 4"],
];

export function rocStroke(k) {
  const [stroke, dash] = STROKES[k % STROKES.length];
  return { stroke, "stroke-width": 2.2, "stroke-dasharray": dash || "none" };
}

export class RocChart {
  constructor(place, others) {
    this.others = others;
    this.svg = drawing(place, ROC.size, ROC.size, "");
    const [x0, x1, y0, y1] = [this.x(0), this.x(1), this.y(0), this.y(1)];
    const grid = add(this.svg, "g", { class: "grid" });
    for (const share of [0, 0.5, 1]) {
      add(grid, "line", { x1: x0, x2: x1, y1: this.y(share), y2: this.y(share) });
      add(grid, "line", { x1: this.x(share), x2: this.x(share), y1: y0, y2: y1 });
      add(this.svg, "text", { x: x0 - 6, y: this.y(share) + 4, class: "tick end" }, share);
      add(this.svg, "text", { x: this.x(share), y: y0 + 16, class: "tick middle" }, share);
    }
    add(grid, "line", { x1: x0, x2: x1, y1: y0, y2: y1, class: "ideal" });
    add(this.svg, "text", { x: (x0 + x1) / 2, y: y0 + 34, class: "tick middle" }, `share of ${others} flagged`);
    add(this.svg, "text", { transform: `translate(12 ${(y0 + y1) / 2}) rotate(-90)`, class: "tick middle" }, "share of backdoors flagged");
    this.curves = add(this.svg, "g", { class: "roc" });
    this.you = add(this.svg, "g", { class: "marks" });
    this.youName = add(this.svg, "text", { opacity: 0 }, "you");
  }

  x(share) {
    return ROC.left + (ROC.size - ROC.left - ROC.right) * share;
  }

  y(share) {
    return ROC.top + (ROC.size - ROC.top - ROC.bottom) * (1 - share);
  }

  draw(about, kind, [flagged, found]) {
    const curves = pool(this.curves, "polyline", about.detectors.length);
    about.detectors.forEach((one, k) => set(curves[k], {
      ...rocStroke(k), points: pointsOf(about.fpr.map((share, j) => [this.x(share), this.y(one.roc[kind][j])])),
    }));
    const known = flagged !== null && found !== null;
    [...pool(this.you, "circle", known ? 1 : 0, { r: 8, class: "seen" })].forEach((node) => set(node, { cx: this.x(flagged), cy: this.y(found) }));
    set(this.youName, known ? { x: this.x(flagged) + (flagged > 0.8 ? -14 : 14), y: this.y(found) + 5, class: flagged > 0.8 ? "end" : "", opacity: 1 } : { opacity: 0 });
    const areas = about.detectors.map((one) => `${one.title} ${one.auroc[kind].toFixed(2)}`).join(", ");
    this.svg.setAttribute("aria-label", `ROC curves, backdoor against ${this.others}. Areas: ${areas}.`);
  }
}
