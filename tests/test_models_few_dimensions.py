"""The sum of few terms is the product, and so is its derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.models.few_dimensions import FEWEST_OUTPUTS, affine, sum_is_faster


@pytest.mark.parametrize("d", [1, 2, 3])
def test_value_and_derivative_are_those_of_a_product(d):
    n, batch = 70, 30
    keys = jax.random.split(jax.random.key(0), 4)
    M, h = jax.random.normal(keys[0], (n, d)), jax.random.normal(keys[1], (d, batch))
    b, along = jax.random.normal(keys[2], (n,)), jax.random.normal(keys[3], (n, batch))

    def product(M, h, b):
        return M @ h + b[:, None]

    for function in (affine, product):
        assert function(M, h, b).shape == (n, batch)
    np.testing.assert_allclose(affine(M, h, b), product(M, h, b), atol=1e-5)

    def derivative(function):
        return jax.grad(lambda M, h, b: (function(M, h, b) * along).sum(), (0, 1, 2))

    found, expected = derivative(affine)(M, h, b), derivative(product)(M, h, b)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_a_wide_model_of_two_dimensions_is_what_numpy_says(tied, bias):
    n, d = FEWEST_OUTPUTS, 2
    assert sum_is_faster(n, d)
    assert not sum_is_faster(n - 1, d)
    assert not sum_is_faster(n, 4)
    model = tm.Autoencoder(n=n, d=d, tied=tied, bias=bias)
    params = model.init(jax.random.key(0))
    if bias:
        params = {**params, "b": jnp.linspace(-0.1, 0.1, n)}
    x = jax.random.uniform(jax.random.key(1), (n, 20))
    W = np.asarray(params["W"], float)
    out = (W.T if tied else np.asarray(params["W_out"], float)) @ (W @ x)
    expected = np.maximum(out + np.asarray(params.get("b", np.zeros(n)))[:, None], 0)
    np.testing.assert_allclose(model.apply(params, x), expected, atol=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_an_ensemble_has_the_gradient_of_the_product(tied):
    n, d, runs = FEWEST_OUTPUTS, 2, 3
    model = tm.Autoencoder(n=n, d=d, tied=tied)
    params = jax.vmap(model.init)(jax.random.split(jax.random.key(0), runs))
    x = jax.random.uniform(jax.random.key(1), (runs, n, 20))

    def by_product(params, x):
        W = params["W"]
        M = W.T if tied else params["W_out"]
        return jax.nn.relu(M @ (W @ x) + params["b"][:, None])

    def gradient(apply):
        def loss(params, x):
            return ((apply(params, x) - x) ** 2).sum()

        return jax.vmap(jax.grad(loss))(params, x)

    found, expected = gradient(model.apply), gradient(by_product)
    assert set(found) == set(expected)
    for name, leaf in expected.items():
        np.testing.assert_allclose(found[name], leaf, rtol=1e-3, atol=1e-3)
