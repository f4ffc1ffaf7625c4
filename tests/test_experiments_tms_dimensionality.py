"""TMS-9 to 12, 17 and 19: decisive numbers on constructed inputs, and smoke runs."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.tms import (
    adversarial,
    dimensionality_scatter,
    dimensionality_star,
    energy_levels,
    polytope_matrices,
    tegum_products,
)
from experiments.tms._jumps import (
    falls,
    jump_windows,
    jumping,
    on_level,
    rank_correlations,
)
from experiments.tms._lines import clearest, line_margin, superposed_pools
from experiments.tms._many_features import ManyFeatures
from experiments.tms._polytopes import features_in_polytopes, shape_counts
from toymodels.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from toymodels.geometry import (
    digon,
    find_lines,
    line_rule,
    pentagon,
    square_antiprism,
    tegum_product,
)
from toymodels.geometry.line_rule import HALF, OTHER_FRACTIONS
from toymodels.result import Result

# --- lines ---------------------------------------------------------------------------


def pools_of(seed: int, share: float) -> list[np.ndarray]:
    """Uniform D_i of three seeds, a share of them moved to 1/2."""
    rng = np.random.default_rng(seed)
    D = rng.uniform(size=(3, 700))
    return list(np.where(rng.uniform(size=D.shape) < share, 0.5, D))


@pytest.mark.parametrize("share", [0.0, 0.005, 0.01, 0.02, 0.1])
def test_the_mean_margin_is_not_negative_exactly_when_the_pool_has_a_line(share):
    found = set()
    for seed in range(20):
        pools = pools_of(seed, share)
        line = find_lines(np.concatenate(pools), (HALF,))[0]
        assert (line_margin(pools, HALF).mean() >= 0) == line.found
        found.add(line.found)
    assert found == {0.0: {False}, 0.1: {True}}.get(share, found)


def test_a_line_needs_ten_features_even_when_nothing_is_beside_it():
    pools = [np.full(3, 0.5), np.full(4, 0.5), np.full(3, 0.5)]
    assert line_margin(pools, HALF).mean() == pytest.approx(0.0)
    assert line_margin(pools[:2], HALF).mean() < 0


def test_the_clearest_fraction_is_the_one_with_a_line():
    pools = [np.concatenate([pool, np.full(60, 0.375)]) for pool in pools_of(0, 0.0)]
    assert clearest(pools, OTHER_FRACTIONS) == Fraction(3, 8)


def test_pools_hold_the_levels_of_the_trained_model_with_superposition():
    D = np.arange(12.0).reshape(2, 3, 2)
    d_star = np.array([[1.0, 0.5, 0.94], [1.0, 0.96, 0.2]])
    first, second = superposed_pools(D, d_star)
    np.testing.assert_array_equal(first, [2, 3, 4, 5])
    np.testing.assert_array_equal(second, [10, 11])


def test_the_control_of_a_tegum_product_counts_its_least_wrong_polytope():
    settings = tegum_products.TegumProducts.preset("smoke")
    result = tegum_products.compute(settings, tm.train)
    assert {c.verdict for c in tegum_products.claims(result)} == {SUPPORTED}
    # A single polytope that the control leaves as it was takes the support away.
    same = {"stretched/pentagon": result["expected/pentagon"]}
    spoilt = Result({**result.arrays, **same}, result.meta)
    assert tegum_products.claims(spoilt)[0].verdict == INCONCLUSIVE


# --- D* ------------------------------------------------------------------------------


def star_result(d_star: np.ndarray) -> Result:
    settings = dimensionality_star.DimensionalityStar.preset("laptop")
    seeds, levels = d_star.shape
    return Result(
        arrays={
            "p": settings.probability(),
            "d_star": d_star,
            "untrained": np.full((seeds, levels), 11.0),
            "linear": np.ones((3, levels)),
        },
        meta={"settings": tm.config.to_json(settings)},
    )


def test_a_plateau_is_supported_and_an_even_fall_is_not():
    steps = np.concatenate([np.ones(5), np.full(4, 0.51), np.geomspace(0.45, 0.14, 11)])
    judged = dimensionality_star.claims(star_result(np.tile(steps, (5, 1))))
    assert [claim.verdict for claim in judged] == [SUPPORTED, SUPPORTED]
    even = np.tile(dimensionality_star.even_fall(steps), (5, 1))
    judged = dimensionality_star.claims(star_result(even))
    assert [claim.verdict for claim in judged] == [SUPPORTED, NOT_SUPPORTED]


def test_a_diverged_run_makes_its_seed_nan_and_the_claim_inconclusive():
    samples = unless_diverged(np.arange(3), np.array([[1.0], [np.nan], [np.inf]]))
    np.testing.assert_array_equal(samples, [0.0, np.nan, np.nan])
    d_star = np.tile(np.linspace(1.0, 0.1, 20), (5, 1))
    d_star[2, 7] = np.nan
    half = dimensionality_star.claims(star_result(d_star))[1]
    assert half.verdict == INCONCLUSIVE
    pools = superposed_pools(d_star[..., None], d_star)
    margin = line_margin(pools, HALF)
    np.testing.assert_array_equal(np.isnan(margin), np.arange(5) == 2)
    W = np.full((1, 2, 3, 4), 0.1)
    W[0, 1, 0, 0] = np.nan
    np.testing.assert_array_equal(features_in_polytopes(W), [[0.0, np.nan]])


# --- polytopes -----------------------------------------------------------------------


def test_pentagons_and_antiprisms_count_and_digons_do_not():
    W = tegum_product(pentagon(), square_antiprism(), digon(), np.ones((1, 1)))
    W = W[:, np.random.default_rng(0).permutation(W.shape[1])]
    counts = shape_counts(W)
    assert counts == {
        "pentagon": (1, 5),
        "square antiprism": (1, 8),
        "digon": (1, 2),
        "single": (1, 1),
    }
    np.testing.assert_array_equal(features_in_polytopes(W[None, None]), [[13]])
    random = np.random.default_rng(0).normal(size=(20, 40)) / np.sqrt(20)
    np.testing.assert_array_equal(features_in_polytopes(random[None, None]), [[0]])


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        ("digon", 1),
        ("triangle", 3),
        ("pentagon", 5),
        ("tetrahedron", 6),
        ("triangular bipyramid", 9),
        ("octahedron", 12),
        ("pentagonal bipyramid", 15),
        ("square antiprism", 16),
    ],
)
def test_drawn_edges_are_those_of_the_polytope(name, edges):
    W = tegum_products.POLYTOPES[name][0]()
    drawn = tegum_products._edges(W, 8)
    assert np.triu(drawn).sum() == edges


def test_exact_claims_hold_and_their_controls_fail():
    for module in (tegum_products, polytope_matrices):
        settings = next(
            value
            for value in vars(module).values()
            if getattr(value, "__module__", "") == module.__name__
            and hasattr(value, "preset")
        ).preset("smoke")
        result = module.compute(settings, tm.train)
        judged = module.claims(result)
        assert len(judged) == 3
        assert {claim.verdict for claim in judged} == {SUPPORTED}
        assert all(c.failed_as_it_must for claim in judged for c in claim.controls)
        assert len(module.plot(result)) == 1


def test_a_square_is_two_digons_in_any_order_and_a_rectangle_is_not():
    square = np.array([[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]])
    for order in ([0, 1, 2, 3], [2, 0, 1, 3]):
        assert polytope_matrices.two_digons_error(square[:, order]) < 1e-12
    flat = square * [[1.0, 0.98, 1.0, 0.98]]
    flat[0, [1, 3]] = 0.2, -0.2
    assert polytope_matrices.two_digons_error(flat) > 0.1


def test_a_turned_vertex_is_no_projector():
    W = polytope_matrices.REGULAR["tetrahedron"]()
    assert polytope_matrices.projector_error(W) < 1e-12
    assert polytope_matrices.projector_error(polytope_matrices.turned(W, 5.0)) > 1e-3


# --- jumps ---------------------------------------------------------------------------


def test_a_jump_with_a_drop_is_found_and_a_ramp_is_not():
    D = np.full((1, 11, 4), 0.2)
    D[0, 6:, :2] = 0.5
    noise = 0.001 * (-1.0) ** np.arange(11)
    loss = np.where(np.arange(11) >= 6, 0.5, 1.0)[None] + noise
    assert np.flatnonzero(jump_windows(D, loss)[0]).tolist() == [5]
    assert falls(loss)[0, 5] > 100
    # Without a drop, with one feature only, or spread over all windows: none.
    assert not jump_windows(D, noise[None]).any()
    assert not jump_windows(D[:, :, 1:], loss).any()
    ramp = np.linspace(0.2, 0.5, 11)[None, :, None] * np.ones(4)
    assert not jump_windows(ramp, np.linspace(1.0, 0.5, 11)[None]).any()


def test_rank_correlation_of_jumps_and_falls():
    jumps = np.array([[0, 1, 2, 5], [0, 0, 0, 0]])
    fall = np.array([[0.0, 0.1, 0.3, 0.2], [1.0, 2.0, 3.0, 4.0]])
    np.testing.assert_allclose(rank_correlations(jumps, fall), [0.8, 0.0])


def test_only_represented_features_count_as_on_a_level():
    D = np.array([[0.5, 0.49, 0.3, 0.5], [0.1, 0.1, 0.1, 0.1]])
    represented = np.array([[True, True, True, False], [False] * 4])
    np.testing.assert_allclose(on_level(D, represented), [2 / 3, 0.0])
    moves = np.array([[[0.0, 0.0], [0.1, 0.09]]])
    assert jumping(moves).tolist() == [[1]]


# --- smoke runs ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def train():
    """The trainer, which trains equal specs once, as the runner's store does."""
    runs: dict[tm.TrainSpec, tm.Run] = {}

    def cached(spec: tm.TrainSpec) -> tm.Run:
        if spec not in runs:
            runs[spec] = tm.train(spec)
        return runs[spec]

    cached.runs = runs
    return cached


