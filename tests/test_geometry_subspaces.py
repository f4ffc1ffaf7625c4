"""Principal angles, lost directions, planes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from scipy.stats import ortho_group

from toymodels import geometry

principal_angles = jax.jit(geometry.principal_angles)


@settings(max_examples=25)
@given(
    st.sampled_from([(5, 2, 2), (6, 2, 4), (4, 3, 1), (7, 6, 5)]),
    st.integers(0, 2**32 - 1),
)
def test_principal_angles_agree_with_scipy(shape, seed):
    rng = np.random.default_rng(seed)
    n, a, b = shape
    A, B = rng.normal(size=(n, a)), rng.normal(size=(n, b))
    with jax.enable_x64(True):
        np.testing.assert_allclose(
            principal_angles(A, B), subspace_angles(A, B), atol=1e-7
        )


def test_small_angles_survive_float32():
    A = np.eye(4, dtype=np.float32)[:, :2]
    B = A.copy()
    B[2, 0] = 1e-4
    angles = np.asarray(geometry.principal_angles(A, B))
    np.testing.assert_allclose(angles, [1e-4, 0.0], rtol=1e-3, atol=1e-7)


def test_angles_ignore_the_choice_of_basis_and_the_ensemble_equals_a_loop():
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(3, 6, 2)), rng.normal(size=(3, 6, 3))
    mixed = A @ rng.normal(size=(3, 2, 2))
    with jax.enable_x64(True):
        whole = principal_angles(A, B)
        np.testing.assert_allclose(principal_angles(mixed, B), whole, atol=1e-10)
        for r in range(3):
            np.testing.assert_allclose(
                geometry.principal_angles(A[r], B[r]), whole[r], atol=1e-10
            )


@pytest.mark.parametrize("lost", [[0, 0, 1], [1, 0, 0], [0, 1, 1], [1, 1, 0]])
def test_null_direction_finds_what_w_loses(lost):
    lost = np.array(lost) / np.linalg.norm(lost)
    rng = np.random.default_rng(2)
    W = rng.normal(size=(2, 3)) @ (np.eye(3) - np.outer(lost, lost))
    with jax.enable_x64(True):
        np.testing.assert_allclose(geometry.null_direction(W), lost, atol=1e-10)


def test_plane_is_orthonormal_and_spans_both():
    u, v = jnp.asarray([3.0, 0.0, 4.0]), jnp.asarray([1.0, 2.0, -1.0])
    basis = geometry.plane(u, v)
    np.testing.assert_allclose(basis.T @ basis, np.eye(2), atol=1e-6)
    np.testing.assert_allclose(basis[:, 0], u / 5, atol=1e-6)
    np.testing.assert_allclose(basis @ (basis.T @ v), v, atol=1e-6)
    assert basis[:, 1] @ v > 0


def test_a_tilted_polygon_comes_out_flat_and_undistorted():
    rng = np.random.default_rng(3)
    W = ortho_group.rvs(9, random_state=rng)[:, :2] @ geometry.pentagon()
    flat = np.asarray(geometry.best_coordinates(W))
    np.testing.assert_allclose(flat.T @ flat, W.T @ W, atol=1e-5)


def test_angular_gaps_go_around_once():
    order = [3, 0, 4, 1, 2]
    gaps = geometry.angular_gaps(geometry.pentagon()[:, order])
    np.testing.assert_allclose(np.rad2deg(gaps), [72] * 5, rtol=1e-5)
    gaps = geometry.angular_gaps(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -1.0]]))
    np.testing.assert_allclose(np.rad2deg(gaps), [90, 90, 180], rtol=1e-5)
