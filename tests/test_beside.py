"""Experiments that other processes compute ahead, and what is left when those fail."""

import threading

import pytest
from rich.console import Console

from experiments import beside as beside_module
from experiments.beside import DONE, ELSEWHERE, FREE, TAKEN, Beside, Shared, usual
from experiments.reproduce import main
from toymodels.config import SettingsError


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


def test_what_a_dead_process_had_taken_is_ours():
    class Dead:
        def is_alive(self):
            return False

    job = Beside((), shared("A", [ELSEWHERE]), [Dead()])
    assert job.wait(0, None, None) is False


def test_paper_scale_has_the_machine_for_itself(monkeypatch):
    monkeypatch.setattr(beside_module, "core_count", lambda: 8)
    assert usual("paper") == 1
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


@pytest.mark.slow
def test_ctrl_c_reaches_the_other_process(fakes):
    kill = "\nimport os, signal\nos.kill(os.getpid(), signal.SIGINT)"
    fakes.write(1, compute=until(fakes, "OTHER-1") + kill)
    # Stopped between two chunks of a training that would take minutes.
    fakes.write(2, id="OTHER-1", compute=TRAINS.strip())
    fakes.write(3, id="OTHER-2")
    assert fakes.run(at_once=2).exit_code == 130
    assert sorted(fakes.computed()) == ["FAKE-1", "OTHER-1"]
    assert "OTHER-2_line.png" not in fakes.files()
    assert list(fakes.store.root.glob("unfinished/*"))


TRAINS = """
from toymodels.features import IndependentFeatures
from toymodels.models import Autoencoder
from toymodels.training import TrainSpec
train(TrainSpec(
    model=Autoencoder(n=3, d=2),
    features=IndependentFeatures(n=3, probability=0.5),
    steps=20_000_000,
    batch=8,
    seeds=2,
))
"""


def test_without_others_nothing_is_awaited():
    job = Beside()
    assert job.wait(0, None, Console().print) is False
    assert job.heard(0) is None
