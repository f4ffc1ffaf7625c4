// The answer to a push against its length, and the outputs at the chosen one.

import { featureColour } from "./colours.js";
import { add, brief, drawing, pool, set, ticks } from "./svg.js";

const POKE_CURVE = { width: 420, height: 250, left: 40, right: 12, top: 14, bottom: 44 };
const POKE_BARS = { width: 420, height: 170, left: 40, right: 12, top: 26, bottom: 24 };
const POKE_HALF = 0.5;

function pokeLine(values, x, y) {
  return values.map((value, k) => (value === null ? null : `${x(k).toFixed(1)},${y(value).toFixed(1)}`))
    .filter((point) => point !== null).join(" ");
}

export class PokeCurve {
  constructor(place, onLength) {
    const box = POKE_CURVE;
    this.svg = drawing(place, box.width, box.height, "Response");
    this.svg.classList.add("poke-draggable");
    this.grid = add(this.svg, "g", { class: "grid" });
    this.labels = add(this.svg, "g", { class: "ticks" });
    this.compared = add(this.svg, "g", { class: "poke-compared" });
    this.linear = add(this.svg, "polyline", { class: "poke-linear" });
    this.half = add(this.svg, "line", { class: "poke-half" });
    this.halfName = add(this.svg, "text", { class: "tick" }, "half the distance of two outputs");
    this.r10 = add(this.svg, "line", { class: "poke-mark" });
    this.r10Name = add(this.svg, "text", { class: "poke-mark-name" });
    this.curve = add(this.svg, "polyline", { class: "curve" });
    this.crossings = add(this.svg, "g", { class: "poke-crossing" });
    this.crossingNames = add(this.svg, "g", {});
    this.hand = add(this.svg, "line", { class: "poke-hand" });
    this.now = add(this.svg, "circle", { class: "now", r: 6 });
    add(this.svg, "text", { x: box.width - box.right, y: box.height - 4, class: "tick end" }, "length, d̄");
    this.svg.addEventListener("pointerdown", (event) => {
      this.svg.setPointerCapture(event.pointerId);
      onLength(this.share(event));
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (this.svg.hasPointerCapture(event.pointerId)) onLength(this.share(event));
    });
  }

  /** Which part of the reach the pointer is at. */
  share(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * POKE_CURVE.width;
    return Math.min(Math.max((x - POKE_CURVE.left) / (POKE_CURVE.width - POKE_CURVE.left - POKE_CURVE.right), 0), 1);
  }

  /** All that stays while the length is dragged. */
  take(answer) {
    const box = POKE_CURVE;
    const last = answer.lengths.length - 1;
    const reach = answer.lengths[last];
    const top = 1.06 * Math.max(1e-6, ...[answer.curve, answer.linear, ...answer.compared].flat().map((v) => v ?? 0));
    const bottom = box.height - box.bottom;
    const along = (length) => box.left + ((box.width - box.left - box.right) * length) / reach;
    const x = (k) => along(answer.lengths[k]);
    const y = (value) => bottom - ((bottom - box.top) * value) / top;
    Object.assign(this, { answer, x, y });
    const levels = ticks(0, top, 4);
    const steps = ticks(0, reach, 4);
    const lines = [
      ...levels.map((v) => ({ x1: box.left, x2: box.width - box.right, y1: y(v), y2: y(v) })),
      ...steps.map((v) => ({ x1: along(v), x2: along(v), y1: box.top, y2: bottom })),
    ];
    [...pool(this.grid, "line", lines.length)].forEach((node, k) => set(node, lines[k]));
    const texts = [
      ...levels.map((v) => ({ x: box.left - 6, y: y(v) + 4, class: "tick end", text: brief(v) })),
      ...steps.map((v) => ({ x: along(v), y: bottom + 30, class: "tick middle", text: brief(v) })).slice(0, -1),
    ];
    [...pool(this.labels, "text", texts.length)].forEach((node, k) => {
      set(node, { x: texts[k].x, y: texts[k].y, class: texts[k].class });
      node.textContent = texts[k].text;
    });
    [...pool(this.compared, "polyline", answer.compared.length)].forEach((node, k) => set(node, { points: pokeLine(answer.compared[k], x, y) }));
    set(this.linear, { points: pokeLine(answer.linear, x, y) });
    set(this.curve, { points: pokeLine(answer.curve, x, y) });
    const half = POKE_HALF < top;
    for (const node of [this.half, this.halfName]) node.style.display = half ? "" : "none";
    set(this.half, { x1: box.left, x2: box.width - box.right, y1: y(POKE_HALF), y2: y(POKE_HALF) });
    set(this.halfName, { x: box.width - box.right - 4, y: y(POKE_HALF) - 4, class: "tick end" });
    const ends = answer.r10 !== null;
    for (const node of [this.r10, this.r10Name]) node.style.display = ends ? "" : "none";
    set(this.r10, { x1: along(answer.r10 ?? 0), x2: along(answer.r10 ?? 0), y1: box.top, y2: bottom });
    set(this.r10Name, { x: along(answer.r10 ?? 0) + 5, y: box.top + 10 });
    this.r10Name.textContent = `r10 ${brief(answer.r10)}`;
    this.drawCrossings(answer.crossings ?? [], along, bottom);
    this.svg.setAttribute("aria-label", `Response against the length of the push, from 0 to ${brief(answer.curve[last])} at ${brief(reach)} d̄; the linear control reaches ${brief(answer.linear[last])}. A tenth of the largest response is reached at ${brief(answer.r10)} d̄.`);
  }

