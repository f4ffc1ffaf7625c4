"""TMS-13 to 16 and 18: decisive numbers on constructed inputs, files at smoke scale."""

import jax
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import toymodels as tm
from experiments.tms import (
    _density,
    _octahedron,
    _sets,
    _two_geometries,
    collapse_to_pca,
    correlated_geometry,
    density_varied,
    geometric_steps,
    local_bases,
)
from experiments.tms._two_geometries import OTHER, PENTAGON, TWO_DIGONS
from toymodels.claims import AtMost, IsTrue, control
from toymodels.geometry import octahedron, regular_polygon

PENTAGON_W = 1.1 * regular_polygon(5)
DIGONS_W = np.array([[1.0, -1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0, 0.0]])


def at_degrees(*angles):
    radians = np.deg2rad(angles)
    return np.stack([np.cos(radians), np.sin(radians)])


# --- sets ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sets", "size", "ways"), [(2, 2, 3), (3, 2, 15), (2, 3, 10), (4, 1, 1)]
)
def test_every_division_into_sets_occurs_once(sets, size, ways):
    orders = _sets.assignments(sets, size)
    n = sets * size
    assert (orders[0] == np.arange(n)).all()
    assert (np.sort(orders, axis=1) == np.arange(n)).all()
    divisions = {
        frozenset(frozenset(part) for part in order.reshape(sets, size).tolist())
        for order in orders
    }
    assert len(divisions) == len(orders) == ways


def test_the_covariance_of_sets_is_that_of_their_samples():
    x = _sets.correlated_sets(2, 3, 0.3).sample(jax.random.key(0), 200_000)
    np.testing.assert_allclose(
        np.cov(np.asarray(x)), _sets.covariance(2, 3, 0.3), atol=1e-3
    )


# --- TMS-13 --------------------------------------------------------------------------


def test_geometries_are_told_apart():
    dropped = DIGONS_W[:, [4, 0, 1, 2, 3]]  # two digons, but another feature is missing
    crossed = np.concatenate([at_degrees(0, 150, 90, 240), np.zeros((2, 1))], axis=1)
    found = [
        _two_geometries.geometry(W) for W in (PENTAGON_W, DIGONS_W, dropped, crossed)
    ]
    assert found == [PENTAGON, TWO_DIGONS, OTHER, OTHER]


def test_the_expected_loss_is_that_of_samples():
    p = np.array([0.3, 0.3, 0.3, 0.3, 0.1])
    W, b = PENTAGON_W, np.full(5, -0.2)
    features = tm.IndependentFeatures(n=5, probability=p)
    x = np.asarray(features.sample(jax.random.key(1), 400_000), np.float64)
    error = x - np.maximum(W.T @ W @ x + b[:, None], 0)
    losses = (error**2).sum(axis=0)
    exact = _two_geometries.expected_losses(W[None], b[None], p[None])[0]
    assert exact == pytest.approx(losses.mean(), abs=4 * losses.std() / 400_000**0.5)


def test_branches_are_minima_and_cross_where_they_did():
    p = np.full(5, 0.05)
    losses = {}
    for name in (PENTAGON, TWO_DIGONS):
        losses[name], place = _two_geometries.branch(name, p)
        W, b = place[:10].reshape(2, 5), place[10:]
        assert _two_geometries.geometry(W) == name
        # Both sums over supports agree, and no small step is downhill.
        nudges = np.random.default_rng(0).normal(scale=0.02, size=(8, 15))
        near = np.concatenate([np.zeros((1, 15)), nudges]) + place
        around = _two_geometries.expected_losses(
            near[:, :10].reshape(-1, 2, 5), near[:, 10:], np.tile(p, (9, 1))
        )
        assert around[0] == pytest.approx(losses[name], rel=1e-4)
        assert (around[1:] > around[0]).all(), W @ np.diag(b)
    # Of a grid with twice as many points in each direction.
    assert losses[PENTAGON] == pytest.approx(0.0089037, rel=3e-4)
    assert losses[TWO_DIGONS] == pytest.approx(0.0172808, rel=3e-4)


