"""Shifts that are no backdoor, so that detectors can be asked to tell causes apart.

Each (MAD-12) is a way in which data may differ from training without anything planted:
a value never seen, a feature that is always on, features that are newly correlated, and
more features at once than usual. A detector of the unusual flags them all.

Axis letters: n features, `samples`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, PRNGKeyArray

from toymodels.anomaly.drawing import check_enough, chosen, finished
from toymodels.anomaly.scenarios import Normal, Scenario
from toymodels.anomaly.world import World, draw_values
from toymodels.config import check_count, check_range, settings
from toymodels.features import LabelledSamples


@settings
class NeverSeen(Scenario):
    """An ordinary sample with one represented feature at a value that never occurs.

    That is −v for a feature whose values v are positive, and 2 · sign(v) for one with
    values of both signs. (Every feature occurs in a stream, so it is the value that is
    new, not the feature.)
    """

    def check(self, world: World) -> None:
        """Some feature must be represented."""
        check_enough("features", _each(world, 1), world)

    def draw(self, world: World, key: PRNGKeyArray, samples: int) -> LabelledSamples:
        """Another random feature in every sample."""
        keys = jax.random.split(key, 3)
        active = chosen(
            keys[0], jnp.asarray(world.represented), jnp.ones(samples, jnp.int32)
        )
        value = draw_values(world, keys[1], samples)
        new = 2 * jnp.sign(value) if world.values == "signed" else -jnp.abs(value)
        return _added(world, keys[2], active, new)


@settings
class AlwaysOn(Scenario):
    """Ordinary samples in which certain represented features are on all the time.

    Args:
        size: how many, ≥ 1, the same ones in all samples; 1 is "always on", more are
            "newly correlated".
    """

    size: int = 1

    def __post_init__(self) -> None:
        check_count("size", self.size)

    def check(self, world: World) -> None:
        """There must be as many represented features."""
        check_enough("size", _each(world, self.size), world)

    def draw(self, world: World, key: PRNGKeyArray, samples: int) -> LabelledSamples:
        """One set of features, new values in every sample."""
        keys = jax.random.split(key, 3)
        among = jnp.asarray(world.represented)
        active = chosen(keys[0], among, jnp.full(1, self.size))
        active = jnp.broadcast_to(active, (world.n, samples))
        return _added(world, keys[2], active, draw_values(world, keys[1], samples))


@settings
class OverMany(Scenario):
    """Many more active features than usual, values as usual.

    Args:
        times: their number over the mean in ordinary samples, > 1; rounded up.
    """

    times: float = 4.0

    def __post_init__(self) -> None:
        check_range("times", self.times, low=1.0, open_low=True)

    def check(self, world: World) -> None:
        """There must be as many represented features."""
        wanted = np.ceil(self.times * np.asarray(world.mean_active)).astype(int)
        check_enough("times", wanted, world)

    def draw(self, world: World, key: PRNGKeyArray, samples: int) -> LabelledSamples:
        """A random set of represented features in every sample."""
        keys = jax.random.split(key, 3)
        count = jnp.ceil(self.times * jnp.asarray(world.mean_active)).astype(jnp.int32)
        active = chosen(
            keys[0], jnp.asarray(world.represented), jnp.full(samples, count)
        )
        x = jnp.where(active, draw_values(world, keys[1], samples), 0.0)
        return finished(world, keys[2], x, active)


def _each(world: World, wanted: int) -> np.ndarray:
    return np.full(() if world.runs is None else (world.runs,), wanted)


def _added(
    world: World, key: PRNGKeyArray, on: Bool[Array, "n samples"], value: Array
) -> LabelledSamples:
    """Ordinary samples in which the features `on` have these values."""
    normal_key, noise_key = jax.random.split(key)
    drawn = Normal().draw(world, normal_key, on.shape[1])
    # Without noise of its own: that of the ordinary sample is replaced by new one.
    base = jnp.where(drawn.active & ~on, drawn.x, 0.0)
    x = jnp.where(on, value, base)
    return finished(world, noise_key, x, drawn.active | on)
