// The picture of W alone, for a notebook: one frame, or those of a training with a slider.

import { onScheme } from "./colours.js";
import { shapeDetail, shapeTitle } from "./story.js";
import { brief } from "./svg.js";
import { fittingView } from "./views.js";

function made(place, name, properties = {}) {
  const node = Object.assign(document.createElement(name), properties);
  place.append(node);
  return node;
}

/** anywidget's entry: `model` holds `frames` and the `place` of the one that is shown. */
export function render({ model, el }) {
  const box = made(el, "div", { className: "toymodels-view" });
  const heading = made(box, "p", { className: "view-heading" });
  const stage = made(box, "div", { className: "view-stage" });
  const scrub = made(box, "div", { className: "view-scrub" });
  const slider = made(scrub, "input", { type: "range", min: 0, step: 1 });
  slider.setAttribute("aria-label", "Step of training");
  const step = made(scrub, "output", { className: "number" });
  const help = made(box, "p", { className: "faint small" });
  let view = null;

  function draw() {
    const frames = model.get("frames");
    const place = Math.min(Math.max(model.get("place"), 0), frames.length - 1);
    const frame = frames[place];
    view = fittingView(stage, view, frame.W.length, draw);
    help.textContent = view.help;
    view.draw(frame, { moving: false });
    const title = shapeTitle(frame);
    const detail = shapeDetail(frame);
    const stored = frame.represented.filter(Boolean).length;
    const words = `${stored} of ${frame.norms.length} features stored`;
    heading.replaceChildren();
    made(heading, "strong", { textContent: title });
    heading.append(` ${[detail, words].filter(Boolean).join(", ")}`);
    view.svg.setAttribute("aria-label", `${title}, ${words} in ${frame.W.length} dimensions`);
    scrub.hidden = frames.length < 2;
    Object.assign(slider, { max: frames.length - 1, value: place });
    step.textContent = `step ${brief(frame.step)}`;
    slider.setAttribute("aria-valuetext", step.textContent);
  }

  slider.addEventListener("input", () => {
    model.set("place", Number(slider.value));
    model.save_changes();
    draw();
  });
  for (const name of ["change:frames", "change:place"]) model.on(name, draw);
  const stopScheme = onScheme(draw);
  draw();
  return () => {
    stopScheme();
    for (const name of ["change:frames", "change:place"]) model.off(name, draw);
  };
}
