"""The shape of a weight matrix: lengths, interference, dimensionality, polytopes.

Everything takes weights W of shape (*runs, d, n), feature i being column W_i, and knows
nothing of models or training.
"""

from toymodels.geometry.columns import (
    column_norms,
    cosines,
    gram,
    unit_columns,
)
from toymodels.geometry.dimensionality import (
    dimensions_per_feature,
    feature_dimensionality,
    features_per_dimension,
)
from toymodels.geometry.graph import (
    components,
    interference_graph,
)
from toymodels.geometry.interference import (
    interference,
    overlaps,
)
from toymodels.geometry.leverage import (
    leverage,
    leverage_against_others,
    leverage_of_copies,
    mahalanobis_squared,
)
from toymodels.geometry.line_rule import (
    Line,
    LineRule,
    LineVerdict,
    find_lines,
    jittered_dimensionality,
    line_rule,
    uniform_dimensionality,
    untrained_weights,
)
from toymodels.geometry.matching import gram_distance
from toymodels.geometry.measure import (
    FeatureGeometry,
    measure,
)
from toymodels.geometry.packing import (
    coherence,
    mean_squared_coherence,
    mean_squared_off_diagonal,
    welch_bound,
    welch_floor,
)
from toymodels.geometry.polytopes import (
    digon,
    octahedron,
    pentagon,
    pentagonal_bipyramid,
    regular_polygon,
    simplex,
    square_antiprism,
    tegum_product,
    tetrahedron,
    triangle,
    triangular_bipyramid,
)
from toymodels.geometry.represented import (
    antipodal_pairs,
    has_dimensionality,
    is_represented,
)
from toymodels.geometry.shapes import (
    Shape,
    find_shapes,
    ideals,
    tegum_name,
)
from toymodels.geometry.subspaces import (
    angular_gaps,
    best_coordinates,
    null_direction,
    plane,
    principal_angles,
)

__all__ = [
    "FeatureGeometry",
    "Line",
    "LineRule",
    "LineVerdict",
    "Shape",
    "angular_gaps",
    "antipodal_pairs",
    "best_coordinates",
    "coherence",
    "column_norms",
    "components",
    "cosines",
    "digon",
    "dimensions_per_feature",
    "feature_dimensionality",
    "features_per_dimension",
    "find_lines",
    "find_shapes",
    "gram",
    "gram_distance",
    "has_dimensionality",
    "ideals",
    "interference",
    "interference_graph",
    "is_represented",
    "jittered_dimensionality",
    "leverage",
    "leverage_against_others",
    "leverage_of_copies",
    "line_rule",
    "mahalanobis_squared",
    "mean_squared_coherence",
    "mean_squared_off_diagonal",
    "measure",
    "null_direction",
    "octahedron",
    "overlaps",
    "pentagon",
    "pentagonal_bipyramid",
    "plane",
    "principal_angles",
    "regular_polygon",
    "simplex",
    "square_antiprism",
    "tegum_name",
    "tegum_product",
    "tetrahedron",
    "triangle",
    "triangular_bipyramid",
    "uniform_dimensionality",
    "unit_columns",
    "untrained_weights",
    "welch_bound",
    "welch_floor",
]
