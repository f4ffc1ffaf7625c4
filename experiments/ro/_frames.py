"""Sets of directions and readouts whose crosstalk is compared with Welch's floor.

Axis letters: F `features`, d dimensions.
"""

import numpy as np
from jaxtyping import Float

from toymodels.probes import random_embedding

READOUTS = ("tied", "least squares", "random")


def tight_frame(features: int, d: int) -> Float[np.ndarray, "features d"]:
    """Harmonic frame: unit rows W with WᵀW = (F/d)·I, for F > d.

    Cosines and sines of d/2 different frequencies; with an odd d also a constant.
    """
    place = 2 * np.pi * np.arange(features)[:, None] / features
    angle = place * np.arange(1, d // 2 + 1)[None, :]
    columns = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * np.sqrt(2 / d)
    if d % 2:
        constant = np.full((features, 1), np.sqrt(1 / d))
        columns = np.concatenate([columns, constant], axis=1)
    return columns


def readout_crosstalk(
    rng: np.random.Generator, features: int, d: int, kind: str
) -> float:
    """Mean squared off-diagonal of a readout G = R·E with unit diagonal.

    Args:
        rng: of the embedding E, and of R where it is random.
        features: F.
        d: dimensions, the largest rank of G.
        kind: "tied" (R = Eᵀ), "least squares" (R = the pseudo-inverse of E, rows scaled
            to a unit diagonal), "random" (Gaussian R, scaled likewise) or "full rank"
            (no bottleneck: Gaussian noise of 0.3 times the floor beside the diagonal).
    """
    E = random_embedding(rng, features, d)
    if kind == "full rank":
        floor = (features - d) / (d * (features - 1))
        noise = rng.standard_normal((features, features)) * np.sqrt(0.3 * floor)
        G = noise - np.diag(np.diag(noise)) + np.eye(features)
    else:
        R = {
            "tied": lambda: E,
            "least squares": lambda: np.linalg.pinv(E).T,
            "random": lambda: rng.standard_normal((features, d)),
        }[kind]()
        G = R @ E.T
        G = G / np.diag(G)[:, None]
    off = G - np.eye(features)
    return float((off**2).sum() / (features * (features - 1)))
