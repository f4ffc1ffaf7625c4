// The columns of W where they can be seen as they are: a line (d = 1), a plane (d = 2).

import { featureColour } from "./colours.js";
import { Marks, reachOfMarks } from "./planted.js";
import { add, pointsOf, pool, set, tell } from "./svg.js";

const HALF = 300;
const TRAIL = 60;
const LABELLED = 0.12;
// Where the circle's 1 may be, and how far from every arm it wants to be.
const ONE_ANGLES = Array.from({ length: 16 }, (_, k) => ((k + 0.5) * Math.PI) / 8);
const ONE_ROOM = 0.15;

/** Corners of every named shape, in order of angle. */
function outlines(frame) {
  return frame.shapes.filter((shape) => shape.members.length > 2).map((shape) =>
    [...shape.members].sort((i, j) =>
      Math.atan2(frame.W[1][i], frame.W[0][i]) - Math.atan2(frame.W[1][j], frame.W[0][j])));
}

/** How much of the space is shown: rises at once, so that nothing leaves the picture. */
export function extentOf(frame) {
  return Math.max(1.25, 1.12 * Math.max(0, reachOfMarks(frame), ...frame.norms.map((v) => v ?? 0)));
}

export class PlaneView {
  constructor(place) {
    this.svg = add(place, "svg", {
      viewBox: `${-HALF} ${-HALF} ${2 * HALF} ${2 * HALF}`, role: "img", class: "stage",
    });
    this.grid = add(this.svg, "g", { class: "grid" });
    this.circle = add(this.grid, "circle", { cx: 0, cy: 0, class: "ideal" });
    add(this.grid, "line", { x1: -HALF, x2: HALF, y1: 0, y2: 0 });
    add(this.grid, "line", { y1: -HALF, y2: HALF, x1: 0, x2: 0 });
    this.fills = add(this.svg, "g", { class: "outline" });
    this.trails = add(this.svg, "g", { class: "trail" });
    this.arms = add(this.svg, "g", { class: "arm" });
    this.dots = add(this.svg, "g", { class: "dot" });
    this.names = add(this.svg, "g", { class: "name" });
    this.placed = new Marks(this.svg);
    this.one = add(this.svg, "text", { class: "tick middle haloed" }, "1");
    this.oneAt = ONE_ANGLES[0];
    this.past = [];
    this.help = "Each arrow is a column of W: where the model puts that feature. The circle has radius 1.";
  }

  draw(frame, { moving }) {
    const n = frame.norms.length;
    const scale = HALF / extentOf(frame);
    const at = (i) => [frame.W[0][i] * scale, -frame.W[1][i] * scale];
    set(this.circle, { r: scale });
    const corners = outlines(frame);
    [...pool(this.fills, "polygon", corners.length)].forEach((node, k) => set(node, { points: pointsOf(corners[k].map(at)) }));
    this.remember(frame, moving);
    const steps = this.past.length > 1 ? n : 0;
    [...pool(this.trails, "polyline", steps)].forEach((node, i) => set(node, {
      stroke: featureColour(i, n),
      points: pointsOf(this.past.map((W) => [W[0][i] * scale, -W[1][i] * scale])),
    }));
    const arms = pool(this.arms, "line", n, { x1: 0, y1: 0 });
    const dots = pool(this.dots, "circle", n);
    const names = pool(this.names, "text", n);
    for (let i = 0; i < n; i++) {
      const [x, y] = at(i);
      const stored = frame.represented[i];
      const colour = featureColour(i, n);
      const length = Math.hypot(x, y) || 1;
      const out = length + 20;
      set(arms[i], { x2: x, y2: y, stroke: colour, "stroke-width": stored ? 3.5 : 2, opacity: stored ? 1 : 0.45 });
      set(dots[i], { cx: x, cy: y, r: n > 30 ? 4.5 : 7, fill: colour, opacity: stored ? 1 : 0.45 });
      set(names[i], { x: (x / length) * out, y: (y / length) * out + 5 });
      // Of features that are given up the numbers would lie upon one another.
      tell(names[i], stored || (n <= 12 && frame.norms[i] > LABELLED) ? i + 1 : "");
    }
    this.placed.draw(frame, ([x, y]) => [x * scale, -y * scale]);
    this.placeOne(frame, scale);
  }

