"""ISO: decisive numbers on made-up results."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from experiments.iso import activations, feature_pairs, misalignment, trained
from experiments.iso._ensembles import LEVELS as TRAINED_LEVELS
from experiments.iso._frozen import DEFAULT, LEVELS, FrozenModels, within_span
from experiments.iso._trained import Models, measured, models_of, served
from toymodels.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from toymodels.config import to_json
from toymodels.probes import Rays, Subject, check_planes
from toymodels.probes.exponents import FEATURE, RANDOM, plane_contours
from toymodels.result import Result

# --- the frozen denoisers ------------------------------------------------------------


def test_pairs_are_inactive_features_and_other_seeds_have_others():
    settings = FrozenModels.preset("smoke")
    model = settings.model()
    params, scan = settings.params(model)
    assert params["E"].shape == (2, 24, 64)
    assert not np.array_equal(params["E"][0], params["E"][1])
    np.testing.assert_allclose(params["c_in"], scan.c_in[scan.best()], rtol=1e-6)
    u, v = settings.planes(model, params)
    for seed in range(2):
        for kind in (FEATURE, RANDOM):
            check_planes(u[seed, kind], v[seed, kind])
    on = np.abs(np.asarray(u[:, FEATURE])).argmax(axis=1)
    assert (on >= settings.active).all()
    assert not np.array_equal(on[0], on[1])
    np.testing.assert_array_equal(settings.base()[:, 0].nonzero()[0], [0, 1])
    other = dataclasses.replace(settings, seed=1)
    assert not np.array_equal(other.params(model)[0]["E"], params["E"])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"activation": "identity"},
        {"activation": "relu", "shift": -1.0},
        {"activation": "jumprelu", "threshold": 1.0},
    ],
    ids=str,
)
def test_what_no_neuron_sees_is_left_out_of_a_contour(changes):
    settings = FrozenModels.preset("smoke")
    model = settings.model(**changes)
    params, _ = settings.params(model)
    if changes:
        params = {**params, "c_in": jnp.ones(settings.seeds)}
    u, v = settings.planes(model, params)
    x, rays = settings.base(), settings.rays()
    one = jax.tree.map(lambda leaf: leaf[0], params)
    whole = Subject(model, one, "input")
    small, turn = within_span(model, one)
    # Some neuron is at the threshold exactly, where rounding would decide.
    assert model.activation != "jumprelu" or (one["E"] @ x == model.threshold).any()
    jumps = model.activation == "jumprelu"
    assert small.model.n == (model.n if jumps else model.neurons)
    expected = plane_contours(whole, x, u[0], v[0], levels=LEVELS, rays=rays)
    found = plane_contours(
        small, turn(x), turn(u[0]), turn(v[0]), levels=LEVELS, rays=rays
    )
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    # Nothing is left out where there are more neurons than features.
    wide = dataclasses.replace(model, neurons=model.n + 1)
    kept, same = within_span(wide, wide.init(jax.random.key(0)))
    assert kept.model == wide
    assert same(x) is x


def test_planes_are_turned_by_the_angle_or_on_one_side_alone():
    settings = dataclasses.replace(
        misalignment.Misalignment.preset("smoke"), n=200, pairs=3
    )
    planes = settings.planes(settings.model(), settings.params(settings.model())[0])
    u, v = misalignment.turn(settings, planes)
    count = len(settings.degrees)
    assert u.shape[1] == 2 + 3 * count
    e, f = planes[0][:, FEATURE], planes[1][:, FEATURE]
    for place, degrees in enumerate(settings.degrees):
        both, stays = 2 + place, 2 + count + place
        check_planes(u[0, both], v[0, both])
        cosine = np.abs((np.asarray(u[:, both]) * np.asarray(e)).sum(axis=1))
        np.testing.assert_allclose(cosine, np.cos(np.deg2rad(degrees)), atol=0.05)
        cosine = np.abs((np.asarray(v[:, both]) * np.asarray(f)).sum(axis=1))
        np.testing.assert_allclose(cosine, np.cos(np.deg2rad(degrees)), atol=0.05)
        np.testing.assert_allclose(v[:, stays], f, atol=1e-4)
    # The random axes of two angles have nothing in common.
    first, second = u[0, 2 + 2 * count], u[0, 3 + 2 * count]
    assert np.abs((np.asarray(first) * np.asarray(second)).sum(axis=0)).max() < 0.5


def pairs_result(features: float) -> Result:
    settings = feature_pairs.FeaturePairs.preset("laptop")
    spread = np.random.default_rng(0).normal(0, 0.02, (6, 2, len(LEVELS)))
    exponent = 2 + spread
    exponent[:, FEATURE] += features - 2
    few = len(feature_pairs.LINEAR_LEVELS)
    return Result(
        arrays={
            "exponent": exponent,
            "unreached": np.zeros_like(exponent),
            "at_bound": np.zeros_like(exponent),
            "residual": np.full_like(exponent, 0.01),
            "width": np.array([0.05, 0.04]),
            "linear_exponent": 2 + spread[:, :, :few],
            "linear_unreached": np.zeros((6, 2, few)),
        },
        meta={"settings": to_json(settings)},
    )


def test_bulging_pairs_are_supported_and_ellipses_are_not():
    judged = {claim.id: claim for claim in feature_pairs.claims(pairs_result(3.0))}
    assert {claim.verdict for claim in judged.values()} == {SUPPORTED}
    judged = {claim.id: claim for claim in feature_pairs.claims(pairs_result(2.0))}
    assert judged["ISO-1.features"].verdict == NOT_SUPPORTED
    # Nothing tells random planes from features then.
    assert judged["ISO-1.random"].verdict == INCONCLUSIVE
    found = feature_pairs.of_kind(pairs_result(2.0), "exponent", "features, linear")
    measured_at = np.isfinite(found).all(axis=0)
    assert measured_at.sum() == 2 and measured_at[LEVELS.index(DEFAULT)]


def test_of_two_thresholds_the_one_farther_from_an_ellipse_counts():
    exponent = np.array([[2.1, 1.7], [np.nan, 2.3], [np.nan, np.nan]])
    found = activations.farther_from_two(exponent)
    np.testing.assert_array_equal(found, [1.7, 2.3, np.nan])


def turned_result(drop: float) -> Result:
    settings = misalignment.Misalignment.preset("laptop")
    rng = np.random.default_rng(0)
    count = len(settings.degrees)
    exponent = 2 + rng.normal(0, 0.01, (6, 3, count, 2))
    exponent[:, :2] += drop * np.linspace(1, 0, count)[:, None]
    return Result(
        arrays={
            "exponent": exponent,
            "unreached": np.zeros_like(exponent),
            "linear_exponent": 2 + rng.normal(0, 0.01, (6, 1, count, 2)),
        },
        meta={"settings": to_json(settings)},
    )


def test_a_fall_is_supported_and_a_flat_line_is_not():
    assert {c.verdict for c in misalignment.claims(turned_result(1.0))} == {SUPPORTED}
    flat = {c.id: c.verdict for c in misalignment.claims(turned_result(0.0))}
    assert flat["ISO-2.drop"] == NOT_SUPPORTED and flat["ISO-2.falls"] != SUPPORTED
    small = {c.id: c.verdict for c in misalignment.claims(turned_result(0.2))}
    assert small["ISO-2.drop"] == NOT_SUPPORTED  # a trend, but one without size


# --- trained models ------------------------------------------------------------------


def orthogonal(kept: int, n: int = 4) -> tuple[tm.Autoencoder, dict]:
    """A linear autoencoder that keeps some features exactly and drops the others."""
    model = tm.Autoencoder(n=n, d=2, activation="identity", bias=False)
    return model, {"W": jnp.eye(2, n).at[:, kept:].set(0.0)}


def test_served_features_are_those_whose_output_answers():
    model, params = orthogonal(kept=1)
    np.testing.assert_array_equal(
        served(model, params, "identity"), [True, False, False, False]
    )
    model = tm.ComputationModel(n=2, neurons=2, residual=True, activation="identity")
    params = {
        "W1": jnp.eye(2),
        "W2": jnp.diag(jnp.array([1.0, -0.5])),
        "b": jnp.zeros(2),
    }
    np.testing.assert_array_equal(served(model, params, "x_plus_relu"), [True, False])


def models(kept: int, restrict: bool) -> Models:
    model, params = orthogonal(kept)
    return Models(
        model=model,
        params={"W": np.asarray(params["W"])[None]},
        probability=np.array([0.05], np.float32),
        values="uniform",
        target="identity",
        seed=np.array([0]),
        restrict=np.array([restrict]),
    )


@pytest.mark.parametrize(("kept", "unreached"), [(2, 0.0), (1, 1.0)])
def test_pairs_of_features_that_are_not_served_are_counted(kept, unreached):
    found = measured(
        models(kept, restrict=True),
        "hidden",
        "output",
        levels=TRAINED_LEVELS[:2],
        rays=Rays(reach=1.5, angles=7, coarse=8),
        pairs=5,
        root=0,
    )
    assert found.unreached.shape == (1, 2, 2)
    np.testing.assert_allclose(found.unreached[0, FEATURE], unreached, atol=0.45)
    if kept == 2:
        np.testing.assert_allclose(found.exponent, 2, rtol=1e-3)
    else:
        assert np.isnan(found.exponent[0, FEATURE]).all()


def test_members_are_picked_seed_by_seed_and_joined():
    model = tm.Autoencoder(n=5, d=2)
    spec = tm.TrainSpec(
        model=model,
        features=tm.IndependentFeatures(n=5, probability=np.array([[0.5], [0.1]])),
        seeds=3,
        steps=2,
        batch=4,
        snapshots=(0,),
    )
    run = tm.train(spec)
    found = models_of(run, (1, 0), (0.1, 0.5), values="uniform")
    np.testing.assert_array_equal(
        found.params["W"], run.params["W"][[1, 3, 5, 0, 2, 4]]
    )
    np.testing.assert_array_equal(found.seed, [0, 1, 2, 0, 1, 2])
    np.testing.assert_allclose(found.probability, [0.1] * 3 + [0.5] * 3)
    first = models_of(run, (1,), (0.1,), values="uniform", snapshot=0, restrict=False)
    np.testing.assert_array_equal(first.params["W"], run.snapshots.params["W"][0, 1::2])
    both = found.joined(first)
    assert both.runs == 9 and both.restrict.tolist() == [True] * 6 + [False] * 3


def trained_result(gain: float) -> Result:
    settings = trained.TrainedExponents.preset("laptop")
    rows = [f"M1, p = {p:g}" for p in settings.probabilities]
    rows += [row for row in trained.judged_rows(settings).values() if row not in rows]
    rng = np.random.default_rng(0)
    shape = (len(rows), 6, 2, len(TRAINED_LEVELS))
    arrays = {
        f"{kind}_{name}": 2 + rng.normal(0, 0.01, shape)
        for kind in ("trained", "untrained", "linear")
        for name in ("exponent", "unreached")
    }
    rising = 1 + np.arange(len(rows))[:, None, None]
    arrays["trained_exponent"][:, :, FEATURE] += gain * rising
    return Result(arrays=arrays, meta={"settings": to_json(settings), "rows": rows})


def test_privileged_features_are_told_from_untrained_and_linear_models():
    verdicts = {c.id: c.verdict for c in trained.claims(trained_result(0.3))}
    assert set(verdicts.values()) == {SUPPORTED}
    verdicts = {c.id: c.verdict for c in trained.claims(trained_result(0.0))}
    assert verdicts["ISO-4.m1"] == NOT_SUPPORTED
    assert verdicts["ISO-4.sparsity"] != SUPPORTED
    lost = trained_result(np.nan)
    assert {c.verdict for c in trained.claims(lost)} == {INCONCLUSIVE}


def test_keys_of_seeds_do_not_depend_on_how_many_members_there_are():
    one = models(2, restrict=False)
    levels, rays = TRAINED_LEVELS[:1], Rays(reach=1.5, angles=7, coarse=8)
    ask = {"levels": levels, "rays": rays, "pairs": 4, "root": 3}
    alone = measured(one, "hidden", "output", **ask)
    twice = measured(one.joined(one), "hidden", "output", **ask)
    np.testing.assert_array_equal(twice.radius[0], alone.radius[0])
    np.testing.assert_array_equal(twice.radius[1], alone.radius[0])
    assert jax.tree.leaves(one.params)[0].shape == (1, 2, 4)
