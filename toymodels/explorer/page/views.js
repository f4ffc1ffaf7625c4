// Which picture fits the columns of W: a line, a plane, a sphere, or a graph.

import { GraphView } from "./graph.js";
import { LineView, PlaneView } from "./plane.js";
import { SphereView } from "./sphere.js";

// Pixels of the page that no word in a picture goes below.
const LEAST_TEXT = 10.5;
// In units of the picture; so high that it never matters but before there is a size.
const MOST_TEXT = 28;

/** Let the words of a view grow where its picture is narrow; those that are large stay. */
function keepReadable(view, redraw) {
  new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width) return;
    const { width, height } = view.svg.viewBox.baseVal;
    const scale = Math.min(contentRect.width / width, contentRect.height / height);
    const text = Number(Math.min(LEAST_TEXT / scale, MOST_TEXT).toFixed(1));
    if (text === view.leastText) return;
    view.leastText = text;
    view.svg.style.setProperty("--least-text", `${text}px`);
    // Not at once: other words may ask for another height, and this would be called again.
    requestAnimationFrame(() => redraw());
  }).observe(view.svg);
}

/**
 * The view for so many hidden dimensions: the present one where it fits, else a fresh one
 * in `place`. `redraw` is called where it is turned by hand or its size changes; `beyond` is the kind for more
 * dimensions than can be looked into.
 */
export function fittingView(place, view, dimensions, redraw, beyond = GraphView) {
  const kind = { 1: LineView, 2: PlaneView, 3: SphereView }[dimensions] ?? beyond;
  if (view instanceof kind) return view;
  place.replaceChildren();
  const made = new kind(place, redraw);
  keepReadable(made, redraw);
  return made;
}
