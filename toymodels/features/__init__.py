"""Distributions of sparse features: the world that a toy model sees.

`FeatureDistribution` says in its docstring how to write a new one.
"""

from toymodels.features.base import (
    FeatureDistribution,
    LabelledSamples,
    Leaf,
    child,
    exact,
    feature_distribution,
    leaf,
)
from toymodels.features.concatenated import Concatenated
from toymodels.features.copula import CopulaFeatures
from toymodels.features.draw_dataset import sample_dataset
from toymodels.features.exactly_k import ExactlyK
from toymodels.features.finite_dataset import FiniteDataset, stack_datasets
from toymodels.features.gaussian import GaussianFeatures
from toymodels.features.generators import (
    DEFAULT_GENERATOR,
    GENERATORS,
    with_generator,
)
from toymodels.features.groups import AnticorrelatedGroup, CorrelatedGroup
from toymodels.features.independent import IndependentFeatures
from toymodels.features.noisy import NoisyFeatures
from toymodels.features.probabilities import (
    geometric_probability,
    power_law_probability,
)
from toymodels.features.repeated_point import RepeatedPoint, random_point
from toymodels.features.sparse_rows import SparseRows, WeightedColumns
from toymodels.features.unit_norm import UnitNorm

__all__ = [
    "DEFAULT_GENERATOR",
    "GENERATORS",
    "AnticorrelatedGroup",
    "Concatenated",
    "CopulaFeatures",
    "CorrelatedGroup",
    "ExactlyK",
    "FeatureDistribution",
    "FiniteDataset",
    "GaussianFeatures",
    "IndependentFeatures",
    "LabelledSamples",
    "Leaf",
    "NoisyFeatures",
    "RepeatedPoint",
    "SparseRows",
    "WeightedColumns",
    "UnitNorm",
    "child",
    "exact",
    "feature_distribution",
    "geometric_probability",
    "leaf",
    "power_law_probability",
    "random_point",
    "sample_dataset",
    "stack_datasets",
    "with_generator",
]
