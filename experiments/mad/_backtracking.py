"""Back from detectors of features to the directions of the features.

A detector says whether a feature fired: the truth, with a share of its answers turned
round at random, so that it holds nothing of the weights. These labels alone are used to
find a direction, which is then compared with the true ones.

Axis letters: `runs` models, n features, d hidden dimensions, `samples`, `shares` of
answers that are wrong, `fits` ways to find a direction.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from experiments.mad._directions import (
    cosines,
    logistic_directions,
    mean_difference,
    observed,
)
from toymodels.anomaly import Normal, World, draw_scenario

FITS = ("difference of means", "logistic regression")
DETECTED = 0.98


def backtracked(
    worlds: World,
    key: PRNGKeyArray,
    *,
    samples: int,
    fired_from: float,
    flipped: Sequence[float],
    seed: int,
) -> dict[str, np.ndarray]:
    """AUROC of the detectors of features, and cosines of what their labels give back.

    Args:
        worlds: with a runs axis.
        key: random key of the samples; consumed.
        samples: that are labelled, for each model.
        fired_from: value from which on a feature counts as fired.
        flipped: shares of the answers that are turned round.
        seed: of these and of the shuffling.

    Returns:
        "feature_auroc" (shares, runs, n); "similar", the largest cosine with a column
        of W, "own", that with the feature's own one, and "shuffled", "similar" with
        labels dealt out anew (fits, shares, runs, n). NaN for features without a place
        in the model.
    """
    drawn = draw_scenario(Normal(), worlds, key, samples)
    seen = observed(worlds, drawn.x)
    fired = np.asarray(drawn.x) >= fired_from
    rng = np.random.default_rng(seed)
    W = np.asarray(worlds.params["W"])
    names = ("similar", "own", "shuffled")
    arrays: dict[str, list] = {name: [] for name in ("feature_auroc", *names)}
    for share in flipped:
        labels = fired ^ (rng.uniform(size=fired.shape) < share)
        arrays["feature_auroc"].append(label_auroc(labels, fired))
        found = _cosines(seen.h, labels, W)
        dealt = _cosines(seen.h, rng.permuted(labels, axis=-1), W)
        arrays["similar"].append(found.max(axis=-1))
        arrays["own"].append(np.diagonal(found, axis1=-2, axis2=-1))
        arrays["shuffled"].append(dealt.max(axis=-1))
    represented = np.asarray(worlds.represented)
    return {
        "feature_auroc": np.where(
            represented, np.stack(arrays["feature_auroc"]), np.nan
        ),
        **{
            name: np.where(represented, np.stack(arrays[name], axis=1), np.nan)
            for name in names
        },
    }


def _cosines(h: np.ndarray, labels: np.ndarray, W: np.ndarray) -> np.ndarray:
    """(fits, runs, n, n): cosine of each direction with each column of W."""
    means = np.stack(
        [mean_difference(h, labels[:, i]) for i in range(labels.shape[1])], axis=1
    )
    both = (means, logistic_directions(h, labels))
    return np.stack([cosines(directions, W) for directions in both])


def label_auroc(
    labels: Bool[np.ndarray, "runs n samples"],
    fired: Bool[np.ndarray, "runs n samples"],
) -> Float[np.ndarray, "runs n"]:
    """AUROC of labels as scores: how well they tell whether a feature fired."""
    on, off = fired.sum(axis=-1), (~fired).sum(axis=-1)
    hits = (labels & fired).sum(axis=-1) / np.maximum(on, 1)
    false = (labels & ~fired).sum(axis=-1) / np.maximum(off, 1)
    return np.where((on > 0) & (off > 0), (1 + hits - false) / 2, np.nan)


def detected_similarity(
    auroc: Float[np.ndarray, "shares runs n"],
    similar: Float[np.ndarray, "shares runs n"],
) -> Float[np.ndarray, " runs"]:
    """MMCS over the detectors with AUROC ≥ 0.98; NaN for a model that has none."""
    good = np.isfinite(similar) & (np.nan_to_num(auroc) >= DETECTED)
    count = good.sum(axis=(0, 2))
    total = np.where(good, similar, 0.0).sum(axis=(0, 2))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
