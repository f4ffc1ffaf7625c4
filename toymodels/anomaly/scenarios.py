"""What a detector may meet: normal samples, the backdoor, and what looks like it.

- **N** ordinary draws;
- **B** the backdoor point, **B'** with part of its support switched off;
- **C** unusual combinations of represented features, of the backdoor's norm;
- **F** near-misses, which share part of the backdoor's support.

The shifts of `shifts.py` are scenarios too. A scenario is a small settings class with
`draw` for one model, and `check` for what cannot be drawn. Everything is sampled from
explicit keys, and `draw_scenario` does it for all models of an ensemble at once.

Axis letters: `runs` models, n features, `samples`.
"""

from typing import ClassVar

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from toymodels.anomaly.drawing import (
    check_enough,
    check_support,
    chosen,
    finished,
    random_rank,
    some_of,
)
from toymodels.anomaly.world import HOMOGENEOUS, World, draw_normal, draw_values
from toymodels.config import (
    SettingsError,
    check_choice,
    check_count,
    check_range,
    settings,
)
from toymodels.features import LabelledSamples

MATCHES = ("activation", "input")


class Scenario:
    """Base of scenarios; a new one is a `@settings` class with `draw`."""

    backdoor: ClassVar[bool] = False
    """Whether its samples are what a detector should find."""

    def draw(
        self, world: World, rng: np.random.Generator, samples: int
    ) -> LabelledSamples:
        """Samples of one model's world with their ground truth.

        Args:
            world: of a single model.
            rng: of the draws.
            samples: ≥ 1.

        Returns:
            x and active (n, samples), backdoor (samples,).
        """
        raise NotImplementedError

    def check(self, world: World) -> None:
        """Raise `SettingsError` if it cannot be drawn for one of the models."""


@settings
class Normal(Scenario):
    """N: ordinary samples that no detector was fitted on."""

    def draw(
        self, world: World, rng: np.random.Generator, samples: int
    ) -> LabelledSamples:
        """Of the trusted distribution."""
        return draw_normal(world.normal, rng, samples)


@settings
class Backdoor(Scenario):
    """B: the repeated point, with noise only where it had some in training."""

    backdoor: ClassVar[bool] = True

    def draw(
        self, world: World, rng: np.random.Generator, samples: int
    ) -> LabelledSamples:
        """The same point in every column."""
        x = np.broadcast_to(world.point[:, None], (world.n, samples))
        return finished(world, rng, x, x != 0, backdoor=True)


@settings
class NoisyBackdoor(Scenario):
    """B': the point with a random part of its support switched off.

    Args:
        low: smallest share that is kept, in (0, 1].
        high: largest; the share is uniform between the two, rounded to whole features,
            with at least one kept and at least one lost.
    """

    low: float = 0.5
    high: float = 0.95
    backdoor: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_range("low", self.low, low=0.0, high=self.high, open_low=True)
        check_range("high", self.high, low=self.low, high=1.0)

    def check(self, world: World) -> None:
        """Something must remain and something must go."""
        check_support(world, "B'")

    def draw(
        self, world: World, rng: np.random.Generator, samples: int
    ) -> LabelledSamples:
        """Every subset of the same size is as likely."""
        share = rng.uniform(self.low, self.high, samples)
        active = chosen(rng, world.support, some_of(share, world.support.sum()))
        x = np.where(active, world.point[:, None], 0.0)
        return finished(world, rng, x, active, backdoor=True)


