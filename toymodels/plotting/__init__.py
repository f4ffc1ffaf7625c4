"""Drawing: arrays in, Matplotlib figures out.

Nothing here trains or measures, and nothing touches pyplot or global settings: a
function returns a `Figure`, and the caller gives every title and label. Each figure
function also takes `title` and `caption`. To draw on axes of one's own, use the
`draw_*` functions inside `with style():`.

Figures:
    vector_panels(W, titles=…, importance=…)        W (panels, 2, n): the polygons
    vector_panels_3d(W, titles=…, groups=…, edges=…)    W (panels, 3, n)
    vector_paths(W, labels=…)                       W (snaps, 2, n): moves in training
    gram_panels(gram, titles=…, bias=…, norms=…, interference=…)    (panels, n, n)
    phase_diagram(x, y, maps, class_names=…, boundaries=…)   maps: title → classes
    heat_maps(x, y, maps, label=…)                  title → (rows, columns) numbers
    dimensions_per_feature(x, dimensions)           D* against 1/(1−S), (seeds, levels)
    dimensionality_scatter(x, values, graphs=…)     D_i of every feature, (levels, n)
    curve_figure(curves, references=…, xlines=…)    curves with bands over seeds
    small_multiples(curves, references=…)           title → curves, one panel each
    scatter_panels(points, curves=…, references=…)  title → Points, one panel each
    learning_curves(step, loss, names=…)            loss (windows, runs)
    levels_over_training(step, values, loss_step, loss)     D_i above, loss below
    neuron_stacks(W, served, titles=…)              W (panels, neurons, n): stacked bars
    pair_panels(reads, writes, titles=…)            two neurons and two features
    surface_panels(x, y, surfaces, limit=…)         title → Surface: filled contours
    circle_figure(maps), sphere_figure(maps, label=…)   title → DirectionMap
    contour_panels(sets)                            title → ContourSet, one quadrant
    exponent_intervals(rows, kinds, shares=…)       kinds: name → (seeds, rows)
    detection_figure(rows, columns, intervals, roc=…, scores=…)     detectors
    verdict_strip(ids, verdicts)                    one tile a claim
    evidence_page(rows)                             questions and their decisive tests
Bytes:
    training_gif(W, step, loss_step, loss, titles=…)    W (snaps, panels, 2, n)
    gif_bytes(figures), png_bytes(figure), save_png(figure, path)
Data to draw:
    Curve(label, x, y, low, high), over_seeds(label, x, samples) -> Curve
    Points(label, x, y)
    ContourSet(phi, radii, exponent, color)
    FeatureGraph(adjacency, title, level)
Parts, on given axes or figures:
    draw_vectors, draw_matrix, draw_norms, draw_phases, draw_heat_map, draw_graph,
    draw_curves, draw_xlines, margin_labels, plain_log_ticks; new_figure, panels,
    set_title, set_caption, set_legend, set_color_bars, caption_line(seeds=…, loss=…, …)
"""

from toymodels.plotting.animate import gif_bytes, training_gif
from toymodels.plotting.canvas import new_figure, panels, png_bytes, save_png
from toymodels.plotting.captions import (
    caption_line,
    set_caption,
    set_color_bars,
    set_legend,
    set_title,
)
from toymodels.plotting.contours import (
    ContourSet,
    contour_panels,
    exponent_intervals,
)
from toymodels.plotting.curves import (
    Curve,
    curve_figure,
    draw_curves,
    draw_xlines,
    over_seeds,
    small_multiples,
)
from toymodels.plotting.detection import detection_figure
from toymodels.plotting.dimensionality import (
    NAMED_FRACTIONS,
    dimensionality_scatter,
    dimensions_per_feature,
)
from toymodels.plotting.evidence import Evidence, Measured, evidence_page
from toymodels.plotting.graphs import FeatureGraph, draw_graph
from toymodels.plotting.heat import draw_heat_map, heat_maps
from toymodels.plotting.marks import margin_labels, plain_log_ticks
from toymodels.plotting.matrices import draw_matrix, draw_norms, gram_panels
from toymodels.plotting.neurons import neuron_stacks, pair_panels
from toymodels.plotting.palette import CYCLE, style
from toymodels.plotting.phase import draw_phases, phase_diagram
from toymodels.plotting.scatter import Points, scatter_panels
from toymodels.plotting.sphere import DirectionMap, circle_figure, sphere_figure
from toymodels.plotting.summary import verdict_strip
from toymodels.plotting.surfaces import Surface, surface_panels
from toymodels.plotting.trajectories import (
    learning_curves,
    levels_over_training,
    vector_paths,
)
from toymodels.plotting.vectors import draw_vectors, vector_panels, vector_panels_3d
