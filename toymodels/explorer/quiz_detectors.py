"""The detectors of the explorer's quiz: what each may see, and how they score.

They are those of `toymodels.anomaly` with their default settings, fitted on trusted
activations of one model. An alarm is a score above the threshold that 1 % of other
normal activations pass.

Axis letters: n features, d hidden dimensions, `detectors`, and columns as samples:
`known` to the detectors, `normals` for thresholds.
"""

import dataclasses
import functools
import warnings

import jax
import numpy as np
from jaxtyping import Array, Float

from toymodels.anomaly import (
    Context,
    Detector,
    Observations,
    ReferenceWarning,
    World,
    make_detector,
    observe,
)
from toymodels.anomaly.world import dictionary_of
from toymodels.models import ModelSettings, Params

FALSE_ALARMS = 0.01


@dataclasses.dataclass(frozen=True)
class QuizDetector:
    """A detector and the words for it."""

    detector: Detector
    title: str
    asks: str
    """The question that its score answers."""


DETECTORS = (
    QuizDetector(make_detector("norm"), "Length", "how long is h?"),
    QuizDetector(
        make_detector("mahalanobis"),
        "Mahalanobis",
        "how far is h from the mean, in units of the usual spread?",
    ),
    QuizDetector(
        make_detector("nearest neighbours"),
        "Nearest neighbours",
        "how far is the fifth nearest normal h?",
    ),
    QuizDetector(
        make_detector("leverage"),
        "Leverage",
        "how much would h bend a fit to the normal ones?",
    ),
    QuizDetector(
        make_detector("reconstruction error"),
        "Reconstruction error",
        "how far is the output from the input?",
    ),
    QuizDetector(
        make_detector("oracle code with backdoor"),
        "Oracle code",
        "how much of the planted direction does h need, beside the true features?",
    ),
    QuizDetector(make_detector("random"), "Random", "nothing: it is drawn by lot"),
)


@dataclasses.dataclass(frozen=True)
class Scored:
    """What the detectors say."""

    scores: tuple[Float[np.ndarray, "detectors _"], ...]
    """Of each set of samples, in order."""
    thresholds: Float[np.ndarray, " detectors"]
    warnings: tuple[str, ...]
    """What is doubtful about the reference, in plain words."""


def score_all(
    world: World,
    reference: Float[np.ndarray, "n known"],
    calibration: Float[np.ndarray, "n normals"],
    sets: tuple[Float[np.ndarray, "n _"], ...],
    *,
    seed: int,
) -> Scored:
    """Fit every detector to one model, set its threshold, and score.

    Args:
        world: the model with its planted point, without a runs axis.
        reference: trusted inputs that detectors are fitted on.
        calibration: other normal inputs, which thresholds come from.
        sets: inputs to be scored.
        seed: of the detector that knows nothing.

    Raises:
        SettingsError: activations that are not finite.
    """
    seen = _observed(world.model, world.params, reference)
    # All at once, so that each detector is compiled for one shape.
    everything = np.concatenate([calibration, *sets], axis=1)
    tried = _observed(world.model, world.params, everything)
    directions = [dictionary_of(world.params), world.encode(world.point[:, None])]
    context = Context(
        model=world.model,
        params=world.params,
        dictionary=np.concatenate([np.asarray(part) for part in directions], axis=1),
        key=jax.random.key(seed),
    )
    rows, doubts = [], set[str]()
    for one in DETECTORS:
        scores, found = _score(one.detector, seen, context, tried)
        rows.append(scores)
        doubts |= found
    ends = np.cumsum([calibration.shape[1], *(part.shape[1] for part in sets)])
    first, *rest, _ = np.split(np.stack(rows), ends, axis=1)
    return Scored(tuple(rest), thresholds_of(first), tuple(sorted(doubts)))


def thresholds_of(
    scores: Float[np.ndarray, "detectors samples"],
) -> Float[np.ndarray, " detectors"]:
    """Scores that a share `FALSE_ALARMS` of these lie above, or fewer if some tie."""
    return np.quantile(scores, 1 - FALSE_ALARMS, axis=1, method="higher")


@functools.partial(jax.jit, static_argnums=0)
def _observed(
    model: ModelSettings, params: Params, x: Float[Array, "n samples"]
) -> Observations:
    return observe(model, params, x)


def _score(
    detector: Detector, reference: Observations, context: Context, tried: Observations
) -> tuple[Float[np.ndarray, " samples"], set[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ReferenceWarning)
        fitted = detector.fit(reference, context)
        scores = np.asarray(detector.score(fitted, tried), np.float64)
    lacking = any(issubclass(one.category, ReferenceWarning) for one in caught)
    doubt = "Normal activations leave some dimensions empty; what happens there "
    doubt += "is not seen by detectors that use their covariance."
    return scores, {doubt} if lacking else set()
