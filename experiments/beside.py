"""Other processes that compute results ahead, from the other end of the job.

Compiling keeps one core busy, and so do small models: a job of many experiments leaves
half of two cores idle. So a second process takes experiments from the last family on,
while the command itself goes through them in order; what either has computed is in the
store, where the command finds it when its turn comes to be drawn and judged. A command
that comes to an experiment which is not finished elsewhere computes another one
meanwhile.

Nothing depends on the other processes: what they fail at, or leave when they die, is
computed by the command as if they had never been there.
"""

import contextlib
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax

from experiments.registry import Experiment
from experiments.runner import Job, Prepared, Told, compute, prepare
from experiments.trainer import Stopped
from toymodels.compilation import keep_compiled, limit_threads
from toymodels.disk import StoreError
from toymodels.store import Store
from toymodels.training.blocks import core_count
from toymodels.training.memory import available_bytes

FREE, TAKEN, ELSEWHERE, DONE = range(4)
LOOK_SECONDS = 0.1
# For a process to come to a safe place, or to its end when there is nothing to do.
STOP_SECONDS, END_SECONDS = 60.0, 5.0
# Two of them need so much at laptop scale.
MEMORY_FOR_TWO = 8 * 2**30


def usual(scale: str) -> int:
    """How many experiments are computed at once when nobody says it.

    Two where there are two cores and 8 GiB of free memory. At paper scale one may need
    all of it, and an accelerator's belongs to the process that asks first.
    """
    if scale == "paper" or jax.default_backend() != "cpu":
        return 1
    free = available_bytes()
    return min(core_count(), 2) if free is None or free >= MEMORY_FOR_TWO else 1


