"""The table of every feature's error against NumPy and constructed networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.config import SettingsError
from toymodels.probes import FeatureErrors, feature_errors

N = 4
MODEL = tm.ComputationModel(n=N, neurons=N, activation="identity", bias=False)
FEATURES = tm.IndependentFeatures(n=N, probability=0.5, values="signed")
RELU = tm.Objective(target="relu")


def computing(*kept: int) -> dict[str, np.ndarray]:
    """A network that computes ReLU of some features exactly, and 0 of the others."""
    keep = np.diag([float(i in kept) for i in range(N)]).astype(np.float32)
    return {"W1": keep, "W2": keep}


def ensemble(*models: dict) -> dict[str, np.ndarray]:
    return {name: np.stack([one[name] for one in models]) for name in models[0]}


def table(params: dict, **changes) -> FeatureErrors:
    given = {"samples": 20_000, "block": 1_000} | changes
    return feature_errors(MODEL, params, RELU, FEATURES, jax.random.key(0), **given)


def test_half_solved_all_solved_and_none_solved_are_told_apart():
    found = table(ensemble(computing(0, 1), computing(0, 1, 2, 3), computing()))
    np.testing.assert_allclose(found.solved()[:, 0], [0.5, 1.0, 0.0])
    assert found.variation()[0, 0] == pytest.approx(1.0, abs=0.02)
    assert found.variation()[1, 0] == 0
    assert found.variation()[2, 0] < 0.05
    np.testing.assert_allclose(found.mean[2], found.ignored[2], rtol=1e-6)
    np.testing.assert_allclose(found.worst()[2], 1.0, atol=0.1)


def test_ignored_features_cost_what_theory_says():
    found = table(ensemble(computing()), samples=100_000)
    for norm, cost in enumerate((0.5 / 6, 0.5 / 10)):
        error = found.standard_error[0, norm]
        assert (np.abs(found.mean[0, norm] - cost) < 5 * error).all()
        assert (error < 0.02 * cost).all()
    np.testing.assert_allclose(found.active / found.samples, 0.25, atol=0.01)


def test_the_table_is_that_of_numpy_on_the_same_samples():
    rng = np.random.default_rng(3)
    params = {
        "W1": rng.normal(size=(2, N, N)).astype(np.float32),
        "W2": rng.normal(size=(2, N, N)).astype(np.float32),
    }
    M = rng.normal(size=(2, N, N)).astype(np.float32)
    found = table(params, samples=500, block=250, exponents=(1.0, 2.5), mixing=M)
    keys = jax.random.split(jax.random.key(0), 2)
    x = np.concatenate([FEATURES.sample(key, 250) for key in keys], axis=1)
    for k in range(2):
        target = np.maximum(x, 0) + M[k] @ x
        out = params["W2"][k] @ np.maximum(params["W1"][k] @ x, 0)
        for norm, q in enumerate((1.0, 2.5)):
            error = np.abs(target - out) ** q
            np.testing.assert_allclose(
                found.mean[k, norm], error.mean(axis=1), rtol=1e-4
            )
            np.testing.assert_allclose(
                found.standard_error[k, norm], error.std(axis=1) / np.sqrt(500),
                rtol=1e-3,
            )  # fmt: skip
    np.testing.assert_allclose(found.total(), found.mean.sum(axis=-1))


def test_permuted_features_are_permuted_rows_and_blocks_do_not_matter():
    one, other = table(ensemble(computing(0))), table(ensemble(computing(3)))
    np.testing.assert_allclose(one.solved(), other.solved())
    assert np.argmin(one.mean[0, 0]) == 0
    assert np.argmin(other.mean[0, 0]) == 3
    assert one.samples == 20_000
    assert table(ensemble(computing(0)), samples=1_500).samples == 2_000


def test_tiny_errors_have_no_variation_worth_the_name():
    mean = np.array([[[1e-9, 3e-9]], [[0.1, 0.3]]])
    found = FeatureErrors(
        exponents=(2.0,),
        mean=mean,
        standard_error=mean,
        ignored=np.ones((2, 1, 2)),
        active=np.ones((2, 2), int),
        samples=10,
    )
    np.testing.assert_allclose(found.variation()[:, 0], [1e-7, 0.5])


def test_a_model_that_is_not_finite_has_solved_nothing_known():
    params = computing(0, 1)
    params["W2"] = params["W2"] * np.nan
    found = table(ensemble(params, computing(0, 1)))
    assert np.isnan(found.solved()[0]).all()
    assert np.isnan(found.variation()[0]).all()
    np.testing.assert_allclose(found.solved()[1], 0.5)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"exponents": (0.5,)}, "exponents"),
        ({"exponents": ()}, "exponents"),
        ({"samples": 0}, "samples"),
        ({"block": 0}, "block"),
    ],
)
def test_bad_arguments_are_named(changes, field):
    with pytest.raises(SettingsError, match=field):
        table(ensemble(computing()), **changes)


def test_features_of_another_size_are_refused():
    other = tm.IndependentFeatures(n=3, probability=0.5)
    params = jax.tree.map(jnp.asarray, ensemble(computing()))
    with pytest.raises(SettingsError, match="features"):
        feature_errors(MODEL, params, RELU, other, jax.random.key(0))
