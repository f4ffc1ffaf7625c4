"""The line rule: its counts by hand, a pool that passes, controls that must fail."""

from fractions import Fraction

import jax
import numpy as np
import pytest

from toymodels import geometry

SEEDS, LEVELS, N = 3, 20, 200


def lined_up(seed: int = 0):
    """Dimensionalities with lines at 1/2 and 2/5, and D* that sticks to 1/2."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(size=(SEEDS, LEVELS, N))
    values[:, 5:9, :60] = 0.5 + rng.uniform(-0.004, 0.004, size=(SEEDS, 4, 60))
    values[:, 9:12, :60] = 0.4 + rng.uniform(-0.004, 0.004, size=(SEEDS, 3, 60))
    d_star = np.tile(np.linspace(1.05, 0.2, LEVELS), (SEEDS, 1))
    d_star[:, 9:12] = 0.51
    return values, d_star


def test_counts_by_hand():
    inside = [0.3955, 0.4, 0.4045]
    below, above = [0.3830, 0.3920], [0.4080, 0.4120, 0.4170]
    between = [0.3940, 0.4060, np.nan]
    (line,) = geometry.find_lines(
        np.array(inside + below + above + between), (Fraction(2, 5),)
    )
    assert (line.count, line.below, line.above) == (3, 2, 3)


@pytest.mark.parametrize(
    ("count", "below", "above", "found"),
    [
        (10, 5, 5, True),
        (9, 0, 0, False),
        (10, 6, 0, False),
        (10, 0, 6, False),
        (180, 0, 1, True),
        (20, 0, 19, False),
    ],
)
def test_a_line_needs_ten_features_and_twice_its_surroundings(
    count, below, above, found
):
    assert geometry.Line(Fraction(1, 2), count, below, above).found is found


def test_all_three_conditions_are_needed():
    values, d_star = lined_up()
    assert geometry.line_rule(values, d_star).pooled.passed

    slides = np.tile(np.linspace(1.05, 0.2, LEVELS), (SEEDS, 1))
    rule = geometry.line_rule(values, slides).pooled
    assert rule.half.found and not rule.sticks and not rule.passed

    no_half = np.where(abs(values - 0.5) < 0.01, 0.1, values)
    rule = geometry.line_rule(no_half, d_star).pooled
    assert rule.sticks and not rule.half.found and not rule.passed

    only_half = np.where(abs(values - 0.4) < 0.005, 0.1, values)
    rule = geometry.line_rule(only_half, d_star).pooled
    assert rule.sticks and rule.half.found and not rule.passed


def test_only_superposed_levels_are_pooled():
    values = np.full((1, 4, 5), 0.5)
    rule = geometry.line_rule(values, np.array([[1.0, 0.95, 0.94, 0.5]]))
    assert rule.pooled.pooled_levels == 2
    assert rule.pooled.features == rule.pooled.half.count == 10
    assert rule.pooled.levels == 4
    assert rule.pooled.levels_near_half == 1


def test_each_seed_is_judged_alone_and_more_seeds_are_not_easier():
    values, d_star = lined_up()
    d_star[0, 9:12] = 0.6
    rule = geometry.line_rule(values, d_star)
    assert [seed.sticks for seed in rule.per_seed] == [False, True, True]
    assert rule.pooled.levels_near_half == rule.per_seed[1].levels_near_half
    assert sum(seed.half.count for seed in rule.per_seed) == rule.pooled.half.count
    # two levels that stick are two, in however many seeds
    values, d_star = lined_up()
    d_star[:, 11] = 0.6
    d_star[:, 12:] = 0.3
    rule = geometry.line_rule(values, d_star)
    assert rule.pooled.levels_near_half == 2 and not rule.pooled.passed


def test_every_control_fails():
    values, d_star = lined_up()
    keys = jax.random.split(jax.random.key(0), 3)
    jittered = geometry.jittered_dimensionality(keys[0], values.astype(np.float32))
    assert abs(jittered - values.astype(np.float32)).max() <= 0.05 + 1e-6
    assert not geometry.line_rule(jittered, d_star).pooled.passed
    uniform = geometry.uniform_dimensionality(keys[1], values.shape)
    assert not geometry.line_rule(uniform, d_star).pooled.passed
    weights = geometry.untrained_weights(keys[2], (SEEDS, LEVELS, 20, N))
    found = geometry.measure(weights)
    assert float(weights.std()) == pytest.approx(np.sqrt(2 / 220), rel=0.01)
    rule = geometry.line_rule(found.dimensionality, found.dimensions_per_feature)
    assert rule.pooled.pooled_levels == SEEDS * LEVELS
    assert not rule.pooled.passed and not rule.pooled.half.found
