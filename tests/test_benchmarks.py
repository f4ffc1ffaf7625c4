"""The benchmark compares the same work: one update agrees, and the whole thing runs."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import toymodels as tm

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch", reason="needs the extra `bench` (PyTorch)")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def sides(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import eager_pytorch
    import ours
    import workloads

    work = workloads.Workload(runs=3, n=5, d=2, batch=64, steps=1)
    return eager_pytorch.Ensemble(work), ours.spec_of(work, "independent", repeats=1)


def test_both_sides_make_the_same_update(sides):
    ensemble, spec = sides
    x = ensemble.sample()
    ensemble.sample = lambda: x
    params = {
        "W": jnp.asarray(ensemble.W.detach().numpy().transpose(0, 2, 1)),
        "b": jnp.asarray(ensemble.b.detach().numpy()),
    }
    samples = jnp.asarray(x.numpy().transpose(1, 2, 0))
    importance = jnp.asarray(spec.importance)

    def loss_of(params, x):
        return spec.objective.loss(x, spec.model.apply(params, x), importance)

    rule = spec.optimiser.transformation(1, 1e-3, 1e-2)
    loss, grads = jax.vmap(jax.value_and_grad(loss_of))(params, samples)
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = rule.update(grads, rule.init(params), params)
    wanted = optax.apply_updates(params, updates)

    np.testing.assert_allclose(ensemble.step().numpy(), loss, rtol=1e-5)
    W = ensemble.W.detach().numpy().transpose(0, 2, 1)
    # One AdamW step is about the learning rate, 1e-3; agreement is far below it.
    np.testing.assert_allclose(W, wanted["W"], atol=1e-6)
    np.testing.assert_allclose(ensemble.b.detach().numpy(), wanted["b"], atol=1e-6)


def test_both_sides_draw_from_the_same_distribution(sides):
    ensemble, spec = sides
    x = np.concatenate([ensemble.sample().numpy() for _ in range(200)])
    error = np.sqrt(spec.features.variance() / len(x))
    assert np.all(np.abs(x.mean(axis=0) - spec.features.mean()) < 5 * error)


def test_initial_weights_have_the_same_scale(sides):
    ensemble, spec = sides
    scale = tm.models.initialisers.initial_scale("xavier_3d", 2, 5, 3)
    assert spec.model.init_name == "xavier_3d"
    assert spec.model.instances == 3
    blank = torch.empty_like(ensemble.W)
    draws = [torch.nn.init.xavier_normal_(blank).clone() for _ in range(500)]
    assert float(torch.stack(draws).std()) == pytest.approx(scale, rel=0.05)


def test_the_benchmark_runs_and_keeps_its_numbers(tmp_path):
    out = tmp_path / "results.json"
    command = [BENCHMARKS / "run.py", "--smoke", "--repeats", "2", "--out", out]
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "PyTorch" in done.stdout
    results = json.loads(out.read_text())
    (row,) = results["workloads"]
    for side in ("independent", "shared"):
        assert row["ratio"][side]["median"] > 0
        # Every side starts elsewhere and sees other samples, but learns the same thing.
        assert row["final_loss"][side] == pytest.approx(
            row["final_loss"]["pytorch"], rel=0.5
        )
    assert results["machine"]["versions"]["torch"] == torch.__version__
