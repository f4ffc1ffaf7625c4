// The columns of W in three dimensions, on a sphere that is turned by hand.

import { featureColour } from "./colours.js";
import { extentOf } from "./plane.js";
import { Marks } from "./planted.js";
import { add, pointsOf, pool, set, tell } from "./svg.js";

const RADIUS = 300;
const TURN = Math.PI / 18;
const RINGS = 5;
const JOINED = 0.3;
const OPPOSITE = -0.98;

function ringPoints(kind, turn) {
  return Array.from({ length: 73 }, (_, k) => {
    const a = (k * Math.PI) / 36;
    if (kind === "meridian") return [Math.cos(a) * Math.cos(turn), Math.sin(a), Math.cos(a) * Math.sin(turn)];
    return [Math.cos(turn) * Math.cos(a), Math.sin(turn), Math.cos(turn) * Math.sin(a)];
  });
}

export class SphereView {
  constructor(place, redraw) {
    this.svg = add(place, "svg", {
      viewBox: `${-RADIUS} ${-RADIUS} ${2 * RADIUS} ${2 * RADIUS}`, class: "stage turnable",
      tabindex: 0, role: "group", "aria-roledescription": "sphere that can be turned",
    });
    this.grid = add(this.svg, "g", { class: "grid" });
    this.edge = add(this.grid, "circle", { cx: 0, cy: 0 });
    this.rings = Array.from({ length: 2 * RINGS }, (_, k) => ({
      node: add(this.grid, "polyline", {}),
      points: k < RINGS
        ? ringPoints("meridian", (k * Math.PI) / RINGS)
        : ringPoints("parallel", ((k - RINGS - (RINGS - 1) / 2) * Math.PI) / (RINGS + 1)),
    }));
    this.chords = add(this.svg, "g", { class: "chord" });
    this.arms = add(this.svg, "g", { class: "arm" });
    this.dots = add(this.svg, "g", { class: "dot" });
    this.names = add(this.svg, "g", { class: "name" });
    this.placed = new Marks(this.svg);
    this.joins = false;
    this.redraw = redraw;
    this.home();
    this.listen();
  }

  get help() {
    return `Drag to turn, or use the arrow keys; Home turns it back. Faint is behind.${this.joins ? " Thin lines join features that disturb each other." : ""}`;
  }

  home() {
    [this.yaw, this.pitch] = [0.5, 0.35];
  }

  listen() {
    let held = null;
    this.svg.addEventListener("pointerdown", (event) => {
      held = [event.clientX, event.clientY];
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (!held) return;
      this.turn((event.clientX - held[0]) * 0.009, (event.clientY - held[1]) * 0.009);
      held = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) {
      this.svg.addEventListener(name, () => { held = null; });
    }
    const keys = { ArrowLeft: [-TURN, 0], ArrowRight: [TURN, 0], ArrowUp: [0, -TURN], ArrowDown: [0, TURN] };
    this.svg.addEventListener("keydown", (event) => {
      if (event.key === "Home") this.home();
      else if (keys[event.key]) this.turn(...keys[event.key]);
      else return;
      event.preventDefault();
      this.redraw();
    });
  }

  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = Math.min(Math.max(this.pitch + pitch, -Math.PI / 2), Math.PI / 2);
    this.redraw();
  }

  /** Right, down and towards the viewer. */
  seen([x, y, z]) {
    const [c, s] = [Math.cos(this.yaw), Math.sin(this.yaw)];
    const [across, deep] = [c * x + s * z, -s * x + c * z];
    const [k, t] = [Math.cos(this.pitch), Math.sin(this.pitch)];
    return [across, -(k * y - t * deep), t * y + k * deep];
  }

  draw(frame) {
    const n = frame.norms.length;
    const scale = RADIUS / extentOf(frame);
    set(this.edge, { r: scale });
    for (const ring of this.rings) {
      const points = ring.points.map((point) => this.seen(point));
      set(ring.node, { points: pointsOf(points.map(([x, y]) => [x * scale, y * scale])) });
    }
    const places = frame.W[0].map((_, i) => this.seen([0, 1, 2].map((k) => frame.W[k][i])));
    this.drawChords(frame, places, scale);
    const order = places.map((_, i) => i).sort((i, j) => places[i][2] - places[j][2]);
    const arms = pool(this.arms, "line", n, { x1: 0, y1: 0 });
    const dots = pool(this.dots, "circle", n);
    const names = pool(this.names, "text", n);
    order.forEach((i, k) => {
      const [x, y, near] = [places[i][0] * scale, places[i][1] * scale, places[i][2]];
      const colour = featureColour(i, n);
      const opacity = (frame.represented[i] ? 1 : 0.45) * (near < -0.02 ? 0.5 : 1);
      const out = 1 + 20 / (Math.hypot(x, y) || 20);
      set(arms[k], { x2: x, y2: y, stroke: colour, "stroke-width": 3.5, opacity });
      set(dots[k], { cx: x, cy: y, r: 7 + 2 * near, fill: colour, opacity });
      set(names[k], { x: x * out, y: y * out + 5, opacity: Math.max(opacity, 0.7) });
      // Of features that are given up the numbers would lie upon one another.
      tell(names[k], n <= 12 || (n <= 40 && frame.represented[i]) ? i + 1 : "");
    });
    this.placed.draw(frame, (h) => this.seen(h).slice(0, 2).map((v) => v * scale));
  }

  drawChords(frame, places, scale) {
    const joined = [];
    for (const shape of frame.shapes) {
      shape.members.forEach((i, k) => shape.members.slice(k + 1).forEach((j) => {
        const dot = [0, 1, 2].reduce((sum, a) => sum + frame.W[a][i] * frame.W[a][j], 0);
        const cosine = dot / (frame.norms[i] * frame.norms[j] || 1);
        // Between opposite ones it would lie below their arms.
        if (Math.abs(cosine) > JOINED && cosine > OPPOSITE) joined.push([i, j]);
      }));
    }
    const joins = joined.length > 0;
    if (joins !== this.joins) {
      this.joins = joins;
      // Its words were read before it was drawn.
      requestAnimationFrame(() => this.redraw());
    }
    const chords = pool(this.chords, "line", joined.length);
    joined.forEach(([i, j], k) => set(chords[k], {
      x1: places[i][0] * scale, y1: places[i][1] * scale,
      x2: places[j][0] * scale, y2: places[j][1] * scale,
    }));
  }
}
