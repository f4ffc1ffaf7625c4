"""What may differ between runs of one compiled program: noise, exponent, mixing.

And what a run may be trained on besides a power of its error.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.config import from_json, to_json
from toymodels.models import ResidualDenoiser
from toymodels.training import join, part, parts_of
from toymodels.training.run import run_chunks
from toymodels.training.state import NOISE_STREAM, init, inputs_of, plan_of, step

N, D = 6, 3
FEATURES = tm.IndependentFeatures(n=N, probability=0.3)


def spec_of(**changes):
    values = {
        "model": tm.Autoencoder(n=N, d=D),
        "features": FEATURES,
        "seeds": 2,
        "steps": 20,
        "batch": 16,
    }
    return tm.TrainSpec(**values | changes)


def denoiser(**changes):
    return ResidualDenoiser(**{"n": N, "d": D, "neurons": 4, "blocks": 2} | changes)


def assert_same(first, second, rtol=2e-5):
    for name, value in first.items():
        np.testing.assert_allclose(value, second[name], rtol=rtol, atol=1e-6)


def test_members_with_exponents_are_those_of_an_objective_each():
    exponents = [1.0, 2.0, 3.5]
    swept = tm.train(spec_of(exponent=np.array(exponents)))
    for member, q in enumerate(exponents):
        alone = tm.train(spec_of(objective=tm.Objective(exponent=q)))
        kept = {name: value[member::3] for name, value in swept.params.items()}
        assert_same(alone.params, kept)
        np.testing.assert_allclose(
            swept.final_loss(64)[member::3], alone.final_loss(64), rtol=1e-4
        )


def test_mixing_moves_the_targets():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(2, N, N)).astype(np.float32)
    objective, x = tm.Objective(target="relu"), rng.normal(size=(N, 5)).astype("f")
    output = rng.normal(size=(N, 5)).astype("f")
    by_hand = ((np.maximum(x, 0) + mixing[1] @ x - output) ** 2).sum(axis=0).mean()
    found = objective.loss(
        jnp.asarray(x), jnp.asarray(output), jnp.ones(N), mixing=jnp.asarray(mixing[1])
    )
    np.testing.assert_allclose(found, by_hand, rtol=1e-5)


def test_a_linear_model_learns_the_mixing():
    mixing = np.random.default_rng(0).normal(size=(2, N, N)) / 2
    model = tm.Autoencoder(
        n=N, d=N, activation="identity", tied=False, bias=False, compression=False
    )
    optimiser = tm.Optimiser(name="adam", learning_rate=0.01, schedule="cosine")
    run = tm.train(
        spec_of(model=model, mixing=mixing, steps=4_000, batch=64, optimiser=optimiser)
    )
    learned = run.params["W_out"] @ run.params["W"] - np.eye(N)
    np.testing.assert_allclose(learned[0], mixing[0], atol=0.03)
    np.testing.assert_allclose(learned[3], mixing[1], atol=0.03)


def test_noise_is_shared_by_members_and_scaled():
    scales = [0.0, 0.2, 0.4]
    spec = spec_of(model=denoiser(head="linear"), noise=np.array(scales), batch=N)
    plan, inputs, state = plan_of(spec), inputs_of(spec), init(spec)
    x = jnp.broadcast_to(jnp.eye(N), (6, N, N))
    _, info = step(plan, inputs, state, x)
    for run in range(6):
        params = {name: value[run] for name, value in state.params.items()}
        key = jax.random.fold_in(state.keys[run // 3], 0)
        noise = jax.random.normal(jax.random.fold_in(key, NOISE_STREAM), (3, D, N))
        output = spec.model.apply_noisy(params, x[run], scales[run % 3] * noise)
        np.testing.assert_allclose(
            info.loss[run], ((output - x[run]) ** 2).sum(axis=0).mean(), rtol=1e-5
        )
    assert not np.allclose(info.loss[1], info.loss[0])


@pytest.mark.parametrize(
    "model",
    [
        tm.Autoencoder(n=N, d=D),
        tm.ComputationModel(n=N, neurons=4, residual=True),
        denoiser(),
        denoiser(normalise=True, head="linear"),
    ],
    ids=["M1", "M4", "M3", "normalised"],
)
def test_no_noise_is_the_model(model):
    params = model.init(jax.random.key(0))
    x = FEATURES.sample(jax.random.key(1), 7)
    zero = jnp.zeros(model.noise_shape(7))
    np.testing.assert_allclose(
        model.apply_noisy(params, x, zero), model.apply(params, x), rtol=1e-6
    )
    key = jax.random.key(2)
    moved = model.apply_noisy(params, x, jax.random.normal(key, zero.shape))
    assert not np.allclose(moved, model.apply(params, x))


def test_absent_noise_is_no_noise():
    without, zero = tm.train(spec_of()), tm.train(spec_of(noise=0.0))
    assert_same(without.params, zero.params)


def test_noise_costs_and_the_reported_loss_is_clean():
    # In a noise that hides everything, nothing is learned: the samples' means at best.
    run = tm.train(spec_of(noise=np.array([0.0, 20.0]), steps=1_500, batch=64))
    quiet, loud = run.by_seed(run.final_loss(4096)).T
    assert (quiet < 0.9 * loud).all()
    clean = dataclasses.replace(run.spec, noise=None)
    again = dataclasses.replace(run, spec=clean).final_loss(4096)
    np.testing.assert_array_equal(run.final_loss(4096), again)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_frozen_parameters_stay(name):
    spec = spec_of(model=denoiser(), optimiser=tm.Optimiser(name=name))
    before, run = init(spec), tm.train(spec)
    np.testing.assert_array_equal(before.params["E"], run.params["E"])
    assert not np.allclose(before.params["U"], run.params["U"])
    np.testing.assert_allclose(np.linalg.norm(run.params["E"], axis=1), 1, rtol=1e-5)


def test_cross_entropies_are_those_of_probabilities():
    rng = np.random.default_rng(1)
    x = (rng.random((N, 40)) < 0.3).astype("f")
    assert (x.sum(axis=0) == 0).any()  # an empty sample has no softmax target
    logits = rng.normal(size=(N, 40)).astype("f")
    importance = np.linspace(0.5, 2, N).astype("f")

    def found(measure):
        return tm.Objective(measure=measure).loss(
            jnp.asarray(x), jnp.asarray(logits), jnp.asarray(importance)
        )

    p = 1 / (1 + np.exp(-logits.astype(float)))
    of_feature = -(x * np.log(p) + (1 - x) * np.log(1 - p))
    expected = (importance @ of_feature).mean()
    np.testing.assert_allclose(found("bernoulli"), expected, rtol=1e-5)
    soft = np.exp(logits) / np.exp(logits).sum(axis=0)
    share = x / np.maximum(x.sum(axis=0), 1)
    expected = (importance @ (-share * np.log(soft))).mean()
    np.testing.assert_allclose(found("softmax"), expected, rtol=1e-5)


def test_a_denoiser_learns_its_features():
    features = tm.IndependentFeatures(n=N, probability=0.2, values="boolean")
    spec = spec_of(
        model=denoiser(d=5, neurons=12),
        features=features,
        objective=tm.Objective(measure="bernoulli"),
        optimiser=tm.Optimiser(name="adam", learning_rate=1e-2),
        noise=np.array([0.0, 0.1]),
        steps=1_000,
        batch=64,
    )
    loss = tm.train(spec).final_loss()
    entropy = -N * (0.2 * np.log(0.2) + 0.8 * np.log(0.8))
    assert (loss < entropy / 5).all()


def test_parts_join_to_the_whole():
    spec = spec_of(
        noise=np.array([0.0, 0.1, 0.2]),
        exponent=np.linspace(2, 3, 6),
        members=3,
        mixing=np.random.default_rng(0).normal(size=(3, N, N)),
    )
    whole = tm.train(spec)
    blocks = parts_of(spec, most_runs=2)
    assert len(blocks) > 1
    joined = join(spec, [(block, tm.train(part(spec, block))) for block in blocks])
    assert_same(whole.params, joined.params)


def test_chunks_change_nothing():
    spec = spec_of(noise=0.1)
    last = list(run_chunks(spec, chunk=7))[-1]
    whole = tm.train(spec)
    for name, value in whole.params.items():
        np.testing.assert_array_equal(value, last.state.params[name])


def test_settings_go_through_json():
    spec = spec_of(noise=np.array([0.0, 0.1]), exponent=3.0, mixing=np.eye(N))
    again = from_json(to_json(spec))
    assert again == spec
    assert again != dataclasses.replace(spec, exponent=4.0)


def test_pairs_are_in_the_order_of_triu_indices():
    x = jnp.asarray([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    found = tm.Objective(target="pairwise_and").targets(x)
    np.testing.assert_array_equal(found, [[1, 0], [0, 1], [0, 0]])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"noise": -0.1}, "noise"),
        ({"noise": np.nan}, "noise"),
        ({"noise": np.zeros((2, 2))}, "noise"),
        ({"exponent": 0.5}, "exponent"),
        ({"exponent": np.array([2.0, 3.0, 4.0]), "members": 2}, "exponent"),
        ({"exponent": 2.0, "objective": tm.Objective(measure="softmax")}, "exponent"),
        ({"mixing": np.zeros((N, N + 1))}, "mixing"),
        ({"mixing": np.full((N, N), np.inf)}, "mixing"),
        ({"mixing": np.zeros(N)}, "mixing"),
        ({"objective": tm.Objective(target="pairwise_and")}, "15 targets"),
        (
            {
                "features": tm.sample_dataset(FEATURES, points=16, seed=0),
                "noise": 0.1,
            },
            "FiniteDataset",
        ),
    ],
)
def test_bad_settings_are_named(changes, said):
    with pytest.raises(tm.SettingsError, match=said):
        spec_of(**changes)


def test_an_unknown_measure_is_named():
    with pytest.raises(tm.SettingsError, match="bernoulli"):
        tm.Objective(measure="bernouli")
