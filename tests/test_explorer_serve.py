"""The server's process: how many cores the training may have."""

import errno
import os
import subprocess
import sys
import threading
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
from toymodels.explorer.serve import leave_a_core_free, share_the_cores
os.sched_getaffinity = lambda _: set(range(int(sys.argv[1])))
leave_a_core_free()
share_the_cores()
import jax
jax.numpy.ones(3).block_until_ready()
tasks = "/proc/self/task"
names = {int(task): open(f"{tasks}/{task}/comm").read() for task in os.listdir(tasks)}
own = [task for task, name in names.items() if name.startswith("tf_XLAEigen")]
wait = all(os.sched_getscheduler(task) == os.SCHED_BATCH for task in own)
print(len(own), wait)
"""
HAS_POLICIES = pytest.mark.skipif(
    not hasattr(os, "SCHED_BATCH"), reason="no scheduling policies here"
)


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


@pytest.fixture
def settings_come_back():
    name = "jax_cpu_enable_async_dispatch"
    before = sys.getswitchinterval(), jax.config.values[name]
    yield
    sys.setswitchinterval(before[0])
    jax.config.update(name, before[1])


def in_a_thread(function):
    """What it returns; a policy that it chose ends with the thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.usefixtures("settings_come_back")
def test_threads_wait_less_for_each_other():
    in_a_thread(share_the_cores)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    assert jax.config.values["jax_cpu_enable_async_dispatch"] is False


@HAS_POLICIES
@pytest.mark.usefixtures("settings_come_back")
def test_a_policy_that_somebody_chose_stays():
    def share_after(policy):
        os.sched_setscheduler(0, policy, os.sched_param(0))
        share_the_cores()
        return os.sched_getscheduler(0)

    assert in_a_thread(lambda: share_after(os.SCHED_OTHER)) == os.SCHED_BATCH
    assert in_a_thread(lambda: share_after(os.SCHED_IDLE)) == os.SCHED_IDLE


@HAS_POLICIES
@pytest.mark.usefixtures("settings_come_back")
def test_a_sandbox_may_forbid_policies(monkeypatch):
    def forbidden(*_):
        raise PermissionError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    in_a_thread(share_the_cores)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)


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
    assert done.stdout.split() == [str(threads), "True"]
