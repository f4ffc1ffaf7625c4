"""Drawing: arrays in, Matplotlib figures out.

Nothing here trains or measures, and nothing touches pyplot or global settings: a
function returns a `Figure`, and the caller gives every title and label. To draw on axes
of one's own, use the `draw_*` functions inside `with style():`.
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
from toymodels.plotting.curves import (
    Curve,
    curve_figure,
    draw_curves,
    draw_xlines,
    over_seeds,
    small_multiples,
)
from toymodels.plotting.dimensionality import (
    NAMED_FRACTIONS,
    dimensionality_scatter,
    dimensions_per_feature,
)
from toymodels.plotting.graphs import FeatureGraph, draw_graph
from toymodels.plotting.marks import margin_labels, plain_log_ticks
from toymodels.plotting.matrices import draw_matrix, draw_norms, gram_panels
from toymodels.plotting.palette import CYCLE, style
from toymodels.plotting.phase import draw_phases, phase_diagram
from toymodels.plotting.summary import verdict_strip
from toymodels.plotting.trajectories import (
    learning_curves,
    levels_over_training,
    vector_paths,
)
from toymodels.plotting.vectors import draw_vectors, vector_panels, vector_panels_3d
