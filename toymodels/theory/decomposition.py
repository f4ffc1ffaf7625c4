"""The loss split by how many features are active.

With n independent features of probability p, a support of k features has probability
p^k(1 − p)^{n−k}, so the loss is L = Σ_k p^k(1 − p)^{n−k}·L_k, with L_k the sum over all
supports of k features of the mean loss given that support (Elhage et al. 2022,
"Mathematical Understanding"). The term for one active feature is the one that matters
when features are sparse, and it shows why negative interference is free: a ReLU without
bias removes it entirely.

Axes: `n` features, `d` hidden dimensions.
"""

import dataclasses

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True)
class OneActiveLoss:
    """L₁ of each feature, for x̂ = ReLU(WᵀWx + b) and uniform values.

    Attributes:
        own: (n,) loss on feature i itself when it alone is active, times I_i.
        interference: (n,) loss on all other features j meanwhile, times their I_j.
    """

    own: Float[np.ndarray, " n"]
    interference: Float[np.ndarray, " n"]

    @property
    def total(self) -> float:
        """L₁, the sum over the n supports of one feature."""
        return float(np.sum(self.own) + np.sum(self.interference))


def support_weights(probability: float, n: int) -> Float[np.ndarray, " k"]:
    """p^k(1 − p)^{n−k} for k = 0 … n: the weight of L_k in the loss.

    Args:
        probability: p in (0, 1].
        n: number of features, ≥ 1.

    Returns:
        (n + 1,); times the number of supports, C(n, k), they sum to 1.
    """
    k = np.arange(n + 1)
    return float(probability) ** k * (1.0 - probability) ** (n - k)


def none_active_loss(
    b: Float[np.ndarray, " n"], importance: Float[np.ndarray, " n"]
) -> float:
    """L₀: the loss on x = 0, Σ_i I_i·ReLU(b_i)². Negative biases cost nothing."""
    return float(np.sum(importance * np.maximum(b, 0.0) ** 2))


def one_active_loss(
    W: Float[np.ndarray, "d n"],
    importance: Float[np.ndarray, " n"],
    b: Float[np.ndarray, " n"] | None = None,
) -> OneActiveLoss:
    """L₁ exactly. Without bias: own I_i(1 − ‖W_i‖²)²/3, interference Σ I_j(G_ij)₊²/3.

    With a bias each output is ReLU(gx + c), linear on either side of its zero, and the
    integral over x is done piece by piece.

    Args:
        W: (d, n) weights; G = WᵀW.
        importance: (n,) I_i ≥ 0.
        b: (n,) bias, or none.
    """
    W = np.asarray(W, dtype=np.float64)
    gram = W.T @ W
    n = len(gram)
    bias = np.zeros(n) if b is None else np.asarray(b, dtype=np.float64)
    # Row i: feature i is active and ramps from 0 to 1. Column j: output j.
    target = np.eye(n)
    errors = importance * _squared_error(target, gram, np.tile(bias, (n, 1)))
    return OneActiveLoss(
        own=np.diag(errors).copy(),
        interference=np.sum(errors, axis=1, where=~np.eye(n, dtype=bool)),
    )


def _squared_error(
    target: np.ndarray, slope: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """∫₀¹ (t·x − ReLU(g·x + c))² dx, elementwise."""
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.where(slope == 0, 0.0, np.clip(-bias / slope, 0.0, 1.0))
    total = np.zeros(np.broadcast_shapes(target.shape, slope.shape))
    for start, stop in ((np.zeros_like(root), root), (root, np.ones_like(root))):
        active = slope * (start + stop) / 2 + bias > 0
        g, c = np.where(active, slope, 0.0), np.where(active, bias, 0.0)
        # ∫ (αx + γ)² from start to stop, with α = t − g and γ = −c
        alpha = target - g
        total += alpha**2 * (stop**3 - start**3) / 3
        total += -alpha * c * (stop**2 - start**2) + c**2 * (stop - start)
    return total
