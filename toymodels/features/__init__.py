"""Distributions of sparse features: the world that a toy model sees."""

from toymodels.features.base import FeatureDistribution, LabelledSamples
from toymodels.features.independent import IndependentFeatures

__all__ = ["FeatureDistribution", "IndependentFeatures", "LabelledSamples"]
