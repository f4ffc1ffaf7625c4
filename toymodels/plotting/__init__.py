"""Drawing: arrays in, Matplotlib figures out.

Nothing here trains or measures, and nothing touches pyplot or global settings: a function
returns a `Figure`, and the caller gives every title and label. To draw on axes of one's own,
use the `draw_*` functions inside `with style():`.
"""

from toymodels.plotting.canvas import (
    caption_line as caption_line,
    margin_labels as margin_labels,
    new_figure as new_figure,
    panels as panels,
    png_bytes as png_bytes,
    save_png as save_png,
    set_caption as set_caption,
    set_title as set_title,
)
from toymodels.plotting.curves import (
    Curve as Curve,
    curve_figure as curve_figure,
    draw_curves as draw_curves,
    draw_xlines as draw_xlines,
    over_seeds as over_seeds,
    small_multiples as small_multiples,
)
from toymodels.plotting.dimensionality import (
    NAMED_FRACTIONS as NAMED_FRACTIONS,
    dimensionality_scatter as dimensionality_scatter,
    dimensions_per_feature as dimensions_per_feature,
)
from toymodels.plotting.graphs import (
    FeatureGraph as FeatureGraph,
    draw_graph as draw_graph,
)
from toymodels.plotting.matrices import (
    draw_matrix as draw_matrix,
    draw_norms as draw_norms,
    gram_panels as gram_panels,
)
from toymodels.plotting.palette import style as style
from toymodels.plotting.phase import (
    draw_phases as draw_phases,
    phase_diagram as phase_diagram,
)
from toymodels.plotting.vectors import (
    draw_vectors as draw_vectors,
    vector_panels as vector_panels,
    vector_panels_3d as vector_panels_3d,
)
