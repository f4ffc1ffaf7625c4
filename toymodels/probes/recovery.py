"""What linear readouts of superposed features cannot do, and what a threshold can.

F features with random unit directions in d dimensions, s of them active at 1:

    h = Σ_{active} W_j,   r_i = W_i · h = x_i + error of variance about s/d

A linear readout keeps that error, s/d per coordinate. "r_i > ½" recovers all of x as
long as no error reaches ½, of which F have a chance: to leading order up to
s = d / (8 ln F), many features at once even for F = d².

Reading k readoffs together as one sum, against k − ½, needs the error of the sum to
stay below ½: an error ε in each (standard deviation) may be as large as ½/k if all
errors are the same, and ½/√k if they are independent. In mean squared errors ε² these
are orders 1/k² and 1/k: a bound of 1/k² belongs to correlated errors.

NumPy in float64: this is statistics, not a model.

Axis letters: F features (`features`), d dimensions, s active ones, `trials`, k terms.

References:
    Borobia, Seguí-Mas & Tormo-Carbó 2026, arXiv 2605.01192; Vaintrob, Mendel & Hänni
    2024, *Toward a Mathematical Framework for Computation in Superposition*.
"""

import math

import numpy as np
import scipy.special
from jaxtyping import Float

from toymodels.config import check_count, check_range

HALF = 0.5
# Numbers that one block of embeddings may hold: 32 MiB.
BLOCK_NUMBERS = 2**22


# --- support recovery ----------------------------------------------------------------


def predicted_half_point(features: int, d: int) -> float:
    """Number s ≈ d / (8 ln F) at which half of the samples are recovered exactly.

    Leading order: √(2 ln F) standard deviations of √(s/d) reach ½.
    """
    check_count("features", features, minimum=2)
    return check_count("d", d) / (8 * math.log(features))


def linear_squared_error(active: int | float, d: int) -> float:
    """Mean squared error s/d of a linear readout, of each coordinate."""
    return active / check_count("d", d)


def random_embedding(
    rng: np.random.Generator, features: int, d: int
) -> Float[np.ndarray, "features d"]:
    """Isotropic unit vectors, in rows."""
    W = rng.standard_normal((features, d))
    return W / np.linalg.norm(W, axis=1, keepdims=True)


def readout_errors(
    rng: np.random.Generator, features: int, d: int, active: int, trials: int
) -> dict[str, Float[np.ndarray, " trials"]]:
    """Exact recovery and errors of samples with `active` features, by brute force.

    Args:
        rng: of the embedding and of the samples; one embedding for all trials.
        features: F.
        d: dimensions.
        active: s ≥ 1 features of each sample, at 1.
        trials: samples.

    Returns:
        recovered: 1 where "r_i > ½" is the support, else 0.
        linear: mean over coordinates of (r_i − x_i)².
        threshold: mean over coordinates of (1[r_i > ½] − x_i)².
        positive: 1 where "r_i > 0" is the support: a readout without a threshold.
    """
    check_count("active", active, maximum=features)
    W = random_embedding(rng, features, d)
    found = {name: np.empty(trials) for name in ("recovered", "linear", "threshold")}
    found["positive"] = np.empty(trials)
    for trial in range(trials):
        x = np.zeros(features)
        x[rng.choice(features, active, replace=False)] = 1.0
        r = W @ (x @ W)
        wrong = (r > HALF) != (x > HALF)
        found["recovered"][trial] = not wrong.any()
        found["linear"][trial] = np.mean((r - x) ** 2)
        found["threshold"][trial] = wrong.mean()
        found["positive"][trial] = np.array_equal(r > 0, x > 0)
    return found


