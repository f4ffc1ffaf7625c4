"""Detectors for many models at once: one compiled call where the method allows it.

Axis letters: `runs` models, `samples` as columns.
"""

import functools
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Fitted, Observations
from toymodels.config import SettingsError

# One for all models if the detector is batched, else one for each.
Fits = Fitted | tuple[Fitted, ...]


def fit_each(
    detector: Detector, references: Observations, contexts: Context | None = None
) -> Fits:
    """Fit one detector to every model of an ensemble.

    Args:
        detector: its settings.
        references: trusted observations, each leaf with a leading `runs` axis.
        contexts: likewise, every leaf with a leading `runs` axis, the key too.

    Raises:
        SettingsError: as in `Detector.fit`, naming the run.

    Warns:
        ReferenceWarning: as in `Detector.fit`.
    """
    contexts = Context() if contexts is None else contexts
    fitter = detector.fit if not detector.batched else detector.check_fit
    fits = []
    for run in range(_runs(references)):
        fits.append(_named(run, fitter, _of(run, references), _of(run, contexts)))
    return (
        _fit_batched(detector, references, contexts) if detector.batched else (*fits,)
    )


def score_each(
    detector: Detector, fits: Fits, observations: Observations
) -> Float[Array | np.ndarray, "runs samples"]:
    """Scores of every model's samples; higher is more anomalous.

    Args:
        detector: with the settings that it was fitted with.
        fits: from `fit_each`.
        observations: each leaf with a leading `runs` axis.

    Raises:
        SettingsError: as in `Detector.score`, naming the run.
    """
    scores = []
    for run in range(_runs(observations)):
        seen = _of(run, observations)
        if isinstance(fits, Fitted):
            _named(run, detector.check_score, fits, seen)
        else:
            scores.append(_named(run, detector.score, fits[run], seen))
    if isinstance(fits, Fitted):
        return _score_batched(detector, fits, observations)
    return np.stack(scores)


@functools.partial(jax.jit, static_argnums=0)
def _fit_batched(detector: Detector, references: Observations, contexts: Context):
    return jax.vmap(detector.fit)(references, contexts)


@functools.partial(jax.jit, static_argnums=0)
def _score_batched(detector: Detector, fits: Fitted, observations: Observations):
    return jax.vmap(detector.score)(fits, observations)


def _runs(observations: Observations) -> int:
    if observations.h.ndim != 3:
        raise SettingsError(
            "observations.h",
            f"shape {observations.h.shape}",
            "(runs, d, samples)",
            "the detector's own fit and score for one model",
        )
    return observations.h.shape[0]


def _of(run: int, tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[run], tree)


def _named(run: int, function: Any, *arguments: Any) -> Any:
    """Call it; an error of its says which run it comes from."""
    try:
        return function(*arguments)
    except SettingsError as error:
        raise SettingsError(
            f"run {run}, {error.field}", error.value, error.expected, error.hint
        ) from None
