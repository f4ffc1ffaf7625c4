"""Welch's bound: attained by tight frames, never broken."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toymodels import geometry

# compiled, because every frame is a new shape
coherence = jax.jit(geometry.coherence)
mean_squared_coherence = jax.jit(geometry.mean_squared_coherence)
mean_squared_off_diagonal = jax.jit(geometry.mean_squared_off_diagonal)


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def icosahedron():
    """Six of its axes: the largest equiangular set in three dimensions."""
    golden = (1 + np.sqrt(5)) / 2
    axes = [
        np.roll([0.0, 1.0, sign * golden], shift)
        for shift, sign in itertools.product(range(3), (1, -1))
    ]
    return np.array(axes).T / np.sqrt(1 + golden**2)


EQUIANGULAR = {
    "digon": geometry.digon(),
    "triangle": geometry.triangle(),
    "tetrahedron": geometry.tetrahedron(),
    "simplex of seven": geometry.simplex(7),
    "icosahedron": icosahedron(),
}
TIGHT = EQUIANGULAR | {
    "pentagon": geometry.pentagon(),
    "antiprism": geometry.square_antiprism(),
    "octahedron": geometry.octahedron(),
    "polygon of eleven": geometry.regular_polygon(11),
}


@pytest.mark.parametrize("name", EQUIANGULAR)
def test_equiangular_tight_frames_attain_the_coherence_bound(name):
    d, n = EQUIANGULAR[name].shape
    assert float(coherence(EQUIANGULAR[name])) == pytest.approx(
        geometry.welch_bound(n, d), abs=1e-12
    )


@pytest.mark.parametrize("name", TIGHT)
def test_unit_norm_tight_frames_attain_the_mean_squared_floor(name):
    d, n = TIGHT[name].shape
    assert float(mean_squared_coherence(TIGHT[name])) == pytest.approx(
        geometry.welch_floor(n, d), abs=1e-12
    )


def test_a_pentagon_is_tight_but_not_equiangular():
    assert coherence(geometry.pentagon()) > geometry.welch_bound(5, 2) + 0.1


@settings(max_examples=25)
@given(
    st.sampled_from([(2, 3), (3, 6), (4, 20), (8, 9)]),
    st.integers(0, 2**32 - 1),
)
def test_no_vectors_and_no_readout_get_below_the_floor(shape, seed):
    rng = np.random.default_rng(seed)
    d, n = shape
    floor = geometry.welch_floor(n, d)
    W = rng.normal(size=shape)
    assert mean_squared_coherence(W) >= floor - 1e-12
    assert coherence(W) >= geometry.welch_bound(n, d) - 1e-12
    readout = rng.normal(size=(n, d)) @ W
    readout = readout / np.diag(readout)[:, None]
    assert mean_squared_off_diagonal(readout) >= floor - 1e-12


@pytest.mark.parametrize(("d", "n"), [(8, 64), (8, 256)])
def test_random_unit_vectors_approach_the_floor_as_they_become_many(d, n):
    # Two random directions have E cos² = 1/d, so they are (n − 1)/(n − d) times above
    # the floor: 14 % at n = 8d, and within 5 % only from n ≈ 21d on.
    W = np.random.default_rng(3).normal(size=(50, d, n))
    ratios = np.asarray(mean_squared_coherence(W)) / geometry.welch_floor(n, d)
    error = ratios.std(ddof=1) / np.sqrt(len(ratios))
    assert ratios.mean() == pytest.approx((n - 1) / (n - d), abs=3 * error)
    assert (ratios.mean() < 1.05) == (n > 21 * d)


def test_no_floor_where_all_fit():
    assert geometry.welch_floor(4, 4) == geometry.welch_bound(1, 3) == 0.0
    assert float(coherence(np.eye(4))) == 0.0
    assert float(mean_squared_coherence(np.ones((3, 1)))) == 0.0
    with pytest.raises(ValueError, match="expected whole numbers ≥ 1"):
        geometry.welch_floor(0, 2)