@pytest.mark.slow
def test_the_crossing_depends_on_density():
    # With twice the grid points in each direction it is 3.721 at 0.05.
    assert _two_geometries.crossing(0.05) == pytest.approx(3.72, abs=0.02)
    assert _two_geometries.crossing(0.1) == pytest.approx(2.36, abs=0.02)
    assert np.isnan(_two_geometries.crossing(0.05, largest=2.0))


RATIO = 1.2 ** np.arange(4)


def test_the_switch_is_between_two_levels():
    snaps = np.array([PENTAGON, PENTAGON, TWO_DIGONS, TWO_DIGONS])
    assert _density.switch(snaps, RATIO) == pytest.approx(1.2**1.5)
    assert _density.switch(np.full(4, PENTAGON), RATIO) == pytest.approx(1.2**4)
    assert _density.switch(np.full(4, OTHER), RATIO) == pytest.approx(1.2**4)


def curves(cross: float):
    """Two runs a group; log losses that cross at `cross` steps of the grid."""
    level = np.arange(4.0)
    pair = np.exp(np.stack([0 * level, 0.3 * (cross - level)]))
    loss = np.stack([pair, pair])
    kinds = np.broadcast_to(np.array([PENTAGON, TWO_DIGONS])[:, None], loss.shape)
    return kinds, loss


def test_crossing_curves_are_found_and_compared_with_the_switch():
    kinds, loss = curves(1.5)
    crosses = _density.curve_crossing(kinds[0], loss[0], RATIO)
    assert crosses == pytest.approx(1.2**1.5)
    at_once = np.array([[PENTAGON, PENTAGON, TWO_DIGONS, TWO_DIGONS]] * 2)
    late = np.array([[PENTAGON, PENTAGON, PENTAGON, TWO_DIGONS]] * 2)
    never = np.full((2, 4), PENTAGON)
    for best, expected in ((at_once, 0.0), (late, 1.0), (never, 4.0)):
        distance = _density.distance_to_crossing(kinds, loss, best, RATIO)
        np.testing.assert_allclose(distance, expected, atol=1e-9)
    # The crossing that counts is that of the other group.
    pairs = [curves(1.5), curves(0.5)]
    kinds, loss = (np.stack([pair[k][0] for pair in pairs]) for k in (0, 1))
    own = np.array([at_once[0], [PENTAGON, TWO_DIGONS, TWO_DIGONS, TWO_DIGONS]])
    distance = _density.distance_to_crossing(kinds, loss, own, RATIO)
    np.testing.assert_allclose(distance, 1.0, atol=1e-9)
    parallel = _density.distance_to_crossing(*curves(9.0), at_once, RATIO)
    np.testing.assert_array_equal(parallel, 4.0)


def test_curves_skip_levels_where_a_geometry_does_not_occur():
    kinds, loss = curves(1.5)
    some = np.array(kinds[0])
    some[1, 1] = OTHER
    crosses = _density.curve_crossing(some, loss[0], RATIO)
    assert crosses == pytest.approx(1.2**1.5)


def test_deformation_and_jump():
    regular = PENTAGON_W[:, [1, 2, 3, 4, 0]]
    closer = at_degrees(65, 140, 220, 295, 0)
    assert _density.gap_beside_last(regular) == pytest.approx(72.0)
    assert _density.gap_beside_last(closer) == pytest.approx(65.0)
    W = np.stack([regular, closer, DIGONS_W])
    kinds = np.array([PENTAGON, PENTAGON, TWO_DIGONS])
    assert _density.narrowing(W, kinds) == pytest.approx(7.0)
    assert np.isnan(_density.narrowing(W[::-1], kinds[::-1]))
    assert _density.largest_drop(W) == pytest.approx(1.0)


# --- TMS-14 --------------------------------------------------------------------------


def test_pairs_at_right_angles_opposite_or_neither():
    square = at_degrees(0, 90, 180, 270)
    digons = square[:, [0, 2, 1, 3]]
    assert correlated_geometry.largest_overlap(square) == pytest.approx(0, abs=1e-6)
    assert correlated_geometry.largest_overlap(digons) == pytest.approx(1)
    assert correlated_geometry.largest_cosine(digons) == pytest.approx(-1)
    assert correlated_geometry.largest_cosine(square) == pytest.approx(0, abs=1e-6)
    short = digons * np.array([1, 1, 1, 0.1])
    assert correlated_geometry.largest_overlap(short) == 1.0
    assert correlated_geometry.largest_cosine(short) == 1.0


