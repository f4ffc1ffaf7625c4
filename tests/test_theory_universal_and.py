"""Errors of the constructed universal AND: tables, exact sums and simulation."""

import numpy as np
import pytest

from toymodels.config import SettingsError
from toymodels.theory import (
    embedding_noise,
    exact_gate_error,
    gate_error,
    gate_overlap,
    linear_gate_error,
    probability_for_overlap,
)


def test_pairs_have_the_catalogue_s_errors():
    p, active = 0.065, 4
    assert gate_error(p, active, off=0) == pytest.approx(2 * p)
    assert gate_error(p, active, off=1) == pytest.approx(3 * p)
    assert gate_error(p, active, off=2) == pytest.approx(6 * p**2)


@pytest.mark.parametrize("fan_in", [2, 3])
def test_leading_order_is_exact_for_small_p_and_for_one_input_off(fan_in):
    active = 5
    for off in range(fan_in + 1):
        ratio = exact_gate_error(1e-4, active, off=off, fan_in=fan_in) / gate_error(
            1e-4, active, off=off, fan_in=fan_in
        )
        assert ratio == pytest.approx(1.0, abs=2e-3)
        if off < 2:
            exact = exact_gate_error(0.3, active, off=off, fan_in=fan_in)
            leading = gate_error(0.3, active, off=off, fan_in=fan_in)
            assert exact == pytest.approx(leading, rel=1e-9)


@pytest.mark.parametrize(("off", "fan_in"), [(0, 2), (1, 2), (2, 2), (2, 3), (3, 3)])
def test_exact_errors_are_those_of_drawn_weights(off, fan_in):
    p, active, draws = 0.3, 5, 200_000
    rng = np.random.default_rng(0)
    seen = rng.binomial(active - fan_in + off, p, draws) + fan_in - off
    z = np.maximum(seen - (fan_in - 1), 0)
    error = np.abs(z - (off == 0))
    noise = error.std() / np.sqrt(draws)
    exact = exact_gate_error(p, active, off=off, fan_in=fan_in)
    assert abs(error.mean() - exact) < 5 * noise
    linear = np.mean(seen - (fan_in - 1) - (off == 0))
    expected = linear_gate_error(p, active, off=off, fan_in=fan_in)
    assert abs(linear - expected) < 5 * seen.std() / np.sqrt(draws)


def test_the_relu_matters_only_with_two_inputs_off():
    for off in (0, 1):
        assert linear_gate_error(0.1, 4, off=off) == pytest.approx(
            exact_gate_error(0.1, 4, off=off)
        )
    assert linear_gate_error(0.1, 4, off=2) == pytest.approx(-0.6)


def test_overlap_and_its_inverse():
    p = probability_for_overlap(4_096, 17.0)
    assert p == pytest.approx(0.0644, abs=1e-4)
    assert gate_overlap(4_096, p) == pytest.approx(17.0)
    p = probability_for_overlap(8_000, 8.0, fan_in=3)
    assert p == pytest.approx(0.1)
    assert gate_overlap(8_000, p, fan_in=3) == pytest.approx(8.0)


def test_the_noise_of_superposed_inputs_is_measured():
    p, features, dimensions, active = 0.1, 400, 64, 2
    rng = np.random.default_rng(1)
    E = rng.normal(size=(dimensions, features))
    E /= np.linalg.norm(E, axis=0)
    W = rng.random((20_000, features)) < p
    W[:, :active] = False  # the active inputs' own part
    found = (W @ (E.T @ E[:, :active].sum(axis=1))).std()
    # One draw of E, over 398 overlaps: within a few of its 1/√(2·398).
    expected = embedding_noise(p, features, dimensions, active)
    assert found == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: gate_error(0.1, 4, off=3), "off"),
        (lambda: gate_error(0.1, 1, off=0), "active"),
        (lambda: gate_error(0.0, 4, off=1), "probability"),
        (lambda: probability_for_overlap(8, 17.0), "probability"),
    ],
)
def test_bad_arguments_are_named(call, field):
    with pytest.raises(SettingsError, match=field):
        call()
