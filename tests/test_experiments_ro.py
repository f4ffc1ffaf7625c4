"""RO: decisive numbers on constructed results."""

import numpy as np
import pytest

from experiments.registry import settings_class
from experiments.ro import (
    above_threshold,
    determined_by_readoffs,
    flat_then_linear,
    several_terms,
    welch_floor,
)
from experiments.ro._frames import readout_crosstalk, tight_frame
from toymodels.claims import NOT_SUPPORTED, SUPPORTED
from toymodels.config import to_json
from toymodels.geometry import welch_floor as floor_of
from toymodels.result import Result


def verdicts(module, arrays):
    settings = settings_class(module).preset("laptop")
    result = Result(arrays=arrays, meta={"settings": to_json(settings)})
    return {claim.id: claim for claim in module.claims(result)}


# --- RO-1 ----------------------------------------------------------------------------


def explained(own, foreign, length):
    """R² by kind, the same at every seed, reach and base."""
    rng = np.random.default_rng(0)
    values = np.array([own, foreign, length, 0.5, 0.0])
    return np.tile(values, (6, 3, 8, 1)) + 0.01 * rng.normal(size=(6, 3, 8, 5))


@pytest.mark.parametrize(
    ("own", "foreign", "length", "verdict"),
    [(0.97, 0.5, 0.1, SUPPORTED), (0.6, 0.5, 0.5, NOT_SUPPORTED)],
)
def test_readoffs_must_explain_more_than_others_do(own, foreign, length, verdict):
    arrays = {"relu": explained(own, foreign, length), "linear": explained(1, 1, 0)}
    found = verdicts(determined_by_readoffs, arrays)
    assert {claim.verdict for claim in found.values()} == {verdict}


def test_an_overbasis_as_good_as_the_readoffs_takes_the_support_away():
    arrays = {"relu": explained(0.97, 0.97, 0.1), "linear": explained(1, 1, 0)}
    claim = verdicts(determined_by_readoffs, arrays)["RO-1.readoffs"]
    assert claim.verdict != SUPPORTED
    assert not claim.controls[0].failed_as_it_must


# --- RO-2 ----------------------------------------------------------------------------


def test_shares_and_errors_are_of_represented_features():
    square = np.array([[1.0, 2.0, 0.1]])
    result = Result(
        arrays={
            "relu_square": square,
            "relu_threshold": np.array([[0.2, 0.5, 0.3]]),
            "relu_own_knee": np.array([[0.21, 0.25, 0.9]]),
            "relu_own_gain": np.array([[20.0, 5.0, 90.0]]),
        }
    )
    share = flat_then_linear.share_preferred(result, "relu", "own")
    np.testing.assert_array_equal(share, [0.5])
    # Knees 0.21 and 2·0.25 against 0.2 and 0.5: errors of 0.05 and 0.
    error = flat_then_linear.knee_error(result, "relu", "own")
    np.testing.assert_allclose(error, [0.025])
    other = flat_then_linear.knee_error(result, "relu", "own", dealt=1)
    assert other[0] > 0.3


def test_a_model_that_represents_nothing_has_no_knee():
    arrays = {
        "relu_square": np.full((1, 2), 0.1),
        "relu_threshold": np.ones((1, 2)),
        "relu_own_knee": np.ones((1, 2)),
        "relu_own_gain": np.full((1, 2), 99.0),
    }
    result = Result(arrays=arrays)
    assert flat_then_linear.share_preferred(result, "relu", "own")[0] == 0
    assert np.isnan(flat_then_linear.knee_error(result, "relu", "own")[0])


# --- RO-4 ----------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(5, 2), (9, 4), (7, 3), (40, 5)])
def test_harmonic_frames_are_tight_and_meet_the_floor(n, d):
    W = tight_frame(n, d)
    np.testing.assert_allclose((W**2).sum(axis=1), 1.0)
    np.testing.assert_allclose(W.T @ W, n / d * np.eye(d), atol=1e-12)
    off = ((W @ W.T - np.eye(n)) ** 2).sum() / (n * (n - 1))
    assert off == pytest.approx(floor_of(n, d), abs=1e-12)


@pytest.mark.parametrize("kind", [*welch_floor.READOUTS, "full rank"])
def test_only_a_readout_of_full_rank_gets_below_the_floor(kind):
    floor = floor_of(24, 6)
    found = [
        readout_crosstalk(np.random.default_rng(k), 24, 6, kind) for k in range(20)
    ]
    assert (min(found) < floor) == (kind == "full rank")


def test_random_directions_are_above_the_floor_by_the_derived_factor():
    found = [
        readout_crosstalk(np.random.default_rng(k), 64, 16, "tied") for k in range(30)
    ]
    assert np.mean(found) / floor_of(64, 16) == pytest.approx(63 / 48, rel=0.02)


# --- RO-5, RO-6 ----------------------------------------------------------------------


def test_half_points_are_over_the_predicted_ones():
    settings = above_threshold.AboveThreshold(seeds=1, dims=(256,))
    s = settings.active(256)
    recovered = (s <= 4).astype(float)[None]
    after = s[s > 4][0]
    result = Result(arrays={"half_256": recovered})
    found = above_threshold.half_points(settings, result, "half")
    last = s[s <= 4][-1]
    assert found[0, 0] == pytest.approx(
        (last + after) / 2 / (256 / (8 * np.log(65536)))
    )


def test_exponents_are_slopes_on_logarithmic_axes():
    k = np.array([2.0, 8.0, 32.0])
    found = several_terms.exponents(k, np.stack([3 / k, k**-2.0]))
    np.testing.assert_allclose(found, [-1.0, -2.0])


def test_the_quoted_exponent_would_be_supported_if_it_were_there():
    k = np.asarray(several_terms.SeveralTerms().terms, float)
    noise = 1 + 0.01 * np.random.default_rng(0).normal(size=(5, 8, len(k)))
    powers = np.array([-1.0, -2.0, -0.5, -1.0, -0.1])
    arrays = {"tolerated": k ** powers[:, None, None] * noise}
    found = verdicts(several_terms, arrays)
    assert found["RO-6.quoted"].verdict == SUPPORTED
    assert found["RO-6.independent"].verdict == NOT_SUPPORTED
    assert found["RO-6.correlated"].verdict == SUPPORTED
