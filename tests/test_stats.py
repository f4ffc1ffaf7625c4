import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toymodels import stats
from toymodels.stats import (
    benjamini_hochberg,
    bootstrap_band,
    bootstrap_interval,
    finite_median,
    mann_whitney,
    rank_correlation,
    spearman,
)

values = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=6)


@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_listed_resamples_are_all_of_them_with_their_probability(seeds):
    indices, weights = stats._resamples(seeds, 10_000, 0)
    listed = {tuple(row): weight for row, weight in zip(indices, weights, strict=True)}
    counted: dict[tuple, float] = {}
    for resample in itertools.product(range(seeds), repeat=seeds):
        place = tuple(sorted(resample))
        counted[place] = counted.get(place, 0.0) + seeds**-seeds
    assert listed == pytest.approx(counted)


def test_drawn_resamples_agree_with_listed_ones(monkeypatch):
    samples = np.array([0.3, 1.9, 2.0, 4.2, 5.5, 7.1, 7.7])
    listed = bootstrap_interval(samples, np.mean)
    monkeypatch.setattr(stats, "_ENUMERATED", 0)
    stats._resamples.cache_clear()
    drawn = bootstrap_interval(samples, np.mean, resamples=100_000)
    stats._resamples.cache_clear()
    # The ends are quantiles at α' = 0.004: their standard error at 100,000 draws is
    # about 0.02 of the values' spread of 2.5.
    assert drawn == pytest.approx(listed, abs=0.15)


@pytest.mark.parametrize(
    ("samples", "statistic", "expected"),
    [
        ([7.0], np.median, (7.0, 7.0)),
        ([1.0, 2.0], np.mean, (1.0, 2.0)),
        ([1.0, 2.0, 4.0], np.median, (1.0, 4.0)),
        ([1.0, 2.0, 4.0], np.mean, (1.0, 4.0)),
        ([5.0] * 9, np.median, (5.0, 5.0)),
        ([True] * 4, np.mean, (1.0, 1.0)),
        ([True, True, True, True, False], np.mean, (0.2, 1.0)),
    ],
)
def test_intervals_of_small_samples(samples, statistic, expected):
    assert bootstrap_interval(samples, statistic) == pytest.approx(expected)


@given(values, st.floats(0.1, 10), st.floats(-10, 10))
def test_an_interval_moves_with_its_samples(samples, scale, shift):
    low, high = bootstrap_interval(samples)
    assert min(samples) <= low <= np.median(samples) <= high <= max(samples)
    moved = bootstrap_interval(np.array(samples) * scale + shift)
    expected = (low * scale + shift, high * scale + shift)
    assert moved == pytest.approx(expected, abs=1e-6)
    assert bootstrap_interval(samples[::-1]) == pytest.approx((low, high))


def coverage(seeds, statistic, *, repeats=600, seed=0):
    """How often the interval for normal samples has the true value 0 in it."""
    generator = np.random.default_rng(seed)
    hits = 0
    for _ in range(repeats):
        low, high = bootstrap_interval(generator.normal(size=seeds), statistic)
        hits += low <= 0 <= high
    return hits / repeats


def four_errors(probability, repeats=600):
    return 4 * np.sqrt(probability * (1 - probability) / repeats)


@pytest.mark.parametrize("seeds", [3, 4, 5])
def test_the_median_of_few_seeds_is_covered_as_theory_says(seeds):
    # The interval is the whole range, which misses if all lie on one side.
    theory = 1 - 2.0 ** (1 - seeds)
    assert coverage(seeds, np.median) == pytest.approx(theory, abs=four_errors(theory))


@pytest.mark.parametrize("statistic", [np.mean, np.median])
def test_ten_seeds_have_nominal_coverage(statistic):
    assert coverage(10, statistic) >= 0.95 - four_errors(0.95)


def test_the_plain_bootstrap_would_not_have_it(monkeypatch):
    # Negative control: without the correction for few seeds, 83 % instead of 95 %.
    monkeypatch.setattr(stats, "_tail", lambda seeds, level: (1 - level) / 2)
    assert coverage(5, np.mean) < 0.95 - 2 * four_errors(0.95)


def test_a_narrower_level_gives_a_narrower_interval():
    samples = np.random.default_rng(0).normal(size=12)
    wide, narrow = (bootstrap_interval(samples, level=x) for x in (0.99, 0.5))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_a_band_is_an_interval_at_every_point():
    curves = np.random.default_rng(0).normal(size=(5, 3))
    curves[2, 1] = np.nan
    band = bootstrap_band(curves)
    assert band.shape == (2, 3)
    assert tuple(band[:, 0]) == bootstrap_interval(curves[:, 0])
    assert np.isnan(band[:, 1]).all()


@pytest.mark.parametrize("samples", [[], [1.0, np.nan], [np.inf]])
def test_samples_without_an_interval_are_refused(samples):
    with pytest.raises(ValueError, match="finite value"):
        bootstrap_interval(samples)


def test_mann_whitney_against_counted_pairs():
    # 3 > 1, 3 > 2, 2 > 1, and 2 = 2 counts half: 3.5 of 4 pairs.
    effect, _ = mann_whitney([3.0, 2.0], [1.0, 2.0])
    assert effect == 3.5 / 4
    # Complete separation of 3 from 3: one of the 20 orders.
    effect, p = mann_whitney([4.0, 5.0, 6.0], [1.0, 2.0, 3.0])
    assert (effect, p) == (1.0, pytest.approx(1 / 20))
    assert mann_whitney([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) == (0.0, pytest.approx(1.0))


def test_a_rank_correlation_is_a_number_in_every_case():
    up, down = [1.0, 2.0, 3.0, 4.0], [9.0, 7.0, 2.0, 1.0]
    assert rank_correlation(up, [0.0, 1.0, 3.0, 2.0]) == pytest.approx(0.8)
    assert rank_correlation(up, down) == pytest.approx(-1.0)
    assert rank_correlation(up, [5.0] * 4) == 0.0
    assert np.isnan(rank_correlation([*up, np.nan], [5.0] * 5))
    assert np.isnan(rank_correlation([5.0] * 4, [1.0, np.inf, 2.0, 3.0]))


def test_spearman_of_a_hand_computed_table():
    # Rank differences 0, 1, 1, 0: 1 − 6·2 / (4·15).
    correlation, p = spearman([1.0, 2.0, 3.0, 4.0], [1.0, 9.0, 4.0, 16.0])
    assert correlation == pytest.approx(0.8)
    assert 0 < p < 1
    with pytest.raises(ValueError, match="both vary"):
        spearman([1.0, 2.0, 3.0], [5.0, 5.0, 5.0])


def test_benjamini_hochberg_of_a_hand_computed_table():
    # p·m/rank = .04, .06, .0533, .8, then the running minimum from the right.
    adjusted = benjamini_hochberg([0.01, 0.03, 0.04, 0.8])
    np.testing.assert_allclose(adjusted, [0.04, 0.16 / 3, 0.16 / 3, 0.8])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_median_over_what_is_finite(axis):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 7, 4))
    np.testing.assert_allclose(
        finite_median(values, axis), np.median(values, axis), rtol=1e-15
    )
    gone = values < -0.3
    np.testing.assert_allclose(
        finite_median(np.where(gone, -np.inf, values), axis),
        np.nanmedian(np.where(gone, np.nan, values), axis),
        rtol=1e-15,
    )
    lost = np.array([[np.nan, np.inf], [3.0, np.nan]])
    np.testing.assert_array_equal(finite_median(lost), [np.nan, 3.0])