  /** The circle's 1 stays where it is until an arm comes near. */
  placeOne(frame, scale) {
    const arms = frame.W[0].map((x, i) => [x, frame.W[1][i]]);
    for (const h of [frame.planted?.h, frame.seen]) if (h) arms.push(h);
    const angles = arms.filter((h) => Math.hypot(...h) > LABELLED).map(([x, y]) => Math.atan2(y, x));
    const room = (angle) => Math.min(Math.PI, ...angles.map((other) => Math.abs(Math.atan2(Math.sin(angle - other), Math.cos(angle - other)))));
    if (room(this.oneAt) < ONE_ROOM) this.oneAt = ONE_ANGLES.reduce((best, angle) => (room(angle) > room(best) + 0.01 ? angle : best), this.oneAt);
    const out = scale + 13;
    set(this.one, { x: out * Math.cos(this.oneAt), y: 5 - out * Math.sin(this.oneAt) });
  }

  remember(frame, moving) {
    const last = this.lastStep ?? Infinity;
    if (!moving || frame.step < last || (this.past[0]?.[0].length ?? 0) !== frame.norms.length) this.past = [];
    if (moving && frame.step !== last) this.past.push(frame.W);
    if (this.past.length > TRAIL) this.past.shift();
    this.lastStep = frame.step;
  }
}

export class LineView {
  constructor(place) {
    this.svg = add(place, "svg", {
      viewBox: `${-HALF} ${-HALF * 0.7} ${2 * HALF} ${1.4 * HALF}`, role: "img", class: "stage wide",
    });
    this.grid = add(this.svg, "g", { class: "grid" });
    add(this.grid, "line", { x1: 0, x2: 0, y1: -HALF * 0.7, y2: HALF * 0.7 });
    this.marks = [-1, 1].map((side) => ({
      side,
      line: add(this.grid, "line", { y1: -HALF * 0.62, y2: HALF * 0.7, class: "ideal" }),
      text: add(this.grid, "text", { y: -HALF * 0.64, class: "tick middle" }, side < 0 ? "−1" : "1"),
    }));
    add(this.grid, "text", { x: 0, y: -HALF * 0.64, class: "tick middle" }, "0");
    this.arms = add(this.svg, "g", { class: "arm" });
    this.dots = add(this.svg, "g", { class: "dot" });
    this.names = add(this.svg, "g", { class: "name" });
    this.placed = new Marks(this.svg);
    this.help = "One row for each feature: its place on the one hidden dimension.";
  }

  draw(frame) {
    const n = frame.norms.length;
    const scale = (HALF - 30) / extentOf(frame);
    for (const mark of this.marks) {
      set(mark.line, { x1: mark.side * scale, x2: mark.side * scale });
      set(mark.text, { x: mark.side * scale });
    }
    const arms = pool(this.arms, "line", n);
    const dots = pool(this.dots, "circle", n);
    const names = pool(this.names, "text", n);
    const marked = frame.planted || frame.seen;
    const room = (1.2 * HALF) / (marked ? n + 1 : n);
    for (let i = 0; i < n; i++) {
      const y = -HALF * 0.56 + room * (i + 0.5);
      const x = frame.W[0][i] * scale;
      const stored = frame.represented[i];
      const colour = featureColour(i, n);
      set(arms[i], { x1: 0, y1: y, x2: x, y2: y, stroke: colour, "stroke-width": Math.min(3.5, room / 2), opacity: stored ? 1 : 0.45 });
      set(dots[i], { cx: x, cy: y, r: Math.min(8, room / 2.2), fill: colour, opacity: stored ? 1 : 0.45 });
      set(names[i], { x: x + (x < 0 ? -1 : 1) * 20, y: y + 5 });
      tell(names[i], n <= 20 ? i + 1 : "");
    }
    const last = HALF * 0.64 - room / 2;
    this.placed.draw(frame, ([x]) => [x * scale, last], [0, last]);
  }
}
