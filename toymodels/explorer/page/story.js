// In words: what is to be seen now.

import { cosineOf } from "./graph.js";
import { brief } from "./svg.js";

// D of a feature that has a dimension nearly to itself.
const OWN = 0.9;
// From this S on features are off more often than on.
const SPARSE = 0.5;
// Cosines from which columns overlap, and lie along one direction; a bias that counts.
const [OVERLAP, ONE_DIRECTION, BIAS] = [0.1, 0.9, 0.01];

export function capital(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : text;
}

// Orthogonal factors do not interfere; together they are a body of their own.
const BODIES = {
  "2 × digon in 2": "a square", "3 × digon in 3": "an octahedron",
  "triangle ⊕ digon in 3": "a triangular bipyramid", "pentagon ⊕ digon in 3": "a pentagonal bipyramid",
};

/** The shape's name as a title. */
export function shapeTitle(frame) {
  if (frame.status === "diverged") return "Diverged";
  if (frame.step === 0 && !frame.start) return "Before training";
  if (frame.shape === "empty") return "Nothing stored yet";
  const names = frame.shape.split(" ⊕ ").map((name) => name
    .replace(/^(\d+) × single$/, "$1 features alone").replace(/^single$/, "one feature alone")
    .replace(/^(\d+) × unmatched$/, "$1 groups without a name").replace(/^unmatched$/, "a group without a name")
    .replace(/^(\d+) × (.*)$/, (_, count, name) => `${count} ${name}s`));
  const body = BODIES[`${frame.shape} in ${frame.W.length}`];
  return capital(names.join(" + ")) + (body ? `: ${body}` : "");
}

/** How far from the ideal, in per cent. */
export function shapeDetail(frame) {
  if (frame.distance === null || (frame.step === 0 && !frame.start)) return "";
  return `${brief(Number((100 * frame.distance).toFixed(1)))} % from ideal`;
}

/** One or two sentences that explain the picture. */
export function story(frame) {
  const n = frame.norms.length;
  const d = frame.W.length;
  const stored = frame.represented.filter(Boolean).length;
  const dimensions = d === 1 ? "one dimension" : `${d} dimensions`;
  if (frame.status === "diverged") {
    return "The numbers have left every bound: the learning rate is too large for this loss. Lower it, then restart.";
  }
  if (frame.step === 0 && frame.start) {
    return `These are the weights of ${frame.start}: press Play, and training goes on from there.`;
  }
  if (frame.step === 0) {
    return `${n} features have to fit into ${dimensions}. The columns of W are random still: press Play.`;
  }
  if (isSilent(frame)) return `The output is 0 for every sample${ofOne(frame)}: the biases have shut every ReLU. No feature is given back, whatever W looks like.`;
  if (stored > 0 && isShut(frame)) {
    return "No stored feature gives anything back on its own: each of their biases has shut its ReLU, whatever W looks like.";
  }
  if (stored === 0) return "No column is long enough yet to count as stored. Training goes on pushing them outwards.";
  return stored <= d ? `${eachOrShared(frame, stored)} ${whyNoMore(frame, stored)}` : together(frame, stored, dimensions);
}

/** Whether no stored feature alone passes its own threshold; features are at most 1. */
function isShut(frame) {
  return frame.controls.activation === "relu" && storedOf(frame).every((i) => frame.b[i] !== null && frame.norms[i] ** 2 + frame.b[i] <= 0);
}

/** Whether every output is 0 for every sample in which at most one feature is on. */
function isSilent(frame) {
  // What costs little first: this is asked of every picture.
  if (!isShut(frame) || !frame.b.every((value, i) => value !== null && value + frame.norms[i] ** 2 <= 0)) return false;
  return frame.b.every((value, i) => frame.b.every((_, j) => value + dotOf(frame, i, j) <= 0));
}

/** Whether it is said of samples of one feature only: many together may pass, or the point. */
function ofOne(frame) {
  const { planted } = frame;
  const closed = frame.b.every((value, i) => value + frame.b.reduce((sum, _, j) => sum + Math.max(dotOf(frame, i, j), 0), 0) <= 0);
  return closed && !planted ? "" : " of one feature";
}

