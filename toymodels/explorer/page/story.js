// In words: what is to be seen now.

import { brief } from "./svg.js";

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
  if (stored === 0) return "No column is long enough yet to count as stored. Training goes on pushing them outwards.";
  const { sparsity, activation } = frame.controls;
  if (stored <= d) {
    const why = activation === "identity"
      ? "A linear model cannot tell interference from signal, so it never stores more features than it has dimensions."
      : sparsity < 0.5
        ? "Features that are nearly always on would disturb each other, so the model gives the others up. Raise the sparsity while it trains."
        : "The others are given up, or still on their way.";
    return `${stored === 1 ? "One feature has" : `${stored} features have`} a dimension each. ${why}`;
  }
  const named = frame.shapes.filter((shape) => shape.name !== "single");
  const share = named.length === 1 && named[0].name !== "unmatched"
    ? ` Each of the ${named[0].members.length} has ${brief(named[0].dimensionality)} of a dimension.` : "";
  return `${stored} features share ${dimensions}: superposition. They are rarely on together, so a little interference, which the negative bias silences, costs less than leaving them out.${share}`;
}
