"""The error of every feature on its own: a mean loss cannot tell who is served.

A network with half as many neurons as features may compute half of them exactly and
ignore the rest, or serve all of them badly, at nearly the same mean loss. The table
here has, for each output feature and each exponent q, the mean of |t_i − ŷ_i|^q with
its standard error, next to that of an output that is always 0 ("ignored"); and from it
the coefficient of variation over features, the worst feature and the share that is
solved.

Axis letters: `models` an ensemble, `norms` exponents q, n features (outputs), `batch`.

References:
    Vaintrob, Mendel & Hänni 2024, *Toward a Mathematical Framework for Computation in
    Superposition*, on squared error as an objective; Bhagat et al. 2026, 2606.14673.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from toymodels.config import SettingsError, check_count, check_range
from toymodels.features import FeatureDistribution
from toymodels.models import ModelSettings, Params
from toymodels.training import Objective

# A feature is solved below this share of the error of ignoring it.
SOLVED = 0.1
# Where the mean error is below this share, all features are solved, and their scatter
# is told in units of this share: that of rounding errors would say nothing.
FLOOR = 0.01


@dataclasses.dataclass(frozen=True)
class FeatureErrors:
    """Errors of every feature of some models, on the same samples."""

    exponents: tuple[float, ...]
    """q of each norm."""
    mean: Float[np.ndarray, "models norms n"]
    """Mean over samples of |t_i − ŷ_i|^q."""
    standard_error: Float[np.ndarray, "models norms n"]
    """Of the mean."""
    ignored: Float[np.ndarray, "models norms n"]
    """The same mean of an output that is always 0."""
    active: Int[np.ndarray, "models n"]
    """Number of samples in which the target is not 0: what the mean rests on."""
    samples: int
    """Samples in all."""

    @property
    def relative(self) -> Float[np.ndarray, "models norms n"]:
        """Mean error over that of ignoring a feature of this model, on average."""
        return self.mean / self._unit()[..., None]

    def variation(self) -> Float[np.ndarray, "models norms"]:
        """Coefficient of variation over features: standard deviation over mean.

        About 1 where half of the features are solved and half ignored, 0 where all fare
        the same; of a mean below 1 % of the ignored one, 1 % takes its place.
        """
        spread = self.mean.std(axis=-1)
        return spread / np.maximum(self.mean.mean(axis=-1), FLOOR * self._unit())

    def worst(self) -> Float[np.ndarray, "models norms"]:
        """Largest error of a feature, over that of ignoring one."""
        return self.relative.max(axis=-1)

    def solved(self, share: float = SOLVED) -> Float[np.ndarray, "models norms"]:
        """Share of features whose error is below `share` of the ignored one."""
        check_range("share", share, low=0.0, high=1.0)
        # NaN is below nothing, but a model that is not finite has no share at all.
        found = (self.relative < share).mean(axis=-1)
        return np.where(np.isfinite(self.mean).all(axis=-1), found, np.nan)

    def total(self) -> Float[np.ndarray, "models norms"]:
        """Sum over features: the loss in the convention `sum`."""
        return self.mean.sum(axis=-1)

    def _unit(self) -> Float[np.ndarray, "models norms"]:
        return self.ignored.mean(axis=-1)


def feature_errors(
    model: ModelSettings,
    params: Params,
    objective: Objective,
    features: FeatureDistribution,
    key: PRNGKeyArray,
    *,
    exponents: Sequence[float] = (2.0, 4.0),
    samples: int = 16_384,
    block: int = 2_048,
    mixing: Float[np.ndarray, "models n inputs"] | None = None,
) -> FeatureErrors:
    """The table of an ensemble on fresh samples; consumes the key.

    Args:
        model: of all of them.
        params: with a leading axis of models.
        objective: its target is the truth; its exponent and convention do not matter.
        features: where samples come from, the same ones for every model.
        key: of the samples.
        exponents: q ≥ 1 of each norm.
        samples: rounded up to whole blocks.
        block: samples at a time, which bounds the memory.
        mixing: M of targets t(x) + M x, one for each model.

    Raises:
        SettingsError: an exponent below 1, none at all, or features of another n.
    """
    check_range("exponents", list(exponents), low=1.0, hint="exponents=(2.0, 4.0)")
    if features.n != model.n:
        raise SettingsError("features.n", features.n, f"the model's n = {model.n}")
    blocks = -(-check_count("samples", samples) // check_count("block", block))
    powers = tuple(float(q) for q in exponents)
    params = {name: jnp.asarray(value) for name, value in params.items()}
    mixed = None if mixing is None else jnp.asarray(mixing, jnp.float32)
    parts = [
        _moments(model, objective, powers, params, features.sample(k, block), mixed)
        for k in jax.random.split(key, blocks)
    ]
    # Summed in float64: thousands of samples of very unequal size.
    first, second, zero, active = (
        np.sum([np.asarray(part, np.float64) for part in of_blocks], axis=0)
        for of_blocks in zip(*parts, strict=True)
    )
    count = blocks * block
    mean = first / count
    variance = np.maximum(second / count - mean**2, 0.0)
    return FeatureErrors(
        exponents=powers,
        mean=mean,
        standard_error=np.sqrt(variance / count),
        ignored=zero / count,
        active=active.astype(int),
        samples=count,
    )


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _moments(
    model: ModelSettings,
    objective: Objective,
    exponents: tuple[float, ...],
    params: Params,
    x: Float[Array, "inputs batch"],
    mixing: Float[Array, "models n inputs"] | None,
) -> tuple[
    Float[Array, "models norms n"],
    Float[Array, "models norms n"],
    Float[Array, "models norms n"],
    Int[Array, "models n"],
]:
    """Sums over samples: of |error|^q, its square, |target|^q, and target ≠ 0."""

    def of_model(
        given: tuple[Params, Float[Array, "n inputs"] | None],
    ) -> tuple[Array, Array, Array, Array]:
        one, mix = given
        target = objective.targets(x, mix)
        error = jnp.abs(target - model.apply(one, x))
        powers = jnp.stack([_power(error, q) for q in exponents])
        zero = jnp.stack([_power(jnp.abs(target), q) for q in exponents])
        return (
            powers.sum(axis=-1),
            (powers * powers).sum(axis=-1),
            zero.sum(axis=-1),
            (target != 0).sum(axis=-1),
        )

    # A model at a time: its arrays then stay in the cache.
    return jax.lax.map(of_model, (params, mixing))


def _power(size: Float[Array, "n batch"], q: float) -> Float[Array, "n batch"]:
    # A whole power is a few products; any other takes many times as long.
    return size ** int(q) if q.is_integer() else size**q