  drawCrossings(crossings, along, bottom) {
    const marks = pool(this.crossings, "path", crossings.length);
    const names = pool(this.crossingNames, "text", crossings.length, { class: "tick middle" });
    let free = -Infinity;
    crossings.forEach(({ length, on, feature }, k) => {
      const [x, y] = [along(length), bottom + 7];
      set(marks[k], { d: on ? `M${x} ${y - 6}l5 9h-10z` : `M${x} ${y + 3}l5 -9h-10z`, class: on ? "is-on" : "is-off" });
      set(names[k], { x, y: bottom + 19 });
      const room = x > free;
      names[k].textContent = room ? feature : "";
      if (room) free = x + 16;
    });
  }

  /** The dot at one of the lengths. */
  point(k) {
    const { answer, x, y } = this;
    const shown = answer.curve[k] !== null;
    this.now.style.display = shown ? "" : "none";
    if (shown) set(this.now, { cx: x(k), cy: y(answer.curve[k]) });
    set(this.hand, { x1: x(k), x2: x(k), y1: POKE_CURVE.top, y2: POKE_CURVE.height - POKE_CURVE.bottom });
  }
}

/** Which features are on the other side of their threshold at a length. */
export function pokeCrossed(answer, length) {
  return (answer.crossings ?? []).filter((one) => one.length <= length);
}

export class PokeOutputs {
  constructor(place) {
    const box = POKE_BARS;
    this.svg = drawing(place, box.width, box.height, "Outputs");
    this.grid = add(this.svg, "g", { class: "grid" });
    this.bars = add(this.svg, "g", {});
    this.before = add(this.svg, "g", { class: "poke-before" });
    this.half = add(this.svg, "line", { class: "poke-half" });
    this.labels = add(this.svg, "g", { class: "ticks" });
    this.marks = add(this.svg, "g", { class: "poke-turned" });
    this.names = add(this.svg, "g", {});
  }

  take(answer) {
    const box = POKE_BARS;
    const all = answer.outputs.flat().filter((v) => v !== null);
    this.answer = answer;
    const high = Math.max(0.6, ...all) * 1.04;
    const low = Math.min(0, ...all) * 1.04;
    this.y = (v) => box.top + ((box.height - box.top - box.bottom) * (high - v)) / (high - low);
    const levels = ticks(low, high, 3);
    [...pool(this.grid, "line", levels.length)].forEach((node, k) =>
      set(node, { x1: box.left, x2: box.width - box.right, y1: this.y(levels[k]), y2: this.y(levels[k]) }));
    [...pool(this.labels, "text", levels.length, { class: "tick end" })].forEach((node, k) => {
      set(node, { x: box.left - 6, y: this.y(levels[k]) + 4 });
      node.textContent = brief(levels[k]);
    });
    set(this.half, { x1: box.left, x2: box.width - box.right, y1: this.y(POKE_HALF), y2: this.y(POKE_HALF) });
  }

  point(k) {
    const { answer, y } = this;
    const box = POKE_BARS;
    const [first, now] = [answer.outputs[0], answer.outputs[k]];
    const n = now.length;
    const room = (box.width - box.left - box.right) / n;
    const wide = Math.min(0.76 * room, 34);
    const at = (i) => box.left + room * (i + 0.5) - wide / 2;
    const spread = (v) => ({ y: Math.min(y(v), y(0)), height: Math.max(Math.abs(y(v) - y(0)), 0.5) });
    const bars = pool(this.bars, "rect", n);
    const frames = pool(this.before, "rect", n);
    for (let i = 0; i < n; i++) {
      set(bars[i], { x: at(i), width: wide, fill: featureColour(i, n), ...spread(now[i] ?? 0) });
      set(frames[i], { x: at(i), width: wide, ...spread(first[i] ?? 0) });
    }
    const turned = pokeCrossed(answer, answer.lengths[k]);
    [...pool(this.marks, "text", turned.length, { class: "middle" })].forEach((node, k) => {
      set(node, { x: at(turned[k].feature - 1) + wide / 2, y: box.top - 10 });
      node.textContent = turned[k].on ? "▲" : "▼";
      node.setAttribute("class", turned[k].on ? "middle is-on" : "middle is-off");
    });
    const every = Math.max(1, Math.ceil((n * 26) / (box.width - box.left - box.right)));
    const shown = Array.from({ length: n }, (_, i) => i).filter((i) => i % every === 0);
    [...pool(this.names, "text", shown.length, { class: "tick middle" })].forEach((node, k) => {
      set(node, { x: at(shown[k]) + wide / 2, y: box.height - 7 });
      node.textContent = shown[k] + 1;
    });
    this.svg.setAttribute("aria-label", "Outputs before and after the push: " +
      now.slice(0, 12).map((v, i) => `${i + 1}: ${brief(first[i])} to ${brief(v)}`).join(", ") + (n > 12 ? ", and more in the table" : ""));
  }
}