def test_a_square_without_pairs_fails_under_all_divisions():
    ways = _sets.assignments(2, 2)
    square = at_degrees(0, 90, 180, 270)
    overlap = _sets.over_assignments(correlated_geometry.largest_overlap, square, ways)
    cosine = _sets.over_assignments(correlated_geometry.largest_cosine, square, ways)
    assert overlap == pytest.approx(1 / 3, abs=1e-6)
    assert cosine == pytest.approx(-1 / 3, abs=1e-6)
    assert control("square", [overlap] * 5, AtMost(0.15)).failed_as_it_must
    assert control("square", [cosine] * 5, AtMost(-0.9)).failed_as_it_must


def test_a_hexagon_needs_its_partners_side_by_side():
    beside = at_degrees(0, 65, 120, 185, 240, 305)
    assert correlated_geometry.is_hexagon_of_pairs(beside)
    assert correlated_geometry.is_hexagon_of_pairs(beside[:, [1, 2, 3, 4, 5, 0]])
    assert not correlated_geometry.is_hexagon_of_pairs(beside[:, [0, 2, 1, 3, 4, 5]])
    assert not correlated_geometry.is_hexagon_of_pairs(
        at_degrees(0, 30, 120, 150, 240, 270)
    )
    assert not correlated_geometry.is_hexagon_of_pairs(beside * [1, 1, 1, 1, 1, 0.2])
    chance = _sets.over_assignments(
        correlated_geometry.is_hexagon_of_pairs, beside, _sets.assignments(3, 2)
    )
    assert chance == pytest.approx(2 / 15)
    assert control("any pairs", [chance] * 5, IsTrue(0.8)).failed_as_it_must


# --- TMS-15, TMS-16 ------------------------------------------------------------------


def test_two_bases_are_local_and_random_sets_are_not():
    generator = np.random.default_rng(0)
    turned = np.linalg.qr(generator.normal(size=(6, 6)))[0]
    W = np.concatenate([np.eye(6), turned], axis=1)
    assert local_bases.within_over_across(W, 2) < 1e-6
    orders = np.stack([generator.permutation(12) for _ in range(50)])
    mixed = _sets.over_assignments(
        lambda w: local_bases.within_over_across(w, 2), W, orders
    )
    assert 0.8 < mixed < 1.2


def test_collapsed_pairs_are_those_without_a_difference():
    hexagon = at_degrees(0, 65, 120, 185, 240, 305)
    one = hexagon.copy()
    one[:, 0] = one[:, 1] = (0.7, 0.1)
    principal = np.repeat(at_degrees(0, 120, 240) * 0.6, 2, axis=1)
    left_out = principal * np.array([1, 1, 1, 1, 0, 0])
    found = [
        collapse_to_pca.collapsed_pairs(W) for W in (hexagon, one, principal, left_out)
    ]
    assert found == [0, 1, 3, 3]
    # Independent features at p near 1: two are kept, in one pair or in two.
    kept = np.zeros((2, 6))
    kept[:, :2] = np.eye(2)
    assert collapse_to_pca.collapsed_pairs(kept) == 2
    assert collapse_to_pca.both_ends_right(np.stack([hexagon, principal]))
    assert not collapse_to_pca.both_ends_right(np.stack([hexagon, kept]))
    assert not collapse_to_pca.both_ends_right(np.stack([principal, principal]))


def test_a_fall_of_the_count_is_measured_against_all_earlier_levels():
    counts = np.array([[0.0, 1, 1, 3], [0, 2, 1, 3], [3, 2, 1, 0]])
    np.testing.assert_array_equal(collapse_to_pca.largest_fall(counts), [0, 1, 3])


# --- TMS-18 --------------------------------------------------------------------------

ACROSS = octahedron()[:, [0, 2, 4, 1, 3, 5]]  # every feature opposite to i ± 3


def turned_triads(degrees: float) -> np.ndarray:
    """`ACROSS` for 0°, a prism for 60°."""
    turn = Rotation.from_rotvec(np.deg2rad(degrees) * np.ones(3) / 3**0.5).as_matrix()
    return np.concatenate([np.eye(3), -turn], axis=1)


