"""One trained model and the data it knows: what scenarios are drawn from.

A planted backdoor is one point that training showed again and again, at rate q in a
fresh stream (`RepeatedPoint`) or as R copies in a finite set (`FiniteDataset`). A
`World` holds that point apart from everything ordinary, so that trusted data can be
drawn without it.

Axis letters: `runs` models of an ensemble, n features, d hidden dimensions, `samples`.

References:
    Henighan et al. 2023, "Superposition, Memorization, and Double Descent", with the
    comments of Jermyn (repeated data), Olah and Greenblatt (anomaly detection).
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from toymodels.config import SettingsError
from toymodels.features import (
    FeatureDistribution,
    FiniteDataset,
    LabelledSamples,
    UnitNorm,
)
from toymodels.geometry import has_dimensionality, is_represented
from toymodels.models import ModelSettings, Params
from toymodels.pytree import register_pytree

# ‖h‖ grows in proportion to x with these hidden activations.
HOMOGENEOUS = ("identity", "relu")


@dataclasses.dataclass(frozen=True)
class World:
    """A model, its backdoor point and its ordinary data; leaves may have a runs axis.

    `planted_worlds` makes one from a trained ensemble.
    """

    params: Params
    """Of the model, each (*runs, …)."""
    normal: FeatureDistribution
    """Ordinary samples that no detector was fitted on; never the point."""
    reference: FeatureDistribution
    """Ordinary samples that detectors are fitted on; never the point."""
    point: Float[Array | np.ndarray, "*runs n"]
    """The backdoor."""
    rate: Float[Array | np.ndarray, "*runs"]
    """Share of the training samples that were the point, in [0, 1)."""
    represented: Bool[Array | np.ndarray, "*runs n"]
    """Features that the model has room for."""
    mean_active: Float[Array | np.ndarray, "*runs"]
    """Mean number of active features in an ordinary sample."""
    noise: Float[Array | np.ndarray, "*runs n"]
    """Standard deviation of the noise on ordinary samples."""
    trigger_noise: Float[Array | np.ndarray, "*runs n"]
    """Standard deviation of the noise on the point."""
    stream: Int[Array | np.ndarray, "*runs"]
    """Runs of equal number share their random draws, as in training."""
    model: ModelSettings
    """Static, as all that follows."""
    noisy: bool
    """Whether there is noise at all."""
    unit_norm: bool
    """Whether samples have length 1, noise aside."""
    values: str
    """Of an active feature: "uniform", "signed", "boolean" or "dataset"."""
    points: int | None
    """Ordinary points that detectors may see in a finite set; None for a stream."""
    copies: int
    """R, copies of the point in a finite set; 0 for a stream."""

    @property
    def n(self) -> int:
        """Number of features."""
        return self.point.shape[-1]

    @property
    def runs(self) -> int | None:
        """Number of models, or None for a single one."""
        return self.point.shape[0] if self.point.ndim > 1 else None

    @property
    def support(self) -> Bool[Array | np.ndarray, "*runs n"]:
        """Features that are active in the point."""
        return self.point != 0

    def encode(self, x: Float[np.ndarray, "n samples"]) -> Float[np.ndarray, "..."]:
        """The hidden activation (d, samples) of a single model."""
        return np.asarray(_encode(self.model, self.params, x.astype(np.float32)))

    def select(self, runs: Int[np.ndarray, " chosen"]) -> "World":
        """Some of the models, in that order."""
        return jax.tree.map(lambda leaf: leaf[runs], self)


register_pytree(
    World,
    (
        "params",
        "normal",
        "reference",
        "point",
        "rate",
        "represented",
        "mean_active",
        "noise",
        "trigger_noise",
        "stream",
    ),
    ("model", "noisy", "unit_norm", "values", "points", "copies"),
)


def dictionary_of(params: Params) -> Array:
    """W of shape (…, d, n), whichever name the model has for it."""
    return jnp.asarray(params["W"] if "W" in params else params["W1"])


def represented_features(W: Float[Array, "*runs d n"]) -> Bool[Array, "*runs n"]:
    """‖W_i‖² ≥ 0.5, or D_i > 0.2 in the plane, where small columns are many (S0.7)."""
    return has_dimensionality(W) if W.shape[-2] == 2 else is_represented(W)


def draw_values(
    world: World, rng: np.random.Generator, samples: int
) -> Float[np.ndarray, "n samples"]:
    """Values that every feature would have if it were active, in a single world.

    Args:
        world: whose values; those of a finite set are drawn from all that it holds.
        rng: of the draws.
        samples: number of columns.
    """
    shape = (world.n, samples)
    if isinstance(world.normal, FiniteDataset):
        pool = np.asarray(world.normal.value)
        return rng.choice(pool[pool != 0], shape)
    if world.values == "boolean":
        return np.ones(shape)
    size = 1 - rng.random(shape)  # never 0
    return size * rng.choice([-1.0, 1.0], shape) if world.values == "signed" else size


def draw_normal(
    features: FeatureDistribution, rng: np.random.Generator, samples: int
) -> LabelledSamples:
    """Samples of a single distribution, as NumPy arrays.

    Args:
        features: of one model.
        rng: gives the key.
        samples: ≥ 1.
    """
    key = jax.random.key(int(rng.integers(2**32)))
    return jax.tree.map(np.asarray, _sample(features, key, samples))


@functools.partial(jax.jit, static_argnums=2)
def _sample(features: FeatureDistribution, key: PRNGKeyArray, samples: int):
    return features.sample_labelled(key, samples)


@functools.partial(jax.jit, static_argnums=0)
def _encode(model: ModelSettings, params: Params, x: Float[Array, "n samples"]):
    return model.encode(params, x)


def values_of(features: FeatureDistribution) -> str:
    """How a distribution draws the value of an active feature.

    Raises:
        SettingsError: its features do not switch on and off.
    """
    inner: Any = features
    while not isinstance(inner, FiniteDataset):
        if hasattr(inner, "values"):
            return inner.values
        inner = inner.parts[0] if hasattr(inner, "parts") else _base(inner, features)
    return "dataset"


def _base(inner: Any, features: FeatureDistribution) -> Any:
    if not hasattr(inner, "base"):
        raise SettingsError(
            "features",
            type(features).__name__,
            "features that switch on and off, so that some can be combined",
            "IndependentFeatures",
        )
    return inner.base


def has_unit_norm(features: FeatureDistribution) -> bool:
    """Whether all samples have length 1, noise aside."""
    inner: Any = features
    while hasattr(inner, "base") and not isinstance(inner, UnitNorm):
        inner = inner.base
    if isinstance(inner, FiniteDataset):
        length = (np.asarray(inner.value, float) ** 2).sum(axis=-1)
        return bool(np.allclose(length[np.asarray(inner.counts) > 0], 1, atol=1e-3))
    return isinstance(inner, UnitNorm)
