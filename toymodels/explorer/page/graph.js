// The columns of W where they cannot be seen: who disturbs whom, and in which shapes.
//
// Every component of the interference graph is drawn as a ring of its own; those that
// are not stored wait in a row below.

import { diverging, featureColour, isDark } from "./colours.js";
import { Marks, lengthOf } from "./planted.js";
import { add, pool, set, tell } from "./svg.js";

const WIDTH = 640;
const SPACE = 106;
// As in style.css.
const RING_TEXT = 13;
const LEAST_HEIGHT = 430;
const EDGE = 0.3;
const MOST_EDGES = 600;
const MOST_ORDERED = 12;
const PLANTED = "planted";
const MOST_PLANTED_EDGES = 12;

/** Radius of a ring that has room for so many features. */
function ringRadius(members, larger) {
  return members === 1 ? 0 : Math.min(Math.max(34, members * 6.4) * larger, 240);
}

/** Between the columns of two features. */
export function cosineOf(frame, i, j) {
  let dot = 0;
  for (const row of frame.W) dot += row[i] * row[j];
  return dot / (frame.norms[i] * frame.norms[j] || 1);
}

/** Members in an order in which neighbours are near: a pentagon, not a pentagram. */
function aroundRing(frame, members) {
  if (members.length > MOST_ORDERED) return members;
  const left = new Set(members.slice(1));
  const order = [members[0]];
  while (left.size) {
    const last = order[order.length - 1];
    const next = [...left].reduce((best, i) => (cosineOf(frame, last, i) > cosineOf(frame, last, best) ? i : best));
    order.push(next);
    left.delete(next);
  }
  return order;
}

/** Rings in rows, largest first, each in a box with room for its name. */
function arranged(frame, text) {
  // Where words are larger, on a phone, so is all that has to hold them.
  const larger = Math.max(1, text / RING_TEXT);
  const most = 12 * larger;
  const rings = [...frame.shapes].sort((a, b) => b.members.length - a.members.length);
  const places = new Map();
  const titles = [];
  let [x, y, high] = [0, 0, 0];
  for (const ring of rings) {
    const radius = ringRadius(ring.members.length, larger);
    const side = Math.max(SPACE * larger, 2 * radius + 58 * larger);
    if (x + side > WIDTH && x > 0) [x, y, high] = [0, y + high, 0];
    const [cx, cy] = [x + side / 2, y + radius + 24 * larger];
    // In a large ring dots are as small as their distance asks for.
    const dot = ring.members.length === 1 ? most : Math.min(most, (Math.PI * radius) / ring.members.length - 0.5);
    aroundRing(frame, ring.members).forEach((i, k) => {
      const angle = -Math.PI / 2 + (2 * Math.PI * k) / ring.members.length;
      places.set(i, [cx + radius * Math.cos(angle), cy + radius * Math.sin(angle), dot]);
    });
    titles.push({ x: cx, y: cy + radius + 32 * larger, text: ring.name === "unmatched" ? "no named shape" : ring.name });
    x += side;
    high = Math.max(high, 2 * radius + 72 * larger);
  }
  y += high;
  const waiting = frame.represented.flatMap((stored, i) => (stored && places.has(i) ? [] : [i]));
  const inRow = Math.floor(16 / larger);
  if (waiting.length) {
    titles.push({ x: 12, y: y + 18 * larger, text: `not stored: ${waiting.length}`, start: true });
    waiting.forEach((i, k) => places.set(i, [24 + (k % inRow) * ((WIDTH - 48) / (inRow - 1)), y + (46 + Math.floor(k / inRow) * 40) * larger, 10 * larger]));
    y += (46 + Math.ceil(waiting.length / inRow) * 40) * larger;
  }
  if (frame.planted) {
    places.set(PLANTED, [WIDTH / 2, y + 40, 12]);
    y += 76;
  }
  const spare = Math.max(LEAST_HEIGHT - y, 0) / 2;
  for (const place of places.values()) place[1] += spare;
  for (const title of titles) title.y += spare;
  return { places, titles, larger, height: Math.max(y, LEAST_HEIGHT) };
}

