"""Everything that determines an ensemble's training, as one immutable value.

An ensemble has runs = seeds × members. *Members* differ in settings that may vary
inside one compiled program (feature probabilities, importance, learning rate, weight
decay); *seeds* repeat all of them. Run r = (index of seed) · members + member.

Runs of one seed start from the same weights and see the same underlying draws (common
random numbers), so that members are compared pairwise and the random numbers are drawn
once for all of them; different seeds are independent. Restarts are more seeds.

Axis letters: n features; `runs` the ensemble axis.
"""

import dataclasses
from typing import Any

import jax
import numpy as np

from toymodels.config import (
    SettingsError,
    canonical,
    check_choice,
    check_count,
    check_length,
    check_range,
    content_hash,
    settings,
)
from toymodels.features import (
    DEFAULT_GENERATOR,
    GENERATORS,
    FeatureDistribution,
    FiniteDataset,
)
from toymodels.models import ModelSettings
from toymodels.training.objective import Objective
from toymodels.training.optimiser import Optimiser

# Settings that may be absent, and the axes of one run's value.
VARIED = {"noise": 0, "exponent": 0, "mixing": 2}

# A tuple of more would fill the memory before anything is checked.
MOST_SEEDS = 10_000_000


@settings
class TrainSpec:
    """Settings of one ensemble.

    Args:
        model: settings of the model, shared by all runs.
        features: the distribution of samples. Its arrays may have a leading axis of
            `members`, or of all runs.
        objective: target, loss exponent and convention.
        optimiser: kind, schedule and the default learning rate and weight decay.
        importance: I_i ≥ 0; scalar, (n,), (members, 1), (members, n) or over runs.
        learning_rate: overrides the optimiser's; scalar, (members,) or (runs,).
        weight_decay: likewise.
        noise: standard deviation ≥ 0 of Gaussian noise inside the model while it trains
            (`apply_noisy`); scalar, (members,) or (runs,).
        exponent: q ≥ 1 in place of the objective's; likewise.
        mixing: M of targets t(x) + M x, (outputs, n), or with a leading axis likewise.
        seeds: one integer for each repetition, or their number.
        members: how many settings are swept; inferred from the arrays when None.
        steps: updates.
        batch: samples in each update, drawn afresh; of a `FiniteDataset` whose order is
            full, all its points.
        snapshots: increasing numbers of steps after which parameters are kept; 0 is the
            initial state.
        history: number of windows over which the training loss is averaged.
        early_stop: stop when every run's loss has converged (see `status`).
        seed: root of every random number of the ensemble.
        generator: of the samples: "threefry2x32", JAX's own, or "counter_hash", which
            is several times cheaper. Initial weights are the same with both.
    """

    model: ModelSettings
    features: FeatureDistribution
    objective: Objective = dataclasses.field(default_factory=Objective)
    optimiser: Optimiser = dataclasses.field(default_factory=Optimiser)
    importance: Any = 1.0
    learning_rate: Any = None
    weight_decay: Any = None
    noise: Any = None
    exponent: Any = None
    mixing: Any = None
    seeds: Any = 1
    members: Any = None
    steps: int = 10_000
    batch: int = 1024
    snapshots: tuple[int, ...] = ()
    history: int = 200
    early_stop: bool = False
    seed: int = 0
    generator: str = DEFAULT_GENERATOR

    def __post_init__(self):
        for name in ("steps", "batch", "history"):
            check_count(name, getattr(self, name))
        check_count("seed", self.seed, minimum=0)
        check_choice("generator", self.generator, GENERATORS)
        if self.model.n != self.features.n:
            raise SettingsError(
                "features.n", self.features.n, f"the model's n = {self.model.n}"
            )
        self.features.check_batch(self.batch)
        self._set("seeds", self._checked_seeds())
        self._check_targets()
        importance = check_length("importance", self.importance, self.model.outputs)
        if importance.ndim > 2:
            raise SettingsError("importance", f"{importance.ndim} axes", "at most 2")
        self._set("importance", _as_float32("importance", importance))
        for name, open_low in (("learning_rate", True), ("weight_decay", False)):
            value = getattr(self, name)
            value = getattr(self.optimiser, name) if value is None else value
            self._set(name, _as_float32(name, value, open_low=open_low))
            if getattr(self, name).ndim > 1:
                raise SettingsError(name, value, "one number, or one for each member")
        for name in VARIED:
            self._set(name, self._checked_varied(name))
        self._set("members", self._checked_members())
        self._set("snapshots", self._checked_snapshots())

    # The comparison that `dataclass` generates is ambiguous for arrays.
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and canonical(self) == canonical(other)

    def __hash__(self) -> int:
        return hash(content_hash(self))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _checked_seeds(self) -> tuple[int, ...]:
        seeds = self.seeds
        if isinstance(seeds, int | np.integer) and not isinstance(seeds, bool):
            check_count("seeds", seeds, maximum=MOST_SEEDS)
            return tuple(range(int(seeds)))
        seeds = tuple(
            check_count("seeds", s, minimum=0, maximum=2**32 - 1) for s in seeds
        )
        if not seeds or len(set(seeds)) != len(seeds):
            raise SettingsError("seeds", seeds, "one or more different integers")
        return seeds

    def _check_targets(self) -> None:
        n, outputs = self.model.n, self.model.outputs
        x = jax.ShapeDtypeStruct((n, 1), np.float32)
        found = jax.eval_shape(self.objective.targets, x).shape[0]
        if found != outputs:
            raise SettingsError(
                "objective.target",
                f"{self.objective.target!r} with {found} targets for n = {n}",
                f"as many as the model has outputs, {outputs}",
            )

    def _checked_varied(self, name: str) -> np.ndarray | None:
        value = getattr(self, name)
        if value is None:
            return None
        if name == "mixing":
            with np.errstate(over="ignore"):
                value = np.asarray(check_range(name, value), np.float32)
            shape = (self.model.outputs, self.model.n)
            if value.shape[-2:] != shape or value.ndim not in (2, 3):
                raise SettingsError(
                    name, f"shape {value.shape}", f"{shape}, or one for each member"
                )
            return check_range(name, value)
        if name == "exponent":
            check_range(name, value, low=1.0, hint="exponent=2")
            if self.objective.measure != "power":
                raise SettingsError(
                    name, value, f"none with measure={self.objective.measure!r}"
                )
        value = _as_float32(name, value)
        if value.ndim > 1:
            raise SettingsError(name, value, "one number, or one for each member")
        if name == "noise" and isinstance(self.features, FiniteDataset):
            raise SettingsError(
                name, value, "none with a FiniteDataset", "fresh samples"
            )
        return value

    def _checked_members(self) -> int:
        leading = {
            "features": self.features.members,
            "importance": len(self.importance) if self.importance.ndim > 1 else None,
            "learning_rate": self._leading(self.learning_rate),
            "weight_decay": self._leading(self.weight_decay),
            "mixing": None if self.mixing is None else self._leading_matrix(),
        }
        for name in ("noise", "exponent"):
            value = getattr(self, name)
            leading[name] = None if value is None else self._leading(value)
        lengths = {name: k for name, k in leading.items() if k is not None}
        members = self.members
        if members is None:
            members = max(lengths.values(), default=1)
        check_count("members", members)
        for name, length in lengths.items():
            if length not in (1, members, members * len(self.seeds)):
                raise SettingsError(
                    name,
                    f"a leading axis of {length}",
                    f"members = {members} or runs = {members * len(self.seeds)}",
                )
        return members

    def _leading_matrix(self) -> int | None:
        return len(self.mixing) if self.mixing.ndim > 2 else None

    @staticmethod
    def _leading(array: np.ndarray) -> int | None:
        return len(array) if array.ndim else None

    def _checked_snapshots(self) -> tuple[int, ...]:
        steps = tuple(check_count("snapshots", s, minimum=0) for s in self.snapshots)
        if list(steps) != sorted(set(steps)) or (steps and steps[-1] > self.steps):
            raise SettingsError(
                "snapshots", steps, f"increasing steps from 0 to {self.steps}"
            )
        return steps

    @property
    def runs(self) -> int:
        """Number of models: seeds × members."""
        return len(self.seeds) * self.members

    @property
    def width(self) -> int:
        """The longer of a sample and an output: the rows of a step's largest arrays."""
        return max(self.model.n, self.model.outputs)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape (runs, …) of every parameter; nothing is allocated."""
        single = jax.eval_shape(self.model.init, jax.random.key(0))
        return {name: (self.runs, *leaf.shape) for name, leaf in single.items()}

    def over_runs(self, array: np.ndarray, rank: int) -> np.ndarray:
        """`array` of shape (…) or (members | runs, …), as (runs, …).

        Args:
            array: an array whose entries for one run have `rank` axes.
            rank: 0 for a scalar setting, 1 for one over features.
        """
        array = np.asarray(array)
        if array.ndim == rank or len(array) == 1:
            array = array if array.ndim == rank else array[0]
            return np.broadcast_to(array, (self.runs, *array.shape))
        if len(array) == self.runs:
            return array
        return np.tile(array, (len(self.seeds),) + (1,) * rank)


def _as_float32(field: str, value: Any, *, open_low: bool = False) -> np.ndarray:
    """`value` in float32, finite and not negative before and after rounding."""
    check_range(field, value, low=0.0, open_low=open_low)
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.asarray(value, np.float32)
    return check_range(field, rounded, low=0.0, open_low=open_low)


def log_spaced_steps(steps: int, count: int, first: int = 1) -> tuple[int, ...]:
    """0 and about `count` log-spaced steps from `first` to `steps`, without repeats."""
    spaced = np.geomspace(min(first, steps), steps, count).round().astype(int)
    return (0, *(int(s) for s in np.unique(spaced)))


def linear_steps(steps: int, count: int) -> tuple[int, ...]:
    """`count` + 1 evenly spaced steps from 0 to `steps`, without repeats."""
    return tuple(int(s) for s in np.unique(np.linspace(0, steps, count + 1).round()))
