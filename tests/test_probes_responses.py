"""Responses: divergences to rounding, brute force over every perturbation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import toymodels as tm
from toymodels.config import SettingsError
from toymodels.models import ResidualDenoiser
from toymodels.probes import (
    DIRECTIONS,
    Perturbation,
    Subject,
    divergence,
    draw_bases,
    draw_directions,
    perturb,
    response_curves,
    unit_lengths,
)
from toymodels.probes.responses import is_above

N, D = 6, 4
FEATURES = tm.IndependentFeatures(n=N, probability=0.3, values="boolean")
RADII = jnp.linspace(0.0, 1.0, 5)


def world(head="logistic", layer="h0", **changes):
    model = ResidualDenoiser(n=N, d=D, neurons=7, blocks=2, head=head, **changes)
    params = model.init(jax.random.key(1))
    params = {k: 3 * v if k == "U" else v for k, v in params.items()}
    subject = Subject(model, params, layer)
    bases = draw_bases(subject, FEATURES, jax.random.key(2), bases=3, real=40)
    along = draw_directions(DIRECTIONS["isotropic"], bases, jax.random.key(3), 2)
    return bases, along


def reference(head, a, b):
    """KL in float64, straight from the definition."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if head == "softmax":
        p, q = (scipy.special.log_softmax(v, axis=0) for v in (a, b))
        return (np.exp(p) * (p - q)).sum(axis=0)
    log_p, log_q = (-np.logaddexp(0, -v) for v in (a, b))
    log_1p, log_1q = (-np.logaddexp(0, v) for v in (a, b))
    return (np.exp(log_p) * (log_p - log_q) + np.exp(log_1p) * (log_1p - log_1q)).sum(
        axis=0
    )


@pytest.mark.parametrize("head", ["logistic", "softmax"])
@pytest.mark.parametrize("size", [1e-3, 0.1, 3.0, 60.0])
def test_divergence_against_float64(head, size):
    rng = np.random.default_rng(0)
    a = (8 * rng.normal(size=(9, 50))).astype(np.float32)
    b = a + (size * rng.normal(size=a.shape)).astype(np.float32)
    found = divergence(head, jnp.asarray(a), jnp.asarray(b))
    np.testing.assert_allclose(
        found, reference(head, a, b), rtol=2e-3, atol=6e-10 if size < 1 else 2e-7
    )
    assert (found >= 0).all()


@pytest.mark.parametrize("head", ["logistic", "softmax"])
def test_divergence_at_the_edges(head):
    same = jnp.array([[100.0, -3.0], [-100.0, 2.0]])
    assert (divergence(head, same, same) == 0).all()
    huge = divergence(head, same, 1e4 * jnp.ones_like(same) * jnp.array([[-1.0], [1]]))
    assert jnp.isfinite(huge).all() and huge[0] > 1e3


def test_a_linear_head_has_no_divergence():
    assert jnp.isnan(divergence("linear", jnp.ones((3, 2)), jnp.zeros((3, 2)))).all()
    bases, along = world("linear")
    found = response_curves(bases, along, RADII)
    assert jnp.isnan(found.kl).all() and jnp.isfinite(found.distance["output"]).all()


def test_thresholds_of_the_heads():
    output = jnp.array([[-0.1, 0.4], [2.0, 0.6]])
    above = {head: is_above(head, output) for head in ("logistic", "softmax", "linear")}
    np.testing.assert_array_equal(above["logistic"], [[0, 1], [1, 1]])
    np.testing.assert_array_equal(above["softmax"], [[0, 0], [1, 1]])
    np.testing.assert_array_equal(above["linear"], [[0, 0], [1, 1]])


@pytest.mark.parametrize("head", ["logistic", "softmax"])
@pytest.mark.parametrize("layer", ["h0", "h1"])
def test_curves_against_one_perturbation_at_a_time(head, layer):
    bases, along = world(head, layer)
    subject, units = bases.subject, unit_lengths(bases)
    found = jax.jit(response_curves)(bases, along, RADII)
    assert list(found.distance) == list(subject.later)
    for base, direction, step in np.ndindex(3, 2, 5):
        h, x = bases.h[:, [base]], bases.x[:, [base]]
        shift = RADII[step] * units[layer] * along[base, direction][:, None]
        clean, moved = subject.forward(h, x), subject.forward(h + shift, x)
        place = base, direction, step
        for name in subject.later:
            change = np.linalg.norm(moved[name] - clean[name]) / units[name]
            np.testing.assert_allclose(
                found.distance[name][place], change, rtol=1e-3, atol=1e-5
            )
        a, b = np.asarray(clean["output"]), np.asarray(moved["output"])
        np.testing.assert_allclose(
            found.kl[place], reference(head, a, b)[0], rtol=5e-3, atol=1e-8
        )
        assert bool(found.flipped[place]) == (a.argmax() != b.argmax())
        p, q = (np.asarray(is_above(head, jnp.asarray(v))) for v in (a, b))
        np.testing.assert_allclose(found.crossed[place], (p != q).mean(), rtol=1e-6)
    assert float(found.flipped.max()) == 1 and float(found.crossed.max()) > 0