def recovery_probability(
    rng: np.random.Generator,
    features: int,
    d: int,
    active: int,
    trials: int,
    *,
    threshold: float = HALF,
) -> float:
    """Probability that "r_i > threshold" is the support, over random embeddings.

    Only the active directions are drawn. Given h, the directions of the others are
    independent of it, so that the chance that none of them reaches the threshold is a
    closed form: F need not fit into memory.

    Args:
        rng: of the active directions.
        features: F.
        d: dimensions, ≥ 2.
        active: s ≥ 0 features of each sample, at 1.
        trials: samples to average over.
        threshold: of a readoff, ≥ 0.
    """
    check_count("d", d, minimum=2)
    check_count("active", active, minimum=0, maximum=features)
    check_range("threshold", threshold, low=0.0)
    total, done = 0.0, 0
    while done < trials:
        # As many at once as fit into a block.
        count = min(trials - done, max(BLOCK_NUMBERS // max(active * d, 1), 1))
        drawn = rng.standard_normal((count, active, d))
        W = drawn / np.linalg.norm(drawn, axis=2, keepdims=True)
        h = W.sum(axis=1)
        read = (np.einsum("tad,td->ta", W, h) > threshold).all(axis=1)
        norm = np.maximum(np.linalg.norm(h, axis=1), np.finfo(float).tiny)
        beyond = projection_tail(threshold / norm, d)
        missed = np.exp((features - active) * np.log1p(-beyond))
        total += float((missed * read).sum())
        done += count
    return total / trials


def projection_tail(
    t: Float[np.ndarray, " trials"], d: int
) -> Float[np.ndarray, " trials"]:
    """P(v·u > t) of an isotropic unit v in d dimensions and a fixed unit u.

    (1 + v·u)/2 has a Beta((d − 1)/2, (d − 1)/2) distribution.
    """
    half = (d - 1) / 2
    return scipy.special.betainc(half, half, np.clip((1 - t) / 2, 0.0, 1.0))


def half_point(
    active: Float[np.ndarray, " levels"], recovered: Float[np.ndarray, " levels"]
) -> float:
    """Number s at which half are recovered, between the first two levels around it.

    Args:
        active: rising; 0 counts as a level at which everything is recovered.
        recovered: share of samples, at each level.

    Returns:
        NaN where more than half are recovered at every level.
    """
    s = np.concatenate([[0.0], active])
    share = np.concatenate([[1.0], recovered])
    below = np.flatnonzero(share < HALF)
    if not below.size:
        return math.nan
    k = below[0]
    return float(
        s[k - 1] + (s[k] - s[k - 1]) * (share[k - 1] - HALF) / (share[k - 1] - share[k])
    )


# --- reading several terms -----------------------------------------------------------


def tolerated_error(
    sums: Float[np.ndarray, " trials"], *, failures: float = 0.05
) -> float:
    """Largest error ε of a readoff at which a sum of k is misread that rarely.

    Args:
        sums: error of the sum of k readoffs where each has standard deviation 1.
        failures: share of the samples in which the sum's error reaches ½.
    """
    check_range("failures", failures, low=0.0, high=1.0, open_low=True)
    return HALF / float(np.quantile(np.abs(sums), 1 - failures))


def tolerated_error_each(
    errors: Float[np.ndarray, "trials terms"], *, failures: float = 0.05
) -> float:
    """The same if every readoff meets its own threshold first, and all must be right.

    Args:
        errors: of the k readoffs, each of standard deviation 1.
        failures: share of the samples in which any of the errors reaches ½.
    """
    return tolerated_error(np.abs(errors).max(axis=1), failures=failures)


def correlated_errors(
    rng: np.random.Generator, terms: int, trials: int, *, correlation: float
) -> Float[np.ndarray, "trials terms"]:
    """Gaussian errors of variance 1 with the same correlation between all pairs."""
    check_range("correlation", correlation, low=0.0, high=1.0)
    own = rng.standard_normal((trials, terms))
    common = rng.standard_normal((trials, 1))
    return math.sqrt(1 - correlation) * own + math.sqrt(correlation) * common


def embedding_errors(
    rng: np.random.Generator,
    terms: int,
    trials: int,
    *,
    d: int,
    active: int,
    shared: float = 0.0,
) -> Float[np.ndarray, "trials terms"]:
    """Errors of k readoffs in a random embedding, over their standard deviation √(s/d).

    Of others' making alone: the k features themselves are left out of h.

    Args:
        rng: of embedding and samples.
        terms: k features that are read.
        trials: samples, each with k features of its own.
        d: dimensions.
        active: s others that are active.
        shared: cosine between any two of the k directions, in [0, 1).
    """
    check_range("shared", shared, low=0.0, high=1.0)
    errors = np.empty((trials, terms))
    for trial in range(trials):
        h = random_embedding(rng, active, d).sum(axis=0)
        W = random_embedding(rng, terms, d)
        common = random_embedding(rng, 1, d)
        W = math.sqrt(1 - shared) * W + math.sqrt(shared) * common
        errors[trial] = W @ h
    return errors / math.sqrt(active / d)
