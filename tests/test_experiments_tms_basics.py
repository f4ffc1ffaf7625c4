"""TMS-1 to TMS-5: decisive numbers on constructed inputs, all files at smoke scale."""

import numpy as np
import pytest

import toymodels as tm
from experiments.tms import intro_polygons
from experiments.tms._polygons import (
    antipodal_cosine,
    pentagon_error,
    right_angle_error,
    upright,
)
from experiments.tms._restarts import best_of_groups
from toymodels.plotting.vectors import _hull


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
    assert set(drawn) == {"polygons", "losses", "training.gif"}
    assert drawn["training.gif"].startswith(b"GIF89a")
    judged = intro_polygons.claims(polygons)
    names = [claim.id for claim in judged]
    assert names == ["TMS-1.right_angle", "TMS-1.two_pairs", "TMS-1.pentagon"]
    for claim in judged:
        assert all(control.failed_as_it_must for control in claim.controls)
