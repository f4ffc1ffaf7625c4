"""The server's process: how many cores the training may have."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

pytest.importorskip("uvicorn", reason="the extra `explore` is missing")

from toymodels.compilation import XLA_THREADS
from toymodels.explorer.serve import (
    SWITCH_SECONDS,
    leave_a_core_free,
    share_the_cores,
)

THREADS = """
import os, sys
from toymodels.compilation import XLA_THREADS
from toymodels.explorer.serve import leave_a_core_free
os.sched_getaffinity = lambda _: set(range(int(sys.argv[1])))
leave_a_core_free()
import jax
jax.numpy.ones(3).block_until_ready()
tasks = "/proc/self/task"
names = [open(f"{tasks}/{task}/comm").read() for task in os.listdir(tasks)]
print(sum(name.startswith("tf_XLAEigen") for name in names))
"""


@pytest.mark.parametrize(("cores", "left"), [(1, "1"), (2, "1"), (8, "7")])
def test_one_core_is_left_to_the_page(monkeypatch, cores, left):
    monkeypatch.setattr(
        os, "sched_getaffinity", lambda _: set(range(cores)), raising=False
    )
    # Set and removed again, so that the test leaves nothing behind.
    monkeypatch.setenv(XLA_THREADS, "")
    monkeypatch.delenv(XLA_THREADS)
    leave_a_core_free()
    assert os.environ[XLA_THREADS] == left


def test_the_number_that_somebody_chose_stays(monkeypatch):
    monkeypatch.setenv(XLA_THREADS, "5")
    leave_a_core_free()
    assert os.environ[XLA_THREADS] == "5"


def test_threads_wait_less_for_each_other():
    name = "jax_cpu_enable_async_dispatch"
    before = sys.getswitchinterval(), jax.config.values[name]
    try:
        share_the_cores()
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
        assert jax.config.values[name] is False
    finally:
        sys.setswitchinterval(before[0])
        jax.config.update(name, before[1])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no list of threads")
@pytest.mark.parametrize(("cores", "threads"), [(2, 1), (4, 3)])
def test_the_compiler_keeps_to_it(cores, threads):
    environment = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    kept = {k: v for k, v in os.environ.items() if k not in (XLA_THREADS, "NPROC")}
    done = subprocess.run(
        [sys.executable, "-c", THREADS, str(cores)],
        env={**kept, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == threads
