"""The superellipse fit: known exponents, bounds, missing angles, and what fails it."""

import numpy as np
import pytest

from toymodels.config import SettingsError
from toymodels.probes.superellipse import (
    exponent_interval,
    fit_superellipse,
)

PHI = np.linspace(0, np.pi / 2, 60)


def contour(p, r0=1.0, r90=1.0, phi=PHI):
    """Radii of an exact superellipse."""
    x, y = np.cos(phi) / r0, np.sin(phi) / r90
    return (np.abs(x) ** p + np.abs(y) ** p) ** (-1 / p)


@pytest.mark.parametrize("p", [1.5, 2, 3, 5])
@pytest.mark.parametrize("axes", [(1.0, 1.0), (0.4, 2.6), (7.0, 3.0)])
def test_exponents_of_exact_contours_are_recovered(p, axes):
    found = fit_superellipse(PHI, contour(p, *axes))
    assert found.exponent == pytest.approx(p, rel=1e-4)
    assert found.residual < 1e-5
    np.testing.assert_allclose(found.axes, axes, rtol=1e-9)
    assert not found.at_bound and found.missing == 0


@pytest.mark.parametrize("p", [1.5, 2, 3, 5])
def test_a_grid_of_radii_and_missing_angles_cost_less_than_a_percent(p):
    rng = np.random.default_rng(0)
    radii = np.ceil(contour(p, 2.4, 2.8) * 150) / 150  # 1,200 steps up to 8
    radii[rng.choice(np.arange(1, 59), 20, replace=False)] = np.nan
    found = fit_superellipse(PHI, radii)
    assert found.exponent == pytest.approx(p, rel=0.01)
    assert found.missing == pytest.approx(20 / 60)


def test_many_contours_at_once_are_those_one_by_one():
    rng = np.random.default_rng(1)
    radii = np.exp(rng.normal(0, 0.1, (3, 4, 60))) * contour(2.5)
    radii[0, 1, 7] = np.nan
    together = fit_superellipse(PHI, radii)
    for place in np.ndindex(3, 4):
        alone = fit_superellipse(PHI, radii[place])
        assert together.exponent[place] == pytest.approx(float(alone.exponent))
    brute = np.geomspace(0.5, 60, 20_000)
    x = radii[2, 3] * np.cos(PHI) / radii[2, 3, 0]
    y = radii[2, 3] * np.sin(PHI) / radii[2, 3, -1]
    keep = (x > 1e-3) & (y > 1e-3)
    norms = (x[keep, None] ** brute + y[keep, None] ** brute) ** (1 / brute)
    best = brute[(np.log(norms) ** 2).sum(axis=0).argmin()]
    assert together.exponent[2, 3] == pytest.approx(best, rel=1e-3)


def test_what_has_no_boundary_on_an_axis_has_no_exponent():
    radii = np.tile(contour(3.0), (4, 1))
    radii[0, 0] = radii[1, -1] = np.nan
    radii[2, 3:] = np.nan
    found = fit_superellipse(PHI, radii)
    np.testing.assert_array_equal(np.isnan(found.exponent), [True, True, True, False])
    assert found.missing[2] == pytest.approx(57 / 60)
    assert fit_superellipse(PHI, radii[:0]).exponent.shape == (0,)


@pytest.mark.parametrize(("p", "bound"), [(0.3, 0.5), (200.0, 60.0)])
def test_exponents_beyond_the_range_are_flagged(p, bound):
    found = fit_superellipse(PHI, contour(p))
    assert found.at_bound and found.exponent == pytest.approx(bound, rel=1e-3)


def test_the_closed_form_at_45_degrees_agrees():
    # p = ln 2/ln(√2 r₀/r₄₅), on equal axes.
    for p in (1.5, 2.0, 3.0, 5.0):
        r45 = contour(p, phi=np.array([np.pi / 4])).item()
        fitted = float(fit_superellipse(PHI, contour(p)).exponent)
        assert np.log(2) / np.log(np.sqrt(2) / r45) == pytest.approx(fitted, rel=1e-3)


def test_the_interval_over_angles_holds_the_exponent_and_narrows_without_noise():
    rng = np.random.default_rng(2)
    noisy = contour(3.0) * np.exp(rng.normal(0, 0.02, 60))
    noisy[[0, -1]] = 1.0
    low, high = exponent_interval(PHI, noisy)
    assert low < 3 < high and high - low < 0.5
    exact = exponent_interval(PHI, contour(3.0))
    assert exact == pytest.approx((3, 3), rel=1e-3)
    assert not low < 2 < high
    assert np.isnan(exponent_interval(PHI, np.full(60, np.nan))).all()


def test_angles_must_span_the_quadrant():
    with pytest.raises(SettingsError, match="phi: got '0 to 0.785'"):
        fit_superellipse(PHI / 2, contour(2.0))
