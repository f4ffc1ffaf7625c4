// The numbers of a poke in tables, for those who would rather read.

import { pokeCrossed } from "./poke-curve.js";
import { pokeName } from "./poke-words.js";
import { brief } from "./svg.js";
import { filled } from "./table.js";

/** Every output before and after a push of one of the lengths. */
export function fillPokeTable(table, answer, k, question) {
  const now = pokeCrossed(answer, answer.lengths[k]).map((one) => one.feature);
  const rows = answer.outputs[k].map((value, i) => {
    const turn = (answer.crossings ?? []).find((one) => one.feature === i + 1);
    const state = now.includes(i + 1) ? (turn.on ? "on" : "off") : "as before";
    return [i + 1, brief(answer.outputs[0][i]), brief(value), turn ? brief(turn.length) : "–", answer.crossings ? state : "–"];
  });
  const words = `Activation ${question.base}, ${pokeName(question)}, length ${answer.lengths[k].toFixed(2)} d̄: response ${brief(answer.curve[k])}. Of the whole curve: slope at the start over the mean slope ${brief(answer.slope)}; moved by half the distance of two outputs at ${brief(answer.boundary)} d̄.`;
  filled(table, words, ["output", "before", "after", "threshold crossed at (d̄)", "by now"], rows);
}

function pokeSign(value) {
  return value > 0 ? "+" : "−";
}

/** Exponents of the four quarters, of this model and of the linear control. */
export function fillPokeQuarters(table, level) {
  const rows = level.quarters.map((quarter, k) => {
    const [u, v] = quarter.signs.map(pokeSign);
    return [
      `${u}u ${v}v`,
      quarter.at_bound ? `${brief(quarter.p)} (end of its range)` : brief(quarter.p),
      quarter.low === null ? "–" : `${brief(quarter.low)} to ${brief(quarter.high)}`,
      brief(quarter.residual),
      quarter.axes.map(brief).join(", "),
      `${Math.round(100 * quarter.missing)} %`,
      brief(level.linear[k].p),
    ];
  });
  const words = `Exponents p of the contour where the output has moved by τ = ${brief(level.tau)} of the mean distance between two real outputs (${level.name})`;
  filled(table, words, ["quarter", "p", "95 % interval", "residual", "boundary on u, v (d̄)", "no boundary", "p of the linear control"], rows);
}