@settings
class Combinations(Scenario):
    """C: represented features that never were active together, of the backdoor's norm.

    Norms have the distribution that they have in B ∪ B′, half and half, so that a norm
    cannot tell C from it; where samples have unit length, that is the norm.

    Args:
        fewest: active features, ≥ 1; as many as the backdoor has when None.
        most: likewise, ≥ `fewest`; every number between is as likely.
        match: which norm, ‖h‖ ("activation") or ‖x‖ ("input").
        jitter: relative half-width by which norms differ from those matched, so that
            equal ones are ordered by chance and not by rounding.
    """

    fewest: int | None = 2
    most: int | None = 6
    match: str = "activation"
    jitter: float = 0.01

    def __post_init__(self) -> None:
        check_choice("match", self.match, MATCHES)
        check_range("jitter", self.jitter, low=0.0, high=0.5)
        if (self.fewest is None) != (self.most is None):
            raise SettingsError("most", self.most, "two numbers, or None for both")
        if self.fewest is not None:
            check_count("fewest", self.fewest)
            check_count("most", self.most, minimum=self.fewest)

    def check(self, world: World) -> None:
        """There must be enough represented features, and a norm to match."""
        check_enough("most", self._most(world), world)
        check_support(world, "the norms of B'")
        hidden = getattr(world.model, "hidden_activation", "identity")
        if not world.unit_norm and self.match == "activation":
            if hidden not in HOMOGENEOUS:
                raise SettingsError(
                    "match",
                    f"'activation' with hidden {hidden}",
                    "a hidden activation that scales with its input",
                    "match='input'",
                )

    def _most(self, world: World) -> np.ndarray:
        support = np.asarray(world.support).sum(axis=-1)
        return support if self.most is None else np.full_like(support, self.most)

    def draw(
        self, world: World, rng: np.random.Generator, samples: int
    ) -> LabelledSamples:
        """Random sets of represented features, scaled."""
        if self.fewest is None or self.most is None:
            count = np.full(samples, world.support.sum())
        else:
            count = rng.integers(self.fewest, self.most + 1, samples)
        active = chosen(rng, world.represented, count)
        x = np.where(active, draw_values(world, rng, samples), 0.0)
        if not world.unit_norm:
            wanted = self._norm(world, _mixed(world, rng, samples))
            wanted = wanted * (1 + self.jitter * rng.uniform(-1, 1, samples))
            now = self._norm(world, x)
            x = x * (wanted / np.where(now > 0, now, 1.0))[None, :]
        return finished(world, rng, x, active)

    def _norm(self, world: World, x: Float[np.ndarray, "n samples"]) -> np.ndarray:
        seen = world.encode(x) if self.match == "activation" else x
        return np.linalg.norm(seen, axis=0)


@settings
class NearMisses(Scenario):
    """F: the point with part of its support moved to other represented features.

    The values move along, so ‖x‖ stays that of the point.

    Args:
        swapped: share of the support that moves, in (0, 1), rounded to whole features,
            with at least one that moves and at least one that stays.
    """

    swapped: float = 0.5

    def __post_init__(self) -> None:
        check_range("swapped", self.swapped, low=0.0, high=1.0, open_low=True)

    def check(self, world: World) -> None:
        """Something must stay, and there must be somewhere to go."""
        check_support(world, "F")
        size = np.asarray(world.support).sum(axis=-1)
        moved = np.asarray(some_of(self.swapped, size))
        check_enough("swapped", moved, world, beside=np.asarray(world.support))

    def draw(
        self, world: World, rng: np.random.Generator, samples: int
    ) -> LabelledSamples:
        """Every set that leaves and every set that takes its place is as likely."""
        point, support = world.point, world.support
        moved = some_of(self.swapped, support.sum())
        leaves = random_rank(rng, support, samples)
        enters = random_rank(rng, world.represented & ~support, samples)
        stays = support[:, None] & (leaves >= moved)
        comes = enters < moved
        # The r-th that comes gets the value of the r-th that leaves.
        by_rank = point[np.argsort(leaves, axis=0)]
        values = np.take_along_axis(by_rank, np.where(comes, enters, 0), axis=0)
        x = np.where(stays, point[:, None], np.where(comes, values, 0.0))
        return finished(world, rng, x, stays | comes)


def draw_scenario(
    scenario: Scenario, worlds: World, key: PRNGKeyArray, samples: int
) -> LabelledSamples:
    """Samples for every model.

    Args:
        scenario: what to draw.
        worlds: with a runs axis, or a single one.
        key: random key; consumed. Runs of one stream share the draws.
        samples: number for each model, ≥ 1.

    Returns:
        x and active (runs, n, samples), backdoor (runs, samples).

    Raises:
        SettingsError: it cannot be drawn for one of the models.
    """
    check_count("samples", samples)
    scenario.check(worlds)

    singles = models_of(worlds)
    drawn = [scenario.draw(one, generator(key, one), samples) for one in singles]
    if worlds.runs is None:
        return drawn[0]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *drawn)


def models_of(worlds: World) -> list[World]:
    """The worlds of single models, their arrays in NumPy.

    Draws are made there, model by model: compiling them would take longer.
    """
    worlds = jax.tree.map(np.asarray, worlds)
    if worlds.runs is None:
        return [worlds]
    return [_single(worlds, run) for run in range(worlds.runs)]


def _single(worlds: World, run: int) -> World:
    return jax.tree.map(lambda leaf: leaf[run], worlds)


def generator(key: PRNGKeyArray, world: World) -> np.random.Generator:
    """NumPy's random numbers for a key; the same for models of the same stream."""
    words = np.asarray(jax.random.key_data(key)).ravel()
    return np.random.default_rng([*map(int, words), int(world.stream)])


def _mixed(
    world: World, rng: np.random.Generator, samples: int
) -> Float[np.ndarray, "n samples"]:
    """B or B′, each with probability one half."""
    whole = np.asarray(Backdoor().draw(world, rng, samples).x)
    part = np.asarray(NoisyBackdoor().draw(world, rng, samples).x)
    return np.where(rng.random((1, samples)) < 0.5, whole, part)
