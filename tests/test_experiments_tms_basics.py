"""TMS-1 to TMS-5: decisive numbers on constructed inputs, all files at smoke scale."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
import scipy.stats

import toymodels as tm
from experiments.registry import settings_class
from experiments.tms import (
    dense_matrix,
    intro_polygons,
    loss_by_activity,
    superposition_panels,
    superposition_panels_large,
    superposition_panels_notebook,
)
from experiments.tms._activity import activity_weights, split_loss
from experiments.tms._panels import (
    PanelSettings,
    kept,
    largest_fall,
    mean_interference,
    misplaced,
    panel_claims,
)
from experiments.tms._polygons import (
    antipodal_cosine,
    pentagon_error,
    right_angle_error,
    upright,
)
from experiments.tms._restarts import best_of_groups
from toymodels.config import to_json
from toymodels.plotting.vectors import _hull
from toymodels.result import Result
from toymodels.theory import none_active_loss, one_active_loss

PANELS = ["dense", "growing", "sparse", "linear_count", "linear_interference"]


def polygon(sides: int, turn: float = 0.0) -> np.ndarray:
    angle = 2 * np.pi * np.arange(sides) / sides + turn
    return np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def padded(W: np.ndarray, n: int = 5) -> np.ndarray:
    """W with features that are not represented, (2, n)."""
    return np.pad(W, ((0, 0), (0, n - W.shape[1])), constant_values=0.1)


def test_the_best_of_each_group_is_the_lowest_finite_loss():
    loss = np.array([[3.0, 1.0], [2.0, np.nan], [np.nan, 5.0], [np.nan, 4.0]])
    # Groups (0, 1) and (2, 3); two members, so run = 2 · seed + member.
    np.testing.assert_array_equal(best_of_groups(loss, 2), [[2, 1], [4, 7]])


@pytest.mark.parametrize("turn", [0.0, 0.7, 3.0])
def test_exact_shapes_pass_and_one_another_fail(turn):
    corner = padded(polygon(4, turn)[:, :2])
    square, pentagon = padded(polygon(4, turn)), polygon(5, turn)
    assert right_angle_error(corner) == pytest.approx(0.0, abs=1e-3)
    assert antipodal_cosine(square) == pytest.approx(1.0, abs=1e-6)
    assert pentagon_error(pentagon) == pytest.approx(0.0, abs=1e-3)
    assert {right_angle_error(W) for W in (square, pentagon)} == {90.0}
    assert {antipodal_cosine(W) for W in (corner, pentagon)} == {0.0}
    assert {pentagon_error(W) for W in (corner, square)} == {180.0}


def test_deviations_are_measured_in_degrees():
    tilted = polygon(5)
    angle = np.deg2rad(72 + 6)
    tilted[:, 1] = np.cos(angle), np.sin(angle)
    assert pentagon_error(tilted) == pytest.approx(6.0, abs=1e-3)
    pair = np.array([[1.0, np.sin(np.deg2rad(3.0))], [0.0, np.cos(np.deg2rad(3.0))]])
    assert right_angle_error(padded(pair)) == pytest.approx(3.0, abs=1e-3)


def test_two_pairs_of_one_direction_are_not_antipodal():
    same = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    assert antipodal_cosine(padded(same)) < 0.98


def test_upright_is_orthogonal_and_turns_the_first_feature_up():
    W = polygon(5, 0.4)
    Q = upright(W)
    np.testing.assert_allclose(Q @ Q.T, np.eye(2), atol=1e-6)
    np.testing.assert_allclose((Q @ W)[:, 0], [0.0, 1.0], atol=1e-6)


def test_a_hull_goes_around_all_features_and_the_origin():
    W = np.array([[1.0, 0.2, 0.0, np.nan], [0.0, 0.2, 1.0, 5.0]])
    np.testing.assert_allclose(_hull(W), [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert _hull(np.zeros((2, 3))).shape == (2, 1)


@pytest.fixture(scope="module")
def polygons():
    settings = intro_polygons.IntroPolygons.preset("smoke")
    return intro_polygons.compute(settings, tm.train)


def test_intro_polygons_has_figures_and_three_claims(polygons):
    drawn = intro_polygons.plot(polygons)
    assert set(drawn) == {"polygons", "levels", "losses", "training"}
    assert drawn["training"].startswith(b"GIF89a")
    judged = intro_polygons.claims(polygons)
    names = [claim.id for claim in judged]
    assert names == ["TMS-1.right_angle", "TMS-1.two_pairs", "TMS-1.pentagon"]
    for claim in judged:
        assert all(control.failed_as_it_must for control in claim.controls)


# TMS-2 to TMS-4b: one W that is right, and ones that are not.


def top_features(d: int, n: int) -> np.ndarray:
    return np.eye(d, n, dtype=np.float32)


def test_the_block_and_the_bias_of_the_dense_optimum():
    W = np.stack([top_features(2, 5), 1.1 * top_features(2, 5)])
    np.testing.assert_allclose(dense_matrix.block_error(W), [0.0, 0.21], atol=1e-6)
    b = np.array([[0.0, 0.0, 0.5, 0.5, 0.5], [0.0, 0.3, 0.5, 0.5, 0.5]])
    np.testing.assert_allclose(dense_matrix.bias_error(b, 2, 1.0), [0.0, 0.3])
    np.testing.assert_allclose(dense_matrix.bias_error(b, 2, 0.5), [0.25, 0.3])


def test_kept_features_are_counted_and_told_from_the_top_ones():
    right = top_features(2, 5)
    swapped = right[:, ::-1]
    digons = np.array([[1, -1, 0, 0, 0], [0, 0, 1, -1, 0]], np.float32)
    W = np.stack([right, swapped, digons])
    np.testing.assert_array_equal(kept(W), [2, 2, 4])
    np.testing.assert_array_equal(misplaced(W), [0, 4, 2])
    np.testing.assert_allclose(mean_interference(W), [0.0, 0.0, 1.0])


def test_a_fall_is_measured_from_the_highest_level_before():
    counts = np.array([[5, 7, 9, 9], [5, 9, 8, 7], [5, 4, 9, 9]])
    np.testing.assert_array_equal(largest_fall(counts), [0, 2, 1])


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_three_figures_read_the_same_runs(scale):
    settings = [
        dense_matrix.DenseMatrix.preset(scale),
        superposition_panels.SuperpositionPanels.preset(scale),
        loss_by_activity.LossByActivity.preset(scale),
    ]
    assert len({setting.spec() for setting in settings}) == 1
    assert len({setting.linear_spec() for setting in settings}) == 1


def optimum(sizes: PanelSettings, counts: list[int]) -> Result:
    """A result in which `counts` features are kept, one entry a level."""
    n, d, seeds, levels = sizes.n, sizes.d, 5, len(counts)
    W = np.zeros((seeds, levels, d, n), np.float32)
    for level, count in enumerate(counts):
        for feature in range(count):
            W[:, level, feature % d, feature] = -1 if feature >= d else 1
    linear = np.broadcast_to(top_features(d, n), (seeds, levels, d, n))
    return Result(
        arrays={
            "p": np.geomspace(1.0, 0.01, levels),
            "W": W,
            "W_initial": np.roll(W, 1, axis=-1),
            "W_linear": linear,
            "linear_levels": np.arange(levels),
        },
        meta={"settings": to_json(sizes)},
    )


def verdicts(result: Result) -> dict[str, str]:
    return {
        claim.id.removeprefix("TMS-3."): claim.verdict
        for claim in panel_claims(result, "TMS-3")
    }


def test_panel_claims_hold_for_the_ideal_and_fail_for_its_opposites():
    sizes = superposition_panels.SuperpositionPanels.preset("smoke")
    assert set(verdicts(optimum(sizes, [5, 8, 10])).values()) == {"supported"}
    wrong = verdicts(optimum(sizes, [6, 10, 8]))
    assert wrong["dense"] == "not supported"
    assert wrong["growing"] == "not supported"
    # Without superposition the controls pass, and nothing can be said.
    none = verdicts(optimum(sizes, [5, 5, 5]))
    assert none["sparse"] == "not supported"
    assert none["dense"] == "inconclusive"
    assert none["linear_interference"] == "inconclusive"


@pytest.mark.parametrize("name", ["W", "W_linear"])
def test_a_diverged_panel_run_is_not_a_run_that_keeps_nothing(name):
    sizes = superposition_panels.SuperpositionPanels.preset("smoke")
    good = optimum(sizes, [5, 8, 10])
    W = good[name].copy()
    W[1] = np.nan
    found = verdicts(Result({**good.arrays, name: W}, good.meta))
    mine = {"W": PANELS[:3], "W_linear": PANELS[3:]}[name]
    assert {found[claim] for claim in mine} == {"inconclusive"}
    assert np.isnan([kept(W[1, 0]), *misplaced(W[1]), *mean_interference(W[1])]).all()
    assert not np.isnan(
        [kept(W[0, 0]), *misplaced(W[0]), *mean_interference(W[0])]
    ).any()


@pytest.mark.parametrize("diverged", [0, 4, 9])
def test_a_diverged_polygon_has_no_shape(diverged):
    W = np.stack([padded(polygon(4))] * 10)
    W[diverged] = np.nan
    for measure in (right_angle_error, antipodal_cosine, pentagon_error):
        assert np.isnan(measure(W[diverged]))
    middle = intro_polygons._middle(W)
    assert np.isnan(middle) == (0 < diverged < 9)


@pytest.fixture(scope="module")
def train():
    """Trains every spec once, as a store does."""
    return functools.cache(tm.train)


@pytest.mark.parametrize(
    ("module", "figures", "numbers"),
    [
        (dense_matrix, {"matrix"}, ["block", "bias", "linear"]),
        (superposition_panels, {"panels", "levels"}, PANELS),
        # The same code as before with other sizes.
        pytest.param(
            superposition_panels_large,
            {"panels", "levels"},
            PANELS,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            superposition_panels_notebook,
            {"panels", "levels"},
            PANELS,
            marks=pytest.mark.slow,
        ),
        (loss_by_activity, {"shares", "errors", "one_active"}, ["sum", "free"]),
    ],
)
def test_the_file_runs_at_smoke_scale(module, figures, numbers, train):
    settings = settings_class(module).preset("smoke")
    result = module.compute(settings, train)
    drawn = module.plot(result)
    assert set(drawn) == figures
    judged = module.claims(result)
    assert [claim.id for claim in judged] == [f"{module.ID}.{name}" for name in numbers]
    assert {claim.experiment for claim in judged} == {module.ID}
    assert all(claim.controls for claim in judged)


# TMS-5.


def test_activity_weights_are_the_binomial_distribution():
    weight = activity_weights(np.array([0.3, 1.0]), 5)
    np.testing.assert_allclose(weight[0], scipy.stats.binom.pmf(range(6), 5, 0.3))
    np.testing.assert_array_equal(weight[1], [0, 0, 0, 0, 0, 1])


@pytest.fixture(scope="module")
def split():
    """The loss of two random models at two levels, and their parameters."""
    random = np.random.default_rng(0)
    W = random.normal(0, 0.4, (2, 2, 2, 6)).astype(np.float32)
    b = random.normal(0, 0.2, (2, 2, 6)).astype(np.float32)
    p, importance = np.array([0.4, 0.05]), 0.8 ** np.arange(6)
    model = tm.Autoencoder(n=6, d=2)
    key = jax.random.key(0)
    parts = split_loss(
        model, W, b, p, importance, key, samples=4096, direct_samples=32_768
    )
    return W, b, p, importance, parts


def test_the_loss_given_none_or_one_active_feature_is_the_closed_form(split):
    W, b, p, importance, parts = split
    for seed, level in np.ndindex(2, 2):
        error, se = parts["error"][seed, level], parts["error_se"][seed, level]
        silent = none_active_loss(b[seed, level], importance)
        np.testing.assert_allclose(error[0], [0.0, silent], rtol=1e-5, atol=1e-7)
        exact = one_active_loss(W[seed, level], importance, b[seed, level])
        assert abs(error[1].sum() - exact.total / 6) < 4 * se[1]
        assert abs(error[1, 1] - exact.interference.sum() / 6) < 4 * se[1]


def test_the_losses_of_each_k_sum_to_the_loss_only_with_the_right_weights(split):
    _, _, p, _, parts = split
    result = Result(arrays=parts)
    right, denser = activity_weights(p, 6), activity_weights(1.2 * p, 6)
    assert (loss_by_activity.deviation(result, right) < 2).all()
    assert (loss_by_activity.deviation(result, denser) > 2).all()


def test_a_flipped_sign_makes_interference():
    model = tm.Autoencoder(n=3, d=2, bias=False)
    triangle = polygon(3)
    assert loss_by_activity.interference_alone(model, triangle) == 0.0
    triangle[:, 0] *= -1
    # Feature 0 now has W_0·W_j = 1/2 with both others.
    assert loss_by_activity.interference_alone(model, triangle) == pytest.approx(0.5)


@pytest.mark.slow
def test_intro_polygons_at_laptop_scale_reach_their_shapes():
    settings = intro_polygons.IntroPolygons.preset("laptop")
    small = dataclasses.replace(settings, groups=5, restarts=5, seed=2)
    result = intro_polygons.compute(small, tm.train)
    assert {claim.verdict for claim in intro_polygons.claims(result)} == {"supported"}