def tiny(settings: type[ManyFeatures], **changes) -> ManyFeatures:
    """Smoke settings with fewer levels: compilation is most of the time."""
    return dataclasses.replace(
        settings.preset("smoke"), levels=6, steps=400, linear_steps=400, **changes
    )


def test_dimensionality_experiments_train_one_ensemble_for_all(train):
    for module, settings, changes, figures in (
        (dimensionality_star, "DimensionalityStar", {}, {"d_star"}),
        (
            dimensionality_scatter,
            "DimensionalityScatter",
            {},
            {"scatter", "histogram"},
        ),
        (
            adversarial,
            "AdversarialVulnerability",
            {"samples": 32},
            {"vulnerability"},
        ),
    ):
        result = module.compute(tiny(getattr(module, settings), **changes), train)
        assert set(module.plot(result)) == figures
        for claim in module.claims(result):
            assert claim.seeds == 3
            assert claim.controls
    assert len(train.runs) == 2


@pytest.mark.slow
def test_adversarial_controls_fail_and_a_linear_model_is_as_robust_as_a_dense_one(
    train,
):
    settings = tiny(adversarial.AdversarialVulnerability, samples=64)
    settings = dataclasses.replace(settings, linear_steps=3_000)
    result = adversarial.compute(settings, train)
    np.testing.assert_allclose(result["linear"], 1.0, atol=0.1)
    assert (result["relu_random"] < result["relu"]).all()
    rises = adversarial.claims(result)[1]
    assert all(control.failed_as_it_must for control in rises.controls)


