"""Compiled programs are kept by the commands, and only by them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from toymodels.compilation import is_crowded, release_compiled

# Each starts several processes that import JAX.
pytestmark = pytest.mark.slow

PROGRAM = """
import json, sys
import jax
import toymodels as tm
from toymodels.compilation import keep_compiled
before = jax.config.jax_compilation_cache_dir
if sys.argv[1] == "keep":
    keep_compiled()
events = []
jax.monitoring.register_event_listener(lambda name, **_: events.append(name))
run = tm.train(tm.TrainSpec(
    model=tm.Autoencoder(n=3, d=2),
    features=tm.IndependentFeatures(n=3, probability=0.5),
    steps=5, batch=8, seeds=2,
))
count = lambda what: sum(e.endswith(f"compilation_cache/cache_{what}") for e in events)
print(json.dumps({
    "before": before, "folder": jax.config.jax_compilation_cache_dir,
    "hits": count("hits"), "misses": count("misses"),
    "weights": run.params["W"].tolist(),
}))
"""


def run(tmp_path, how="keep", **environment):
    """The program in a process of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        cwd=tmp_path,
        env={**os.environ, "XLA_FLAGS": "", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_programs_are_kept_in_the_store_and_found_again(tmp_path):
    first, second = run(tmp_path), run(tmp_path)
    assert first["before"] is None, "importing must not configure anything"
    assert first["folder"] == str(tmp_path / ".toymodels" / "store" / "compiled")
    assert first["misses"] > 0 and first["hits"] == 0
    assert second["misses"] == 0 and second["hits"] == first["misses"]
    assert second["weights"] == first["weights"]


def test_a_chosen_place_stays_and_keeping_can_be_turned_off(tmp_path):
    chosen = str(tmp_path / "elsewhere")
    assert run(tmp_path, JAX_COMPILATION_CACHE_DIR=chosen)["folder"] == chosen
    off = run(tmp_path, JAX_ENABLE_COMPILATION_CACHE="false")
    assert off["hits"] == off["misses"] == 0
    assert not (tmp_path / ".toymodels").exists()
    assert run(tmp_path, "import only")["folder"] is None


def test_released_programs_compile_again_and_give_the_same():
    double = jax.jit(lambda x: 2 * x)
    first = double(np.arange(3.0))
    release_compiled()
    assert double._cache_size() == 0
    np.testing.assert_array_equal(double(np.arange(3.0)), first)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="maps of Linux")
def test_a_process_is_crowded_when_it_has_many_maps(monkeypatch):
    monkeypatch.setattr("toymodels.compilation.MOST_MAPS", 1)
    assert is_crowded()
    monkeypatch.setattr("toymodels.compilation.MOST_MAPS", 10**7)
    assert not is_crowded()
