"""Experiments that other processes compute ahead, and what is left when those fail."""

import dataclasses
import subprocess
import sys
import threading

import pytest

from experiments import beside as beside_module
from experiments.beside import (
    DONE,
    ELSEWHERE,
    FREE,
    TAKEN,
    Beside,
    Shared,
    Task,
    at_once,
    divide_cores,
    usual,
)
from experiments.reproduce import main
from experiments.runner import Job, prepare
from experiments.trainer import Stopped, _alone
from toymodels.config import SettingsError
from toymodels.disk import StoreError


class States(list):
    """A list with the lock of a shared array."""

    def get_lock(self):
        return threading.Lock()


def shared(families, states=None):
    return Shared(tuple(families), States(states or [FREE] * len(families)))


def test_others_begin_with_the_last_family_and_keep_its_order():
    job = shared("AABBCC")
    taken = [job.claim_ahead(ELSEWHERE) for _ in range(7)]
    assert taken == [4, 5, 2, 3, 0, 1, None]
    assert list(job.states) == [ELSEWHERE] * 6


def test_nothing_is_taken_twice():
    job = shared("AAB")
    assert job.claim(0)
    assert not job.claim(0)
    assert job.claim_ahead(ELSEWHERE) == 2
    assert job.claim_ahead() == 1
    assert job.claim_ahead() is None
    assert list(job.states) == [TAKEN, TAKEN, ELSEWHERE]


def test_the_command_leaves_a_family_to_whom_works_on_it():
    assert shared("AABB", [TAKEN, FREE, ELSEWHERE, FREE]).claim_ahead() == 1
    assert shared("AABB", [TAKEN, DONE, ELSEWHERE, FREE]).claim_ahead() == 3


class Other:
    """A process that computes the first experiment until we have computed another."""

    def __init__(self, job, lives=True):
        self.job, self.lives = job, lives

    def is_alive(self):
        if self.lives and DONE in self.job.states:
            self.job.put(0, DONE)
        return self.lives


def test_what_a_dead_process_had_taken_is_ours():
    job = shared("A", [ELSEWHERE])
    assert Beside((), job, [Other(job, lives=False)]).wait(0, None, None) is False


@pytest.mark.parametrize("fails", [False, True])
def test_the_command_computes_another_while_it_waits(fakes, fails):
    fakes.write(1)
    fakes.write(2, id="OTHER-1", compute="raise ValueError" if fails else "pass")
    work = Job(fakes.store, scale="smoke")
    prepared = [prepare(one, work) for one in fakes.catalogue()]
    job, begun = shared(["FAKE", "OTHER"], [ELSEWHERE, FREE]), []
    others = Beside(prepared, job, [Other(job)])
    assert others.wait(0, work, begun.append) is True
    assert begun == prepared[1:]
    assert fakes.computed() == ["OTHER-1"]
    # What failed is tried, and said, when its turn comes.
    assert (others.heard(1) is None) is fails
    assert prepared[1].stored(fakes.store) is not fails


def test_waiting_ends_with_the_wish_to_stop():
    job = shared("A", [ELSEWHERE])
    with pytest.raises(Stopped):
        Beside((), job, [Other(job)]).wait(0, Job(None, stop=lambda: True), None)


def test_a_disk_that_refuses_is_said_at_once(fakes, monkeypatch):
    fakes.write(1)
    fakes.write(2)
    work = Job(fakes.store, scale="smoke")
    prepared = [prepare(one, work) for one in fakes.catalogue()]

    def refuse(*_):
        raise StoreError(fakes.store.root, "is full")

    monkeypatch.setattr(beside_module, "compute", refuse)
    job = shared("AA", [ELSEWHERE, FREE])
    with pytest.raises(StoreError):
        Beside(prepared, job, [Other(job)]).wait(0, work, lambda _: None)


def test_an_edited_experiment_is_left_to_the_command(fakes):
    path = fakes.write(1)
    job = Job(fakes.store, scale="smoke")
    (one,) = fakes.catalogue()
    key = prepare(one, job).key
    task = Task((one,), (key,), fakes.store.root, "smoke", 0, {}, "threefry2x32", None)
    assert beside_module._prepared(task, 0, job).key == key
    path.write_text(path.read_text().replace("1 + 0.1", "1 + 0.2"))
    assert beside_module._prepared(task, 0, job) is None
    path.write_text("broken(")
    assert beside_module._prepared(task, 0, job) is None


@pytest.mark.parametrize(
    ("selected", "scale", "wanted", "threads"),
    [
        (9, "laptop", None, [4]),
        (9, "smoke", 4, [2]),
        (2, "laptop", 99, [4]),
        (1, "laptop", None, []),
        (9, "paper", None, []),
        (9, "laptop", 1, []),
    ],
)
def test_processes_share_the_cores(monkeypatch, selected, scale, wanted, threads):
    monkeypatch.setattr(beside_module, "core_count", lambda: 8)
    given = []
    monkeypatch.setattr(beside_module, "limit_threads", given.append)
    divide_cores(selected, scale, wanted)
    assert given == threads


