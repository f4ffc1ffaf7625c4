"""The exact surface of the 2 → 1 model without bias, and what McGrath found on it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toymodels import theory


def gauss_loss(w1, w2, p, importance):
    """Gauss quadrature on the square, split where the hidden unit changes sign."""
    nodes, weights = np.polynomial.legendre.leggauss(4)
    t, w = (nodes + 1) / 2, weights / 2

    def error(x, y):
        h = w1 * x + w2 * y
        return (
            importance[0] * (x - max(w1 * h, 0)) ** 2
            + importance[1] * (y - max(w2 * h, 0)) ** 2
        )

    both = 0.0
    for x, wx in zip(t, w, strict=True):
        # h = 0 at y = −w1·x/w2; outer pieces likewise, where that leaves the square
        cut = -w2 / w1 if w1 else np.inf
        for low, high in ((0, min(max(cut, 0), 1)), (min(max(cut, 0), 1), 1)):
            outer = low + (high - low) * x
            root = min(max(-w1 * outer / w2, 0), 1) if w2 else 1.0
            for start, stop in ((0, root), (root, 1)):
                inner = start + (stop - start) * t
                values = [error(outer, y) for y in inner]
                both += wx * (high - low) * (stop - start) * (w @ values)
    one = sum(wt * (error(z, 0.0) + error(0.0, z)) for z, wt in zip(t, w, strict=True))
    return p * (1 - p) * one + p**2 * both


@settings(max_examples=60)
@given(
    st.sampled_from([-1.3, -1.0, -0.4, 0.0, 0.7, 1.1]),
    st.sampled_from([-1.2, -0.7, -0.05, 0.0, 0.3, 1.0]),
    st.sampled_from([0.1, 0.55, 1.0]),
    st.sampled_from([(1.0, 1.0), (1.0, 0.8), (0.2, 3.0)]),
)
def test_closed_form_equals_split_gauss_quadrature(w1, w2, p, importance):
    found = theory.exact_loss(w1, w2, probability=p, importance=importance)
    assert found == pytest.approx(gauss_loss(w1, w2, p, importance), abs=1e-13)


@pytest.mark.parametrize("w", [(0.9, 0.5), (1.1, -0.6), (-0.6, 1.1)])
def test_closed_form_agrees_with_sampling_within_three_errors(w):
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(2, 400_000)) * (rng.uniform(size=(2, 400_000)) < 0.6)
    W = np.array([w])
    error = x - np.maximum(W.T @ (W @ x), 0)
    samples = np.array([1.0, 0.8]) @ error**2
    found = theory.exact_loss(*w, probability=0.6, importance=(1.0, 0.8))
    assert abs(samples.mean() - found) <= 3 * samples.std() / np.sqrt(samples.size)


def test_a_grid_equals_its_points_and_signs_and_order_do_not_matter():
    w = np.linspace(-1.5, 1.5, 13)
    settings = {"probability": 0.4, "importance": (1.0, 0.3)}
    grid = theory.exact_loss(w[:, None], w[None, :], **settings)
    assert grid.shape == (13, 13) and np.all(np.isfinite(grid))
    for i, j in [(0, 0), (6, 6), (2, 9), (6, 0)]:
        assert grid[i, j] == theory.exact_loss(w[i], w[j], **settings)
    np.testing.assert_allclose(grid, grid[::-1, ::-1], rtol=1e-12)
    swapped = theory.exact_loss(
        w[:, None], w[None, :], probability=0.4, importance=(0.3, 1.0)
    )
    np.testing.assert_allclose(grid, swapped.T, rtol=1e-12)


@pytest.mark.parametrize("p", [0.2, 0.7, 1.0])
def test_the_confused_point_costs_as_much_as_a_mean(p):
    w = 1 / np.sqrt(2)
    found = theory.exact_loss(w, w, probability=p, importance=(1.0, 1.0))
    assert found == pytest.approx(p / 3 - p**2 / 4, abs=1e-15)


def test_unit_antipodal_weights_cost_what_the_template_says():
    found = theory.exact_loss(1.0, -1.0, probability=0.5, importance=(1.0, 0.8))
    assert found == pytest.approx(0.0750, abs=1e-12)
    template = theory.template_losses(0.5, 0.8, bias="none")[2]
    assert found == pytest.approx(template, abs=1e-12)


def test_the_optima_that_mcgrath_reports():
    dense = theory.minimise_exact_loss(probability=0.9, importance=(1.0, 0.8))
    assert dense.kind == "confused"
    assert (dense.w1, dense.w2) == pytest.approx((0.725, 0.687), abs=1e-3)
    assert dense.loss == pytest.approx(0.0875, abs=5e-5)
    sparse = theory.minimise_exact_loss(probability=0.5, importance=(1.0, 0.8))
    assert sparse.kind == "antipodal"
    assert (sparse.w1, sparse.w2) == pytest.approx((1.062, -1.032), abs=1e-3)
    assert sparse.loss == pytest.approx(0.0730, abs=5e-5)


def test_the_confused_phase_starts_between_a_half_and_six_tenths():
    kinds = [
        theory.minimise_exact_loss(probability=p, importance=(1.0, 0.8)).kind
        for p in (0.4, 0.5, 0.6, 0.8)
    ]
    assert kinds == ["antipodal", "antipodal", "confused", "confused"]


def test_a_feature_that_hardly_matters_is_left_out():
    found = theory.minimise_exact_loss(probability=0.9, importance=(1.0, 0.02))
    assert found.kind == "first"
    found = theory.minimise_exact_loss(probability=0.9, importance=(0.02, 1.0))
    assert found.kind == "second"


def test_the_minimum_is_global_on_a_grid():
    w = np.linspace(-1.5, 1.5, 301)
    for p in (0.3, 0.75):
        settings = {"probability": p, "importance": (1.0, 0.8)}
        grid = theory.exact_loss(w[:, None], w[None, :], **settings)
        best = theory.minimise_exact_loss(**settings).loss
        assert best <= grid.min() <= best + 1e-3
