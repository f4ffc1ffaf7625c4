"""Toy models of superposition: train them, look at their geometry, probe them.

    import toymodels as tm

Axis letters, used everywhere: `runs` the ensemble axis (seeds × members), n features,
d hidden dimensions, `batch` samples. Samples are columns, x: (n, batch); feature i is
column i of W: (d, n).

The names below are what most programs need; the rooms (`tm.geometry`, `tm.theory`,
`tm.plotting`, …) hold the rest.
"""

from toymodels.config import SettingsError
from toymodels.features import (
    AnticorrelatedGroup,
    Concatenated,
    CopulaFeatures,
    CorrelatedGroup,
    ExactlyK,
    FeatureDistribution,
    FiniteDataset,
    GaussianFeatures,
    IndependentFeatures,
    NoisyFeatures,
    RepeatedPoint,
    UnitNorm,
    geometric_probability,
    power_law_probability,
    sample_dataset,
    stack_datasets,
)
from toymodels.geometry import FeatureGeometry, find_shapes, measure, tegum_name
from toymodels.models import (
    Autoencoder,
    ComputationModel,
    FrozenDenoiser,
    ResidualDenoiser,
)
from toymodels.training import (
    DivergedWarning,
    Objective,
    Optimiser,
    Run,
    TrainSpec,
    linear_steps,
    load_weights,
    log_spaced_steps,
    preset,
    save_weights,
    train,
)

__all__ = [
    "AnticorrelatedGroup",
    "Autoencoder",
    "ComputationModel",
    "Concatenated",
    "CopulaFeatures",
    "CorrelatedGroup",
    "DivergedWarning",
    "ExactlyK",
    "FeatureDistribution",
    "FeatureGeometry",
    "FiniteDataset",
    "FrozenDenoiser",
    "GaussianFeatures",
    "IndependentFeatures",
    "NoisyFeatures",
    "Objective",
    "Optimiser",
    "RepeatedPoint",
    "ResidualDenoiser",
    "Run",
    "SettingsError",
    "TrainSpec",
    "UnitNorm",
    "find_shapes",
    "geometric_probability",
    "linear_steps",
    "load_weights",
    "log_spaced_steps",
    "measure",
    "power_law_probability",
    "preset",
    "sample_dataset",
    "save_weights",
    "stack_datasets",
    "tegum_name",
    "train",
]
