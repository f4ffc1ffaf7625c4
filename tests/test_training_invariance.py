"""What must not matter: chunks, company, interruption, order and rotation."""

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.training import checkpointed_chunks, finish, run_chunks
from toymodels.training.state import init, inputs_of, plan_of, step


def small_spec(**changes):
    values = {
        "model": tm.Autoencoder(n=5, d=2),
        "features": tm.IndependentFeatures(n=5, probability=[[1.0], [0.3], [0.1]]),
        "importance": 0.9 ** np.arange(5),
        "seeds": (2, 5),
        "steps": 60,
        "batch": 32,
        "snapshots": (0, 7, 60),
        "history": 12,
    }
    return tm.TrainSpec(**values | changes)


def assert_same_bits(one, other):
    for name, value in one.params.items():
        np.testing.assert_array_equal(value, other.params[name])
    for name, value in one.snapshots.params.items():
        np.testing.assert_array_equal(value, other.snapshots.params[name])
    np.testing.assert_array_equal(one.history.loss, other.history.loss)


@pytest.mark.parametrize("chunk", [1, 7, 59])
def test_chunked_equals_whole(chunk):
    spec = small_spec()
    *_, last = run_chunks(spec, chunk=chunk)
    assert_same_bits(finish(spec, last.state), tm.train(spec))


def test_step_by_step_equals_advance():
    spec = small_spec()
    plan, inputs, state = plan_of(spec), inputs_of(spec), init(spec)
    one = jax.jit(step, static_argnums=0)
    for _ in range(spec.steps):
        state, info = one(plan, inputs, state)
    assert info.loss.shape == (spec.runs,)
    assert_same_bits(finish(spec, state), tm.train(spec))


def test_ensemble_equals_loop_of_single_models():
    spec = small_spec()
    together = tm.train(spec)
    for r in range(spec.runs):
        seed, member = divmod(r, spec.members)
        alone = tm.train(
            small_spec(
                features=tm.IndependentFeatures(
                    n=5, probability=spec.features.probability[member]
                ),
                seeds=(spec.seeds[seed],),
            )
        )
        # Other shapes, other fusions: equal to rounding, not to the bit.
        np.testing.assert_allclose(
            together.params["W"][r], alone.params["W"][0], atol=1e-5
        )


def test_members_of_a_seed_share_start_and_draws():
    spec = small_spec(features=tm.IndependentFeatures(n=5, probability=[[0.2]] * 3))
    run = tm.train(spec)
    W = run.by_seed(run.params["W"])
    np.testing.assert_allclose(W[:, 0], W[:, 2], atol=1e-6)
    assert np.abs(W[0] - W[1]).max() > 0.1


def test_permuted_features_permute_the_solution():
    spec = small_spec(features=tm.IndependentFeatures(n=5, probability=1.0))
    order = np.array([3, 0, 4, 1, 2])
    plan, inputs, state = plan_of(spec), inputs_of(spec), init(spec)
    params, importance = state.params, inputs.terms.importance
    x = jax.random.uniform(jax.random.key(0), (spec.runs, 5, 16))

    def grads(params, x, importance):
        def loss(params, x, importance):
            return plan.objective.loss(x, plan.model.apply(params, x), importance)

        return jax.vmap(jax.grad(loss))(params, x, importance)

    straight = grads(params, x, importance)
    permuted = grads(
        jax.tree.map(lambda leaf: leaf[..., order], params),
        x[:, order],
        importance[:, order],
    )
    for name in straight:
        np.testing.assert_allclose(
            permuted[name], straight[name][..., order], atol=1e-6
        )


def test_rotated_hidden_space_gives_the_same_losses():
    spec = small_spec(learning_rate=1e-2, weight_decay=0.0)
    # Adam is not invariant under rotation, plain gradient descent is.
    spec = dataclasses.replace(spec, optimiser=tm.Optimiser(name="sgd"))
    angle = 0.7
    c, s = np.cos(angle), np.sin(angle)
    rotation = jnp.asarray([[c, -s], [s, c]], jnp.float32)
    turned = init(spec)
    turned = dataclasses.replace(
        turned, params=turned.params | {"W": rotation @ turned.params["W"]}
    )
    straight = [r for r in run_chunks(spec, init(spec))][-1].state
    rotated = [r for r in run_chunks(spec, turned)][-1].state
    np.testing.assert_allclose(straight.loss_sums, rotated.loss_sums, rtol=1e-4)
    np.testing.assert_allclose(
        rotation @ straight.params["W"], rotated.params["W"], atol=1e-5
    )


