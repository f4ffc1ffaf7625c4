"""Support recovery: closed forms against brute force, and exponents that are known."""

import numpy as np
import pytest
import scipy.stats

from toymodels.config import SettingsError
from toymodels.probes import (
    correlated_errors,
    embedding_errors,
    half_point,
    linear_squared_error,
    predicted_half_point,
    projection_tail,
    random_embedding,
    readout_errors,
    recovery_probability,
    tolerated_error,
    tolerated_error_each,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_predicted_half_point_and_error():
    assert predicted_half_point(4096, 64) == pytest.approx(0.96, abs=0.01)
    assert linear_squared_error(2, 64) == 1 / 32


@pytest.mark.parametrize("d", [3, 16])
def test_the_tail_of_a_projection_is_that_of_random_vectors(d):
    drawn = random_embedding(rng(), 40_000, d)[:, 0]
    t = np.array([-0.5, 0.0, 0.2, 0.6])
    expected = (drawn[:, None] > t).mean(axis=0)
    np.testing.assert_allclose(projection_tail(t, d), expected, atol=0.01)
    np.testing.assert_array_equal(projection_tail(np.array([1.5, -2.0]), d), [0.0, 1.0])


def test_in_many_dimensions_the_tail_is_gaussian():
    tail = projection_tail(np.array([2.0 / np.sqrt(4000)]), 4000)
    assert tail[0] == pytest.approx(scipy.stats.norm.sf(2.0), rel=0.01)


@pytest.mark.parametrize("active", [1, 2])
def test_the_closed_form_agrees_with_brute_force(active):
    # A new embedding for each trial: within one, samples share their directions.
    found = [
        readout_errors(rng(k), 256, 24, active, 4)["recovered"].mean()
        for k in range(150)
    ]
    expected = recovery_probability(rng(1), 256, 24, active, 2000)
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / 150**0.5)


def test_the_pilot_of_the_catalogue():
    """d = 64, F = 4,096: 0.95 recovered at s = 1, 0.01 at s = 2; error 0.0156·s."""
    assert recovery_probability(rng(), 4096, 64, 1, 300) == pytest.approx(
        0.955, abs=0.01
    )
    assert recovery_probability(rng(), 4096, 64, 2, 300) < 0.05
    found = readout_errors(rng(), 4096, 64, 2, 30)
    assert found["linear"].mean() == pytest.approx(0.0313, rel=0.03)
    assert found["threshold"].mean() < found["linear"].mean() / 5
    assert not found["positive"].any()


def test_nothing_active_is_always_recovered_and_blocks_do_not_matter(monkeypatch):
    assert recovery_probability(rng(), 100, 8, 0, 5) == 1.0
    whole = recovery_probability(rng(3), 400, 32, 2, 300)
    monkeypatch.setattr("toymodels.probes.recovery.BLOCK_NUMBERS", 64 * 7)
    assert recovery_probability(rng(3), 400, 32, 2, 300) == pytest.approx(whole)


def test_more_features_or_no_threshold_recover_less():
    few = recovery_probability(rng(1), 100, 32, 2, 300)
    many = recovery_probability(rng(1), 100_000, 32, 2, 300)
    assert few > many + 0.1
    assert recovery_probability(rng(1), 100, 32, 2, 50, threshold=0.0) < 1e-6


def test_half_points_are_interpolated():
    s = np.array([1.0, 2.0, 4.0])
    assert half_point(s, np.array([1.0, 0.75, 0.25])) == pytest.approx(3.0)
    assert half_point(s, np.array([0.0, 0.0, 0.0])) == pytest.approx(0.5)
    assert np.isnan(half_point(s, np.ones(3)))


@pytest.mark.parametrize(
    ("correlation", "expected"), [(1.0, -1.0), (0.0, -0.5)], ids=["same", "independent"]
)
def test_tolerated_errors_fall_as_derived(correlation, expected):
    k = np.array([2, 8, 32, 128])
    drawn = [
        correlated_errors(rng(j), int(terms), 4000, correlation=correlation)
        for j, terms in enumerate(k)
    ]
    found = [tolerated_error(errors.sum(axis=1)) for errors in drawn]
    assert np.polyfit(np.log(k), np.log(found), 1)[0] == pytest.approx(
        expected, abs=0.05
    )
    # 5 % of |N(0, 1)| lie beyond 1.96.
    one = correlated_errors(rng(), 1, 20_000, correlation=correlation)[:, 0]
    assert tolerated_error(one) == pytest.approx(0.5 / 1.96, rel=0.03)


def test_each_threshold_first_costs_only_a_logarithm():
    errors = correlated_errors(rng(), 128, 4000, correlation=0.0)
    each = tolerated_error_each(errors)
    expected = 0.5 / scipy.stats.norm.isf((1 - 0.95 ** (1 / 128)) / 2)
    assert each == pytest.approx(expected, rel=0.05)
    assert each > 5 * tolerated_error(errors.sum(axis=1))


def test_embedding_errors_have_variance_one_and_the_correlation_of_their_directions():
    errors = embedding_errors(rng(), 6, 4000, d=128, active=16)
    assert errors.var() == pytest.approx(1.0, rel=0.1)
    assert abs(np.corrcoef(errors.T)[0, 1]) < 0.08
    shared = embedding_errors(rng(), 6, 4000, d=128, active=16, shared=0.5)
    assert np.corrcoef(shared.T)[0, 1] == pytest.approx(0.5, abs=0.08)


def test_impossible_numbers_are_refused():
    with pytest.raises(SettingsError, match="active"):
        recovery_probability(rng(), 4, 8, 5, 1)
    with pytest.raises(SettingsError, match="correlation"):
        correlated_errors(rng(), 2, 2, correlation=1.5)