export class GraphView {
  constructor(place) {
    this.svg = add(place, "svg", { viewBox: `0 0 ${WIDTH} 400`, role: "img", class: "stage graph" });
    this.edges = add(this.svg, "g", { class: "edge" });
    this.dots = add(this.svg, "g", { class: "dot" });
    this.names = add(this.svg, "g", { class: "name inside" });
    this.titles = add(this.svg, "g", { class: "name ring" });
    this.placed = new Marks(this.svg);
    this.help = "Too many dimensions to look into. Two features are joined where their columns overlap: blue lines push apart (negative), red ones pull together. Each group is a shape in dimensions of its own." +
      ` Of more than ${MOST_EDGES} lines the strongest are drawn.`;
  }

  draw(frame) {
    const n = frame.norms.length;
    const { places, titles, larger, height } = arranged(frame, this.leastText ?? 0);
    set(this.svg, { viewBox: `0 0 ${WIDTH} ${height}` });
    const joined = [...this.joined(frame), ...this.joinedToPlanted(frame)];
    const thin = joined.length > MOST_EDGES / 4;
    const edges = pool(this.edges, "line", joined.length);
    joined.forEach(([i, j, cosine], k) => {
      const strength = Math.sign(cosine) * (0.45 + 0.4 * Math.abs(cosine));
      const colour = diverging(isDark() ? strength * 0.75 : strength);
      const [[x1, y1], [x2, y2]] = [places.get(i), places.get(j)];
      set(edges[k], { x1, y1, x2, y2, stroke: `rgb(${colour.join(" ")})`, "stroke-width": i === PLANTED ? 1.6 : thin ? 0.7 : 1 + 4 * Math.abs(cosine), opacity: thin ? 0.5 : 1 });
    });
    const dots = pool(this.dots, "circle", n);
    const names = pool(this.names, "text", n);
    for (let i = 0; i < n; i++) {
      const [x, y, r] = places.get(i);
      const stored = frame.represented[i];
      set(dots[i], { cx: x, cy: y, r, fill: featureColour(i, n), opacity: stored ? 1 : 0.4 });
      // Outside of the dot there is no room, inside either colour can be read.
      const share = n > 1 ? i / (n - 1) : 0;
      set(names[i], { x, y: y + 4 * larger, class: stored && (isDark() || share > 0.62) ? "on-light" : stored ? "on-dark" : "plain" });
      tell(names[i], r > 9 * larger ? i + 1 : "");
    }
    const [px, py] = places.get(PLANTED) ?? [0, 0];
    this.placed.draw({ planted: frame.planted }, () => [px, py], [px, py]);
    const labels = pool(this.titles, "text", titles.length);
    titles.forEach((title, k) => {
      set(labels[k], { x: title.x, y: title.y, class: title.start ? "start" : "" });
      tell(labels[k], title.text);
    });
  }

  /** The features nearest to the planted point's vector. */
  joinedToPlanted(frame) {
    const { planted } = frame;
    if (!planted?.length) return [];
    const found = frame.norms.map((norm, i) => {
      const dot = planted.h.reduce((sum, v, k) => sum + v * frame.W[k][i], 0);
      return [PLANTED, i, norm ? dot / (norm * lengthOf(planted.h)) : 0];
    });
    return found.filter((edge) => edge[2] > EDGE).sort((a, b) => b[2] - a[2]).slice(0, MOST_PLANTED_EDGES);
  }

  joined(frame) {
    const found = [];
    for (const shape of frame.shapes) {
      shape.members.forEach((i, k) => shape.members.slice(k + 1).forEach((j) => {
        const cosine = cosineOf(frame, i, j);
        if (Math.abs(cosine) > EDGE) found.push([i, j, cosine]);
      }));
    }
    if (found.length <= MOST_EDGES) return found;
    return found.sort((a, b) => Math.abs(b[2]) - Math.abs(a[2])).slice(0, MOST_EDGES);
  }
}
