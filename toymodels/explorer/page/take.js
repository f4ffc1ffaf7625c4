// What leaves the page: links, files, text.

import { standalone } from "./svg.js";

const PNG_WIDTH = 1600;

export function saveAs(content, name, kind) {
  const blob = content instanceof Blob ? content : new Blob([content], { type: kind });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function saveSvg(svg, name) {
  saveAs(standalone(svg), `${name}.svg`, "image/svg+xml");
}

export async function savePng(svg, name) {
  const image = new Image();
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(standalone(svg));
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = PNG_WIDTH;
  canvas.height = Math.round((PNG_WIDTH * image.height) / image.width);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  saveAs(blob, `${name}.png`);
}

/** Below a figure: two small buttons that save it. `name` gives the file's name. */
export function addSaves(place, title, name) {
  const row = Object.assign(document.createElement("div"), { className: "saves", id: `${place.id}-saves` });
  for (const [kind, save] of [["SVG", saveSvg], ["PNG", savePng]]) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: kind });
    button.setAttribute("aria-label", `Save ${title} as ${kind}`);
    button.addEventListener("click", () => save(place.querySelector("svg"), name()));
    row.append(button);
  }
  place.after(row);
}

/** Whether it could be copied; other addresses than loopback do not allow it. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Settings that differ from the defaults, as the address keeps them. */
export function hashOf(values, page) {
  const parts = page.fields.filter((field) => values[field.name] !== undefined && values[field.name] !== field.default)
    .map((field) => `${field.name}=${encodeURIComponent(values[field.name])}`);
  return parts.length ? `#${parts.join("&")}` : "";
}

/** The settings in an address; what is no setting or no number is left to the server. */
export function settingsOf(hash, page) {
  const values = Object.fromEntries(page.fields.map((field) => [field.name, field.default]));
  const kinds = Object.fromEntries(page.fields.map((field) => [field.name, field.kind]));
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    if (!(name in kinds)) continue;
    const number = Number(text);
    values[name] = ["choice", "text"].includes(kinds[name]) || text.trim() === "" || !Number.isFinite(number) ? text : number;
  }
  return values;
}
