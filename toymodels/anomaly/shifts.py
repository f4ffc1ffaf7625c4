"""Shifts that are no backdoor, so that detectors can be asked to tell causes apart.

Each (MAD-12) is a way in which data may differ from training without anything planted:
a value never seen, a feature that is always on, features that are newly correlated, and
more features at once than usual. A detector of the unusual flags them all.

Axis letters: n features, `samples`.
"""

import numpy as np
from jaxtyping import Bool, Float

from toymodels.anomaly.drawing import check_enough, chosen, finished
from toymodels.anomaly.scenarios import Scenario
from toymodels.anomaly.world import World, draw_normal, draw_values
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

    def draw(
        self, world: World, rng: np.random.Generator, samples: int
    ) -> LabelledSamples:
        """Another random feature in every sample."""
        active = chosen(rng, world.represented, np.ones(samples, int))
        value = draw_values(world, rng, samples)
        new = 2 * np.sign(value) if world.values == "signed" else -np.abs(value)
        return _added(world, rng, active, new)


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

    def draw(
        self, world: World, rng: np.random.Generator, samples: int
    ) -> LabelledSamples:
        """One set of features, new values in every sample."""
        active = chosen(rng, world.represented, np.full(1, self.size))
        active = np.broadcast_to(active, (world.n, samples))
        return _added(world, rng, active, draw_values(world, rng, samples))


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

    def draw(
        self, world: World, rng: np.random.Generator, samples: int
    ) -> LabelledSamples:
        """A random set of represented features in every sample."""
        count = int(np.ceil(self.times * world.mean_active))
        active = chosen(rng, world.represented, np.full(samples, count))
        x = np.where(active, draw_values(world, rng, samples), 0.0)
        return finished(world, rng, x, active)


def _each(world: World, wanted: int) -> np.ndarray:
    return np.full(() if world.runs is None else (world.runs,), wanted)


def _added(
    world: World,
    rng: np.random.Generator,
    on: Bool[np.ndarray, "n samples"],
    value: Float[np.ndarray, "n samples"],
) -> LabelledSamples:
    """Ordinary samples in which the features `on` have these values."""
    drawn = draw_normal(world.normal, rng, on.shape[1])
    # Noise is on every entry, so that of the ordinary sample makes room for new one.
    x = np.where(on, value, np.where(drawn.active, drawn.x, 0.0))
    return finished(world, rng, x, np.asarray(drawn.active) | on)
