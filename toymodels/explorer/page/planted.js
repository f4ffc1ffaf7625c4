// The planted point in the pictures of the columns, and what the quiz adds to them.

import { add, brief, pool, set, tell } from "./svg.js";

// Degrees from every stored feature, and part of the point, that make a corner its own.
const [APART, RETURNED] = [30, 0.3];
// Of a picture that is 600 wide, with its middle at 0.
const NEAR_EDGE = 190;
const LETTER = 11;
const DIAMOND = "0,-9 9,0 0,9 -9,0";

/** A feature's number, as everywhere on the page. */
export function featureList(features) {
  return features.length > 12 ? `${features.length} features` : features.map((i) => i + 1).join(", ");
}

export function lengthOf(h) {
  return Math.hypot(...h.map((v) => v ?? 0));
}

/** Where the name of a mark may be, the best first: `side` is where it goes from x. */
function spotsFor(place, from) {
  const [x, y] = [place[0] - from[0], place[1] - from[1]];
  // Beside its end on the outer side; near the edge above or below it, inwards.
  const edge = Math.abs(x) > NEAR_EDGE;
  const side = (x < 0 ? -1 : 1) * (edge ? -1 : 1);
  const away = edge ? 20 : 8;
  const [first, other] = [-away, away + 9].sort((a, b) => (y < 0 ? a - b : b - a));
  return [
    { x: place[0] + (edge ? -side * 9 : side * 14), y: place[1] + first, side },
    { x: place[0] - side * 14, y: place[1] + other, side: -side },
    { x: place[0], y: place[1] + (y < 0 ? 30 : -18), side: 0 },
    { x: place[0] - side * 14, y: place[1] + first, side: -side },
  ];
}

/** About what a name takes, in the largest letters that it may have. */
function boxOf({ x, y, side }, name) {
  const wide = name.length * LETTER;
  const left = x - (wide * (1 - side)) / 2;
  return { left, right: left + wide, top: y - 1.6 * LETTER, bottom: y + 0.4 * LETTER };
}

function overlap(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/**
 * Marks at places in hidden space: `planted`, a diamond; `seen`, the activation that is
 * asked about, a ring; `cloud`, normal activations as dots.
 */
export class Marks {
  constructor(svg) {
    this.cloud = add(svg, "g", { class: "cloud" });
    this.arms = add(svg, "g", { class: "marks" });
    this.rings = add(svg, "g", { class: "marks" });
    this.diamonds = add(svg, "g", { class: "marks" });
    this.names = add(svg, "g", { class: "marks name" });
  }

  /** `place` takes (d,) to the picture; arms begin at `from`, which is 0 there. */
  draw(frame, place, from = [0, 0]) {
    const marks = [];
    if (frame.planted?.h.every((v) => v !== null)) marks.push({ h: frame.planted.h, kind: "planted", name: "planted" });
    if (frame.seen) marks.push({ h: frame.seen, kind: "seen", name: "?" });
    const dots = frame.cloud?.length ? frame.cloud[0].map((_, k) => place(frame.cloud.map((row) => row[k]))) : [];
    [...pool(this.cloud, "circle", dots.length, { r: 2.5 })].forEach((node, k) => set(node, { cx: dots[k][0], cy: dots[k][1] }));
    const places = marks.map((mark) => place(mark.h));
    [...pool(this.arms, "line", marks.length)].forEach((node, k) =>
      set(node, { x1: from[0], y1: from[1], x2: places[k][0], y2: places[k][1], class: marks[k].kind }));
    this.body(this.rings, "circle", marks, places, "seen", { r: 9 });
    this.body(this.diamonds, "polygon", marks, places, "planted", { points: DIAMOND });
    let taken = null;
    [...pool(this.names, "text", marks.length)].forEach((node, k) => {
      const spots = spotsFor(places[k], from);
      const { x, y, side } = spots.find((spot) => !taken || !overlap(boxOf(spot, marks[k].name), taken)) ?? spots[0];
      taken ??= boxOf({ x, y, side }, marks[k].name);
      set(node, { x, y, class: `${marks[k].kind} ${{ "-1": "end", 0: "middle", 1: "start" }[side]}` });
      tell(node, marks[k].name);
    });
  }

  body(group, name, marks, places, kind, attributes) {
    const chosen = places.filter((_, k) => marks[k].kind === kind);
    [...pool(group, name, chosen.length, { ...attributes, class: kind })].forEach((node, k) =>
      set(node, { transform: `translate(${chosen[k].map((v) => v.toFixed(2)).join(" ")})` }));
  }
}

/** How far out the picture has to reach for its marks. */
export function reachOfMarks(frame) {
  return Math.max(frame.planted?.length ?? 0, frame.reach ?? 0);
}

/** Where the planted point is, in numbers. */
export function plantedWords(planted) {
  if (planted.length === null) return "The point has left every bound, as the weights have.";
  const near = planted.nearest === null ? "no feature is stored yet"
    : `${brief(Number(planted.degrees.toFixed(0)))}° from feature ${planted.nearest + 1}, the nearest that is stored`;
  return `W x* is ${brief(Number(planted.length.toFixed(2)))} long, ${near}. The model gives back ${shareWords(planted.returned)} of the point.`;
}

function shareWords(returned) {
  if (returned === null) return "no finite part";
  return returned <= 0.005 ? "nothing" : `${Math.round(100 * Math.min(returned, 1))} %`;
}

/** In a sentence: what has become of it. */
export function plantedStory(frame, settings) {
  const { planted, represented } = frame;
  if (frame.step === 0) return "Before training it lies wherever random columns put it.";
  if (settings.backdoor_rate === 0) return "Share 0 is the control: the point is not among the samples now.";
  const single = planted.features.filter((i) => represented[i]).length;
  const own = planted.degrees !== null && planted.degrees > APART;
  if (!(planted.returned > RETURNED)) return "It does not pay for a place yet: raise the share, or wait.";
  if (own && single < planted.features.length / 2) return "The point has a corner of its own: its features are stored together, not one by one.";
  if (own) return "The point is given back, by features that are stored anyway.";
  return `The point is given back along the direction of feature ${planted.nearest + 1}: they share it.`;
}
