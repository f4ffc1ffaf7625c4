"""Moments and reference losses, by hand and by sampling."""

import numpy as np
import pytest

from toymodels import theory


def sample(values, p, size=400_000):
    rng = np.random.default_rng(7)
    drawn = {
        "uniform": rng.uniform(size=size),
        "signed": rng.uniform(-1, 1, size=size),
        "boolean": np.ones(size),
    }[values]
    return drawn * (rng.uniform(size=size) < p)


@pytest.mark.parametrize("values", ["uniform", "signed", "boolean"])
@pytest.mark.parametrize("p", [0.05, 0.6, 1.0])
def test_moments_agree_with_samples_within_four_errors(values, p):
    x = sample(values, p)
    mean = theory.feature_mean(p, values=values)
    for found, samples in [
        (mean, x),
        (theory.feature_variance(p, values=values), (x - mean) ** 2),
        (theory.absolute_moment(p, exponent=1.0, values=values), abs(x)),
        (theory.absolute_moment(p, exponent=4.0, values=values), x**4),
    ]:
        error = samples.std() / np.sqrt(samples.size)
        assert abs(samples.mean() - found) <= 4 * error + 1e-12


def test_moments_by_hand():
    assert theory.feature_mean(0.5) == 0.25
    assert theory.feature_variance(0.6) == pytest.approx(0.2 - 0.09)
    assert theory.absolute_moment(0.6) == pytest.approx(0.2)
    assert theory.absolute_moment(0.7, exponent=6) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="values: got 'gaussian', expected uniform"):
        theory.feature_mean(0.5, values="gaussian")


def test_reference_losses_by_hand():
    importance = np.array([1.0, 0.5, 0.25])
    # p = 0.6: variance 0.11, second moment 0.2
    assert theory.keep_top_loss(0.6, importance, 1) == pytest.approx(0.75 * 0.11)
    without = theory.keep_top_loss(0.6, importance, 1, bias=False)
    assert without == pytest.approx(0.75 * 0.2)
    assert theory.keep_top_loss(0.6, importance, 0) == pytest.approx(1.75 * 0.11)
    assert theory.keep_top_loss(0.6, importance, 3) == 0.0
    assert theory.keep_top_loss(0.6, importance, 5) == 0.0
    assert theory.zero_loss(0.6, importance) == pytest.approx(1.75 * 0.2)
    assert theory.zero_loss(0.6, importance, exponent=5.0) == pytest.approx(0.175)


def test_a_rare_feature_is_ignored_however_important():
    importance, p = np.array([2.0, 1.0]), np.array([0.01, 0.6])
    lost = 2 * (0.01 / 3 - 0.01**2 / 4)
    assert theory.keep_top_loss(p, importance, 1) == pytest.approx(lost)


def test_the_best_constant_is_mean_median_or_middle():
    p = np.array([0.1, 0.5, 0.8, 1.0])
    np.testing.assert_allclose(theory.best_constant(p), p / 2, atol=1e-12)
    median = np.maximum(2 * p - 1, 0) / (2 * p)
    np.testing.assert_allclose(
        theory.best_constant(p, exponent=1.0), median, atol=1e-12
    )
    np.testing.assert_allclose(
        theory.constant_loss(p), theory.feature_variance(p), atol=1e-12
    )
    with pytest.raises(ValueError, match=r"exponent: got 0.5"):
        theory.best_constant(0.5, exponent=0.5)


@pytest.mark.parametrize("exponent", [1.0, 2.5, 4.0, 8.0])
def test_no_other_constant_is_better(exponent):
    x = np.concatenate([np.zeros(70_000), (np.arange(30_000) + 0.5) / 30_000])
    constants = np.linspace(0, 0.6, 61)
    losses = [np.mean(abs(x - c) ** exponent) for c in constants]
    found = theory.constant_loss(0.3, exponent=exponent)
    assert found <= min(losses) + 1e-9
    assert found == pytest.approx(min(losses), rel=0.02)


def test_naive_computation_pays_for_every_feature_beyond_its_neurons():
    assert theory.naive_relu_loss(0.02, 100, 50) == pytest.approx(50 * 0.02 / 6)
    assert theory.naive_relu_loss(0.02, 100, 50, exponent=4) == pytest.approx(0.1)
    assert theory.naive_relu_loss(0.02, 50, 60) == 0.0
    x = sample("signed", 0.3)
    samples = np.maximum(x, 0) ** 3
    assert samples.mean() == pytest.approx(
        theory.naive_relu_loss(0.3, 1, 0, exponent=3),
        abs=4 * samples.std() / np.sqrt(samples.size),
    )
