"""Checkpoints of a training in progress, and exact resume, on Orbax.

A checkpoint holds the whole `TrainState`, which includes the loss history and the
snapshots; beside them lies a file with the settings they belong to. Orbax writes each
into a temporary folder and renames it, so a process that is killed at any moment leaves
the previous one; the two newest are kept. Since a step's random key depends on the seed
and the step alone, a resumed training ends with the same bits as an uninterrupted one.
"""

import contextlib
import dataclasses
import errno
import gc
import json
import logging
import time
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from toymodels.config import SettingsError, content_hash, to_json
from toymodels.disk import StoreError, write_atomically
from toymodels.features import DEFAULT_GENERATOR, with_generator
from toymodels.training.run import CHUNK_STEPS, ChunkReport, is_complete, run_chunks
from toymodels.training.spec import TrainSpec
from toymodels.training.state import TrainState, init

SETTINGS = "settings.json"


class CheckpointError(StoreError):
    """A checkpoint that cannot be written or read, said in one line."""


class DamagedCheckpointWarning(RuntimeWarning):
    """A checkpoint could not be read, so an older one was used."""


class Checkpoints:
    """The checkpoints of one training, in one folder.

    Use as a context manager, which closes Orbax's threads.

    Args:
        folder: made if absent; belongs to one spec.
        spec: what is being trained.

    Raises:
        SettingsError: the folder holds a training of other settings.
        CheckpointError: the folder cannot be written.
    """

    def __init__(self, folder: str | Path, spec: TrainSpec):
        self.folder = Path(folder).absolute()
        self.spec = spec
        self._hash = content_hash(spec)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._manager = ocp.CheckpointManager(
                self.folder,
                options=ocp.CheckpointManagerOptions(
                    max_to_keep=2, create=True, enable_async_checkpointing=False
                ),
            )
        except OSError as error:
            raise _cannot_write(self.folder, error) from None
        self._check_settings()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: Any) -> None:
        self._manager.close()

    def save(self, state: TrainState) -> None:
        """Keep `state`, unless its step is kept already.

        Raises:
            CheckpointError: the folder cannot be written or the disk is full; older
                checkpoints are as they were.
        """
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        arguments = ocp.args.Composite(state=ocp.args.StandardSave(_storable(state)))
        try:
            with _quiet_libraries():
                self._manager.save(step, args=arguments)
                self._manager.wait_until_finished()
        except (OSError, ValueError) as error:
            raise _cannot_write(self.folder, error) from None

    def latest(self) -> TrainState | None:
        """The newest readable state; None where there is no checkpoint.

        A damaged checkpoint is named in a warning and the one before it is used.

        Raises:
            CheckpointError: there are checkpoints and none can be read; they stay.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        target = _storable(jax.eval_shape(lambda: init(self.spec)))
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(target))
        damaged = []
        for step in steps:
            try:
                with _quiet_libraries():
                    found = self._manager.restore(step, args=arguments)["state"]
                    state = _usable(found, self.spec.generator)
            except (ValueError, OSError, KeyError) as error:
                damaged.append(step)
                warnings.warn(
                    f"checkpoint {self.folder / str(step)} is damaged "
                    f"({_first_line(error)}); trying the one before it",
                    DamagedCheckpointWarning,
                    stacklevel=2,
                )
                continue
            for newer in damaged:  # Orbax keeps nothing older than its newest step
                self._manager.delete(newer)
            return state
        if steps:
            raise CheckpointError(
                self.folder,
                f"none of its {len(steps)} checkpoints can be read",
                "removing the folder, to train from the beginning",
            )
        return None

    def _check_settings(self) -> None:
        """The folder is ours if it is new or names the same settings."""
        path = self.folder / SETTINGS
        if not path.exists() and not self._manager.all_steps():
            record = {"hash": self._hash, "spec": to_json(self.spec)}
            write_atomically(path, json.dumps(record).encode())
            return
        try:
            found = json.loads(path.read_bytes())["hash"]
        except (OSError, ValueError, KeyError, TypeError):
            self._manager.close()
            raise CheckpointError(
                path,
                "it cannot be read, so nobody knows whose checkpoints these are",
                "removing the folder, to train from the beginning",
            ) from None
        if found != self._hash:
            self._manager.close()
            raise SettingsError(
                "checkpoint",
                f"settings {found[:12]} in {self.folder}",
                f"settings {self._hash[:12]}",
                "another folder, or the settings it was started with",
            )


def checkpointed_chunks(
    spec: TrainSpec,
    folder: str | Path,
    *,
    chunk: int = CHUNK_STEPS,
    every_seconds: float = 10.0,
) -> Generator[ChunkReport, None, None]:
    """`run_chunks` that goes on from a folder's newest checkpoint and keeps new ones.

    Args:
        spec: what to train.
        folder: where its checkpoints are.
        chunk: steps between reports.
        every_seconds: least time between two checkpoints; the state at which the caller
            stops iterating is always kept, that of a finished training is the caller's.

    Yields:
        A report after each chunk.
    """
    with Checkpoints(folder, spec) as checkpoints:
        state = checkpoints.latest()
        saved = time.monotonic()
        for report in run_chunks(spec, state, chunk=chunk):
            finished = is_complete(spec, report.blocks)
            if time.monotonic() - saved >= every_seconds and not finished:
                checkpoints.save(report.state)
                saved = time.monotonic()
            try:
                yield report
            except GeneratorExit:
                if not finished:
                    checkpoints.save(report.state)
                raise


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Orbax's threads log whole tracebacks of errors that we say in one line."""
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        gc.collect()  # futures that nobody awaited complain when they are collected
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _storable(state: TrainState) -> dict[str, Any]:
    """The state as a tree of plain arrays: typed keys become their bits."""
    fields = {f.name: getattr(state, f.name) for f in dataclasses.fields(state)}
    if isinstance(state.keys, jax.ShapeDtypeStruct):
        fields["keys"] = jax.eval_shape(jax.random.key_data, state.keys)
    else:
        fields["keys"] = jax.random.key_data(state.keys)
    # Orbax has no representation for an array without elements.
    return {k: v for k, v in fields.items() if k != "snapshots" or _filled(v)}


def _filled(tree: Any) -> bool:
    return all(leaf.size > 0 for leaf in jax.tree.leaves(tree))


def _usable(fields: dict[str, Any], generator: str) -> TrainState:
    # Fresh buffers: the compiled loop donates its input, Orbax's may not be donatable.
    fields = jax.tree.map(jnp.array, fields)
    keys = jax.random.wrap_key_data(fields["keys"], impl=DEFAULT_GENERATOR)
    fields["keys"] = with_generator(keys, generator)
    if "snapshots" not in fields:
        fields["snapshots"] = jax.tree.map(
            lambda p: jnp.zeros((0, *p.shape), p.dtype), fields["params"]
        )
    return TrainState(**fields)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _cannot_write(folder: Path, error: BaseException) -> CheckpointError:
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    if full or "RESOURCE_EXHAUSTED" in str(error) or "No space left" in str(error):
        return CheckpointError(folder, "the disk is full", "freeing some space")
    reason = f"a checkpoint cannot be written ({_first_line(error)})"
    return CheckpointError(folder, reason, "another folder")
