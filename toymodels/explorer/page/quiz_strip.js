// An activation of many dimensions: a bar for each hidden unit, before what is normal.

import { add, brief, pool, set, tell, ticks } from "./svg.js";

const UNITS = { width: 560, height: 300, left: 40, right: 10, top: 14, bottom: 30 };

export class StripView {
  constructor(place) {
    this.svg = add(place, "svg", { viewBox: `0 0 ${UNITS.width} ${UNITS.height}`, role: "img", class: "units" });
    this.bands = add(this.svg, "g", { class: "band" });
    this.grid = add(this.svg, "g", { class: "grid" });
    this.ticks = add(this.svg, "g", {});
    this.bars = add(this.svg, "g", { class: "bar" });
    this.diamonds = add(this.svg, "g", { class: "marks" });
    this.names = add(this.svg, "g", {});
  }

  draw(frame) {
    const { seen, band, planted } = frame;
    const d = seen.length;
    const most = Math.max(0.1, ...seen.map(Math.abs), ...band.flat().map(Math.abs), ...(planted?.h ?? []).map(Math.abs)) * 1.05;
    const tall = UNITS.height - UNITS.top - UNITS.bottom;
    const y = (value) => UNITS.top + (tall * (1 - value / most)) / 2;
    const room = (UNITS.width - UNITS.left - UNITS.right) / d;
    const x = (k) => UNITS.left + room * (k + 0.5);
    const levels = ticks(-most, most, 5);
    [...pool(this.grid, "line", levels.length)].forEach((node, k) =>
      set(node, { x1: UNITS.left, x2: UNITS.width - UNITS.right, y1: y(levels[k]), y2: y(levels[k]) }));
    [...pool(this.ticks, "text", levels.length, { class: "tick end" })].forEach((node, k) => {
      set(node, { x: UNITS.left - 6, y: y(levels[k]) + 4 });
      node.textContent = brief(Number(levels[k].toFixed(3)));
    });
    const wide = Math.min(room * 0.5, 24);
    const bars = pool(this.bars, "rect", d);
    const bands = pool(this.bands, "rect", d);
    const names = pool(this.names, "text", d, { class: "tick middle" });
    const every = Math.ceil((1.5 * (this.leastText ?? 0)) / room) || 1;
    seen.forEach((value, k) => {
      set(bands[k], { x: x(k) - room * 0.42, width: room * 0.84, y: y(band[1][k]), height: Math.max(y(band[0][k]) - y(band[1][k]), 0.5) });
      set(bars[k], { x: x(k) - wide / 2, width: wide, y: Math.min(y(value), y(0)), height: Math.max(Math.abs(y(value) - y(0)), 1) });
      set(names[k], { x: x(k), y: UNITS.height - 10 });
      tell(names[k], k % every ? "" : k + 1);
    });
    const marks = planted ? planted.h : [];
    [...pool(this.diamonds, "polygon", marks.length, { class: "planted", points: "0,-6 6,0 0,6 -6,0" })].forEach((node, k) =>
      set(node, { transform: `translate(${x(k).toFixed(1)} ${y(marks[k]).toFixed(1)})` }));
  }
}
