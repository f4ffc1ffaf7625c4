"""The expected loss of a small model, summed over supports instead of sampled.

Which of two trained models is better is a matter of events that hardly occur when
features are sparse: at p = 0.01 two given features are active together once in 10,000
samples, and the choice between the restarts of a cell would be a matter of chance. Here
every one of the 2ⁿ supports has its exact probability p^k(1 − p)^{n−k}, and the values
of the active features run over a Gauss–Legendre grid. Only the kinks of the ReLU are
not integrated exactly: with 12 nodes an antipodal pair seems 0.5 % worse than it is.

Axis letters: `runs` models, n features (few), `points` of the grid, k active features.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import toymodels as tm


def expected_loss(
    model: tm.Autoencoder,
    params: dict[str, np.ndarray],
    probability: Float[np.ndarray, " runs"],
    importance: Float[np.ndarray, "runs n"],
    *,
    nodes: int = 12,
) -> Float[np.ndarray, " runs"]:
    """Σ_i I_i·E(x_i − x̂_i)² of every run, for independent features in U[0, 1].

    Args:
        model: the settings of all runs, n ≤ 4 or so.
        params: by name, each (runs, …).
        probability: p in (0, 1], the same for all features of a run.
        importance: I_i ≥ 0.
        nodes: grid points for each active feature.
    """
    x, active, weight = support_grid(model.n, nodes)
    losses = _losses(
        model,
        {name: jnp.asarray(value, jnp.float32) for name, value in params.items()},
        jnp.asarray(probability, jnp.float32),
        jnp.asarray(importance, jnp.float32),
        jnp.asarray(x, jnp.float32),
        jnp.asarray(active, jnp.float32),
        jnp.asarray(weight, jnp.float32),
    )
    return np.asarray(losses)


def support_grid(
    n: int, nodes: int
) -> tuple[
    Float[np.ndarray, "n points"],
    Float[np.ndarray, " points"],
    Float[np.ndarray, " points"],
]:
    """Samples of all supports, how many features are active, and their weights.

    Returns:
        x (n, points); k (points,); the weights of each support sum to one.
    """
    at, share = np.polynomial.legendre.leggauss(nodes)
    at, share = (at + 1) / 2, share / 2
    samples, active, weights = [], [], []
    for support in itertools.product((False, True), repeat=n):
        k = sum(support)
        x = np.zeros((n, nodes**k))
        if k:
            x[np.array(support)] = np.stack(np.meshgrid(*[at] * k)).reshape(k, -1)
        samples.append(x)
        active.append(np.full(nodes**k, float(k)))
        shares = np.meshgrid(*[share] * k) if k else [np.ones(1)]
        weights.append(np.prod(shares, axis=0).reshape(-1))
    return np.hstack(samples), np.hstack(active), np.hstack(weights)


@functools.partial(jax.jit, static_argnums=0)
def _losses(
    model: tm.Autoencoder,
    params: dict[str, Array],
    probability: Float[Array, " runs"],
    importance: Float[Array, "runs n"],
    x: Float[Array, "n points"],
    active: Float[Array, " points"],
    weight: Float[Array, " points"],
) -> Float[Array, " runs"]:
    def one(run: tuple) -> Float[Array, ""]:
        weights, p, importance = run
        chance = p**active * (1 - p) ** (model.n - active) * weight
        error = x - model.apply(weights, x)
        return jnp.sum(importance[:, None] * error**2 * chance[None, :])

    # In blocks: all runs at once would need runs × n × points numbers.
    return jax.lax.map(one, (params, probability, importance), batch_size=256)
