"""The `train` that the runner gives to experiments: from the store, or chunk by chunk.

Between chunks it reports progress and obeys a wish to stop. A training that is stopped,
or that lasts for minutes, leaves a checkpoint beside the store, from which the next
call goes on to the same bits.
"""

import collections
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from experiments.source import training_hash
from toymodels.disk import StoreError
from toymodels.store import Store
from toymodels.training import (
    Checkpoints,
    ChunkReport,
    Run,
    TrainSpec,
    TrainState,
    finish,
    run_chunks,
)

KIND = f"train with code {training_hash()[:16]}"

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
    """

    store: Store
    progress: Callable[[int, int], None]
    stop: Callable[[], bool]
    fresh: bool = False
    renewed: set[str] = field(default_factory=set)
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
        before = self.done
        self.total += spec.steps
        self.progress(self.done, self.total)
        key = self.store.key(spec, KIND)
        fresh = self.fresh and key not in self.renewed
        result = self.store.cached(
            spec,
            KIND,
            lambda: self._train(spec, key, fresh=fresh).to_result(),
            fresh=fresh,
        )
        self.renewed.add(key)
        self.done = before + spec.steps
        self.progress(self.done, self.total)
        # Read back also when it is new: an experiment sees the same arrays either way.
        return Run.from_result(result)

    def _train(self, spec: TrainSpec, key: str, *, fresh: bool) -> Run:
        folder = self.store.root / "unfinished" / key
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        reports = run_chunks(spec, _unfinished(folder, spec))
        last = collections.deque(self._watched(reports, folder, spec), maxlen=1).pop()
        run = finish(spec, last.state)
        shutil.rmtree(folder, ignore_errors=True)
        return run

    def _watched(
        self, reports: Iterator[ChunkReport], folder: Path, spec: TrainSpec
    ) -> Iterator[ChunkReport]:
        before, saved = self.done, time.monotonic()
        for report in reports:
            self.done = before + report.step
            self.progress(self.done, self.total)
            if report.step < spec.steps:
                late = time.monotonic() - saved > CHECKPOINT_SECONDS
                if late or self.stop():
                    _keep(folder, spec, report.state)
                    saved = time.monotonic()
                if self.stop():
                    raise Stopped
            yield report


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