def test_blocks_change_nothing():
    bases, along = world()
    whole = response_curves(bases, along, RADII)
    parts = response_curves(bases, along, RADII, block=1)
    for one, other in zip(*map(jax.tree.leaves, (whole, parts)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_rotating_the_hidden_space_changes_nothing():
    bases, along = world(head="linear", layer="h2")
    turn = jnp.asarray(np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0])
    turn = turn.astype(jnp.float32)
    params = bases.subject.params | {"U": bases.subject.params["U"] @ turn.T}
    turned = dataclasses.replace(
        bases,
        subject=dataclasses.replace(bases.subject, params=params),
        h=turn @ bases.h,
        real=turn @ bases.real,
    )
    one = response_curves(bases, along, RADII)
    other = response_curves(turned, along @ turn.T, RADII)
    np.testing.assert_allclose(
        one.distance["output"], other.distance["output"], rtol=1e-4, atol=1e-5
    )


def test_a_linear_model_answers_in_proportion():
    bases, along = world(activation="identity")
    found = response_curves(bases, along, RADII).distance["output"]
    np.testing.assert_allclose(
        found, np.asarray(found[..., -1:]) * np.asarray(RADII), rtol=1e-4, atol=1e-5
    )


# --- an ensemble in one call ---------------------------------------------------------


@pytest.fixture(scope="module")
def ensemble():
    model = ResidualDenoiser(n=N, d=D, neurons=7, blocks=1)
    params = jax.vmap(model.init)(jax.random.split(jax.random.key(0), 2))
    return model, {name: np.asarray(v) for name, v in params.items()}


HOW = Perturbation(
    families=(DIRECTIONS["isotropic"], DIRECTIONS["feature"]),
    bases=4,
    directions=3,
    real=30,
    radii=6,
)


def test_an_ensemble_is_each_of_its_models(ensemble):
    model, params = ensemble
    keys = jax.random.split(jax.random.key(7), 2)
    features = FEATURES.per_member(2)
    found = perturb(HOW, model, params, "h0", features, keys)
    assert found.responses.kl.shape == (2, 2, 4, 3, 6)
    assert list(found.units) == ["h0", "h1", "output"]
    assert (found.responses.kl[..., 0] == 0).all() and (found.responses.kl >= 0).all()
    for run in range(2):
        one = {name: v[[run]] for name, v in params.items()}
        key = keys[run : run + 1]
        alone = perturb(HOW, model, one, "h0", FEATURES.per_member(1), key)
        for whole, part in zip(
            jax.tree.leaves(found.responses),
            jax.tree.leaves(alone.responses),
            strict=True,
        ):
            np.testing.assert_allclose(whole[[run]], part, rtol=1e-4, atol=1e-6)


def test_both_starts_share_what_does_not_depend_on_them(ensemble):
    """In a linear model a response depends on the direction alone."""
    model, params = ensemble
    linear = model.linear_control()
    keys = jax.random.split(jax.random.key(7), 2)
    real, gaussian = (
        perturb(
            dataclasses.replace(HOW, start=start),
            linear,
            params,
            "h0",
            FEATURES.per_member(2),
            keys,
        ).responses
        for start in ("real", "gaussian")
    )
    np.testing.assert_allclose(
        real.distance["h1"], gaussian.distance["h1"], rtol=1e-3, atol=1e-5
    )
    assert np.abs(real.kl - gaussian.kl).max() > 1e-3


def test_a_further_family_changes_nothing_in_the_others(ensemble):
    model, params = ensemble
    keys = jax.random.split(jax.random.key(7), 2)
    more = dataclasses.replace(HOW, families=(*HOW.families, DIRECTIONS["covariance"]))
    few, many = (
        perturb(how, model, params, "h0", FEATURES.per_member(2), keys).responses.kl
        for how in (HOW, more)
    )
    np.testing.assert_allclose(many[:, :2], few, rtol=1e-4, atol=1e-6)


def test_bad_input(ensemble):
    model, params = ensemble
    keys = jax.random.split(jax.random.key(7), 2)
    features = FEATURES.per_member(2)
    with pytest.raises(SettingsError, match="one of h0, h1"):
        perturb(HOW, model, params, "hidden", features, keys)
    # All embeddings the same: no sample can be told from another by more than length.
    dead = params | {"E": np.zeros_like(params["E"])}
    plain = dataclasses.replace(HOW, families=HOW.families[:1])
    with pytest.raises(SettingsError, match="rank 1 or more"):
        perturb(plain, model, dead, "h0", features, keys)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"families": ()}, "families: got 'none'"),
        ({"start": "both"}, "start: got 'both'"),
        ({"radii": 1}, "radii: got 1"),
        ({"reach": 0.0}, "reach: got 0"),
        ({"real": 1}, "real: got 1"),
    ],
)
def test_a_perturbation_that_cannot_be(changes, said):
    with pytest.raises(SettingsError, match=said):
        dataclasses.replace(HOW, **changes)
