"""Naming polytopes: exact ones, noisy ones, and brute force over all orders."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from toymodels import geometry
from toymodels.geometry.shapes import FACTORS


def brute_force_distance(gram, ideal):
    """Over every order of the vertices and the best scale for each."""
    distances = []
    for order in itertools.permutations(range(len(gram))):
        placed = ideal[np.ix_(order, order)]
        scale = max(np.sum(gram * placed), 0) / np.sum(placed**2)
        distances.append(np.linalg.norm(gram - scale * placed))
    return min(distances) / np.linalg.norm(gram)


@pytest.mark.parametrize("vertices", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("noise", [0.05, 0.3, None])
def test_matching_equals_brute_force(vertices, noise):
    rng = np.random.default_rng(vertices)
    for ideal in geometry.ideals(vertices).values():
        if noise is None:  # nothing like any polytope
            W = rng.normal(size=(3, vertices))
        else:
            W = 2 * ideal + noise * rng.normal(size=ideal.shape)
        W = W[:, rng.permutation(vertices)]
        gram = W.T @ W
        distance, order = geometry.gram_distance(gram, ideal.T @ ideal)
        assert distance == pytest.approx(
            brute_force_distance(gram, ideal.T @ ideal), abs=1e-12
        )
        assert sorted(order) == list(range(vertices))


def test_matching_a_noisy_antiprism_equals_brute_force():
    rng = np.random.default_rng(0)
    ideal = geometry.square_antiprism()
    W = (ideal + 0.2 * rng.normal(size=ideal.shape))[:, rng.permutation(8)]
    gram, target = W.T @ W, ideal.T @ ideal
    orders = np.array(list(itertools.permutations(range(8))))
    scores = np.zeros(len(orders))
    for i, j in itertools.product(range(8), repeat=2):
        scores += gram[i, j] * target[orders[:, i], orders[:, j]]
    best = np.sum(gram**2) - scores.max() ** 2 / np.sum(target**2)
    distance, _ = geometry.gram_distance(gram, target)
    assert distance == pytest.approx(np.sqrt(best) / np.linalg.norm(gram), abs=1e-12)


IDEALS = [
    (vertices, name) for vertices in range(2, 11) for name in geometry.ideals(vertices)
]


@settings(max_examples=25)
@given(
    st.sampled_from([pair for pair in IDEALS if pair[1] not in FACTORS]),
    st.sampled_from([0.8, 1.0, 1.7]),
    st.integers(0, 2**32 - 1),
)
def test_each_polytope_gets_its_name_turned_shuffled_and_scaled(which, scale, seed):
    vertices, name = which
    rng = np.random.default_rng(seed)
    W = geometry.ideals(vertices)[name]
    W = np.vstack([W, np.zeros_like(W)])
    W = scale * ortho_group.rvs(len(W), random_state=rng) @ W
    # cosines in a simplex of five or more are below the default threshold
    found = geometry.find_shapes(W[:, rng.permutation(vertices)], threshold=0.09)
    assert [shape.name for shape in found] == [name]
    assert found[0].distance < 1e-12
    assert found[0].members == tuple(range(vertices))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_names_and_distances_ignore_rotation_and_follow_permutation(seed):
    rng = np.random.default_rng(seed)
    W = geometry.tegum_product(
        geometry.square_antiprism(),
        geometry.pentagon(),
        geometry.triangle(),
        geometry.digon(),
        np.ones((1, 1)),
    )
    W = W + 0.02 * rng.normal(size=W.shape)
    order = rng.permutation(W.shape[1])
    moved = (ortho_group.rvs(len(W), random_state=rng) @ W)[:, order]
    plain = {shape.members: shape for shape in geometry.find_shapes(W)}
    names = ["square antiprism", "pentagon", "triangle", "digon", "single"]
    assert [shape.name for shape in plain.values()] == names
    for shape in geometry.find_shapes(moved):
        partner = plain[tuple(sorted(int(order[i]) for i in shape.members))]
        assert shape.name == partner.name
        assert shape.distance == pytest.approx(partner.distance, abs=1e-9)
        assert shape.dimensionality == pytest.approx(partner.dimensionality, abs=1e-9)


def test_products_show_up_as_their_factors_and_are_named_together():
    shapes = geometry.find_shapes(geometry.octahedron())
    assert [shape.name for shape in shapes] == ["digon"] * 3
    assert geometry.tegum_name(shapes) == "3 × digon"
    shapes = geometry.find_shapes(1.2 * geometry.triangular_bipyramid())
    assert geometry.tegum_name(shapes) == "triangle ⊕ digon"
    assert [shape.dimensionality for shape in shapes] == pytest.approx([2 / 3, 1 / 2])
    assert geometry.tegum_name([]) == "empty"


@pytest.mark.parametrize("vertices_and_name", [(4, "square"), (6, "octahedron")])
def test_a_product_whose_factors_touch_is_named_whole_and_taken_apart(
    vertices_and_name,
):
    vertices, name = vertices_and_name
    W = geometry.ideals(vertices)[name].copy()
    lean = np.eye(len(W))
    lean[0, 1:] = 0.08
    shapes = geometry.find_shapes(lean @ W, threshold=0.06)
    assert [shape.name for shape in shapes] == [name]
    assert geometry.tegum_name(shapes) == f"{vertices // 2} × digon"


def test_what_is_no_polytope_is_unmatched():
    rng = np.random.default_rng(4)
    (shape,) = geometry.find_shapes(rng.normal(size=(2, 9)), squared_norm=0.0)
    assert shape.name == "unmatched"
    assert 0.1 < shape.distance <= 1.0
    together = np.array([[1.0, 1.0]])  # two features in one direction are no digon
    (shape,) = geometry.find_shapes(together)
    assert (shape.name, shape.distance) == ("unmatched", 1.0)


def test_features_not_represented_belong_to_no_shape():
    W = np.array([[1.0, 0.3, -1.0], [0.0, 0.3, 0.0]])
    (shape,) = geometry.find_shapes(W)
    assert (shape.name, shape.members) == ("digon", (0, 2))
    assert geometry.find_shapes(np.zeros((2, 3))) == []
    assert geometry.find_shapes(np.full((2, 3), np.nan)) == []


def test_four_hundred_features_take_a_moment():
    pieces = [geometry.square_antiprism()] * 8 + [geometry.pentagon()] * 20
    pieces += [geometry.triangle()] * 30 + [geometry.digon()] * 73
    W = geometry.tegum_product(*pieces)
    W = W + 0.005 * np.random.default_rng(5).normal(size=W.shape)
    assert W.shape[1] == 400
    start = time.thread_time()
    shapes = geometry.find_shapes(W)
    assert time.thread_time() - start < 5  # about 0.2 s on an idle core
    assert geometry.tegum_name(shapes) == (
        "8 × square antiprism ⊕ 20 × pentagon ⊕ 30 × triangle ⊕ 73 × digon"
    )
    start = time.thread_time()
    random = np.random.default_rng(6).normal(size=(40, 400))
    assert geometry.tegum_name(geometry.find_shapes(random)) == "unmatched"
    assert time.thread_time() - start < 5
