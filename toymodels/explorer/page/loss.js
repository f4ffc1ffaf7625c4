// The loss so far, with the losses of known solutions, and the losses that are kept.

import { add, brief, drawing, pointsOf, pool, set, tell, ticks } from "./svg.js";

const CHART = { width: 420, height: 214, left: 50, right: 12, top: 12, bottom: 34 };
const MOST_POINTS = 700;

/** Steps and losses of one training; thinned evenly when there are too many. */
export class LossHistory {
  constructor() {
    this.begin(null);
  }

  begin(generation) {
    this.generation = generation;
    this.points = [];
  }

  /** What the server kept, which is what a page that was reloaded has missed. */
  fill({ generation, steps, losses }) {
    this.begin(generation);
    steps.forEach((step, k) => { if (losses[k] > 0) this.points.push([step, losses[k]]); });
  }

  take(frame) {
    if (frame.generation !== this.generation) this.begin(frame.generation);
    const last = this.points[this.points.length - 1];
    if (!(frame.loss > 0) || (last && frame.step <= last[0])) return;
    this.points.push([frame.step, frame.loss]);
    if (this.points.length > MOST_POINTS) {
      this.points = this.points.filter((_, k) => k % 2 === 0 || k === this.points.length - 1);
    }
  }
}

export class LossChart {
  constructor(place) {
    this.svg = drawing(place, CHART.width, CHART.height, "Loss against steps");
    this.grid = add(this.svg, "g", { class: "grid" });
    this.labels = add(this.svg, "g", { class: "ticks" });
    this.lines = add(this.svg, "g", { class: "theory" });
    this.curve = add(this.svg, "polyline", { class: "curve" });
    this.now = add(this.svg, "circle", { class: "now", r: 4.5 });
    this.names = add(this.svg, "g", { class: "theory-name" });
    add(this.svg, "text", { x: CHART.width - CHART.right, y: CHART.height - 2, class: "tick end" }, "steps");
  }

  draw(history, frame, newestStep, logarithmic) {
    const points = history.points;
    const known = [...points.map((point) => point[1]), ...frame.theory.map((line) => line.loss)].filter((v) => v > 0);
    const low = Math.log10(Math.min(...known, 1)) - 0.08;
    const high = Math.log10(Math.max(...known, 1e-9)) + 0.08;
    const span = Math.max(newestStep, 10);
    const inner = CHART.width - CHART.left - CHART.right;
    const share = (step) => (logarithmic ? Math.log10(Math.max(step, 1)) / Math.log10(span) : step / span);
    const x = (step) => CHART.left + inner * share(step);
    const tall = CHART.height - CHART.top - CHART.bottom;
    const y = (loss) => CHART.top + tall * (1 - (Math.log10(loss) - low) / (high - low));
    this.drawGrid(low, high, span, x, y, logarithmic);
    set(this.curve, { points: pointsOf(points.map(([step, loss]) => [x(step), y(loss)])) });
    const shown = frame.loss > 0;
    set(this.now, shown ? { cx: x(frame.step), cy: y(frame.loss), opacity: 1 } : { opacity: 0 });
    // A line is of settings: it goes as far as they held.
    const ends = { x1: x(frame.since), x2: frame.until === null || frame.until === undefined ? CHART.width - CHART.right : x(frame.until) };
    const lines = pool(this.lines, "line", frame.theory.length);
    const names = pool(this.names, "text", frame.theory.length);
    const heights = frame.theory.map((line) => (line.loss > 0 ? y(line.loss) : CHART.top + tall));
    frame.theory.forEach((line, k) => {
      set(lines[k], { ...ends, y1: heights[k], y2: heights[k] });
      // Above its line, and below where the line above has no room for both.
      const crowded = k > 0 && heights[k] - heights[k - 1] < 16;
      set(names[k], { x: CHART.width - CHART.right - 4, y: heights[k] + (crowded ? 14 : -5) });
      tell(names[k], `${line.name}: ${brief(line.loss)}`);
    });
    this.svg.setAttribute("aria-label", `Loss against steps: ${brief(frame.loss)} at step ${brief(frame.step)}. ` +
      frame.theory.map((line) => `${line.name}: ${brief(line.loss)}`).join(", "));
  }

  drawGrid(low, high, span, x, y, logarithmic) {
    let levels = ticks(low, high, 4).filter((v) => Number.isInteger(v)).map((v) => 10 ** v);
    if (levels.length < 2) levels = ticks(10 ** low, 10 ** high, 4).filter((v) => v > 0);
    const steps = logarithmic
      ? ticks(0, Math.log10(span), 4).filter((v) => Number.isInteger(v)).map((v) => 10 ** v)
      : ticks(0, span, 4);
    const marks = [
      ...levels.map((v) => ({ x1: CHART.left, x2: CHART.width - CHART.right, y1: y(v), y2: y(v) })),
      ...steps.map((v) => ({ x1: x(v), x2: x(v), y1: CHART.top, y2: CHART.height - CHART.bottom })),
    ];
    [...pool(this.grid, "line", marks.length)].forEach((node, k) => set(node, marks[k]));
    const texts = [
      ...levels.map((v) => ({ x: CHART.left - 6, y: y(v) + 4, class: "tick end", text: v < 1e5 ? brief(v) : v.toExponential(0).replace("+", "") })),
      ...steps.filter((v) => x(v) < CHART.width - 24).map((v) => ({ x: x(v), y: CHART.height - CHART.bottom + 16, class: "tick middle", text: brief(v) })),
    ];
    [...pool(this.labels, "text", texts.length)].forEach((node, k) => {
      set(node, { x: texts[k].x, y: texts[k].y, class: texts[k].class });
      tell(node, texts[k].text);
    });
  }
}
