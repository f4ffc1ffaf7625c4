// Every number of a frame, for those who would rather read.

import { brief } from "./svg.js";

export function fillTable(table, frame) {
  const shapeOf = new Map();
  for (const shape of frame.shapes) shape.members.forEach((i) => shapeOf.set(i, shape.name));
  const heads = ["feature", "‖W‖", "b", "D", "shape", ...frame.W.map((_, k) => `W ${k + 1}`)];
  const head = document.createElement("thead");
  const top = head.insertRow();
  for (const text of heads) {
    const cell = document.createElement("th");
    Object.assign(cell, { scope: "col", textContent: text });
    top.append(cell);
  }
  const body = document.createElement("tbody");
  frame.norms.forEach((norm, i) => {
    const row = body.insertRow();
    const first = document.createElement("th");
    Object.assign(first, { scope: "row", textContent: i + 1 });
    row.append(first);
    const numbers = [norm, frame.b[i], frame.dimensionality[i]].map(brief);
    for (const text of [...numbers, shapeOf.get(i) ?? "not stored", ...frame.W.map((line) => brief(line[i]))]) {
      row.insertCell().textContent = text;
    }
  });
  const caption = document.createElement("caption");
  caption.textContent = `Step ${brief(frame.step)}, loss ${brief(frame.loss)}`;
  table.replaceChildren(caption, head, body);
}
