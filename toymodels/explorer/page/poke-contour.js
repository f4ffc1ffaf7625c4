// The contour of equal response in a plane of two directions.

import { add, brief, pool, set, ticks } from "./svg.js";

const POKE_PLANE = 420;
const POKE_MARGIN = 26;
const POKE_ANGLES = 46;

/** Where an angle of a quarter lies, by its signs. */
function pokeAt([signU, signV], angle, radius) {
  return [signU * radius * Math.cos(angle), signV * radius * Math.sin(angle)];
}

/** A superellipse of exponent p through the axes of a quarter. */
function pokeSuperellipse(quarter, p) {
  const [a, b] = quarter.axes;
  return Array.from({ length: POKE_ANGLES }, (_, k) => {
    const angle = (Math.PI / 2) * (k / (POKE_ANGLES - 1));
    const size = ((Math.abs(Math.cos(angle)) / a) ** p + (Math.abs(Math.sin(angle)) / b) ** p) ** (-1 / p);
    return pokeAt(quarter.signs, angle, size);
  });
}

export class PokeContour {
  constructor(place) {
    this.svg = add(place, "svg", { viewBox: `0 0 ${POKE_PLANE} ${POKE_PLANE}`, role: "img" });
    this.grid = add(this.svg, "g", { class: "grid" });
    this.reach = add(this.svg, "circle", { class: "poke-edge" });
    this.labels = add(this.svg, "g", {});
    this.linear = add(this.svg, "path", { class: "poke-linear" });
    this.ellipse = add(this.svg, "path", { class: "poke-ellipse" });
    this.lines = add(this.svg, "path", { class: "curve poke-contour-line" });
    this.fits = add(this.svg, "path", { class: "poke-fit" });
    this.push = add(this.svg, "line", { class: "poke-push" });
    add(this.svg, "circle", { class: "poke-start", r: 5, cx: POKE_PLANE / 2, cy: POKE_PLANE / 2 });
    this.now = add(this.svg, "circle", { class: "now", r: 6 });
    this.u = add(this.svg, "text", { class: "end poke-axis", x: POKE_PLANE - 4, y: POKE_PLANE - 8 });
    this.v = add(this.svg, "text", { class: "poke-axis", x: 4, y: 18 });
  }

  /** Draw one level, which is in units of d̄ like the reach. */
  take(found, level, reach, names) {
    const all = [...level.quarters, ...level.linear].flatMap((quarter) => quarter.radii).filter((v) => v !== null);
    const most = Math.min(Math.max(1.12 * Math.max(0, ...all), 0.2 * reach), 1.04 * reach);
    this.scale = (POKE_PLANE / 2 - POKE_MARGIN) / (all.length ? most : 1.04 * reach);
    const middle = POKE_PLANE / 2;
    const path = (points) => {
      let pen = "M";
      return points.map((point) => {
        if (point === null) { pen = "M"; return ""; }
        const text = `${pen}${(middle + point[0] * this.scale).toFixed(1)} ${(middle - point[1] * this.scale).toFixed(1)}`;
        pen = "L";
        return text;
      }).join("");
    };
    const measured = (quarter) => path(quarter.radii.map((r, k) => (r === null ? null : pokeAt(quarter.signs, found.phi[k], r))));
    const whole = (quarter) => quarter.axes.every((axis) => axis !== null);
    set(this.lines, { d: level.quarters.map(measured).join("") });
    set(this.linear, { d: level.linear.map(measured).join("") });
    set(this.ellipse, { d: level.quarters.filter(whole).map((quarter) => path(pokeSuperellipse(quarter, 2))).join("") });
    set(this.fits, { d: level.quarters.filter((quarter) => quarter.p !== null).map((quarter) => path(pokeSuperellipse(quarter, quarter.p))).join("") });
    set(this.reach, { cx: middle, cy: middle, r: reach * this.scale });
    this.drawGrid(middle);
    this.u.textContent = `→ u: ${names.u}`;
    this.v.textContent = `↑ v: ${names.v}`;
    const first = level.quarters[0];
    this.svg.setAttribute("aria-label", `Contour of equal response in the plane of ${names.u} and ${names.v}; exponent ${brief(first.p)} in the first quarter. The text below has the numbers.`);
  }

  drawGrid(middle) {
    const edge = (middle - 4) / this.scale;
    const marks = ticks(0, edge, 2).slice(1);
    const lines = [0, ...marks, ...marks.map((v) => -v)].flatMap((v) => {
      const at = middle + v * this.scale;
      return [{ x1: at, x2: at, y1: 0, y2: POKE_PLANE }, { y1: at, y2: at, x1: 0, x2: POKE_PLANE }];
    });
    [...pool(this.grid, "line", lines.length)].forEach((node, k) => set(node, lines[k]));
    [...pool(this.labels, "text", marks.length, { class: "tick middle" })].forEach((node, k) => {
      set(node, { x: middle + marks[k] * this.scale, y: middle + 16 });
      node.textContent = brief(marks[k]);
    });
  }

  /** The push as it is now, along u. */
  point(length) {
    if (!this.scale) return;
    const x = POKE_PLANE / 2 + length * this.scale;
    set(this.push, { x1: POKE_PLANE / 2, y1: POKE_PLANE / 2, x2: x, y2: POKE_PLANE / 2 });
    set(this.now, { cx: x, cy: POKE_PLANE / 2 });
  }

  clear() {
    for (const node of [this.lines, this.linear, this.ellipse, this.fits]) set(node, { d: "" });
    this.u.textContent = this.v.textContent = "";
  }
}
