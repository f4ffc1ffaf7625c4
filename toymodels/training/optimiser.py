"""Optimisers and the presets of the literature (S0.4), on Optax.

Learning rate and weight decay may differ between the runs of an ensemble, so they are
given as traced scalars when a transformation is made, inside the compiled step.
"""

import dataclasses
from typing import Any

import optax
from jaxtyping import Array, Float

from toymodels.config import (
    SettingsError,
    check_choice,
    check_count,
    check_range,
    settings,
)

Scalar = float | Float[Array, ""]


@settings
class Optimiser:
    """How parameters are updated.

    Args:
        name: "adamw" or "adam" (no weight decay) or "sgd".
        learning_rate: peak learning rate, > 0.
        weight_decay: decoupled decay of every parameter, biases included, as in the
            original notebook.
        schedule: "constant", or "cosine" to zero at the last step.
        warmup: steps of linear warm-up from zero.
    """

    name: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    schedule: str = "constant"
    warmup: int = 0

    def __post_init__(self):
        check_choice("name", self.name, ("adamw", "adam", "sgd"))
        check_choice("schedule", self.schedule, ("constant", "cosine"))
        check_count("warmup", self.warmup, minimum=0)
        check_range("weight_decay", self.weight_decay, low=0.0)
        check_range(
            "learning_rate",
            self.learning_rate,
            low=0.0,
            open_low=True,
            hint="learning_rate=1e-3",
        )

    def transformation(
        self, steps: int, learning_rate: Scalar, weight_decay: Scalar
    ) -> optax.GradientTransformation:
        """The Optax transformation of one run of `steps` updates."""
        if self.warmup == 0 and self.schedule == "constant":
            rate: Any = learning_rate
        else:
            factor = self._factor(steps)
            # A schedule is a Python function of the count; the traced peak scales it.
            rate = lambda count: learning_rate * factor(count)  # noqa: E731
        if self.name == "adamw":
            return optax.adamw(rate, weight_decay=weight_decay)
        if self.name == "adam":
            return optax.adam(rate)
        return optax.sgd(rate)

    def _factor(self, steps: int) -> optax.Schedule:
        """Share of the peak learning rate at each count."""
        warmup = optax.linear_schedule(0.0, 1.0, max(self.warmup, 1))
        rest = max(steps - self.warmup, 1)
        after = (
            optax.cosine_decay_schedule(1.0, rest)
            if self.schedule == "cosine"
            else optax.constant_schedule(1.0)
        )
        return optax.join_schedules([warmup, after], [self.warmup])


@dataclasses.dataclass(frozen=True)
class Preset:
    """Optimiser, batch and steps that a source used together."""

    optimiser: Optimiser
    batch: int
    steps: int


PRESETS: dict[str, Preset] = {
    # The 2022 notebook; the paper itself states no optimiser, batch or steps.
    "tms": Preset(Optimiser(), batch=1024, steps=10_000),
    # Henighan et al. 2023; full batch there, so `batch` is the dataset's size.
    "dd": Preset(Optimiser(schedule="cosine", warmup=2_500), batch=1024, steps=50_000),
    "cis": Preset(
        Optimiser(name="adam", learning_rate=1e-2, weight_decay=0.0, schedule="cosine"),
        batch=2048,
        steps=8_000,
    ),
    # The step count of the source is unknown; this one is a guess.
    "sae": Preset(Optimiser(name="adam", weight_decay=0.0), batch=4096, steps=20_000),
}


def preset(name: str) -> Preset:
    """Optimiser, batch and steps of "tms", "dd", "cis" or "sae"."""
    if name not in PRESETS:
        raise SettingsError("preset", name, f"one of {', '.join(PRESETS)}")
    return PRESETS[name]
