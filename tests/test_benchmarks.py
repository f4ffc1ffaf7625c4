"""The benchmark compares the same work: one update agrees, and the whole thing runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import toymodels as tm

pytestmark = [
    pytest.mark.slow,
    # PyTorch's compiler uses parts of itself that it has declared old.
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]
torch = pytest.importorskip("torch", reason="needs the extra `bench` (PyTorch)")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def work(scripts):
    import workloads

    return workloads.Workload(runs=3, n=5, d=2, batch=64, steps=1)


@pytest.fixture
def spec(work):
    import ours

    return ours.spec_of(work, "independent", repeats=1)


class EagerPyTorch:
    """A peer as the tests see it: samples in columns, W (runs, d, n)."""

    def __init__(self, work):
        self.ensemble = self.made(work)

    def made(self, work):
        import eager_pytorch

        return eager_pytorch.Ensemble(work)

    def sample(self):
        return self.ensemble.sample().numpy().transpose(1, 2, 0)

    def params(self):
        W = self.ensemble.W.detach().numpy().transpose(0, 2, 1)
        return {"W": W.copy(), "b": self.ensemble.b.detach().numpy().copy()}

    def step(self, x):
        given = torch.from_numpy(x.transpose(2, 0, 1).copy())
        self.ensemble.sample = lambda: given
        return self.ensemble.step().numpy()


class CompiledPyTorch(EagerPyTorch):
    def made(self, work):
        import compiled_pytorch

        return compiled_pytorch.CompiledEnsemble(work)


class JaxLoop:
    def __init__(self, work):
        import jax_loop

        self.module = jax_loop
        self.ensemble = jax_loop.Ensemble(work)
        self.key = jax.random.key(7)

    def sample(self):
        self.key, key = jax.random.split(self.key)
        work = self.ensemble.work
        draw = jax.vmap(lambda key, p: self.module.sample(key, p, work.batch, work.n))
        keys = jax.random.split(key, work.runs)
        return np.asarray(draw(keys, self.ensemble.probability)).transpose(0, 2, 1)

    def params(self):
        W, b = self.ensemble.params["W"], self.ensemble.params["b"]
        return {"W": np.asarray(W).transpose(0, 2, 1), "b": np.array(b)}

    def step(self, x):
        ensemble = self.ensemble
        update = jax.vmap(self.module.update, in_axes=(0, 0, 0, None))
        ensemble.params, ensemble.optimiser, loss = update(
            ensemble.params,
            ensemble.optimiser,
            jnp.asarray(x.transpose(0, 2, 1)),
            ensemble.importance,
        )
        return np.asarray(loss)


@pytest.fixture(params=[EagerPyTorch, CompiledPyTorch, JaxLoop])
def peer(request, work):
    # The peers are written for JAX's defaults, not for our tests' stricter world.
    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        yield request.param(work)


def test_every_side_makes_the_same_update(peer, spec):
    params = {name: jnp.asarray(value) for name, value in peer.params().items()}
    x = peer.sample()
    importance = jnp.asarray(spec.importance)

    def loss_of(params, x):
        return spec.objective.loss(x, spec.model.apply(params, x), importance)

    rule = spec.optimiser.transformation(1, 1e-3, 1e-2)
    loss, grads = jax.vmap(jax.value_and_grad(loss_of))(params, jnp.asarray(x))
    updates, _ = rule.update(grads, rule.init(params), params)
    wanted = optax.apply_updates(params, updates)

    np.testing.assert_allclose(peer.step(x), loss, rtol=1e-5)
    found = peer.params()
    # One AdamW step is about the learning rate, 1e-3; agreement is far below it.
    np.testing.assert_allclose(found["W"], wanted["W"], atol=1e-6)
    np.testing.assert_allclose(found["b"], wanted["b"], atol=1e-6)


def test_every_side_draws_from_the_same_distribution(peer, spec):
    x = np.concatenate([peer.sample() for _ in range(200)], axis=2)
    error = np.sqrt(spec.features.variance() / x.shape[2])
    assert np.all(np.abs(x.mean(axis=2) - spec.features.mean()) < 5 * error)
    active = (x > 0).mean(axis=2)
    wanted = spec.features.activity()
    assert np.all(np.abs(active - wanted) <= 5 * np.sqrt(wanted * (1 - wanted) / 12800))


def test_initial_weights_have_the_same_scale(scripts, spec):
    import jax_loop

    scale = tm.models.initialisers.initial_scale("xavier_3d", 2, 5, 3)
    assert spec.model.init_name == "xavier_3d"
    assert spec.model.instances == 3
    blank = torch.empty(3, 5, 2)
    draws = [torch.nn.init.xavier_normal_(blank).clone() for _ in range(500)]
    assert float(torch.stack(draws).std()) == pytest.approx(scale, rel=0.05)
    keys = jax.random.split(jax.random.key(0), 500)
    drawn = jax.vmap(lambda key: jax_loop.INITIAL(key, blank.shape))(keys)
    assert float(drawn.std()) == pytest.approx(scale, rel=0.05)


def test_the_steps_of_the_jax_loop_are_its_update_on_fresh_samples(work):
    import jax_loop

    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        ensemble = jax_loop.Ensemble(work)
        start = np.asarray(ensemble.params["W"])
        losses = [ensemble.step() for _ in range(3)]
    assert not np.array_equal(losses[0], losses[1])
    assert 1e-3 < np.abs(np.asarray(ensemble.params["W"]) - start).max() < 4e-3


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench") / "results.json"
    command = [BENCHMARKS / "run.py", "--smoke", "--repeats", "2", "--out", out]
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(out.read_text())


def test_the_benchmark_runs_and_keeps_its_numbers(smoke):
    printed, results = smoke
    assert "PyTorch" in printed
    assert results["machine"]["versions"]["torch"] == torch.__version__
    (row,) = results["workloads"]
    peers = set(row["milliseconds_per_step"]) - set(row["ratio"])
    assert {"eager", "jax_loop"} <= peers | set(row["unavailable"])
    for ratio in row["ratio"].values():
        assert ratio["median"] > 0


def test_every_side_of_the_benchmark_learns_the_same(smoke):
    (row,) = smoke[1]["workloads"]
    # Every side starts elsewhere and sees other samples.
    for loss in row["final_loss"].values():
        assert loss == pytest.approx(row["final_loss"]["eager"], rel=0.5)


def test_an_ensemble_that_grows_compiles_no_more_programs(smoke):
    grown = smoke[1]["growth"]
    assert [row["runs"] for row in grown] == [2, 4]
    for row in grown:
        assert row["training_programs"] == 1
        assert row["microseconds_per_model_step"]["median"] > 0
    assert len({row["programs"] for row in grown}) == 1


def test_a_machine_without_a_compiler_leaves_one_peer_out(scripts, tmp_path):
    import sides
    import workloads

    nothing = {"CXX": str(tmp_path / "none"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    process = sides.Process(
        sides.Side("none", "compiled_pytorch.py", environment={**os.environ, **nothing})
    )
    work = workloads.Workload(runs=2, n=3, d=1, batch=8, steps=1)
    with pytest.raises(sides.Unavailable, match="compiler"):
        process.start(vars(work), repeats=1)
    process.close()
