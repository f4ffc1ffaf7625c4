"""The asymmetric superposition motif: finding it, and what its two neurons do.

A neuron reads feature a as 2 and feature b as −1/2 and writes them as 1/2 and 2. What
it writes into b when a fires is cancelled by another neuron. The scale of a neuron is
free (a ReLU lets the decoder take the inverse), so ratios and products count.

Axis letters: `neurons`, n features.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

RATIO = 4.0  # 2 : 1/2, of the encoder and of the decoder
TOLERANCE = 0.3  # of the ratios, and of the products, which are 1 in magnitude


@dataclasses.dataclass(frozen=True)
class Motif:
    """A neuron that holds `strong` and `weak` unequally, and the one that inhibits."""

    neuron: int
    strong: int
    weak: int
    inhibitor: int
    distance: float
    """Largest relative deviation of the two ratios from 4."""


def find_motif(
    W1: Float[np.ndarray, "neurons n"], W2: Float[np.ndarray, "n neurons"]
) -> Motif | None:
    """The neuron nearest to the motif, None if no neuron is within the tolerance."""
    found = []
    for j in range(len(W1)):
        encoder, decoder = W1[j], W2[:, j]
        product = np.abs(encoder * decoder)
        # A neuron holds the features for which it does the whole work.
        held = np.flatnonzero(np.abs(product - 1) <= TOLERANCE)
        for a in held:
            for b in held:
                if a == b or np.sign(encoder[a]) == np.sign(encoder[b]):
                    continue
                ratios = np.array(
                    [abs(encoder[a] / encoder[b]), abs(decoder[b] / decoder[a])]
                )
                distance = float(np.abs(ratios / RATIO - 1).max())
                inhibitor = _inhibitor(W1, W2, j, a, b)
                if distance <= TOLERANCE and inhibitor is not None:
                    found.append(Motif(j, int(a), int(b), inhibitor, distance))
    return min(found, key=lambda motif: motif.distance, default=None)


def _inhibitor(W1: np.ndarray, W2: np.ndarray, j: int, a: int, b: int) -> int | None:
    """The other neuron that fires with `a` and writes most negatively into `b`."""
    writes = np.maximum(np.sign(W1[j, a]) * W1[:, a], 0) * W2[b]
    writes[j] = 0
    k = int(writes.argmin())
    return k if writes[k] < 0 else None


def reads_and_writes(
    W1: Float[np.ndarray, "neurons n"], W2: Float[np.ndarray, "n neurons"], motif: Motif
) -> tuple[Float[np.ndarray, "2 2"], Float[np.ndarray, "2 2"]]:
    """Weights of the motif's two neurons (rows) on its two features (columns).

    Each neuron is scaled so that it reads the strong feature as +2 (the neuron) or as
    +1 (the inhibitor), and turned so that the sign is positive.

    Returns:
        What they read (encoder) and what they write (decoder).
    """
    neurons, features = [motif.neuron, motif.inhibitor], [motif.strong, motif.weak]
    reads = W1[np.ix_(neurons, features)]
    writes = W2[np.ix_(features, neurons)].T
    scale = np.array([[2.0], [1.0]]) / np.abs(reads[:, :1])
    # |x| is even, so the mirror image of a motif is the same motif.
    return reads * scale * np.sign(reads[0, 0]), writes / scale
