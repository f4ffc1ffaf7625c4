"""Runs spread over devices, and over processes, are the runs of one device."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.training import batch_loss, blocks, check_memory, run_chunks, runs_mesh
from toymodels.training.mesh import place
from toymodels.training.state import advance, init, inputs_of, plan_of

LAYOUTS = {"seeds": (4, 3), "members of one seed": (1, 6)}


def spec_of(seeds: int, members: int, **changes) -> tm.TrainSpec:
    """A short training with snapshots and a member-wise probability."""
    probability = np.geomspace(1, 0.1, members)[:, None]
    settings = {
        "model": tm.Autoencoder(n=5, d=2),
        "features": tm.IndependentFeatures(n=5, probability=probability),
        "seeds": seeds,
        "steps": 30,
        "batch": 64,
        "snapshots": (0, 10, 30),
    }
    return tm.TrainSpec(**(settings | changes))


def on_mesh(spec):
    """Inputs and state on two devices, and the compiled program for them."""
    inputs, state = place(spec, runs_mesh(), inputs_of(spec), init(spec))
    program = advance.lower(plan_of(spec), inputs, state, jnp.int32(30)).compile()
    return inputs, state, program


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("generator", ["threefry2x32", "counter_hash"])
def test_two_devices_give_the_bits_of_one(layout, generator):
    assert len(jax.devices()) == 2
    spec = spec_of(*layout, generator=generator)
    alone, spread = tm.train(spec), tm.train(spec, mesh=runs_mesh())
    for name, value in alone.params.items():
        np.testing.assert_array_equal(spread.params[name], value)
    np.testing.assert_array_equal(spread.history.loss, alone.history.loss)
    for name, value in alone.snapshots.params.items():
        np.testing.assert_array_equal(spread.snapshots.params[name], value)


def finite_spec(**changes):
    """A set of points with two numbers of copies, all of it in every step."""
    data = tm.sample_dataset(
        tm.IndependentFeatures(n=5, probability=0.4), points=12, seed=0
    )
    return spec_of(
        4, 2, features=data.repeated([1, 4], point=2), batch=data.points, **changes
    )


@pytest.mark.parametrize("kept", [0, 2**23])
def test_a_finite_set_is_spread_as_well(monkeypatch, kept):
    monkeypatch.setattr(batch_loss, "KEPT_NUMBERS", kept)
    jax.clear_caches()
    spec = finite_spec()
    alone, spread = tm.train(spec), tm.train(spec, mesh=runs_mesh())
    np.testing.assert_allclose(
        spread.params["W"], alone.params["W"], rtol=1e-5, atol=1e-6
    )
    first, second = alone.by_seed(alone.params["W"])[:, :2].swapaxes(0, 1)
    assert np.abs(first - second).max() > 1e-3  # copies count
    half = next(run_chunks(spec, chunk=15, mesh=runs_mesh()))
    *_, last = run_chunks(spec, half.state, mesh=runs_mesh())
    np.testing.assert_array_equal(last.state.params["W"], spread.params["W"])
    jax.clear_caches()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_each_device_holds_half_and_sends_nothing(layout):
    spec = spec_of(*layout)
    inputs, state, program = on_mesh(spec)
    text = program.as_text()
    assert "num_partitions=2" in text
    for collective in ("all-reduce", "all-gather", "all-to-all", "collective-permute"):
        assert collective not in text
    result = advance(plan_of(spec), inputs, state, jnp.int32(30))
    shards = result.params["W"].addressable_shards
    assert [s.data.shape[0] for s in shards] == [spec.runs // 2] * 2
    assert len({s.device for s in shards}) == 2


def test_a_stopped_training_goes_on_in_blocks(monkeypatch):
    spec = spec_of(4, 3)
    monkeypatch.setattr(blocks, "BLOCK_NUMBERS", 3 * 5 * 64)
    assert len(blocks.divide(spec)) > 1
    half = next(run_chunks(spec, chunk=15, mesh=runs_mesh()))
    *_, last = run_chunks(spec, half.state)
    np.testing.assert_array_equal(last.state.params["W"], tm.train(spec).params["W"])


@pytest.mark.parametrize(
    ("layout", "named"), [((3, 2), "3 seeds"), ((1, 5), "5 members")]
)
def test_a_mesh_that_does_not_fit_is_refused(layout, named):
    with pytest.raises(tm.SettingsError, match=f"2 devices for {named}"):
        tm.train(spec_of(*layout), mesh=runs_mesh())


def test_one_program_serves_all_chunks(caplog):
    with jax.log_compiles(), caplog.at_level("WARNING", "jax"):
        list(run_chunks(spec_of(4, 3, steps=40), chunk=10, mesh=runs_mesh()))
    compiled = [r for r in caplog.messages if "XLA compilation of jit(advance)" in r]
    assert len(compiled) == 1


def test_the_memory_of_a_mesh_is_that_of_its_devices(monkeypatch):
    spec = spec_of(4, 3, batch=2**20)
    monkeypatch.setattr(jax, "default_backend", lambda: "an accelerator")
    whole, half = check_memory(spec), check_memory(spec, mesh=runs_mesh())
    assert half < 0.7 * whole
    with pytest.raises(tm.SettingsError, match="6 runs.*on one of 2 devices"):
        check_memory(spec, available=half - 1, mesh=runs_mesh())
    with pytest.raises(tm.SettingsError, match="12 runs"):
        check_memory(spec, available=half)


def test_a_mesh_of_other_axes_is_refused():
    mesh = jax.make_mesh((2,), ("batch",))
    with pytest.raises(tm.SettingsError, match="the one axis 'runs'"):
        tm.train(spec_of(4, 3), mesh=mesh)


SCRIPT = """
import json, sys
import jax
address, process, tests = sys.argv[1], int(sys.argv[2]), sys.argv[3]
jax.distributed.initialize(address, num_processes=2, process_id=process)
sys.path.insert(0, tests)
from test_training_mesh import spec_of
import toymodels as tm
from toymodels.training import runs_mesh
mesh = runs_mesh()
run = tm.train(spec_of(4, 3), mesh=mesh)
loss = run.history.loss[-1].tolist()
print(json.dumps([mesh.size, run.params["W"].tolist(), loss]))
"""


@pytest.mark.slow
def test_two_processes_train_one_ensemble(tmp_path):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        address = f"localhost:{probe.getsockname()[1]}"
    environment = {**os.environ, "XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}
    arguments = [sys.executable, "-c", SCRIPT, address]
    processes = [
        subprocess.Popen(
            [*arguments, str(process), str(Path(__file__).parent)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=tmp_path,
        )
        for process in range(2)
    ]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [p.returncode for p in processes] == [0, 0], answers[0][1] + answers[1][1]
    run = tm.train(spec_of(4, 3))
    for out, _ in answers:
        size, weights, loss = json.loads(out.splitlines()[-1])
        assert size == 2
        np.testing.assert_array_equal(np.float32(weights), run.params["W"])
        np.testing.assert_array_equal(np.float32(loss), run.history.loss[-1])
