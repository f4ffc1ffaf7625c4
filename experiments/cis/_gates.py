"""Gates with inputs of a chosen truth, how wrong their readoffs are, and slopes.

Axis letters: n inputs, `gates`, `fan_in` k inputs of a gate, `points` of a curve.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from toymodels.models import Params, QuadraticAnd, UniversalAnd

BLOCK = 128  # gates whose readoffs are computed at a time


def gates_with_samples(
    rng: np.random.Generator,
    n: int,
    *,
    gates: int,
    active: int,
    on: int,
    fan_in: int = 2,
) -> tuple[Int[np.ndarray, "gates fan_in"], Int[np.ndarray, "gates active"]]:
    """Random gates, each with the active inputs of one sample.

    Args:
        rng: of both.
        n: inputs.
        gates: how many.
        active: ℓ, active inputs of each sample.
        on: how many of them belong to the gate, at most k.
        fan_in: k.
    """
    # The n smallest random numbers name a random arrangement of the inputs; only those
    # needed are sorted.
    needed = fan_in + active - on
    order = np.argpartition(rng.random((gates, n)), needed - 1, axis=1)[:, :needed]
    order = rng.permuted(order, axis=1)
    return order[:, :fan_in], np.concatenate([order[:, :on], order[:, fan_in:]], axis=1)


def readoff_errors(
    model: UniversalAnd | QuadraticAnd,
    params: Params,
    chosen: Int[np.ndarray, "gates fan_in"],
    active: Int[np.ndarray, "gates active"],
    truth: float,
    *,
    block: int = BLOCK,
) -> Float[np.ndarray, " gates"]:
    """Readoff minus truth of gates, each on a sample of its own.

    NaN for a gate that no neuron reads.

    Args:
        model: whose neurons are read.
        params: of the model.
        chosen: inputs of the gates.
        active: the inputs that are on in each sample.
        truth: of all these gates, 0 or 1.
        block: gates at a time.
    """
    if isinstance(model, UniversalAnd):
        # Weights are drawn: p has no further effect, and one program serves all p.
        model = dataclasses.replace(model, probability=0.5)
    short = -len(chosen) % block
    padded = (np.pad(array, ((0, short), (0, 0))) for array in (chosen, active))
    shaped = [jnp.asarray(a.reshape(-1, block, a.shape[1])) for a in padded]
    read = np.asarray(_readoffs(model, params, *shaped), float).ravel()
    return read[: len(chosen)] - truth


@functools.partial(jax.jit, static_argnums=0)
def _readoffs(
    model: UniversalAnd | QuadraticAnd,
    params: Params,
    chosen: Int[Array, "blocks block fan_in"],
    active: Int[Array, "blocks block active"],
) -> Float[Array, "blocks block"]:
    """What is read of each gate from its own sample; NaN if nothing reads it."""

    def of_block(
        given: tuple[Int[Array, "block fan_in"], Int[Array, "block active"]],
    ) -> Float[Array, " block"]:
        gates, lit = given
        columns = jnp.arange(len(lit))[:, None]
        x = jnp.zeros((model.n, len(lit))).at[lit, columns].set(1.0)
        readers = model.readers(params, gates)
        read = (readers * model.encode(params, x).T).sum(axis=1)
        return jnp.where((readers != 0).any(axis=1), read, jnp.nan)

    # A block at a time: its arrays then stay in the cache.
    return jax.lax.map(of_block, (chosen, active))


def log_slope(
    x: Float[np.ndarray, " points"] | Sequence[float],
    y: Float[np.ndarray, "seeds points"],
) -> Float[np.ndarray, " seeds"]:
    """Least-squares slope of log y over log x; NaN where a point is not above 0."""
    across = np.log(np.asarray(x, float))
    across = across - across.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        height = np.where(y > 0, np.log(np.asarray(y, float)), np.nan)
    return height @ across / (across @ across)


def first_crossing(
    x: Float[np.ndarray, " points"], y: Float[np.ndarray, " points"], level: float
) -> float:
    """Where y first exceeds the level, between points by interpolation in log x.

    NaN if it does so at the first point already, or never.
    """
    above = np.flatnonzero(y > level)
    if not above.size or above[0] == 0 or not np.isfinite(y).all():
        return np.nan
    k = above[0]
    share = (level - y[k - 1]) / (y[k] - y[k - 1])
    low, high = np.log(x[k - 1]), np.log(x[k])
    return float(np.exp(low + share * (high - low)))


def decades(x: Sequence[float]) -> float:
    """How many powers of ten a scan covers: below 1, its slope is no exponent."""
    return float(np.log10(max(x) / min(x)))
