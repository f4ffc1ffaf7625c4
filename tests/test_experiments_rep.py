"""REP-1 to 7: decisive numbers on constructed inputs, and smoke runs."""

import dataclasses

import numpy as np
import pytest

import toymodels as tm
from experiments.finite_models import hidden_points, point_dimensionality
from experiments.rep import rate, several_points, single_point, threshold, trajectories
from experiments.rep._logistic import half_points
from experiments.rep._repeated import (
    counts_of,
    is_memorised,
    longest_features,
    point_loss,
    points_above,
)
from toymodels.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from toymodels.geometry import feature_dimensionality, pentagon
from toymodels.result import Result
from toymodels.theory.tgon import tgon_parameters


def a_dataset(points: int = 40) -> tm.FiniteDataset:
    base = tm.IndependentFeatures(n=20, probability=0.2)
    return tm.sample_dataset(tm.UnitNorm(base=base), points=points, seed=0)


def verdicts(judged) -> dict[str, str]:
    return {claim.id: claim.verdict for claim in judged}


def result_of(module, **arrays) -> Result:
    settings = _settings(module).preset("laptop")
    return Result(arrays=arrays, meta={"settings": tm.config.to_json(settings)})


def _settings(module):
    names = {
        single_point: "SinglePoint",
        several_points: "SeveralPoints",
        threshold: "Threshold",
        trajectories: "Trajectories",
        rate: "Rate",
    }
    return getattr(module, names[module])


# --- what they share -----------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 5])
def test_data_point_dimensionality_is_that_of_the_geometry(d):
    data = a_dataset()
    W = np.random.default_rng(0).normal(size=(3, d, 20)).astype(np.float32)
    W[0, :, np.asarray(data.index)[7]] = 0.0  # a point without a hidden vector
    expected = feature_dimensionality(hidden_points(W, data))
    found = point_dimensionality(W, data)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found[0, 7] == 0.0


def test_points_above_counts_ordinary_points_only():
    D = np.array([[0.3, 0.5, 0.1, 0.4], [0.9, 0.5, 0.1, 0.4]])
    np.testing.assert_array_equal(
        points_above(D, [0, 1], slice(2, None)), [[1, 0], [0, 0]]
    )
    np.testing.assert_array_equal(points_above(D, [0], slice(1, None)), [[2], [0]])


def test_a_memorised_point_is_in_the_first_tenth_of_a_percent():
    above = np.array([0, 1, 29, 30])
    np.testing.assert_array_equal(is_memorised(above, 30_000), [1, 1, 1, 0])
    np.testing.assert_array_equal(is_memorised(above, 750), [1, 0, 0, 0])


def test_the_loss_of_a_point_is_0_on_the_polygon_and_1_for_zero_output():
    X = np.eye(5)
    W, b = tgon_parameters(X)
    assert point_loss(W, b, X[:, 0]) == pytest.approx(0.0, abs=1e-12)
    assert point_loss(0 * W, 0 * b, X[:, 0]) == 1.0


def test_features_are_counted_and_a_diverged_model_has_no_count():
    five = np.concatenate([np.asarray(pentagon()), np.full((2, 3), 0.01)], axis=1)
    broken = np.where(np.arange(8) == 3, np.nan, five)
    np.testing.assert_array_equal(counts_of(np.stack([five, broken])), [5.0, np.nan])


