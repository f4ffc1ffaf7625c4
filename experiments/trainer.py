"""The `train` that the runner gives to experiments: from the store, or chunk by chunk.

Between chunks it reports progress and obeys a wish to stop. A training that is stopped,
or that lasts for minutes, leaves a checkpoint beside the store, from which the next
call goes on to the same bits.

A big training is divided into parts, always the same ones; each is kept when it is
finished. They are trained one after another in this process, or by a cluster.
"""

import collections
import contextlib
import dataclasses
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from experiments.cluster import Cluster
from experiments.parts import KIND, Parts, PartsProgress, PartsReport, keep
from toymodels.disk import StoreError
from toymodels.features import DEFAULT_GENERATOR
from toymodels.store import Store
from toymodels.training import (
    Checkpoints,
    ChunkReport,
    DivergedWarning,
    Run,
    TrainSpec,
    TrainState,
    finish,
    part,
    parts_of,
    run_chunks,
)
from toymodels.training.blocks import Block

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOOK_SECONDS = 0.2
# Shorter trainings are begun again rather than slowed down by checkpoints.
CHECKPOINT_SECONDS = 60.0


class Stopped(Exception):
    """The user asked to stop, and everything that can be resumed is on disk."""


@dataclass
class Trainer:
    """Called with a `TrainSpec`, returns its `Run`. One for each experiment.

    Args:
        store: where runs are kept.
        progress: called with the steps that are done, and those known of so far.
        stop: asked between chunks.
        fresh: train again what is stored.
        renewed: keys of what this job has trained; shared by its experiments, so that
            what two of them read is trained once even when `fresh`.
        generator: draws the samples, whatever the specs say.
        cluster: trains all parts; this process when None.
        parts: called with how far a divided training is.
        divide: where a training is cut; the same for everybody who uses the store.
    """

    store: Store
    progress: Callable[[int, int], None]
    stop: Callable[[], bool]
    fresh: bool = False
    renewed: set[str] = field(default_factory=set)
    generator: str = DEFAULT_GENERATOR
    cluster: Cluster | None = None
    parts: Callable[[PartsReport], None] = lambda report: None
    divide: Callable[[TrainSpec], Sequence[Block]] = parts_of
    done: int = 0
    total: int = 0

    def __call__(self, spec: TrainSpec) -> Run:
        """The run of a spec.

        Raises:
            Stopped: the user asked to stop.
            StoreError: the run cannot be kept.
        """
        if self.stop():
            raise Stopped
        spec = dataclasses.replace(spec, generator=self.generator)
        before = self.done
        self.total += spec.steps
        self.progress(self.done, self.total)
        key = self.store.key(spec, KIND)
        fresh = self.fresh and key not in self.renewed
        folder = self.store.root / "unfinished" / key
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        with _alone(self.store.root, key, self.stop):
            result = self.store.cached(
                spec,
                KIND,
                lambda: self._train(spec, key, folder).to_result(),
                fresh=fresh,
            )
            # Only now: the joined run is in the store, so nobody needs the parts.
            shutil.rmtree(folder, ignore_errors=True)
        self.renewed.add(key)
        self.done = before + spec.steps
        self.progress(self.done, self.total)
        # Read back also when it is new: an experiment sees the same arrays either way.
        return Run.from_result(result)

    def _train(self, spec: TrainSpec, key: str, folder: Path) -> Run:
        blocks = self.divide(spec)
        kept = folder / "parts"
        # A cluster may have finished the only part for a client that died.
        if len(blocks) == 1 and self.cluster is None and not kept.exists():
            return self._here(spec, folder)
        parts = Parts(kept, spec, key, blocks)
        absent = parts.absent()
        progress = PartsProgress(
            total=len(parts.keys),
            done=len(parts.keys) - len(absent),
            model_steps=sum(b.runs(spec.members).size for b in absent.values())
            * spec.steps,
        )
        before = self.done

        def report(trained: int, workers: int | None = None) -> None:
            state = progress.report(trained, workers)
            self.done = before + spec.steps * state.done // state.total
            self.progress(self.done, self.total)
            self.parts(state)

        report(0)
        if self.cluster is None:
            self._parts_here(parts, absent, report)
        elif absent and not self.cluster.train(
            parts, absent, report=report, stop=self.stop
        ):
            raise Stopped
        return parts.joined()

    def _parts_here(
        self,
        parts: Parts,
        absent: dict[str, Block],
        report: Callable[[int], None],
    ) -> None:
        for trained, (key, block) in enumerate(absent.items()):
            if self.stop():
                raise Stopped
            folder = parts.folder / "unfinished" / key
            start = time.monotonic()
            with warnings.catch_warnings():
                # Said when they are joined, of all runs together.
                warnings.simplefilter("ignore", DivergedWarning)
                run = self._here(
                    part(parts.spec, block), folder, share=1 / len(parts.keys)
                )
            keep(parts.store, key, run, time.monotonic() - start)
            shutil.rmtree(folder, ignore_errors=True)
            report(trained + 1)

    def _here(self, spec: TrainSpec, folder: Path, share: float = 1.0) -> Run:
        """Train in this process; `share` is that of the whole training's steps."""
        reports = run_chunks(spec, _unfinished(folder, spec))
        watched = self._watched(reports, folder, spec, share)
        return finish(spec, collections.deque(watched, maxlen=1).pop().state)

    def _watched(
        self,
        reports: Iterator[ChunkReport],
        folder: Path,
        spec: TrainSpec,
        share: float,
    ) -> Iterator[ChunkReport]:
        before, saved = self.done, time.monotonic()
        for report in reports:
            self.done = before + int(report.step * share)
            self.progress(self.done, self.total)
            if report.step < spec.steps:
                late = time.monotonic() - saved > CHECKPOINT_SECONDS
                if late or self.stop():
                    _keep(folder, spec, report.state)
                    saved = time.monotonic()
                if self.stop():
                    raise Stopped
            yield report


@contextlib.contextmanager
def _alone(root: Path, key: str, stop: Callable[[], bool]) -> Iterator[None]:
    """Wait until no other process of this machine trains the same; it is stored then.

    Every key locks a byte of one file, which the system gives back when a process dies.
    Where there are no such locks (Windows, some shared file systems), two processes may
    train the same, to the same bits.

    Raises:
        Stopped: the user asked to stop.
    """
    with contextlib.ExitStack() as opened:
        with contextlib.suppress(OSError):
            file = opened.enter_context((root / "locks").open("ab"))
            while fcntl is not None:
                try:
                    fcntl.lockf(
                        file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(key[:12], 16)
                    )
                    break
                except (BlockingIOError, PermissionError):
                    if stop():
                        raise Stopped from None
                    time.sleep(LOOK_SECONDS)
        yield


def _unfinished(folder: Path, spec: TrainSpec) -> TrainState | None:
    """Where an earlier job stopped; None if it did not, or left nothing readable."""
    if not folder.exists():
        return None
    try:
        with Checkpoints(folder, spec) as checkpoints:
            return checkpoints.latest()
    except StoreError as error:
        warnings.warn(f"{error}; it is trained from the beginning", stacklevel=2)
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _keep(folder: Path, spec: TrainSpec, state: TrainState) -> None:
    with Checkpoints(folder, spec) as checkpoints:
        checkpoints.save(state)
