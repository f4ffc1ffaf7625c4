"""Back from detectors of features to the directions of the features.

A detector says how much a feature seems to have fired; its labels alone are used to
find a direction, which is then compared with the true ones.

Axis letters: `runs` models, n features, d hidden dimensions, `samples`, `noises` of a
detector, `fits` ways to find a direction.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from experiments.mad._directions import (
    cosines,
    highest,
    logistic_directions,
    mean_difference,
    observed,
)
from toymodels.anomaly import Normal, World, auroc, draw_scenario

FITS = ("difference of means", "logistic regression")
DETECTED = 0.98


def backtracked(
    worlds: World,
    key: PRNGKeyArray,
    *,
    samples: int,
    fired_from: float,
    noises: Sequence[float],
    seed: int,
) -> dict[str, np.ndarray]:
    """AUROC of the detectors of features, and cosines of what their labels give back.

    Args:
        worlds: with a runs axis.
        key: random key of the samples; consumed.
        samples: that are labelled, for each model.
        fired_from: value from which on a feature counts as fired.
        noises: on the detectors, in standard deviations of their output.
        seed: of the noise and of the shuffling.

    Returns:
        "feature_auroc" (noises, runs, n), "similar" and "shuffled" (fits, noises, runs,
        n); NaN for features without a place in the model.
    """
    drawn = draw_scenario(Normal(), worlds, key, samples)
    seen = observed(worlds, drawn.x)
    fired = np.asarray(drawn.x) >= fired_from
    rng = np.random.default_rng(seed)
    W = np.asarray(worlds.params["W"])
    arrays: dict[str, list] = {"feature_auroc": [], "similar": [], "shuffled": []}
    spread = seen.output.std(axis=-1, keepdims=True)
    for noise in noises:
        scores = seen.output + noise * spread * rng.normal(size=seen.output.shape)
        labels = as_many_as_fired(scores, fired)
        arrays["feature_auroc"].append(feature_auroc(scores, fired))
        for name, given in (
            ("similar", labels),
            ("shuffled", rng.permuted(labels, axis=-1)),
        ):
            arrays[name].append(_similarities(seen.h, given, W))
    represented = np.asarray(worlds.represented)
    return {
        "feature_auroc": np.where(
            represented, np.stack(arrays["feature_auroc"]), np.nan
        ),
        **{
            name: np.where(represented, np.stack(arrays[name], axis=1), np.nan)
            for name in ("similar", "shuffled")
        },
    }


def _similarities(h: np.ndarray, labels: np.ndarray, W: np.ndarray) -> np.ndarray:
    """(fits, runs, n): the largest cosine of each direction with a column of W."""
    means = np.stack(
        [mean_difference(h, labels[:, i]) for i in range(labels.shape[1])], axis=1
    )
    both = (means, logistic_directions(h, labels))
    return np.stack([cosines(directions, W).max(axis=-1) for directions in both])


def as_many_as_fired(
    scores: Float[np.ndarray, "runs n samples"],
    fired: Bool[np.ndarray, "runs n samples"],
) -> Bool[np.ndarray, "runs n samples"]:
    """Labels: the highest scores of each feature, as many as fired."""
    labels = np.zeros(fired.shape, bool)
    for place in np.ndindex(*fired.shape[:2]):
        labels[place] = highest(scores[place], int(fired[place].sum()))
    return labels


def feature_auroc(
    scores: Float[np.ndarray, "runs n samples"], fired: np.ndarray
) -> Float[np.ndarray, "runs n"]:
    """How well the score of a feature tells whether it fired."""
    result = np.full(fired.shape[:2], np.nan)
    for place in np.ndindex(*result.shape):
        on = fired[place]
        if 0 < on.sum() < on.size:
            result[place] = auroc(scores[place][on], scores[place][~on])
    return result


def detected_similarity(
    auroc: Float[np.ndarray, "noises runs n"],
    similar: Float[np.ndarray, "noises runs n"],
) -> Float[np.ndarray, " runs"]:
    """MMCS over the detectors with AUROC ≥ 0.98; NaN for a model that has none."""
    good = np.isfinite(similar) & (np.nan_to_num(auroc) >= DETECTED)
    count = good.sum(axis=(0, 2))
    total = np.where(good, similar, 0.0).sum(axis=(0, 2))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
