"""DD: decisive numbers on constructed inputs, and smoke runs."""

import dataclasses
import itertools

import numpy as np
import pytest

import toymodels as tm
from experiments.dd import (
    collapse,
    decay_and_steps,
    digits,
    double_descent,
    heat_map,
    infinite_data,
    points_on_polygons,
)
from experiments.dd._grids import bump_height, grouped, half_rise
from experiments.dd._vectors import gap_error
from experiments.finite_models import (
    FiniteModels,
    hidden_points,
    point_dimensionality,
)
from toymodels.claims import SUPPORTED
from toymodels.config import to_json
from toymodels.geometry import feature_dimensionality
from toymodels.result import Result
from toymodels.theory import tgon_parameters

SMALL_POLYGONS = points_on_polygons.PointsOnPolygons.preset("smoke")
SMALL = FiniteModels(n=40, sparsity=0.9, scale="smoke")


def polygon(count: int, turn: float = 0.3) -> np.ndarray:
    angle = turn + 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angle), np.sin(angle)])


# --- models on finite sets -----------------------------------------------------------


def test_hidden_points_and_their_shares_are_those_of_the_dense_set():
    data = SMALL.dataset(12, 0)
    W = np.random.default_rng(0).normal(size=(3, 2, 40))
    H = W @ data.dense()
    np.testing.assert_allclose(hidden_points(W, data), H, rtol=1e-6)
    np.testing.assert_allclose(
        point_dimensionality(W, data), feature_dimensionality(H), rtol=1e-5
    )


def test_data_sets_differ_by_seed_and_size_and_are_drawn_again_the_same():
    def first(points, which, seed=0):
        one = dataclasses.replace(SMALL, seed=seed).dataset(points, which)
        return one.dense([0])

    np.testing.assert_array_equal(first(5, 0), first(5, 0))
    others = [first(5, 1), first(6, 0), first(5, 0, seed=1)]
    assert not any(np.array_equal(first(5, 0), other) for other in others)


# --- polygons ------------------------------------------------------------------------


def polygon_result(points_of) -> Result:
    """A result in which every restart has the points that are given."""
    settings = points_on_polygons.PointsOnPolygons.preset("smoke")
    settings = dataclasses.replace(settings, sets=5)
    shape = (settings.restarts, settings.sets)
    arrays = {}
    for T in settings.polygons:
        arrays[f"hidden_{T}"] = np.broadcast_to(points_of(T), (*shape, 2, T)).copy()
        noise = np.random.default_rng(T).normal(size=(*shape, 2, T))
        arrays[f"permuted_{T}"] = arrays[f"linear_{T}"] = noise
    loss = np.zeros((settings.restarts, len(settings.polygons), settings.sets))
    loss[1:] = 0.1
    arrays |= {"loss": loss, "linear_loss": loss}
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def verdicts(claims) -> dict[str, str]:
    return {claim.id: claim.verdict for claim in claims}


def test_exact_polygons_support_dd_2():
    found = verdicts(points_on_polygons.claims(polygon_result(polygon)))
    assert {v for k, v in found.items() if k.startswith("DD-2.")} == {SUPPORTED}


def test_polygons_with_one_point_astray_do_not():
    def astray(T):
        points = polygon(T)
        return np.concatenate([points[:, :-1], 0.02 * points[:, -1:]], axis=1)

    found = verdicts(points_on_polygons.claims(polygon_result(astray)))
    assert not {v for k, v in found.items() if ".share" in k} & {SUPPORTED}


def test_a_gap_is_off_by_what_its_point_is_turned():
    points = polygon(6)
    angle = np.radians(6.0)
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    points[:, 2] = turn @ points[:, 2]
    assert gap_error(points) == pytest.approx(0.1)
    assert gap_error(polygon(7)) == pytest.approx(0, abs=1e-12)


def test_restarts_that_miss_count_against_the_best_only_if_they_are_it():
    result = polygon_result(polygon)
    for T in (5, 8):
        moved = result[f"hidden_{T}"].copy()
        moved[1, :, :, 0] *= 0.1
        result.arrays[f"hidden_{T}"] = moved
    (claim,) = [
        one for one in points_on_polygons.claims(result) if one.id == "DD-20.best"
    ]
    assert claim.measured == 0
    result.arrays["loss"] = result["loss"][::-1].copy()
    (claim,) = [
        one for one in points_on_polygons.claims(result) if one.id == "DD-20.best"
    ]
    assert claim.measured == pytest.approx(1 / 2)