def divide_cores(selected: int, scale: str, wanted: int | None) -> None:
    """Give each of several processes its share of the threads; before JAX is used.

    Args:
        selected: experiments of the job.
        scale: of the job.
        wanted: at once, by the user; the usual number when None.
    """
    if wanted is None:
        wanted = 1 if scale == "paper" else 2
    count = min(wanted, selected)
    if count > 1:
        limit_threads(core_count() // count)


def at_once(prepared: Sequence[Prepared], job: Job, wanted: int | None) -> int:
    """How many experiments a job computes at the same time.

    Args:
        prepared: the experiments.
        job: one that computes everything afresh, or trains on a cluster, has one.
        wanted: by the user; `usual` when None.
    """
    absent = sum(not item.stored(job.store) for item in prepared)
    if job.only_plot or job.fresh or job.cluster is not None or absent < 2:
        return 1
    return min(usual(job.scale) if wanted is None else wanted, absent)


@dataclass
class Shared:
    """Who computes which experiment; seen by all processes."""

    families: tuple[str, ...]
    """Of each experiment, in the order of the job."""
    states: Any
    """One of the four for each experiment, in shared memory with a lock."""

    def claim(self, place: int) -> bool:
        """Take one experiment, if it is free."""
        with self.states.get_lock():
            free = self.states[place] == FREE
            if free:
                self.states[place] = TAKEN
            return free

    def claim_ahead(self, state: int = TAKEN) -> int | None:
        """Take one of those that come last; None if none is free.

        Families that nobody else works on come first, since experiments of one often
        train the same models.
        """
        with self.states.get_lock():
            busy = {
                family
                for family, now in zip(self.families, self.states, strict=True)
                if now == ELSEWHERE
            }
            free = [k for k, now in enumerate(self.states) if now == FREE]
            if not free:
                return None
            last = {family: k for k, family in enumerate(self.families)}
            place = min(
                free,
                key=lambda k: (
                    state == TAKEN and self.families[k] in busy,
                    -last[self.families[k]],
                    k,
                ),
            )
            self.states[place] = state
            return place

    def put(self, place: int, state: int) -> None:
        """Say how one of them is now."""
        self.states[place] = state

    def is_elsewhere(self, place: int) -> bool:
        """Whether another process computes it."""
        return self.states[place] == ELSEWHERE


@dataclass
class Beside:
    """The command's side: what others compute, and what it computes ahead itself."""

    prepared: Sequence[Prepared] = ()
    shared: Shared | None = None
    processes: Sequence[Any] = ()
    notes: Any = None
    """A queue of (place, `Told`) of what others have computed."""
    told: dict[int, Told] = field(default_factory=dict)

    def wait(self, place: int, job: Job, begin: Callable[[Prepared], None]) -> bool:
        """Return when an experiment is ours to compute, or computed.

        Args:
            place: of the experiment.
            job: what to compute with meanwhile.
            begin: told what is computed meanwhile.

        Returns:
            Whether something was.

        Raises:
            Stopped: the user asked to stop.
            StoreError: what was computed meanwhile cannot be kept.
        """
        something = False
        while self.shared is not None and not self.shared.claim(place):
            if not self.shared.is_elsewhere(place) or not self._somebody_lives():
                break
            if job.stop():
                raise Stopped
            ahead = self.shared.claim_ahead()
            if ahead is None:
                time.sleep(LOOK_SECONDS)
                continue
            something = True
            begin(self.prepared[ahead])
            told = _attempt(self.prepared[ahead], job)
            if told is not None:
                self.told[ahead] = told
            self.shared.put(ahead, DONE)
        return something

    def heard(self, place: int) -> Told | None:
        """What there is to say of a result that was computed ahead, if it was."""
        while self.notes is not None and not self.notes.empty():
            other, told = self.notes.get()
            self.told[other] = told
        return self.told.get(place)

    def _somebody_lives(self) -> bool:
        return any(process.is_alive() for process in self.processes)


@contextlib.contextmanager
def beside(prepared: Sequence[Prepared], job: Job, others: int) -> Iterator[Beside]:
    """While open, other processes compute what the job has not got to yet.

    Args:
        prepared: the experiments, in order.
        job: its stop function is passed on to the others.
        others: how many processes.
    """
    if others < 1:
        yield Beside(prepared)
        return
    context = multiprocessing.get_context("spawn")
    states = context.Array(
        "b", [DONE if item.stored(job.store) else FREE for item in prepared]
    )
    shared = Shared(tuple(p.experiment.family for p in prepared), states)
    notes, leave = context.SimpleQueue(), context.Event()
    task = Task(
        experiments=tuple(item.experiment for item in prepared),
        keys=tuple(item.key for item in prepared),
        store=job.store.root.absolute(),
        scale=job.scale,
        seed=job.seed,
        changes=job.changes,
        generator=job.generator,
        compiled=jax.config.jax_compilation_cache_dir,  # pyright: ignore
    )
    processes = [
        context.Process(target=work, args=(task, shared, notes, leave), daemon=True)
        for _ in range(others)
    ]
    asked = job.stop

    def stop() -> bool:
        if asked():
            leave.set()
        return leave.is_set()

    job.stop = stop
    with _deaf():
        for process in processes:
            process.start()
    calm = False
    try:
        yield Beside(prepared, shared, processes, notes)
        calm = True
    finally:
        job.stop = asked
        _end(processes, shared, leave, calm=calm)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are begun meanwhile ignore Ctrl-C from their first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _end(processes: Sequence[Any], shared: Shared, leave: Any, *, calm: bool) -> None:
    """Let what is in work come to a safe place, and end the processes."""
    busy = ELSEWHERE in list(shared.states)
    leave.set()
    patience = (STOP_SECONDS if busy else END_SECONDS) if calm else 0.0
    until = time.monotonic() + patience
    # Ctrl-C again stops the waiting, and nothing else: results are still to be written.
    with contextlib.suppress(KeyboardInterrupt):
        for process in processes:
            process.join(max(until - time.monotonic(), 0.0))
    for process in processes:
        if process.is_alive():
            process.terminate()
        process.join()


@dataclass(frozen=True)
class Task:
    """A job as another process needs it."""

    experiments: tuple[Experiment, ...]
    keys: tuple[str, ...]
    """Where the command looks for their results."""
    store: Path
    scale: str
    seed: int
    changes: dict[str, Any]
    generator: str
    compiled: str | None
    """Folder of compiled programs."""


def work(task: Task, shared: Shared, notes: Any, leave: Any) -> None:
    """What the other process does: compute what is free, until nothing is.

    Ctrl-C is for the command to hear, which says so through `leave`. Should the command
    have died, this process ends after the next chunk of training, or experiment.
    """
    if task.compiled is not None:
        keep_compiled(task.compiled)
    command = multiprocessing.parent_process()
    job = Job(Store(task.store), scale=task.scale, seed=task.seed)
    job.changes, job.generator = task.changes, task.generator
    job.stop = lambda: leave.is_set() or not (command and command.is_alive())
    with contextlib.suppress(Stopped, StoreError):
        while not job.stop():
            place = shared.claim_ahead(ELSEWHERE)
            if place is None:
                return
            prepared = _prepared(task, place, job)
            told = None if prepared is None else _attempt(prepared, job)
            if told is not None:
                notes.put((place, told))
            shared.put(place, DONE)


def _prepared(task: Task, place: int, job: Job) -> Prepared | None:
    """An experiment, unless its file was edited since the command read it.

    What this process has imported would be kept under the key of other code.
    """
    try:
        prepared = prepare(task.experiments[place], job)
    except Exception:
        return None
    return prepared if prepared.key == task.keys[place] else None


def _attempt(prepared: Prepared, job: Job) -> Told | None:
    """Compute into the store; None where that fails, which is said when it is due."""
    try:
        return compute(prepared, job)
    except (Stopped, StoreError):
        raise
    except Exception:
        return None
