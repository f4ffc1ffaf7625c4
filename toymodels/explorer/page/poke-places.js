// The real activations as points, the one that is pushed, and where the push goes.

import { featureColour } from "./colours.js";
import { add, brief, pool, set } from "./svg.js";

const POKE_SIZE = 420;
// Of a picture of one dimension.
const POKE_LINE = 230;
const POKE_EDGE = 34;
const POKE_CROWDED = 15;
const POKE_NEAR = 9;

/** "features 2 and 5 on" */
export function pokedFeatures(features) {
  if (features.length === 1) return `feature ${features[0]} on`;
  const shown = features.slice(0, 5);
  const last = features.length > 5 ? `${features.length - 5} more` : shown.pop();
  return `features ${shown.join(", ")} and ${last} on`;
}

export class PokePlaces {
  constructor(place, onChoice) {
    this.onChoice = onChoice;
    this.svg = add(place, "svg", { viewBox: `0 0 ${POKE_SIZE} ${POKE_SIZE}`, role: "img", class: "poke-places" });
    this.grid = add(this.svg, "g", { class: "grid" });
    this.arms = add(this.svg, "g", { class: "arm" });
    this.names = add(this.svg, "g", { class: "name" });
    this.points = add(this.svg, "g", { class: "poke-points" });
    this.reach = add(this.svg, "line", { class: "poke-reach" });
    this.push = add(this.svg, "line", { class: "poke-push" });
    this.start = add(this.svg, "circle", { class: "poke-start", r: 8 });
    this.end = add(this.svg, "circle", { class: "now", r: 6 });
    this.svg.addEventListener("click", (event) => this.choose(event));
  }

  choose(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * POKE_SIZE;
    const y = ((event.clientY - box.top) / box.height) * this.high;
    const far = this.spots.map((spot) => Math.hypot(spot[0] - x, spot[1] - y));
    const nearest = far.indexOf(Math.min(...far));
    if (far[nearest] < 4 * POKE_NEAR) this.onChoice(nearest + 1);
  }

  take(taken) {
    this.taken = taken;
    this.high = taken.d === 1 ? POKE_LINE : POKE_SIZE;
    set(this.svg, { viewBox: `0 0 ${POKE_SIZE} ${this.high}` });
    this.fit(null);
  }

  /** Make room for everything, also for where a push ends. */
  fit(end) {
    const { taken } = this;
    const places = taken.activations.map((one) => one.at);
    const all = [...places, ...taken.columns, taken.origin, ...(end ? [end] : [])];
    const low = [0, 1].map((k) => Math.min(...all.map((at) => at[k])));
    const high = [0, 1].map((k) => Math.max(...all.map((at) => at[k])));
    this.middle = [0, 1].map((k) => (low[k] + high[k]) / 2);
    const span = Math.max(high[0] - low[0], high[1] - low[1], 1e-6);
    this.scale = (POKE_SIZE - 2 * POKE_EDGE) / span;
    this.spots = taken.d === 1 ? this.sideBySide(places) : places.map((at) => this.spot(at));
  }

  spot([x, y]) {
    return [POKE_SIZE / 2 + (x - this.middle[0]) * this.scale, this.high / 2 - (y - this.middle[1]) * this.scale];
  }

  /** On a line points that would hide each other are stacked. */
  sideBySide(places) {
    const found = [];
    for (const at of places) {
      const [x, y] = this.spot(at);
      let k = 0;
      const free = () => found.every((other) => Math.hypot(other[0] - x, other[1] - (y - 10 * k)) > POKE_NEAR);
      while (k < 16 && !free()) k++;
      found.push([x, y - 10 * k]);
    }
    return found;
  }

  /** The one that is pushed, from 1, and the push as far as it is known. */
  draw(base, answer, length) {
    const { taken } = this;
    const n = taken.n;
    const start = taken.activations[base - 1].at;
    const reach = answer ? answer.lengths[answer.lengths.length - 1] : 0;
    if (answer) this.fit([0, 1].map((k) => start[k] + reach * (answer.along[k] ?? 0)));
    const [ox, oy] = this.spot(taken.origin);
    const lines = [{ x1: 0, x2: POKE_SIZE, y1: oy, y2: oy }, { x1: ox, x2: ox, y1: 0, y2: this.high }];
    [...pool(this.grid, "line", lines.length)].forEach((node, k) => set(node, lines[k]));
    const arms = pool(this.arms, "line", n);
    const named = n <= 20 ? n : 0;
    const written = [];
    const names = pool(this.names, "text", named);
    taken.columns.forEach((at, i) => {
      const [x, y] = this.spot(at);
      set(arms[i], { x1: ox, y1: oy, x2: x, y2: y, stroke: featureColour(i, n), "stroke-width": 2, opacity: 0.55 });
      if (i >= named) return;
      const far = Math.hypot(x - ox, y - oy);
      // On a line the numbers stand below it.
      const lift = taken.d === 1 ? 20 : 0;
      const spot = [x + ((x - ox) / (far || 1)) * 14, y + ((y - oy) / (far || 1)) * 14 + 5 + lift];
      const free = far > 24 && written.every((other) => Math.hypot(other[0] - spot[0], other[1] - spot[1]) > POKE_CROWDED);
      names[i].textContent = free ? i + 1 : "";
      if (free) written.push(spot);
      set(names[i], { x: spot[0], y: spot[1] });
    });
    [...pool(this.points, "circle", this.spots.length, { r: 4.5 })].forEach((node, k) =>
      set(node, { cx: this.spots[k][0], cy: this.spots[k][1] }));
    const [x, y] = this.spots[base - 1];
    set(this.start, { cx: x, cy: y });
    const shown = Boolean(answer);
    for (const node of [this.push, this.reach, this.end]) node.style.display = shown ? "" : "none";
    const name = `${base}, ${pokedFeatures(taken.activations[base - 1].features)}`;
    this.svg.setAttribute("aria-label", `${taken.activations.length} real activations as points; chosen: ${name}. They are in the list “Activation” too.`);
    if (!shown) return;
    const away = (size) => [x + size * (answer.along[0] ?? 0) * this.scale, y - size * (answer.along[1] ?? 0) * this.scale];
    const [ex, ey] = away(length);
    const [rx, ry] = away(reach);
    set(this.push, { x1: x, y1: y, x2: ex, y2: ey });
    set(this.reach, { x1: x, y1: y, x2: rx, y2: ry });
    set(this.end, { cx: ex, cy: ey });
  }

  words() {
    const { d, explained } = this.taken;
    const how = "Click a point to push it. Thin lines: the columns of W.";
    if (d === 1) return `The one hidden dimension; equal points are stacked. ${how}`;
    if (d === 2) return `The plane of the two hidden dimensions. ${how}`;
    return `The first two principal components of ${d} dimensions, with ${brief(Math.round(100 * explained))} % of the variance; what points out of them is not seen. ${how}`;
  }
}
