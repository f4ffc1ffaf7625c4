"""Numbers of a response curve: closed forms, and curves without an answer."""

import numpy as np
import pytest

from toymodels.config import SettingsError
from toymodels.probes import (
    crossing_radius,
    first_slope,
    plateau_radius,
    response_area,
)

RADII = np.linspace(0, 1, 201)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0, 4.0])
def test_powers_of_the_radius(power):
    curve = 7.0 * RADII**power
    np.testing.assert_allclose(
        plateau_radius(RADII, curve), 0.1 ** (1 / power), atol=2e-3
    )
    np.testing.assert_allclose(response_area(RADII, curve), 7 / (power + 1), rtol=2e-3)
    np.testing.assert_allclose(first_slope(RADII, curve), 0.1 ** (power - 1), rtol=1e-3)


def test_a_flat_start_and_then_a_line():
    curve = np.maximum(RADII - 0.4, 0)
    np.testing.assert_allclose(plateau_radius(RADII, curve), 0.46, atol=1e-6)
    assert first_slope(RADII, curve) == 0


def test_interpolation_is_linear_and_finds_the_first_crossing():
    radii = np.array([0.0, 1.0, 2.0, 3.0])
    curve = np.array([0.0, 4.0, 1.0, 5.0])
    np.testing.assert_allclose(crossing_radius(radii, curve, 3.0), 0.75)
    np.testing.assert_allclose(crossing_radius(radii, curve, 4.5), 2.875)
    np.testing.assert_allclose(crossing_radius(radii, curve, 0.0), 0.0)
    assert np.isnan(crossing_radius(radii, curve, 6.0))


def test_axes_in_front_and_a_level_for_each():
    curves = np.stack([RADII, 2 * RADII, 0 * RADII])[None]
    found = crossing_radius(RADII, curves, np.array([[0.5, 0.5, 0.5]]))
    np.testing.assert_allclose(found, [[0.5, 0.25, np.nan]])
    np.testing.assert_allclose(plateau_radius(RADII, curves), [[0.1, 0.1, np.nan]])
    np.testing.assert_allclose(response_area(RADII, curves), [[0.5, 1.0, 0.0]])
    np.testing.assert_allclose(first_slope(RADII, curves), [[1, 1, np.nan]])


def test_scaling_the_response_changes_neither_radius_nor_slope():
    curve = RADII**1.7
    for measure in (plateau_radius, first_slope):
        np.testing.assert_allclose(
            measure(RADII, curve), measure(RADII, 1e-4 * curve), rtol=1e-6
        )


def test_curves_that_are_not_finite_have_no_number():
    curve = RADII.copy()
    curve[150] = np.nan
    for measure in (plateau_radius, response_area):
        assert np.isnan(measure(RADII, curve))
    assert np.isnan(first_slope(RADII, np.full(201, np.nan)))
    assert np.isnan(first_slope(RADII, -RADII))


@pytest.mark.parametrize(
    ("radii", "said"),
    [
        (np.array([0.1, 1.0]), "rise from 0"),
        (np.array([0.0, 1.0, 1.0]), "rise from 0"),
        (np.array([0.0]), "rise from 0"),
    ],
)
def test_bad_radii(radii, said):
    with pytest.raises(SettingsError, match=said):
        plateau_radius(radii, np.arange(float(len(radii))))


def test_bad_share():
    with pytest.raises(SettingsError, match="share"):
        plateau_radius(RADII, RADII, share=0.0)
