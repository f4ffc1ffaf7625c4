// In words: what a push does, computed from its numbers.

import { pokeCrossed } from "./poke-curve.js";
import { capital } from "./story.js";
import { brief } from "./svg.js";

// How much further than the linear control a plateau reaches: the ratio of PLT-1.
const POKE_PLATEAU = 1.25;
// Farthest from the chord, as a share of the largest response.
const POKE_STRAIGHT = 0.05;
// As far from 2 as an exponent of random planes may be (ISO-1).
const POKE_ELLIPSE = 0.2;
const POKE_NOTHING = 1e-4;

/** The direction's name. */
export function pokeName(question) {
  const sign = question.sign < 0 ? "−" : "+";
  if (question.kind === "feature") return `${sign} feature ${question.feature}`;
  if (question.kind === "mixture") return `${sign} features ${question.feature} and ${question.with_feature}`;
  if (question.kind === "real_other") return `towards activation ${question.other}`;
  return { isotropic: "random", covariance: "covariance-matched", adversarial: "strongest answer" }[question.kind];
}

export function pokeSecondName(second) {
  return second.kind === "feature" ? `feature ${second.feature}` : { isotropic: "random", covariance: "covariance-matched" }[second.kind];
}

/** Where the direction points. */
export function pokeAngles(answer, question) {
  const base = answer.to_base === null ? "" : `${brief(answer.to_base)}° from the activation itself`;
  if (question.kind === "feature") return base && `The direction lies ${base}.`;
  const sign = answer.nearest_sign > 0 ? "" : "the opposite of ";
  return `The direction lies ${base}${base && " and "}${brief(answer.to_nearest)}° from ${sign}feature ${answer.nearest}, the nearest.`;
}

/** What the curve says. */
export function pokeStory(answer, taken) {
  const last = answer.lengths.length - 1;
  const reach = answer.lengths[last];
  const most = Math.max(...answer.curve.map((v) => v ?? 0));
  if (most < POKE_NOTHING) return `The output does not move within ${reach} d̄: this push is absorbed whole.`;
  if (taken.activation === "identity") return "This model has no ReLU: it is its own linear control, a straight line without a plateau.";
  if (answer.r10_linear === null) return "The linear control does not move at all along this direction: there is nothing to compare with.";
  const others = answer.r10_compared === null ? "" : `; covariance-matched pushes ${brief(answer.r10_compared)}`;
  const numbers = `A tenth of the largest response takes ${brief(answer.r10)} d̄ (r10), a straight line ${brief(answer.r10_linear)}${others}.`;
  const share = `At ${reach} d̄ the output has moved ${brief(Math.round((100 * answer.curve[last]) / answer.linear[last]))} % as far as that of the linear control.`;
  return `${pokeStart(answer)} ${numbers} ${share}`;
}

/** How the curve begins, and where it stands still. */
function pokeStart(answer) {
  const ratio = answer.r10 / answer.r10_linear;
  const [from, to] = answer.still ?? [0, 0];
  if (answer.still && from === 0) return `Flat at first, up to ${brief(to)} d̄: small pushes are absorbed.`;
  const later = answer.still ? ` Between ${brief(from)} and ${brief(to)} d̄ it stands still: that stretch is absorbed.` : "";
  if (ratio >= POKE_PLATEAU) return `A shallow start: small pushes are damped, though not absorbed.${later}`;
  if (ratio <= 1 / POKE_PLATEAU) return `No plateau at the start: the output moves at once, and faster than later on.${later}`;
  if (later) return `No plateau at the start: the output moves from the first step.${later}`;
  const last = answer.curve.length - 1;
  const bend = Math.max(...answer.curve.map((value, k) => Math.abs(value - (answer.curve[last] * k) / last))) / Math.max(...answer.curve);
  return bend <= POKE_STRAIGHT
    ? "No plateau here: the output moves from the first step, nearly in a straight line."
    : "No plateau here: the output moves from the first step.";
}

/** The number beside the slider. */
export function pokeLengthText(answer, k) {
  return `${answer.lengths[k].toFixed(2)} d̄: moved by ${brief(answer.curve[k])}, linear ${brief(answer.linear[k])}`;
}

function pokeList(items) {
  return items.length > 8 ? `${items.slice(0, 8).join(", ")} and ${items.length - 8} more` : items.join(", ");
}

/** Which readoffs have crossed, and which outputs have come past ½. */
export function pokeCrossings(answer, k) {
  const turned = pokeCrossed(answer, answer.lengths[k]);
  const first = answer.outputs[0];
  const half = answer.outputs[k].flatMap((value, i) => ((value > 0.5) !== (first[i] > 0.5) ? [`${i + 1} ${value > 0.5 ? "(now above)" : "(now below)"}`] : []));
  const past = half.length ? `Past ½: output ${pokeList(half)}.` : "No output has come past ½.";
  if (answer.crossings === null) return `Outputs without a ReLU have no threshold of their own. ${past}`;
  const names = turned.map((one) => `${one.feature} ${one.on ? "▲ on" : "▼ off"} at ${brief(one.length)}`);
  const crossed = names.length ? `Past its threshold −b: readoff ${pokeList(names)}.` : "No readoff has crossed its threshold −b.";
  return `${crossed} ${past}`;
}

export function pokeCrossedCount(answer, k) {
  if (answer.crossings === null) return "";
  const count = pokeCrossed(answer, answer.lengths[k]).length;
  return `${count} of ${answer.outputs[0].length} crossed`;
}

/** What the contour says at one level. */
export function pokeContourStory(level, reach, taken, angle, names) {
  const share = level.quarters.reduce((sum, quarter) => sum + quarter.missing, 0) / level.quarters.length;
  const percent = `${brief(Number((100 * share).toFixed(1)))} %`;
  if (share === 1) return `No boundary: nowhere in this plane does the output move by τ = ${brief(level.tau)} within ${reach} d̄. Try a lower level or a longer reach.`;
  const [first] = level.quarters;
  const linear = level.linear[0].p;
  const open = share > 0 ? ` No boundary within ${reach} d̄ for ${percent} of the angles.` : "";
  if (first.p === null) return `No exponent where both are added: an axis has no boundary, or too few angles between have one.${open}`;
  if (first.at_bound) return `p runs into the end of its range (${brief(first.p)}), so that no superellipse describes this quarter.${open}`;
  const reading = Math.abs(first.p - 2) <= POKE_ELLIPSE
    ? "Near an ellipse, as a quadratic response gives."
    : first.p > 2
      ? "It bulges between the axes: both together may go further than an ellipse would let them, before the output notices."
      : "It caves in between the axes: both together are noticed sooner than on an ellipse.";
  const random = level.random.p === null ? `random planes have none (${level.random.told} of ${level.random.planes})` : `random planes at this activation ${brief(level.random.p)} (median of ${level.random.told})`;
  const compare = linear === null ? `the linear control has none; ${random}` : `the linear control ${brief(linear)}, ${random}`;
  const tilt = linear !== null && Math.abs(linear - 2) > POKE_ELLIPSE
    ? " The two directions overlap in the output, which tilts even the linear control's ellipse: compare with that, not with 2." : "";
  const right = Math.abs(angle - 90) > 1 ? ` ${capital(names.v)} lies ${brief(angle)}° from u; v is its part at a right angle.` : "";
  return `p = ${brief(first.p)} [${brief(first.low)}, ${brief(first.high)}], residual ${brief(first.residual)}, where both are added (+u, +v); ${compare}. ${reading}${tilt}${open}${right}`;
}