function dotOf(frame, i, j) {
  return frame.W.reduce((sum, row) => sum + row[i] * row[j], 0);
}

/** Whether they have a dimension to themselves: those on their way to a digon have not. */
function eachOrShared(frame, stored) {
  const sharing = frame.dimensionality.filter((value, i) => frame.represented[i] && !(value >= OWN)).length;
  const have = stored === 1 ? "One feature is stored" : `${stored} features are stored`;
  if (!sharing) return stored === 1 ? "One feature has a dimension to itself." : `${stored} features have a dimension each.`;
  return `${have}, ${sharing < stored ? `${sharing} of them ` : ""}overlapping other columns: D is below 1.`;
}

function whyNoMore(frame, stored) {
  const { sparsity, activation, groups } = frame.controls;
  if (stored < frame.W.length) return "The others are still on their way, or given up.";
  if (activation === "identity") {
    return groups === "independent"
      ? "A linear model cannot cut interference, so it gains nothing by storing more features than it has dimensions."
      : "A linear model cannot cut interference: it keeps the directions in which samples differ most.";
  }
  return sparsity < SPARSE && groups !== "anticorrelated"
    ? "Features that are often on together would disturb each other. Raise the sparsity while it trains."
    : "The others are given up, or still on their way.";
}

/** More features than dimensions: what they are, and what is done about their overlaps. */
function together(frame, stored, dimensions) {
  const { activation } = frame.controls;
  if (activation === "identity") {
    return `${stored} columns count as stored in ${dimensions}: a projection. Without a ReLU nothing cuts the interference, so what overlaps is mixed.${sharesOf(frame)}`;
  }
  const pools = pooledGroups(frame);
  if (pools) {
    return `${stored} features lie along ${pools === 1 ? "one direction" : `${pools} directions`}, one for each group: what is on together is kept as one, as PCA would. That is no superposition.`;
  }
  return `${stored} features share ${dimensions}: superposition. ${meeting(frame)} ${silenced(frame)}${sharesOf(frame)}`;
}

/** How often features meet, which is when they disturb each other. */
function meeting({ controls: { sparsity, groups } }) {
  const rare = sparsity >= SPARSE;
  if (groups === "correlated") return `Features of a group are on together${rare ? "; different groups seldom are" : ", and often with other groups"}.`;
  if (groups === "anticorrelated") return `Features of a group are never on together${rare ? ", and those of different groups seldom" : ""}.`;
  return rare
    ? "They are rarely on together, so a little interference costs less than leaving them out."
    : "They are often on together here, and disturb each other then: raise the sparsity, and it costs less.";
}

/** What the output does about interference; it depends on the bias and on the overlaps. */
function silenced(frame) {
  if (frame.controls.activation === "gelu") return "GELU makes negative interference smaller, but does not cut it.";
  const kept = storedOf(frame);
  if (kept.every((i) => frame.b[i] < -BIAS)) return "Small interference is silenced by the negative bias before the ReLU.";
  const positive = kept.some((i) => kept.some((j) => i < j && cosineOf(frame, i, j) > OVERLAP));
  return positive ? "The ReLU cuts interference that is negative; what is positive stays." : "The interference is negative, and the ReLU cuts it.";
}

function storedOf(frame) {
  return frame.represented.flatMap((kept, i) => (kept ? [i] : []));
}

/** How many groups there are, where each lies along a direction of its own; else 0. */
function pooledGroups(frame) {
  const { groups, group_size: size } = frame.controls;
  if (groups !== "correlated") return 0;
  const kept = storedOf(frame);
  const group = (i) => Math.floor(i / size);
  const count = new Set(kept.map(group)).size;
  const fits = kept.every((i) => kept.every((j) => i >= j || (group(i) === group(j)
    ? cosineOf(frame, i, j) > ONE_DIRECTION : Math.abs(cosineOf(frame, i, j)) < OVERLAP)));
  return fits && count <= frame.W.length ? count : 0;
}

function sharesOf(frame) {
  const named = frame.shapes.filter((shape) => shape.name !== "single");
  return named.length === 1 && named[0].name !== "unmatched"
    ? ` Each of the ${named[0].members.length} has ${brief(named[0].dimensionality)} of a dimension.` : "";
}