def test_paused_and_resumed_equals_uninterrupted(tmp_path):
    spec = small_spec()
    chunks = checkpointed_chunks(spec, tmp_path / "run", chunk=11, every_seconds=0.0)
    next(chunks), next(chunks)
    chunks.close()
    resumed = [r.step for r in checkpointed_chunks(spec, tmp_path / "run", chunk=13)]
    assert resumed[0] == 22 + 13
    last = [r for r in checkpointed_chunks(spec, tmp_path / "run")][-1]
    assert last.step == spec.steps
    assert_same_bits(finish(spec, last.state), tm.train(spec))


KILLED = """
    import os, signal, sys
    import toymodels as tm
    from toymodels.config import from_json
    from toymodels.training import checkpointed_chunks
    import json
    spec = from_json(json.load(open(sys.argv[1])))
    kill_at = int(sys.argv[3])
    for report in checkpointed_chunks(spec, sys.argv[2], chunk=10, every_seconds=0.0):
        if report.step >= kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kill_at", [10, 40])
def test_killed_between_chunks_resumes_to_the_same_bits(tmp_path, kill_at):
    import json

    from toymodels.config import to_json

    spec = small_spec()
    (tmp_path / "spec.json").write_text(json.dumps(to_json(spec)))
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED))
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    process = subprocess.run(
        [
            sys.executable,
            script,
            tmp_path / "spec.json",
            tmp_path / "run",
            str(kill_at),
        ],
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    reports = list(checkpointed_chunks(spec, tmp_path / "run", chunk=10))
    assert reports[0].step == kill_at + 10
    assert_same_bits(finish(spec, reports[-1].state), tm.train(spec))


def test_settings_given_once_over_members_and_over_runs_mean_the_same():
    base = tm.IndependentFeatures(n=5, probability=0.2)
    p = [[0.2]]
    specs = [
        small_spec(features=base, learning_rate=[1e-3, 1e-2]),
        small_spec(
            features=tm.IndependentFeatures(n=5, probability=p * 2),
            learning_rate=[1e-3, 1e-2],
        ),
        small_spec(
            features=tm.IndependentFeatures(n=5, probability=p),
            learning_rate=[1e-3, 1e-2, 1e-3, 1e-2],
            members=2,
            importance=np.tile(0.9 ** np.arange(5), (4, 1)),
        ),
    ]
    runs = [tm.train(spec) for spec in specs]
    for run in runs[1:]:
        np.testing.assert_allclose(run.params["W"], runs[0].params["W"], atol=1e-6)


def test_a_distribution_without_numbers_can_be_swept_over_other_settings():
    features = tm.ExactlyK(n=5, k=2)
    spec = small_spec(features=features, learning_rate=[1e-3, 1e-3, 1e-2])
    W = tm.train(spec).params["W"]
    np.testing.assert_array_equal(W[0], W[1])
    assert np.abs(W[0] - W[2]).max() > 0.1


def test_an_early_stop_is_the_end_also_for_who_comes_back(tmp_path):
    spec = small_spec(
        features=tm.IndependentFeatures(n=5, probability=1.0),
        model=tm.Autoencoder(n=5, d=2).linear_control(),
        learning_rate=1e-2,
        steps=20_000,
        snapshots=(),
        history=200,
        early_stop=True,
    )
    steps = [r.step for r in checkpointed_chunks(spec, tmp_path / "run")]
    assert steps[-1] < spec.steps
    again = [r.step for r in checkpointed_chunks(spec, tmp_path / "run", chunk=70)]
    assert again[-1] == steps[-1]
    one_by_one = [r.step for r in run_chunks(spec, chunk=90)]
    assert one_by_one[-1] == steps[-1]