def test_the_oracle_s_weights_put_disjoint_points_on_a_polygon():
    x = np.kron(np.eye(6), np.full((3, 1), 3**-0.5))
    W, _ = tgon_parameters(x)
    H = hidden_points(W, tm.FiniteDataset.from_dense(x))
    assert gap_error(H) < 1e-6
    assert points_on_polygons.share_error(H) < 1e-6


# --- double descent ------------------------------------------------------------------


def test_a_bump_is_measured_over_the_higher_end():
    values = np.array([[1.0, 3.0, 2.0, 1.5], [2.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(bump_height(values), [2.0, 0.5])


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ([0, 2, 2, 0], True),
        ([0, 2, 0, 0], True),
        ([2, 2, 2, 0], False),
        ([0, 2, 2, 2], False),
        ([0, 0, 0, 0], False),
        ([0, 2, 0, 2, 0], False),
    ],
)
def test_overtaking_begins_and_ends_below(first, expected):
    values = np.array([first], float)
    assert double_descent.overtakes(values, np.ones_like(values))[0] == expected


def test_regimes_come_in_order_or_do_not():
    points = np.array([5, 10, 50, 100, 500])
    loss = np.array([[1.0, 1.0, 2.0, 1.0, 0.9]])
    share = 2 / points * np.array([[1.0, 1.05, 0.5, 0.1, 0.1]])
    features = np.array([[0.0, 0.0, 0.0, 4.0, 5.0]])
    assert double_descent.in_order(points, loss, share, features, 2) == 1
    assert double_descent.in_order(points, loss[:, ::-1], share, features, 2) == 1
    early = np.array([[3.0, 1.0, 2.0, 1.0, 0.9]])
    assert double_descent.in_order(points, early, share, features, 2) == 0
    assert double_descent.in_order(points, loss, share, 0 * features, 2) == 0
    assert np.isnan(double_descent.in_order(points, loss * np.nan, share, features, 2))


def test_the_first_larger_value():
    points, ones = np.array([3, 6, 9]), np.ones((2, 3))
    first = np.array([[0.0, 2.0, 2.0], [0.0, 0.0, 0.0]])
    found = double_descent.first_above(points, first, ones)
    np.testing.assert_array_equal(found, [6.0, np.nan])


def test_a_diverged_restart_is_never_the_best_and_always_a_miss():
    result = polygon_result(polygon)
    result.arrays["loss"] = np.where(result["loss"] == 0, np.nan, 0.1)
    assert np.isfinite(
        points_on_polygons.best_points(
            result, dataclasses.replace(SMALL_POLYGONS, sets=5), 5
        )
    ).all()
    assert points_on_polygons.misses(np.full((2, 5), np.nan))


def test_five_features_are_counted_without_the_short_ones():
    W = np.concatenate([polygon(5), 1e-3 * polygon(30, turn=0.1)], axis=1)[None]
    assert infinite_data.kept_gap_error(W)[0] < 1e-6
    random = np.random.default_rng(0).normal(size=(1, 2, 35))
    assert infinite_data.kept_gap_error(random)[0] > 0.05


# --- curves over T -------------------------------------------------------------------


def test_groups_cover_all_points_once_and_are_not_wide():
    for count in range(1, 9):
        points = tuple(5 * 2**k for k in range(count))
        groups = grouped(points)
        assert tuple(itertools.chain(*groups)) == points
        assert all(group[-1] < 4 * group[0] for group in groups)
        assert max(map(len, groups)) <= 2
    assert grouped((3, 11)) == [(3, 11)]
    assert grouped((3, 12)) == [(3,), (12,)]


def test_the_half_rise_of_a_logistic_curve_is_its_middle():
    x = np.geomspace(1, 100, 41)
    y = 1 / (1 + np.exp(-8 * (np.log(x) - np.log(7))))
    np.testing.assert_allclose(half_rise(x, y[None]), np.log(7), atol=0.01)
    assert np.isnan(half_rise(x, np.full((1, 41), np.nan)))
    # What happens before the last rise is of no account.
    early = np.where(x < 2, 1.0, y)
    np.testing.assert_allclose(half_rise(x, early[None]), np.log(7), atol=0.01)
    # A curve that falls has no rise, nor has one without a fall before it.
    assert np.isnan(half_rise(x, 1 - y[None])[0])


def collapse_result(power: float) -> Result:
    """Curves whose rise is at T = 3/(1 − S)^power."""
    settings = collapse.Collapse(
        sparsities=(0.8, 0.9, 0.95, 0.98),
        points=tuple(np.geomspace(1, 10**6, 60).round().astype(int).tolist()),
        dimensions=(2, 3),
        sets=5,
        scale="smoke",
    )
    noise = np.random.default_rng(0).normal(scale=0.02, size=(5, 1))
    curves = []
    for S in settings.sparsities:
        distance = np.log(settings.points) - np.log(3 / (1 - S) ** power) + noise
        curves.append(1 / (1 + np.exp(-4 * distance)))
    return Result(
        arrays={"largest": np.array([curves, curves])},
        meta={"settings": to_json(settings)},
    )


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_curves_collapse_in_the_variable_that_they_depend_on(power):
    claim, _, messier = collapse.claims(collapse_result(power))
    assert claim.measured == pytest.approx(power, abs=0.05)
    assert (claim.verdict == SUPPORTED) == (power == 1.0)
    assert messier.verdict != SUPPORTED
    if power == 1.0:
        assert "= 3" in claim.note


def test_curves_without_a_rise_do_not_collapse():
    result = collapse_result(1.0)
    result.arrays["largest"] = 1 - result["largest"]
    assert SUPPORTED not in verdicts(collapse.claims(result)).values()


def test_a_shift_of_the_rise_is_seen():
    points = np.geomspace(10, 1000, 30)
    curves = [1 / (1 + np.exp(-5 * np.log(points / at))) for at in (60, 60, 150)]
    found = decay_and_steps.shift(np.array(curves)[:, None], points)
    np.testing.assert_allclose(found, np.log(2.5), atol=0.05)


def test_a_rise_that_is_still_to_come_is_later_than_the_last_point():
    points = np.geomspace(10, 1000, 30)
    curves = np.stack([1 / (1 + np.exp(-5 * np.log(points / at))) for at in (60, 1e5)])
    found = decay_and_steps.risen_at_least(points, np.stack([curves[0], -curves[0]]))
    np.testing.assert_allclose(found, np.log([60, 1000]), atol=0.05)
    assert np.isnan(decay_and_steps.risen_at_least(points, curves * np.nan)).all()


def test_rows_with_few_dimensions_do_not_count_for_the_ridge():
    flat, ridge = np.ones(4), np.array([1, 1.2, 1.1, 1.0])
    loss = np.stack([flat, flat, ridge, flat])[:, None]
    share = heat_map.ridge_share(loss, (2, 3, 4, 6))
    np.testing.assert_allclose(share, [0.5])


# --- digits --------------------------------------------------------------------------


def test_outliers_and_typical_points():
    values = np.full((1, 100), 0.01)
    values[0, 0] = 0.5
    assert digits.outlier_ratio(values)[0] == pytest.approx(50)
    assert digits.typical_share(values)[0] == pytest.approx(0.99)


# --- smoke ---------------------------------------------------------------------------

MODULES = [
    (points_on_polygons, points_on_polygons.PointsOnPolygons),
    (infinite_data, infinite_data.InfiniteData),
    (digits, digits.Digits),
    pytest.param(double_descent, double_descent.DoubleDescent, marks=pytest.mark.slow),
    pytest.param(heat_map, heat_map.HeatMap, marks=pytest.mark.slow),
    pytest.param(
        decay_and_steps, decay_and_steps.DecayAndSteps, marks=pytest.mark.slow
    ),
    pytest.param(collapse, collapse.Collapse, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("module", "settings"), MODULES)
def test_a_smoke_run_draws_and_judges(module, settings):
    result = module.compute(settings.preset("smoke"), tm.train)
    figures = module.plot(result)
    assert figures
    for figure in figures.values():
        assert figure.get_axes()
    claims = module.claims(result)
    # So short a training may have nothing to measure for some of them.
    assert any(claim.measured is not None for claim in claims)
    assert all(claim.controls for claim in claims)
