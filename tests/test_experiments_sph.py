"""SPH: decisive numbers on constructed results."""

import numpy as np
import pytest

from experiments.sph import few_dimensions, many_dimensions
from experiments.sph._worlds import ALONG
from toymodels.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from toymodels.config import to_json
from toymodels.result import Result


def jitter(value, shape, seed=0):
    return value + 0.01 * np.random.default_rng(seed).normal(size=shape)


# --- SPH-1 ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "by_chance", "verdict"),
    [
        (0.95, 0.4, SUPPORTED),
        (0.5, 0.4, NOT_SUPPORTED),
        (0.95, 0.95, INCONCLUSIVE),  # random directions lie at features as well
    ],
)
def test_maxima_must_be_at_features_more_often_than_random(share, by_chance, verdict):
    settings = few_dimensions.FewDimensions()
    arrays = {}
    for d, n in settings.shapes:
        for kind in ("relu", "linear", "hand set"):
            own = {"relu": share, "linear": 0.1, "hand set": 0.99}[kind]
            high = {"relu": 3.0, "linear": 1.0, "hand set": 4.0}[kind]
            key = f"{kind} {d} {n}"
            arrays |= {
                f"share {key}": jitter(own, 12),
                f"ratio {key}": jitter(high, 12),
                f"chance {key}": jitter(by_chance, 12),
            }
    result = Result(arrays=arrays, meta={"settings": to_json(settings)})
    found = {claim.id: claim.verdict for claim in few_dimensions.claims(result)}
    assert found["SPH-1.circle.share"] == found["SPH-1.sphere.share"] == verdict
    assert found["SPH-1.sphere.ratio"] == found["SPH-1.sphere.set.ratio"] == SUPPORTED


# --- SPH-2 to SPH-4 ------------------------------------------------------------------


def test_one_sidedness_is_of_inactive_features():
    along = np.ones((2, len(ALONG), 3))
    along[:, ALONG.index("+ inactive")] = 4.0
    along[:, ALONG.index("− inactive"), 1] = 2.0
    along[1, ALONG.index("+ inactive")] = 0.0
    result = Result(arrays={"relu along": along})
    found = many_dimensions.one_sided(result, "relu", 1)
    assert found[0] == 0.5 and np.isnan(found[1])
    assert many_dimensions.one_sided(result, "relu", 0)[0] == 0.25


def test_the_rise_is_from_the_smallest_radius_to_the_last_up_to_the_knee():
    ratio = np.array([[1.0, 2.0, 3.0, 9.0]] * 3)
    knee = np.array([0.25, 0.02, 5.0])
    found = many_dimensions.rise_to_knee(ratio, (0.01, 0.1, 0.2, 1.0), knee)
    assert found[0] == 3.0 and found[2] == 9.0
    assert np.isnan(found[1])  # no radius between the smallest and the knee


def test_early_maxima_are_those_up_to_the_knee():
    count = np.array([[0.0, 1.0, 4.0], [2.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    knee = np.array([0.1, 0.1, 0.1])
    found = many_dimensions.early_share(count, (0.01, 0.1, 1.0), knee)
    np.testing.assert_array_equal(found[:2], [0.25, 1.0])
    assert np.isnan(found[2])
