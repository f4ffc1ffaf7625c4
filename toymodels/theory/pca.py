"""Linear models: what x̂ = WᵀWx + b can reach, in closed form.

A tied linear autoencoder with d hidden dimensions is a projection at best, and its loss
is the variance that the projection discards: principal component analysis (Baldi &
Hornik 1989). It has nothing to gain from superposition, which makes it the control of
every ReLU model.

Axes: `n` features, `d` hidden dimensions.
"""

import numpy as np
from jaxtyping import Float, Int


def principal_subspace(
    covariance: Float[np.ndarray, "n n"], d: int
) -> Float[np.ndarray, "n {d}"]:
    """Orthonormal basis of the d directions of largest variance, largest first.

    The rows of an optimal W span it; W itself is free up to a rotation of hidden space.
    Without a bias, give E[xxᵀ] in place of the covariance.

    Args:
        covariance: (n, n) symmetric, positive semidefinite.
        d: number of directions, 1 ≤ d ≤ n.
    """
    return np.linalg.eigh(covariance)[1][:, ::-1][:, :d]


def linear_autoencoder_loss(covariance: Float[np.ndarray, "n n"], d: int) -> float:
    """Smallest squared loss of x̂ = WᵀWx + b: the sum of the n − d least eigenvalues.

    Every feature has importance 1; see `independent_linear_loss` for others.

    Args:
        covariance: (n, n) symmetric, positive semidefinite.
        d: number of hidden dimensions, 1 ≤ d ≤ n.
    """
    values = np.linalg.eigvalsh(covariance)
    return float(np.sum(values[: len(values) - d]))


def kept_features(
    variance: Float[np.ndarray, " n"], importance: Float[np.ndarray, " n"], d: int
) -> Int[np.ndarray, " kept"]:
    """Which d independent features a linear model keeps: the largest I_i·Var(x_i).

    Args:
        variance: (n,) Var(x_i) ≥ 0.
        importance: (n,) I_i ≥ 0.
        d: number of hidden dimensions, ≥ 0.

    Returns:
        (min(d, n),) indices, largest first; among equals the earlier feature is kept.
    """
    return np.argsort(-importance * variance, kind="stable")[:d]


def independent_linear_loss(
    variance: Float[np.ndarray, " n"], importance: Float[np.ndarray, " n"], d: int
) -> float:
    """Smallest importance-weighted loss for independent features: Σ I_i·Var(x_i) lost.

    An untied linear model reaches the discarded eigenvalues of D^½ΣD^½, D = diag(I).
    For diagonal Σ its optimum is a coordinate projection, which tied weights reach too.
    For correlated features of unequal importance they need not, and no closed form is
    given here.

    Args:
        variance: (n,) Var(x_i) ≥ 0.
        importance: (n,) I_i ≥ 0.
        d: number of hidden dimensions, ≥ 0; nothing is lost for d ≥ n.
    """
    lost = np.delete(importance * variance, kept_features(variance, importance, d))
    return float(np.sum(lost))