def test_energy_levels_see_every_window_and_the_linear_model_does_not_jump():
    settings = tiny(energy_levels.EnergyLevels, windows=5, snapshots=20)
    result = energy_levels.compute(settings, tm.train)
    assert result["D"].shape == (3, 21, 40)
    assert result["loss"].shape == (3, 6)
    assert set(energy_levels.plot(result)) == {"trajectories", "windows"}
    judged = energy_levels.claims(result)
    assert all(c.failed_as_it_must for claim in judged for c in claim.controls)


def test_controls_have_no_line():
    """A constructed ensemble with a line at 1/2, through the claims of TMS-10."""
    settings = dimensionality_scatter.DimensionalityScatter.preset("laptop")
    rng = np.random.default_rng(0)
    D = rng.uniform(size=(5, 20, 200)).astype(np.float32)
    D[:, 5:9, :40] = 0.5
    d_star = np.tile(np.geomspace(0.9, 0.2, 20), (5, 1)).astype(np.float32)
    counts = np.zeros((5, 20), int)
    result = Result(
        arrays={
            "d_star": d_star,
            "D": D,
            "D_untrained": np.full_like(D, 0.1),
            "D_jittered": D + rng.uniform(-0.05, 0.05, D.shape).astype(np.float32),
            "D_uniform": rng.uniform(size=D.shape),
            "D_linear": np.full((3, 20, 200), 0.1),
            "in_polytopes": counts,
            "in_polytopes_random": counts,
            "in_polytopes_linear": counts[:3],
        },
        meta={"settings": tm.config.to_json(settings)},
    )
    half, others, polytopes = dimensionality_scatter.claims(result)
    assert half.verdict == SUPPORTED
    assert all(control.failed_as_it_must for control in half.controls)
    assert others.verdict == NOT_SUPPORTED
    assert polytopes.verdict == NOT_SUPPORTED
    assert line_rule(D, d_star).pooled.half.found
