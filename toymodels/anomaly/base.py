"""The contract of a detector: fit on trusted samples, score others.

**Higher scores are more anomalous**, for every detector.

A detector is a small settings class. Everything that knows of detectors finds it by
its name in `DETECTORS`; docs/detectors.md works through this example:

    @detector
    class LargestUnit(Detector):
        '''How far the most active hidden unit is above its usual size.'''

        name = "largest unit"
        sees = "activations"
        quantile: float = 0.99

        def __post_init__(self):
            check_range("quantile", self.quantile, low=0.0, high=1.0)

        def _fit(self, reference, context):
            return jnp.quantile(jnp.abs(reference.h), self.quantile, axis=1)

        def _score(self, state, observations):
            return jnp.max(jnp.abs(observations.h) / state[:, None], axis=0)

`_fit` may return any pytree. Both are compiled, and run under `jax.vmap` over models,
unless the class says `batched = False`; so they work on arrays alone, and what can be
wrong with the data was checked before.

Axis letters: `samples` as columns, n features, d hidden dimensions, `runs` models.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, ClassVar, dataclass_transform

import jax
import numpy as np
from jaxtyping import Array, Float

from toymodels.anomaly.checks import (
    check_context,
    check_dictionary,
    check_observations,
    warn_of_rank,
)
from toymodels.anomaly.observations import Context as Context
from toymodels.anomaly.observations import Labels as Labels
from toymodels.anomaly.observations import Observations as Observations
from toymodels.anomaly.observations import observe as observe
from toymodels.config import SettingsError, check_choice, settings
from toymodels.pytree import register_pytree

SEES = (
    "activations",
    "inputs and outputs",
    "weights",
    "true dictionary",
    "labels",
)
BOUNDS = ("", "upper", "lower")

DETECTORS: dict[str, type["Detector"]] = {}
"""Every detector class by its name."""

# What somebody may ask for, and why it is not here.
_ABSENT = {
    "neighbour ranks": "trajectories over layers need a model of several layers",
    "plateau response": "it needs the probes of plateaus",
    "sae error": "it needs sparse autoencoders",
}


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What a detector has learned from reference observations.

    Attributes:
        detector: name of the detector.
        d: hidden dimensions of the reference.
        n: features of the reference.
        state: whatever the detector keeps, a pytree.
    """

    detector: str
    d: int
    n: int
    state: Any


register_pytree(Fitted, ("state",), ("detector", "d", "n"))


class Detector:
    """Base of detectors; subclasses are made with `@detector`.

    Class variables:
        name: short, for tables and `DETECTORS`.
        sees: the most that it looks at, one of `SEES`.
        bound: "upper" or "lower" if it stands for what is possible at best or without
            knowledge, rather than for a method.
        batched: works under `jax.jit`, and `jax.vmap` over models; others are looped
            over.
        needs: fields of the context without which it cannot be fitted.
        inverts: uses the inverse of the reference's covariance, so that a reference of
            deficient rank deserves a warning.
    """

    name: ClassVar[str] = ""
    sees: ClassVar[str] = ""
    bound: ClassVar[str] = ""
    batched: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()
    inverts: ClassVar[bool] = False

    def fit(self, reference: Observations, context: Context | None = None) -> Fitted:
        """Learn what is normal.

        Args:
            reference: trusted observations of one model.
            context: what some detectors need besides, see `needs`.

        Returns:
            A pytree to score with.

        Raises:
            SettingsError: activations that are not finite, or a context that lacks what
                the detector needs.

        Warns:
            ReferenceWarning: too few or too similar samples for a covariance.
        """
        context = Context() if context is None else context
        self.check_fit(reference, context)
        d, n = reference.h.shape[-2], reference.x.shape[-2]
        fit = _compiled_fit if self.batched else type(self)._fit
        return Fitted(self.name, d, n, fit(self, reference, context))

    def score(
        self, state: Fitted, observations: Observations
    ) -> Float[Array | np.ndarray, " samples"]:
        """How anomalous each sample is: higher is more anomalous.

        Args:
            state: from `fit` of a detector with the same settings.
            observations: of the same model.

        Returns:
            (samples,) finite numbers, comparable within one fitted detector only.

        Raises:
            SettingsError: another detector's state, activations of another size or not
                finite.
        """
        self.check_score(state, observations)
        score = _compiled_score if self.batched else type(self)._score
        return score(self, state.state, observations)

    def check_fit(self, reference: Observations, context: Context) -> None:
        """The errors and warnings of `fit`, and nothing else."""
        check_context(self.name, self.needs, context)
        check_observations("reference", reference, least=2)
        if context.untrusted is not None:
            check_observations("untrusted", context.untrusted, like=reference)
        if context.labelled is not None:
            check_observations("labelled", context.labelled[0], like=reference)
        if context.dictionary is not None:
            check_dictionary(context.dictionary, reference)
        self.check(reference, context)
        if self.inverts:
            warn_of_rank(self.name, reference)

    def check_score(self, state: Fitted, observations: Observations) -> None:
        """The errors of `score`, and nothing else."""
        if state.detector != self.name:
            raise SettingsError("state", state.detector, f"that of {self.name!r}")
        check_observations("observations", observations, d=state.d, n=state.n)

    @property
    def label(self) -> str:
        """Name for a table, with the settings that are not the default ones."""
        changed = [
            f"{field.name.replace('_', ' ')} {getattr(self, field.name)}"
            for field in dataclasses.fields(self)  # pyright: ignore
            if getattr(self, field.name) != field.default
        ]
        return f"{self.name} ({', '.join(changed)})" if changed else self.name

    def check(self, reference: Observations, context: Context) -> None:
        """Raise `SettingsError` if this detector cannot use what it was given."""

    def _fit(self, reference: Observations, context: Context) -> Any:
        """The state, from data that have been checked."""
        raise NotImplementedError

    def _score(
        self, state: Any, observations: Observations
    ) -> Float[Array | np.ndarray, " samples"]:
        """(samples,) scores, from data that have been checked."""
        raise NotImplementedError


@functools.partial(jax.jit, static_argnums=0)
def _compiled_fit(detector: Detector, reference: Observations, context: Context):
    return detector._fit(reference, context)


@functools.partial(jax.jit, static_argnums=0)
def _compiled_score(detector: Detector, state: Any, observations: Observations):
    return detector._score(state, observations)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def detector(cls: type) -> type:
    """Make `cls` settings that JSON can carry, and enter it in `DETECTORS`."""
    check_choice(f"{cls.__name__}.sees", cls.sees, SEES)
    check_choice(f"{cls.__name__}.bound", cls.bound, BOUNDS)
    known = DETECTORS.get(cls.name)
    if not cls.name or (known is not None and known.__module__ != cls.__module__):
        raise SettingsError(f"{cls.__name__}.name", cls.name, "a name of its own")
    made = settings(cls)
    DETECTORS[cls.name] = made
    return made


def make_detector(name: str, **changes: Any) -> Detector:
    """The detector called `name` with its default settings, but for `changes`.

    Raises:
        SettingsError: there is none of that name, or not yet.
    """
    if name in _ABSENT:
        raise SettingsError(
            "detector", name, f"one of {', '.join(DETECTORS)}; {_ABSENT[name]}"
        )
    make: Callable[..., Detector] = DETECTORS[check_choice("detector", name, DETECTORS)]
    known = [field.name for field in dataclasses.fields(DETECTORS[name])]
    for field in changes:
        check_choice(f"settings of {name}", field, known)
    return make(**changes)
