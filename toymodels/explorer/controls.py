"""What can be set in the explorer, checked on the server, and the run that it means.

Some settings act at once on a training that goes on: they are traced by the compiled
program. The others need a new model or another program, and restart it.

Axis letters: n features, d hidden dimensions.
"""

import dataclasses
from typing import Any, ClassVar

import numpy as np

import toymodels as tm
from toymodels.config import (
    SettingsError,
    check_choice,
    check_count,
    check_range,
    settings,
)
from toymodels.explorer.planted_point import parse_point
from toymodels.features import FeatureDistribution, random_point
from toymodels.training import TrainSpec
from toymodels.training.state import Inputs, inputs_of

# Sizes at which a step takes little time and a frame little room.
MOST_FEATURES, MOST_DIMENSIONS, MOST_BATCH = 100, 20, 4096
MOST_IMPORTANCE = 10_000
# A live training has no end; the constant schedule does not look at this.
ENDLESS = 2**31 - 1
ACTIVATIONS = ("relu", "identity", "gelu")
GROUPS = ("independent", "correlated", "anticorrelated")


@settings
class Controls:
    """Every setting of the explorer.

    Args:
        n: features, 2 to 100.
        d: hidden dimensions, 1 to 20, fewer than n.
        sparsity: S, share of samples in which a feature (or a group) is off.
        importance_decay: importance of feature i is decay^(i − 1), counted from 1 as on
            the page; above 1, up to 10, the later features matter more.
        exponent: q of the loss |x − x̂|^q.
        learning_rate: of AdamW.
        weight_decay: of AdamW.
        backdoor_rate: share of samples that are the planted point.
        backdoor_size: active features of a planted point that is drawn from the seed; 0
            plants none, unless `backdoor_point` does.
        backdoor_point: the planted point itself, its features from 1 and their values,
            such as "1:0.9 3:0.5"; empty leaves it to `backdoor_size`.
        activation: of the output; "identity" is the linear control.
        groups: "independent", or groups of `group_size` that are on together, or of
            which one is on at a time.
        group_size: a divisor of n.
        batch: samples in each update.
        seed: of initial weights, samples and the planted point.
    """

    live: ClassVar[tuple[str, ...]] = (
        "sparsity",
        "importance_decay",
        "exponent",
        "learning_rate",
        "weight_decay",
        "backdoor_rate",
        "backdoor_size",
        "backdoor_point",
    )

    n: int = 5
    d: int = 2
    sparsity: float = 0.9
    importance_decay: float = 0.9
    exponent: float = 2.0
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    backdoor_rate: float = 0.0
    activation: str = "relu"
    groups: str = "independent"
    group_size: int = 2
    backdoor_size: int = 0
    backdoor_point: str = ""
    batch: int = 256
    seed: int = 0

    def __post_init__(self):
        check_count("n", self.n, minimum=2, maximum=MOST_FEATURES)
        check_count("d", self.d, maximum=MOST_DIMENSIONS)
        if self.d >= self.n:
            raise SettingsError("d", self.d, f"fewer than n = {self.n} dimensions")
        check_range("sparsity", self.sparsity, low=0.0, high=0.999)
        check_range(
            "importance_decay", self.importance_decay, low=0.0, high=10.0, open_low=True
        )
        largest = self.importance_decay ** (self.n - 1)
        if largest > MOST_IMPORTANCE:
            raise SettingsError(
                "importance_decay",
                self.importance_decay,
                f"importances of at most {MOST_IMPORTANCE:,}",
                "1",
            )
        check_range("exponent", self.exponent, low=1.0, high=8.0, hint="exponent=2")
        check_range("learning_rate", self.learning_rate, low=1e-6, high=1.0)
        check_range("weight_decay", self.weight_decay, low=0.0, high=10.0)
        check_range("backdoor_rate", self.backdoor_rate, low=0.0, high=0.5)
        check_choice("activation", self.activation, ACTIVATIONS)
        check_choice("groups", self.groups, GROUPS)
        check_count("group_size", self.group_size, minimum=2, maximum=MOST_FEATURES)
        if self.groups != "independent" and self.n % self.group_size:
            raise SettingsError(
                "group_size", self.group_size, f"a divisor of n = {self.n}"
            )
        check_count("backdoor_size", self.backdoor_size, minimum=0, maximum=self.n)
        if self.backdoor_point:
            parse_point(self.backdoor_point, self.n)
        check_count("batch", self.batch, maximum=MOST_BATCH)
        check_count("seed", self.seed, minimum=0, maximum=2**32 - 1)

    @classmethod
    def of(cls, data: Any) -> "Controls":
        """From what a browser sent; what is not named has its default.

        Raises:
            SettingsError: as in `changes`, or values that are not allowed.
        """
        return cls(**cls.changes(data))

    @classmethod
    def changes(cls, data: Any) -> dict[str, Any]:
        """What a browser sent, as names and values of the right kinds.

        Whether the values are allowed depends on the others, so it is checked when they
        come together.

        Raises:
            SettingsError: no object of known names and plain values; `field` names the
                place to show it at.
        """
        if not isinstance(data, dict):
            raise SettingsError("settings", data, "an object of names and values")
        known = {field.name: field for field in dataclasses.fields(cls)}
        values = {}
        for name, value in data.items():
            if name not in known:
                check_choice("settings", name, known)
            kind = known[name].type
            if kind is float and type(value) is int:
                try:
                    value = float(value)
                except OverflowError:
                    raise SettingsError(name, value, "a number") from None
            if type(value) is not kind:
                words = {int: "a whole number", float: "a number", str: "a name"}
                raise SettingsError(name, value, words[kind])
            values[name] = value
        return values

    def restarts(self, other: "Controls") -> bool:
        """Whether going from these to others needs a new training."""
        return any(
            getattr(self, f.name) != getattr(other, f.name)
            for f in dataclasses.fields(self)
            if f.name not in self.live
        )

    def model(self) -> tm.Autoencoder:
        """Settings of the model."""
        return tm.Autoencoder(n=self.n, d=self.d, activation=self.activation)

    def importance(self) -> np.ndarray:
        """I_i of every feature."""
        return self.importance_decay ** np.arange(self.n)

    @property
    def planted(self) -> bool:
        """Whether there is a planted point, whatever its rate."""
        return bool(self.backdoor_point) or self.backdoor_size > 0

    def ordinary(self) -> FeatureDistribution:
        """The distribution of samples other than the planted point."""
        p = 1 - self.sparsity
        if self.groups == "independent":
            return tm.IndependentFeatures(n=self.n, probability=p)
        kind = {
            "correlated": tm.CorrelatedGroup,
            "anticorrelated": tm.AnticorrelatedGroup,
        }[self.groups]
        group = kind(n=self.group_size, probability=p)
        return tm.Concatenated(parts=(group,) * (self.n // self.group_size))

    def features(self) -> FeatureDistribution:
        """The distribution of samples, with the planted point if there is one."""
        base = self.ordinary()
        if not self.planted:
            return base
        return tm.RepeatedPoint(base=base, point=self.point(), rate=self.backdoor_rate)

    def point(self) -> np.ndarray:
        """The planted point, (n,); there must be one."""
        if self.backdoor_point:
            return parse_point(self.backdoor_point, self.n)
        return random_point(self.n, size=self.backdoor_size, seed=self.seed)

    def spec(self, steps: int = ENDLESS) -> TrainSpec:
        """The ensemble of one run that these settings mean."""
        return TrainSpec(
            model=self.model(),
            features=self.features(),
            optimiser=tm.Optimiser(),
            importance=self.importance(),
            exponent=self.exponent,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            seeds=1,
            steps=steps,
            batch=self.batch,
            history=1,
            seed=self.seed,
        )

    def inputs(self) -> Inputs:
        """What a running training is given instead, when a live setting changes."""
        return inputs_of(self.spec())