def test_one_process_where_others_could_do_nothing(fakes):
    fakes.write(1)
    fakes.write(2)
    job = Job(fakes.store, scale="smoke")
    prepared = [prepare(one, job) for one in fakes.catalogue()]
    count = lambda wanted=2, **changes: at_once(  # noqa: E731
        prepared, dataclasses.replace(job, **changes), wanted
    )
    assert count() == 2
    assert count(5) == 2, "there are two experiments"
    assert count(fresh=True) == count(only_plot=True) == count(cluster=object()) == 1
    fakes.run("FAKE-1")
    assert count() == 1


def test_one_process_trains_while_the_other_waits(tmp_path):
    # Two locks of one process never exclude each other, so the other is a real one.
    held = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "locks")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with held:
        assert held.stdout.readline() == b"held\n"
        asked = []

        def stop():
            asked.append(None)
            return len(asked) > 2

        with pytest.raises(Stopped), _alone(tmp_path, KEY, stop):
            pass
        with _alone(tmp_path, "f" + KEY[1:], stop):
            pass  # of another training
        held.stdin.close()
        held.wait()
        with _alone(tmp_path, KEY, stop):
            pass


KEY = "0123456789abcdef"
HOLD = """
import fcntl, sys
file = open(sys.argv[1], "ab")
fcntl.lockf(file, fcntl.LOCK_EX, 1, int("0123456789ab", 16))
print("held", flush=True)
sys.stdin.read()
"""


def test_paper_scale_has_the_machine_for_itself(monkeypatch):
    monkeypatch.setattr(beside_module, "core_count", lambda: 8)
    monkeypatch.setattr(beside_module, "available_bytes", lambda: 2**34)
    assert usual("paper") == 1
    assert usual("laptop") == 2
    monkeypatch.setattr(beside_module, "available_bytes", lambda: 2**32)
    assert usual("laptop") == 1
    monkeypatch.setattr(beside_module, "available_bytes", lambda: None)
    assert usual("laptop") == 2
    monkeypatch.setattr(beside_module, "core_count", lambda: 1)
    assert usual("laptop") == 1


def test_a_bad_number_is_named(fakes, capsys):
    fakes.write(1)
    with pytest.raises(SettingsError, match="at_once: got 0"):
        fakes.run(at_once=0)
    assert main(["TMS-1", "--scale", "smoke", "--at-once", "0"]) == 2
    assert "at_once" in capsys.readouterr().err


def until(fakes, id):
    """Code that waits for another experiment to be begun, which takes imports."""
    return f"""
import time
from pathlib import Path
for _ in range(1200):
    if "{id} " in Path({str(fakes.log)!r}).read_text():
        break
    time.sleep(0.1)
else:
    raise TimeoutError("{id} was never begun")
""".strip()


# Which process it is decides what happens.
ELSEWHERE_ONLY = "import multiprocessing, os\nif multiprocessing.parent_process(): {}"


@pytest.mark.slow
def test_two_processes_leave_what_one_does(fakes):
    warn = "import warnings\nwarnings.warn('odd')"
    fakes.write(1, compute=until(fakes, "OTHER-2"))
    fakes.write(2, id="OTHER-1", compute=warn)
    fakes.write(3, id="OTHER-2")
    summary = fakes.run(at_once=2)
    assert summary.exit_code == 0
    assert sorted(fakes.computed()) == ["FAKE-1", "OTHER-1", "OTHER-2"]
    files, shown = fakes.files(), fakes.shown
    # The command was busy with the first one; its line has the second one's warning.
    assert shown.count("computed, ") == 3
    assert shown.count("warning: odd") == 1
    assert [c.id for c in summary.claims] == ["FAKE-1.a", "OTHER-1.a", "OTHER-2.a"]
    assert fakes.run(at_once=2).exit_code == 0
    assert fakes.computed() == []
    assert fakes.files() == files


@pytest.mark.slow
@pytest.mark.parametrize("end", ["raise ValueError('there')", "os._exit(3)"])
def test_what_fails_elsewhere_is_computed_here(fakes, end):
    fakes.write(1, compute=until(fakes, "OTHER-1"))
    fakes.write(2, id="OTHER-1", compute=ELSEWHERE_ONLY.format(end))
    summary = fakes.run(at_once=2)
    assert summary.exit_code == 0
    computed = fakes.computed()
    assert computed.count("FAKE-1") == 1
    assert computed.count("OTHER-1") == 2, "it was begun elsewhere, and done here"
    assert len(summary.claims) == 2


# Obeys a wish to stop as a training does, between two chunks.
OBEYS = """
import time
while not train.stop():
    time.sleep(0.05)
open({flag!r}, "w").close()
train(None)
"""


@pytest.mark.slow
def test_ctrl_c_reaches_the_other_process(fakes):
    kill = "\nimport os, signal\nos.kill(os.getpid(), signal.SIGINT)"
    heard = fakes.root / "heard"
    fakes.write(1, compute=until(fakes, "OTHER-1") + kill)
    fakes.write(2, id="OTHER-1", compute=OBEYS.format(flag=str(heard)).strip())
    fakes.write(3, id="OTHER-2")
    assert fakes.run(at_once=2).exit_code == 130
    assert heard.exists()
    assert sorted(fakes.computed()) == ["FAKE-1", "OTHER-1"]
