// WᵀW and b as a heat map, whose cells can be read one by one.

import { diverging } from "./colours.js";
import { brief, tell } from "./svg.js";

const GAP = 0.6;
const MOST_PIXELS = 900;
// A map of fifty features has 2,500 cells a frame: their colours are made once. The
// number is odd, so that 0 is one of them.
const SHADES = Array.from({ length: 255 }, (_, k) => `rgb(${diverging(k / 127 - 1).join(" ")})`);

export class HeatMap {
  /** `speak` is told the words of a cell that was chosen by a key. */
  constructor(canvas, scale, low, high, text, speak) {
    Object.assign(this, { canvas, scale, low, high, text, speak });
    this.hint = text.textContent;
    this.cell = null;
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => this.choose(null));
    canvas.addEventListener("blur", () => this.choose(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    this.drawScale();
  }

  drawScale() {
    this.scale.width = 101;
    this.scale.height = 1;
    const context = this.scale.getContext("2d");
    for (let k = 0; k <= 100; k++) {
      context.fillStyle = `rgb(${diverging(k / 50 - 1).join(" ")})`;
      context.fillRect(k, 0, 1, 1);
    }
  }

  draw(frame) {
    const n = frame.norms.length;
    this.frame = frame;
    this.gram = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) =>
      frame.W.reduce((sum, row) => sum + row[i] * row[j], 0)));
    const most = Math.max(1, ...this.gram.flat().map(Math.abs), ...frame.b.map((v) => Math.abs(v ?? 0)));
    const limit = Number.isFinite(most) ? most : 1;
    this.side = Math.max(4, Math.floor(MOST_PIXELS / (n + 1 + GAP)));
    const [wide, high] = [Math.round((n + 1 + GAP) * this.side), n * this.side];
    if (this.canvas.width !== wide || this.canvas.height !== high) Object.assign(this.canvas, { width: wide, height: high });
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, wide, high);
    const line = n <= 40 ? Math.max(1, this.side / 40) : 0;
    const fill = (value, column, row) => {
      context.fillStyle = SHADES[Math.round(((value ?? 0) / limit + 1) * 127)];
      context.fillRect(column * this.side, row * this.side, this.side - line, this.side - line);
    };
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) fill(this.gram[i][j], j, i);
      fill(frame.b[i], n + GAP, i);
    }
    tell(this.low, brief(-limit));
    tell(this.high, brief(limit));
    this.mark(context);
    this.say();
  }

  mark(context) {
    if (!this.cell) return;
    const [i, j] = this.cell;
    const n = this.gram.length;
    context.strokeStyle = "#000";
    context.lineWidth = 5;
    const box = [(j === n ? n + GAP : j) * this.side + 2, i * this.side + 2, this.side - 5, this.side - 5];
    context.strokeRect(...box);
    context.strokeStyle = "#fff";
    context.lineWidth = 2;
    context.strokeRect(...box);
  }

  say() {
    if (!this.cell) {
      tell(this.text, this.hint);
      return;
    }
    const [i, j] = this.cell;
    const words = j === this.gram.length
      ? `Bias of feature ${i + 1}: ${brief(this.frame.b[i])}`
      : i === j
        ? `Feature ${i + 1} on itself: ‖W‖² = ${brief(this.gram[i][j])}`
        : `Feature ${j + 1} on the output of feature ${i + 1}: ${brief(this.gram[i][j])}`;
    tell(this.text, words);
  }

  choose(cell) {
    this.cell = cell;
    if (this.frame) this.draw(this.frame);
  }

  point(event) {
    if (!this.frame) return;
    const box = this.canvas.getBoundingClientRect();
    const n = this.gram.length;
    const across = ((event.clientX - box.left) / box.width) * (n + 1 + GAP);
    const row = Math.min(Math.max(Math.floor(((event.clientY - box.top) / box.height) * n), 0), n - 1);
    this.choose([row, across < n ? Math.max(Math.floor(across), 0) : n]);
  }

  key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (!moves[event.key] || !this.frame) return;
    event.preventDefault();
    const n = this.gram.length;
    const [i, j] = this.cell ?? [0, 0];
    const [down, across] = this.cell ? moves[event.key] : [0, 0];
    this.choose([Math.min(Math.max(i + down, 0), n - 1), Math.min(Math.max(j + across, 0), n)]);
    this.speak(this.text.textContent);
  }
}
