"""Closed forms and exact oracles, in NumPy and float64.

Nothing here is fitted or sampled; tests and figures compare trained models with it.
"""

from toymodels.theory.decomposition import (
    OneActiveLoss,
    none_active_loss,
    one_active_loss,
    support_weights,
)
from toymodels.theory.loss_surface import (
    LossMinimum,
    exact_loss,
    minimise_exact_loss,
)
from toymodels.theory.pca import (
    independent_linear_loss,
    kept_features,
    linear_autoencoder_loss,
    principal_subspace,
)
from toymodels.theory.phase_diagram import (
    THREE_IN_TWO,
    TWO_IN_ONE,
    Template,
    antipodal_bias,
    antipodal_cost,
    boundary,
    ignored_cost,
    nearest_template,
    phase,
    template_losses,
    triple_point,
)
from toymodels.theory.reference_losses import (
    absolute_moment,
    best_constant,
    constant_loss,
    feature_mean,
    feature_variance,
    keep_top_loss,
    naive_relu_loss,
    zero_loss,
)
from toymodels.theory.tgon import (
    TGon,
    first_bias_above_weights,
    tgon,
    tgon_parameters,
)
from toymodels.theory.universal_and import (
    embedding_noise,
    exact_gate_error,
    gate_error,
    gate_overlap,
    linear_gate_error,
    probability_for_overlap,
)

__all__ = [
    "LossMinimum",
    "OneActiveLoss",
    "TGon",
    "THREE_IN_TWO",
    "TWO_IN_ONE",
    "Template",
    "absolute_moment",
    "antipodal_bias",
    "antipodal_cost",
    "best_constant",
    "boundary",
    "constant_loss",
    "embedding_noise",
    "exact_gate_error",
    "exact_loss",
    "feature_mean",
    "feature_variance",
    "first_bias_above_weights",
    "gate_error",
    "gate_overlap",
    "ignored_cost",
    "independent_linear_loss",
    "keep_top_loss",
    "kept_features",
    "linear_autoencoder_loss",
    "linear_gate_error",
    "minimise_exact_loss",
    "naive_relu_loss",
    "nearest_template",
    "none_active_loss",
    "one_active_loss",
    "phase",
    "principal_subspace",
    "probability_for_overlap",
    "support_weights",
    "template_losses",
    "tgon",
    "tgon_parameters",
    "triple_point",
    "zero_loss",
]
