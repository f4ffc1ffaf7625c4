"""Adversarial attacks: models whose best attack is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from toymodels.geometry import digon, tegum_product
from toymodels.probes import harm, strongest_harm, tied_attacks


def tied(W, activation):
    return lambda x: activation(W.T @ (W @ x))


def test_attacks_are_unit_columns_along_the_gram_matrix():
    W = jnp.asarray([[1.0, -1.0, 0.0], [0.0, 0.0, 0.5]])
    attacks = np.asarray(tied_attacks(W))
    np.testing.assert_allclose(attacks[:, 0], [0.5**0.5, -(0.5**0.5), 0.0], atol=1e-6)
    np.testing.assert_allclose(attacks[:, 2], [0.0, 0.0, 1.0], atol=1e-6)
    assert tied_attacks(jnp.stack([W, W])).shape == (2, 3, 3)


@pytest.mark.parametrize("size", [0.1, 2.0])
def test_without_superposition_the_harm_is_the_squared_norm(size):
    W = jnp.eye(4, dtype=jnp.float32)[:2]  # two features kept, two ignored
    x = jax.random.uniform(jax.random.key(0), (4, 32))
    worst = strongest_harm(tied(W, lambda z: z), x, tied_attacks(W), jnp.float32(size))
    assert float(worst) == pytest.approx(size**2, rel=1e-4)


def test_two_digons_double_the_harm():
    # x = 0: an attack ε(e_i − e_j)/√2 moves output i to √2·ε, and output j stays at 0.
    W = jnp.asarray(tegum_product(digon(), digon()), jnp.float32)
    x = jnp.zeros((4, 3))
    worst = strongest_harm(tied(W, jax.nn.relu), x, tied_attacks(W), jnp.float32(0.1))
    assert float(worst) == pytest.approx(2 * 0.1**2, rel=1e-5)


def test_the_strongest_attack_is_the_largest_harm_of_all():
    rng = np.random.default_rng(1)
    W = rng.normal(size=(3, 8)).astype(np.float32) / 2
    x = rng.uniform(size=(8, 64)).astype(np.float32)
    attacks = np.array(tied_attacks(jnp.asarray(W)))

    def loss(seen):
        return ((np.maximum(W.T @ (W @ seen), 0) - x) ** 2).sum(axis=0).mean()

    each = [loss(x + 0.3 * attacks[:, [i]]) - loss(x) for i in range(8)]
    worst = strongest_harm(
        tied(jnp.asarray(W), jax.nn.relu),
        jnp.asarray(x),
        jnp.asarray(attacks),
        jnp.float32(0.3),
    )
    assert float(worst) == pytest.approx(max(each), rel=1e-4)
    assert max(each) > 1.1 * np.median(each)


def test_no_shift_does_no_harm_and_a_shift_a_sample_is_allowed():
    W = jnp.eye(2, dtype=jnp.float32)
    x = jnp.ones((2, 5))
    forward = tied(W, lambda z: z)
    assert float(harm(forward, x, jnp.zeros((2, 5)))) == 0.0
    shift = jnp.zeros((2, 5)).at[0, 0].set(1.0)
    assert float(harm(forward, x, shift)) == pytest.approx(1 / 5)