def test_the_longest_features_are_drawn():
    W = np.array([[3.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
    np.testing.assert_array_equal(longest_features(W, 2), W[:, [1, 0]])
    assert longest_features(W, 100).shape == (2, 3)


# --- REP-1 ---------------------------------------------------------------------------


def single_result(**changes) -> Result:
    """What the claims expect, of six data sets."""
    settings = single_point.SinglePoint.preset("laptop")
    sets, copies = settings.sets, np.array(settings.copies)
    shape = (sets, copies.size)
    many = copies >= 3
    rng = np.random.default_rng(0)

    def often(shape) -> np.ndarray:
        return rng.integers(20, 700, shape).astype(float)

    arrays = {
        "copies": copies,
        "above": np.where(many, 0.0, often(shape)),
        "above_other": often(shape),
        "features": np.where(many, 4.0, 5.0) * np.ones(shape),
        "linear/features": np.zeros(shape),
    }
    pair = (sets, len(settings.dimension_copies))
    for d in settings.dimensions:
        arrays[f"d{d}/above"] = often(pair) * [1, 0]
        arrays[f"d{d}/above_other"] = often(pair)
    return result_of(single_point, **(arrays | changes))


def test_a_point_in_a_feature_s_place_is_supported():
    assert set(verdicts(single_point.claims(single_result())).values()) == {SUPPORTED}


def test_a_point_that_is_second_is_not_first():
    above = single_result()["above"]
    found = verdicts(single_point.claims(single_result(above=np.maximum(above, 1.0))))
    assert found["REP-1.point"] == NOT_SUPPORTED


def test_a_point_that_is_first_without_repetition_shows_nothing():
    above = 0 * single_result()["above"]
    found = verdicts(single_point.claims(single_result(above=above)))
    assert found["REP-1.point"] == INCONCLUSIVE


def test_two_lost_features_are_not_one():
    features = single_result()["features"]
    two = np.where(features == 4, 3.0, features)
    found = verdicts(single_point.claims(single_result(features=two)))
    assert found["REP-1.feature"] == NOT_SUPPORTED


def test_none_and_two_lost_features_are_not_one_on_average():
    after = np.array([[4.0, 4.0], [5.0, 3.0], [4.0, np.nan], [4.0, 5.0]])
    found = single_point.one_lost(np.full(4, 5.0), after)
    np.testing.assert_array_equal(found, [1, 0, np.nan, 0])


def test_two_data_sets_of_nine_that_keep_their_features_decide_nothing():
    features = single_result()["features"].copy()
    features[:2] = 5.0
    found = verdicts(single_point.claims(single_result(features=features)))
    assert found["REP-1.feature"] == INCONCLUSIVE


def test_the_first_number_of_copies_that_is_enough_from_there_on():
    above = np.array([[9, 0, 4, 0, 0], [0] * 5, [3] * 5, [5, 5, 5, 5, 0]])
    np.testing.assert_array_equal(
        single_point.first_memorised(np.array([1, 2, 3, 5, 10]), above, 100),
        [5, 1, np.nan, 10],
    )


# --- REP-2 and REP-3 -----------------------------------------------------------------


def several_result(**changes) -> Result:
    """Every point takes a corner until there is none left, in five data sets."""
    settings = several_points.SeveralPoints.preset("laptop")
    K = np.array(settings.repeated)
    corner = np.arange(settings.most) < np.minimum(K, 5)[:, None]
    shape = (5, K.size)
    arrays = {
        "repeated": K,
        "embedded": np.tile(corner.astype(float), (5, 1, 1)),
        "features": np.tile(5.0 - np.minimum(K, 5), (5, 1)),
        "linear/embedded": np.zeros((*shape, settings.most)),
        "linear/features": np.zeros(shape),
    }
    return result_of(several_points, **(arrays | changes))


def test_points_that_take_the_five_places_are_supported():
    judged = several_points.claims(several_result())
    assert set(verdicts(judged).values()) == {SUPPORTED}
    assert {claim.experiment for claim in judged} == set(several_points.IDS)


def test_features_that_stay_are_not_replaced():
    stays = several_result(features=np.full((5, 6), 5.0))
    found = verdicts(several_points.claims(stays))
    assert found["REP-2.points"] == SUPPORTED
    assert found["REP-2.sum"] == NOT_SUPPORTED
    assert found["REP-3.features"] == NOT_SUPPORTED


def test_embedded_points_are_counted_among_the_repeated_and_diverged_runs_are_not():
    embedded = np.ones((1, 3, 4))
    embedded[0, 2] = np.nan
    found = several_points.points_embedded(embedded, np.array([0, 3, 4]))
    np.testing.assert_array_equal(found, [[0, 3, np.nan]])


# --- REP-4 ---------------------------------------------------------------------------


def threshold_grid(constant: float, seed: int = 0, fall: float = 0.0) -> np.ndarray:
    """Points memorised from about `constant` T/n copies on, (sets, rows, columns)."""
    settings = threshold.Threshold.preset("laptop")
    rng = np.random.default_rng(seed)
    shape = (settings.sets, len(settings.multiples), len(settings.ratios))
    noise = np.exp(rng.normal(scale=0.2, size=shape))
    ratios = np.array(settings.ratios)
    at = constant * (ratios.mean() / ratios) ** fall
    return (np.array(settings.multiples)[:, None] > at * noise).astype(float)


def threshold_result(first: float, second: float, fall: float) -> Result:
    settings = threshold.Threshold.preset("laptop")
    grids = (threshold_grid(first, 0, fall), threshold_grid(second, 1, fall))
    return result_of(
        threshold,
        multiples=np.array(settings.multiples),
        ratios=np.array(settings.ratios),
        **{f"memorised/{n}": g for n, g in zip(settings.sizes, grids, strict=True)},
    )


@pytest.mark.parametrize("constant", [0.4, 0.9])
def test_the_fit_finds_the_constant(constant):
    settings = threshold.Threshold.preset("laptop")
    found = threshold.constants(settings, threshold_grid(constant))
    assert threshold.factor(np.median(found, keepdims=True), constant) < 1.3


def test_the_fit_stays_finite_where_nothing_or_everything_is_memorised():
    x = np.log([0.25, 0.5, 1.0, 2.0])
    memorised = np.array([[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 1, 1]], bool)
    places, slope = half_points(x, memorised)
    assert places[0] > x[-1] and places[1] < x[0]
    assert places[2] == pytest.approx(np.log(0.5**0.5), abs=0.1)
    assert 1 < slope < 60


def test_a_data_set_without_a_threshold_is_far_off():
    settings = threshold.Threshold.preset("laptop")
    grid = threshold_grid(0.5)
    grid[0] = grid[0, ::-1]  # more copies, fewer memorised
    grid[1] = 0.0
    found = threshold.constants(settings, grid) / threshold.EXPECTED
    np.testing.assert_array_equal(
        found == threshold.NO_THRESHOLD, np.arange(len(grid)) < 2
    )


def test_two_data_sets_without_a_threshold_do_not_agree():
    none = threshold.NO_CONSTANT
    one = np.array([none, none, 0.4, np.nan, 0.4])
    other = np.array([none, 0.4, none, none, 0.8])
    np.testing.assert_allclose(
        threshold.factor(one, other), [*[threshold.NO_THRESHOLD] * 3, np.nan, 2.0]
    )


@pytest.mark.parametrize("columns", [2, 3, 5])
def test_no_value_of_a_displaced_row_stays(columns):
    values = np.arange(20.0 * columns).reshape(20, columns)
    found = threshold.displaced(values, np.random.default_rng(0))
    assert (found != values).all()
    np.testing.assert_array_equal(np.sort(found, axis=1), values)


def test_the_control_of_low_ratios_depends_on_the_data():
    judged = {
        claim.id: claim for claim in threshold.claims(threshold_result(0.4, 0.55, 0.5))
    }
    (control,) = judged["REP-4.low"].controls
    assert control.interval is not None
    assert control.measured is not None and abs(control.measured) > 0.05
    assert control.interval[1] > control.interval[0]


def test_a_diverged_run_leaves_its_data_set_without_a_constant():
    grid = threshold_grid(0.4)
    grid[2, 1, 1] = np.nan
    found = threshold.constants(threshold.Threshold.preset("laptop"), grid)
    np.testing.assert_array_equal(np.isnan(found), np.arange(len(grid)) == 2)


def test_the_threshold_of_the_source_is_supported_and_a_higher_one_is_not():
    near = verdicts(threshold.claims(threshold_result(0.4, 0.55, 0.5)))
    assert set(near.values()) == {SUPPORTED}
    far = verdicts(threshold.claims(threshold_result(0.35, 1.2, 0.0)))
    assert far["REP-4.low"] != SUPPORTED
    assert far["REP-4.constant_sparse"] == NOT_SUPPORTED
    assert far["REP-4.sparsity"] == NOT_SUPPORTED


# --- REP-5 and REP-6 -----------------------------------------------------------------


def test_a_lost_point_was_memorised_after_the_warm_up_and_is_not_at_the_end():
    memorised = np.array(
        [[1, 0, 0, 0, np.nan], [0, 1, 1, 0, 1], [0, 1, 0, 1, 1], [0, 0, 1, 1, 0]]
    ).astype(float)
    after = np.array([False, True, True, True])
    found = trajectories.lost(memorised, after)
    np.testing.assert_array_equal(found, [0, 1, 0, 0, np.nan])


def test_a_dip_is_below_both_ends():
    fresh = np.array([[1.0, 1.0, 0.7, 1.0], [0.8, 0.9, 0.9, np.nan], [1.2, 0.8, 1, 1]])
    found = trajectories.dip(fresh)
    np.testing.assert_allclose(found, [1.25, 1.0, 1.0, np.nan])


# --- REP-7 ---------------------------------------------------------------------------


def test_the_room_of_a_point_is_its_dimensionality_among_the_samples():
    rng = np.random.default_rng(0)
    W, point, x = rng.normal(size=(2, 3, 4, 9)), rng.normal(size=(2, 9)), np.eye(9)
    length, share = rate.room(W, point, x)
    h = np.einsum("srdn,sn->srd", W, point)
    np.testing.assert_allclose(length, np.linalg.norm(h, axis=-1))
    for index in np.ndindex(2, 3):
        columns = np.concatenate([h[index][:, None], W[index]], axis=1)
        expected = float(feature_dimensionality(columns)[0])
        assert share[index] == pytest.approx(expected, rel=1e-5)


def test_ordinary_samples_are_not_empty():
    settings = rate.Rate.preset("smoke")
    x = rate.samples(settings)
    assert x.shape == (settings.n, settings.among)
    assert (x != 0).any(axis=0).all()


def rate_result(rising: np.ndarray) -> Result:
    rng = np.random.default_rng(0)
    flat = rng.permuted(np.tile(np.arange(5.0), (12, 1)), axis=1)
    settings = rate.Rate.preset("laptop")
    grown = np.tile(rising, (12, 1))
    return result_of(
        rate,
        rates=np.array(settings.rates),
        **{"length": grown, "share": grown, "error": -grown},
        **{f"other/{name}": flat for name in ("length", "share", "error")},
    )


def test_room_that_grows_with_the_rate_is_supported_and_constant_room_is_not():
    grown = verdicts(rate.claims(rate_result(np.arange(5.0))))
    assert set(grown.values()) == {SUPPORTED}
    same = verdicts(rate.claims(rate_result(np.ones(5))))
    assert set(same.values()) == {NOT_SUPPORTED}


# --- smoke ---------------------------------------------------------------------------

MODULES = [
    pytest.param(single_point, marks=pytest.mark.slow),
    several_points,
    pytest.param(threshold, marks=pytest.mark.slow),
    trajectories,
    rate,
]


@pytest.mark.parametrize("module", MODULES)
def test_every_experiment_draws_and_judges_at_smoke_scale(module):
    settings = _settings(module).preset("smoke")
    result = module.compute(settings, tm.train)
    assert module.plot(result)
    ids = getattr(module, "IDS", None) or (module.ID,)
    judged = module.claims(result)
    assert {claim.experiment for claim in judged} <= set(ids)
    assert all(claim.controls and claim.scale == "smoke" for claim in judged)
    for scale in ("laptop", "paper"):
        assert dataclasses.replace(settings, scale=scale).scale == scale
        assert _settings(module).preset(scale).scale == scale
