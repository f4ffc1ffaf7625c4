// Numbers in tables, for those who would rather read: all of a frame, and of the rooms.

import { brief } from "./svg.js";

/**
 * A table of heads and rows. The first cell of a row names it: a text, or a list of texts
 * and nodes. The others are texts, or properties of their cells.
 */
export function filled(table, words, heads, rows) {
  const cell = (scope, ...parts) => {
    const one = Object.assign(document.createElement("th"), { scope });
    one.append(...parts);
    return one;
  };
  const head = document.createElement("thead");
  head.insertRow().append(...heads.map((text) => cell("col", text)));
  const body = document.createElement("tbody");
  for (const [name, ...others] of rows) {
    const row = body.insertRow();
    row.append(cell("row", ...[name].flat()));
    for (const one of others) Object.assign(row.insertCell(), typeof one === "object" ? one : { textContent: one });
  }
  table.replaceChildren(Object.assign(document.createElement("caption"), { textContent: words }), head, body);
}

/** Every number of a frame. */
export function fillTable(table, frame) {
  const shapeOf = new Map();
  for (const shape of frame.shapes) shape.members.forEach((i) => shapeOf.set(i, shape.name));
  const heads = ["feature", "‖W‖", "b", "D", "shape", ...frame.W.map((_, k) => `W ${k + 1}`)];
  const rows = frame.norms.map((norm, i) => [
    i + 1, ...[norm, frame.b[i], frame.dimensionality[i]].map(brief),
    shapeOf.get(i) ?? "not stored", ...frame.W.map((line) => brief(line[i])),
  ]);
  filled(table, `Step ${brief(frame.step)}, loss ${brief(frame.loss)}`, heads, rows);
}