def test_an_octahedron_needs_partners_from_the_other_set():
    assert _octahedron.is_octahedron_across(ACROSS)
    assert _octahedron.is_octahedron_across(ACROSS[:, [2, 0, 1, 3, 4, 5]])
    assert not _octahedron.is_octahedron_across(octahedron())
    # Two orthogonal triads have all D_i = 1/2, however one is turned about the axis
    # (1, 1, 1); opposite corners they have at one angle only.
    assert _octahedron.is_octahedron_across(turned_triads(10))
    assert not _octahedron.is_octahedron_across(turned_triads(40))
    long = ACROSS * np.array([1.2, 1, 1, 1, 1, 1])
    assert not _octahedron.is_octahedron_across(long)
    chance = _sets.over_assignments(
        _octahedron.is_octahedron_across, ACROSS, _sets.assignments(2, 3)
    )
    assert chance == pytest.approx(0.4)
    assert control("no sets", [chance] * 60, IsTrue(0.5)).failed_as_it_must


def test_drops_are_counted_between_plateaus():
    step = np.unique(np.geomspace(10, 10_000, 60).round().astype(int))

    def falling(*centres):
        falls = [1 / (1 + np.exp(-6 * np.log(step / c))) for c in centres]
        return np.exp(-1.5 * np.sum(falls, axis=0))

    loss = np.stack(
        [falling(100), falling(100, 2000), falling(60, 500, 4000), 1 / step**0.5],
        axis=1,
    )
    np.testing.assert_array_equal(_octahedron.drops(step, loss)[:3], [1, 2, 3])
    # A power law has no steps.
    assert _octahedron.drops(step, loss)[3] == 0


def test_angles_within_and_across_sets():
    common = np.repeat(np.eye(3)[:, :2] * [1, -1], 3, axis=1)
    assert _octahedron.within_cosine(common) == pytest.approx(1)
    assert _octahedron.within_cosine(ACROSS) == pytest.approx(0, abs=1e-6)
    assert _octahedron.partner_cosine(ACROSS) == pytest.approx(-1)
    stacked = np.stack([[common, ACROSS]] * 2)
    assert _octahedron.within_cosine(stacked).shape == (2, 2)


def test_facing_is_orthogonal_and_puts_the_first_set_above():
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    for W in (turn @ ACROSS, -turn @ ACROSS):
        Q = _octahedron.facing(W)
        np.testing.assert_allclose(Q @ Q.T, np.eye(3), atol=1e-9)
        z = (Q @ W)[2]
        np.testing.assert_allclose(z[:3], 3**-0.5, atol=1e-9)
        np.testing.assert_allclose(z[3:], -(3**-0.5), atol=1e-9)


# --- smoke ---------------------------------------------------------------------------

SMOKE = {
    density_varied: (
        {"vectors", "losses", "crossing", "lengths"},
        ["equal", "deforms", "snaps", "switch", "crossing"],
    ),
    correlated_geometry: (
        {"vectors", "restarts"},
        ["orthogonal", "antipodal", "hexagon"],
    ),
    local_bases: ({"figure"}, ["local_bases"]),
    collapse_to_pca: ({"vectors", "counts"}, ["non_decreasing", "ends"]),
    geometric_steps: (
        {"snapshots", "steps"},
        ["octahedron", "drops", "common_direction"],
    ),
}


# These compile eight programs and three long ones.
SLOW = correlated_geometry, geometric_steps


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(module, marks=pytest.mark.slow if module in SLOW else ())
        for module in SMOKE
    ],
    ids=lambda module: module.ID,
)
def test_smoke_scale_has_figures_and_claims(module):
    figures, names = SMOKE[module]
    cls = {
        density_varied: density_varied.DensityVaried,
        correlated_geometry: correlated_geometry.CorrelatedGeometry,
        local_bases: local_bases.LocalBases,
        collapse_to_pca: collapse_to_pca.CollapseToPca,
        geometric_steps: geometric_steps.GeometricSteps,
    }[module]
    result = module.compute(cls.preset("smoke"), tm.train)
    drawn = module.plot(result)
    assert set(drawn if isinstance(drawn, dict) else {"figure": drawn}) == figures
    judged = module.claims(result)
    assert [claim.id for claim in judged] == [f"{module.ID}.{name}" for name in names]
    assert all(claim.controls for claim in judged)
