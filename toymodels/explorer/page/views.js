// Which picture fits the columns of W: a line, a plane, a sphere, or a graph.

import { GraphView } from "./graph.js";
import { LineView, PlaneView } from "./plane.js";
import { SphereView } from "./sphere.js";

/**
 * The view for so many hidden dimensions: the present one where it fits, else a fresh one
 * in `place`. `redraw` is called where it is turned by hand; `beyond` is the kind for more
 * dimensions than can be looked into.
 */
export function fittingView(place, view, dimensions, redraw, beyond = GraphView) {
  const kind = { 1: LineView, 2: PlaneView, 3: SphereView }[dimensions] ?? beyond;
  if (view instanceof kind) return view;
  place.replaceChildren();
  return new kind(place, redraw);
}
