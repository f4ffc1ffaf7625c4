"""The geometry of a trained model in one object."""

import dataclasses
import functools

import jax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from toymodels.geometry.columns import column_norms
from toymodels.geometry.dimensionality import (
    dimensions_per_feature,
    feature_dimensionality,
    features_per_dimension,
)
from toymodels.geometry.interference import interference
from toymodels.geometry.represented import is_represented


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FeatureGeometry:
    """What the columns of W say about its features.

    Attributes:
        norms: (*runs, n) lengths ‖W_i‖.
        interference: (*runs, n) superposition measure Σ_{j≠i}(Ŵ_i·W_j)².
        dimensionality: (*runs, n) feature dimensionality D_i, in [0, 1].
        represented: (*runs, n) whether ‖W_i‖² is above the threshold.
        features_per_dimension: (*runs) ‖W‖²_F/d.
        dimensions_per_feature: (*runs) D* = d/‖W‖²_F.
    """

    norms: Float[Array, "*runs n"]
    interference: Float[Array, "*runs n"]
    dimensionality: Float[Array, "*runs n"]
    represented: Bool[Array, "*runs n"]
    features_per_dimension: Float[Array, "*runs"]
    dimensions_per_feature: Float[Array, "*runs"]


# Compiled here, where all measures share their products; op by op it takes 40 times as
# long, and the first call 4 times.
@functools.partial(jax.jit, static_argnames="squared_norm")
def measure(
    W: Float[ArrayLike, "*runs d n"], *, squared_norm: float = 0.5
) -> FeatureGeometry:
    """All measures of `FeatureGeometry` for one W or for an ensemble.

    Args:
        W: (*runs, d, n) weights; feature i is column W_i.
        squared_norm: a feature counts as represented from this ‖W_i‖² on.
    """
    return FeatureGeometry(
        norms=column_norms(W),
        interference=interference(W),
        dimensionality=feature_dimensionality(W),
        represented=is_represented(W, squared_norm=squared_norm),
        features_per_dimension=features_per_dimension(W),
        dimensions_per_feature=dimensions_per_feature(W),
    )
