"""Which features a neuron serves, and which neurons serve a feature.

A neuron serves the features whose weight is at least a share of its largest one in
magnitude; a feature is served by the neurons for which the same holds in its column.

Axis letters: `models`, `neurons`, n features.
"""

import numpy as np
from jaxtyping import Float, Int

# A weight counts from 30 % of the largest one on, and a neuron or feature whose largest
# weight is below 0.1 serves nothing. Both are guesses, made before any run.
SHARE = 0.3
SMALLEST = 0.1


def features_of_neurons(
    W: Float[np.ndarray, "*models neurons n"], share: float = SHARE
) -> Int[np.ndarray, "*models neurons"]:
    """Number of features that each neuron serves; 1 is monosemantic, 0 is dead."""
    size = np.abs(W)
    largest = size.max(axis=-1, keepdims=True)
    return np.where(largest >= SMALLEST, size >= share * largest, False).sum(axis=-1)


def neurons_of_features(
    W: Float[np.ndarray, "*models neurons n"], share: float = SHARE
) -> Int[np.ndarray, "*models n"]:
    """Number of neurons that serve each feature; 0 if it is dropped."""
    return features_of_neurons(np.swapaxes(W, -1, -2), share)


def purity(
    W: Float[np.ndarray, "*models neurons n"],
) -> Float[np.ndarray, "*models neurons"]:
    """Largest weight of each neuron as a share of the sum of all, in magnitude."""
    size = np.abs(W)
    total = size.sum(axis=-1)
    return size.max(axis=-1) / np.where(total > 0, total, 1.0)


def random_rotation(d: int, seed: int) -> Float[np.ndarray, "d d"]:
    """A rotation drawn uniformly from O(d)."""
    rng = np.random.default_rng(seed)
    q, r = np.linalg.qr(rng.normal(size=(d, d)))
    return q * np.sign(np.diag(r))
