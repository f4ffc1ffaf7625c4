"""A training that goes on until it is told otherwise, in a thread of its own.

The thread advances the compiled loop of training in chunks that last about as long as a
frame of the page, and leaves the newest weights where anybody may look. Nobody who
looks can hold it up: there is one newest frame, and a slow browser misses some.

Earlier frames are kept for scrubbing, at even distances in steps; when there are too
many, every second one is let go. Which settings held from which step on is kept whole,
so that the run can be made again by a script.

Axis letters: n features, d hidden dimensions.
"""

import dataclasses
import threading
import time
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from toymodels.config import SettingsError
from toymodels.explorer.controls import ENDLESS, Controls
from toymodels.explorer.programs import make_room
from toymodels.training.state import (
    Inputs,
    Plan,
    TrainState,
    advance,
    init,
    inputs_of,
    plan_of,
)

# Of a chunk: long enough that looking costs little, and shorter than a page's frames.
FRAME_SECONDS = 1 / 40
MOST_CHUNK = 4000
MOST_FRAMES = 400
# Of changed settings in one run; a slider that is dragged makes one a frame.
MOST_CHANGES = 5000
# Of what is told about a failure.
MOST_SIGNS = 300

PLAYING, PAUSED, ENDED = "playing", "paused", "ended"
# Both need a restart.
DIVERGED, FAILED = "diverged", "failed"


class EndedError(RuntimeError):
    """The training was closed; nothing can be begun in it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
    """Weights that a training begins with instead of random ones."""

    W: Float[np.ndarray, "d n"]
    b: Float[np.ndarray, " n"]
    words: str
    """Where they are from, in a few words."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """The weights after some step, and the loss that led there."""

    step: int
    W: Float[np.ndarray, "d n"]
    b: Float[np.ndarray, " n"]
    loss: float | None
    """Mean over the steps since the frame before; None before the first."""
    controls: Controls
    """As they were then."""
    start: str | None = None
    """Where the training's first weights are from; None if they were random."""
    since: int = 0
    """The step from which on its settings held."""


@dataclasses.dataclass(frozen=True)
class Segment:
    """Steps of a run that had the same settings."""

    until: int
    """The step after which others came, or the run ends."""
    controls: Controls


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A training at one moment: all of it belongs together."""

    version: int
    generation: int
    status: str
    failure: str | None
    """What went wrong, where the status is "failed"."""
    controls: Controls
    """Those that hold from the next step on; a frame has its own."""
    pace: float | int | None
    steps_per_second: float
    frames: tuple[Frame, ...]
    """Those kept, oldest first, the newest last."""

    @property
    def newest(self) -> Frame:
        """The last frame."""
        return self.frames[-1]

    def at(self, step: int) -> Frame:
        """The kept frame nearest to a step."""
        return min(self.frames, key=lambda frame: abs(frame.step - step))


class LiveTrainer:
    """One training. All methods may be called from any thread.

    Args:
        controls: what to train; it starts paused, at step 0.
    """

    def __init__(self, controls: Controls):
        self._changed = threading.Condition()
        self._wanted = PAUSED
        self._steps_wanted = 0
        self._thread: threading.Thread | None = None
        self._closed = False
        self.version = 0
        """Rises with every frame and every change of status."""
        self.status = PAUSED
        self.failure: str | None = None
        """What went wrong, where the status is "failed"."""
        self.steps_per_second = 0.0
        self.generation = 0
        """Counts the trainings that were begun: other settings begin a new one."""
        self.pace: float | int | None = None
        """Steps a second at most; None is as fast as it goes."""
        with self._changed:
            self._begin(controls)

    # --- what a page asks for ------------------------------------------------------

    def play(self) -> None:
        """Go on until paused."""
        with self._changed:
            if self.status not in (DIVERGED, FAILED, ENDED):
                self._wanted = PLAYING
                self._wake()

    def pause(self) -> None:
        """Stop after the chunk that is being computed."""
        with self._changed:
            self._wanted, self._steps_wanted = PAUSED, 0
            self._changed.notify_all()

    def step(self, count: int = 1) -> None:
        """Do `count` steps more, then pause."""
        with self._changed:
            if self.status not in (DIVERGED, FAILED, ENDED):
                self._wanted = PAUSED
                self._steps_wanted += count
                self._wake()

    def change(self, changes: Controls | Mapping[str, Any]) -> bool:
        """Take other settings: at once where they are live, else from the start.

        Args:
            changes: all settings, or those that change, by name; the others stay as
                they are now, whoever set them.

        Returns:
            Whether the training began anew.

        Raises:
            SettingsError: together they are not allowed.
            EndedError: the training was closed.
        """
        with self._changed:
            self._check_open()
            if isinstance(changes, Controls):
                controls = changes
            else:
                controls = dataclasses.replace(self.controls, **changes)
            restarts = self.controls.restarts(controls)
            if restarts:
                playing = self._wanted == PLAYING
                self._begin(controls)
                self._wanted = PLAYING if playing else PAUSED
                if playing:
                    self._wake()
            else:
                make_room("training", controls)  # a planted point is another program
                self._inputs = controls.inputs()
                self.controls = controls
                self._bump()
            return restarts

    def restart(self, *, fresh: bool = False) -> None:
        """From step 0 with the same settings, playing if it was.

        Args:
            fresh: with random weights, also where others were given.

        Raises:
            EndedError: the training was closed.
        """
        with self._changed:
            self._check_open()
            playing = self._wanted == PLAYING
            self._begin(self.controls, None if fresh else self.start)
            if playing:
                self._wanted = PLAYING
                self._wake()

    def begin_from(self, controls: Controls, start: Start) -> None:
        """Begin a training with given weights; it starts paused, at step 0.

        Args:
            controls: its settings.
            start: the weights; AdamW begins without a memory of what led to them.

        Raises:
            SettingsError: the weights are of another size, or not finite.
            EndedError: the training was closed.
        """
        expected = (controls.d, controls.n)
        if start.W.shape != expected or start.b.shape != expected[1:]:
            raise SettingsError("start", f"W of shape {start.W.shape}", f"{expected}")
        if not (np.isfinite(start.W).all() and np.isfinite(start.b).all()):
            raise SettingsError("start", "weights that diverged", "finite ones")
        with self._changed:
            self._check_open()
            self._begin(controls, start)

    def slow_down(self, pace: float | int | None) -> None:
        """Do at most `pace` steps a second, from the next frame on; None for all."""
        with self._changed:
            self.pace = pace
            self._bump()

    def close(self) -> None:
        """End the thread, for good; the frames stay."""
        with self._changed:
            self._closed = True
            self._wanted, self._steps_wanted, self.status = ENDED, 0, ENDED
            self._bump()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    # --- what a page looks at ------------------------------------------------------

    @property
    def newest(self) -> Frame:
        """The last frame."""
        return self._newest

    def snapshot(self) -> Snapshot:
        """All that can be looked at, of the same moment."""
        with self._changed:
            return Snapshot(
                version=self.version,
                generation=self.generation,
                status=self.status,
                failure=self.failure,
                controls=self.controls,
                pace=self.pace,
                steps_per_second=self.steps_per_second,
                frames=tuple(self.frames()),
            )

    def frames(self) -> list[Frame]:
        """Those kept, oldest first, the newest last."""
        with self._changed:
            kept = list(self._frames)
            return kept if kept[-1] is self._newest else [*kept, self._newest]

    def at(self, step: int) -> Frame:
        """The kept frame nearest to a step."""
        return self.snapshot().at(step)

    def segments(self, step: int) -> list[Segment] | None:
        """The settings that led to a step, in order; None if too many were changed.

        Args:
            step: of a frame; of step 0 there is one segment, of no steps.
        """
        with self._changed:
            began = [entry for entry in self._changes if entry[0] < max(step, 1)]
            complete = len(self._changes) < MOST_CHANGES
            last = began or [(0, self.controls)]
        if not complete:
            return None
        ends = [start for start, _ in last[1:]] + [step]
        return [Segment(u, c) for u, (_, c) in zip(ends, last, strict=True)]

    def wait(self, version: int, timeout: float | int) -> int:
        """Until the version is another one, or the time is over; the version then."""
        with self._changed:
            self._changed.wait_for(lambda: self.version != version, timeout)
            return self.version

    # --- the thread ----------------------------------------------------------------

    def _begin(self, controls: Controls, start: Start | None = None) -> None:
        make_room("training", controls)
        spec = controls.spec()
        plan, inputs, state = plan_of(spec), inputs_of(spec), init(spec)
        if start is not None:
            given = {"W": jnp.asarray(start.W)[None], "b": jnp.asarray(start.b)[None]}
            state = dataclasses.replace(state, params=given)
        # Waits for the device; all that others see changes after it.
        first = _frame(state, None, controls, start)
        self.controls, self._plan, self._inputs = controls, plan, inputs
        self._state = state
        self.start = start
        """The weights it began with; None if they were random."""
        # A chunk of an older one is thrown away.
        self.generation += 1
        # From which step on which settings held; written when steps are done with them.
        self._changes: list[tuple[int, Controls]] = []
        self._newest = first
        self._frames, self._spacing = [first], 1
        self._wanted, self._steps_wanted, self.status = PAUSED, 0, PAUSED
        self.failure = None
        self._bump()

    def _check_open(self) -> None:
        if self._closed:
            raise EndedError("this training has ended; a new one can be begun")

    def _wake(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._run, name="toymodels-live", daemon=True
            )
            self._thread.start()
        self._changed.notify_all()

    def _bump(self) -> None:
        self.version += 1
        self._changed.notify_all()

    def _run(self) -> None:
        chunk, fitted = 1, self.generation
        while True:
            with self._changed:
                if self.status == PLAYING and not self._has_work():
                    self.status = PAUSED
                    self._bump()
                self._changed.wait_for(self._has_work)
                if self._closed:
                    return
                if self.status == PAUSED:
                    self.status = PLAYING
                    self._bump()
                if fitted != self.generation:
                    # Another model's steps may take a hundred times as long.
                    chunk, fitted = 1, self.generation
                count, pace = chunk, self.pace
                if pace is not None:
                    count = max(min(count, int(pace * FRAME_SECONDS)), 1)
                if self._wanted != PLAYING:
                    count = min(count, self._steps_wanted)
                    # Paid now: what is asked for meanwhile comes on top.
                    self._steps_wanted -= count
                generation, state, newest = self.generation, self._state, self._newest
                inputs, plan, controls = self._inputs, self._plan, self.controls
                start = self.start
            began = time.perf_counter()
            try:
                state, loss = _advanced(plan, inputs, state, count)
                seconds = time.perf_counter() - began
                same = newest.controls == controls
                since = newest.since if same else newest.step
                frame = _frame(state, loss, controls, start, since)
            except Exception as error:
                # In a thread nobody else would hear of it.
                self._fail(generation, error)
                continue
            with self._changed:
                if generation == self.generation and not self._closed:
                    self._take(state, frame, count)
                    least = 0.0 if pace is None else count / pace
                    self.steps_per_second = count / max(seconds, least)
                if pace is not None and self._wanted == PLAYING:
                    left = count / pace - seconds
                    self._changed.wait_for(lambda: self._wanted != PLAYING, left)
            # The first call of a program compiles, and says nothing about a step.
            if seconds < 20 * FRAME_SECONDS or chunk > 1:
                fitting = count * FRAME_SECONDS / max(seconds, 1e-6)
                chunk = int(np.clip(fitting, 1, min(2 * chunk, MOST_CHUNK)))

    def _has_work(self) -> bool:
        return self._closed or self._wanted == PLAYING or self._steps_wanted > 0

    def _fail(self, generation: int, error: Exception) -> None:
        with self._changed:
            if generation != self.generation or self._closed:
                return
            self._wanted, self._steps_wanted, self.status = PAUSED, 0, FAILED
            words = " ".join(f"{type(error).__name__}: {error}".split())
            self.failure = words[:MOST_SIGNS]
            self._bump()

    def _take(self, state: TrainState, frame: Frame, count: int) -> None:
        self._state, self._newest = state, frame
        if not self._changes or self._changes[-1][1] != frame.controls:
            if len(self._changes) < MOST_CHANGES:
                self._changes.append((frame.step - count, frame.controls))
        if self._wanted != PLAYING:
            self.status = PLAYING if self._steps_wanted else PAUSED
        finite = np.isfinite(frame.W).all() and np.isfinite(frame.b).all()
        if not finite or frame.loss is None:
            self._wanted, self._steps_wanted, self.status = PAUSED, 0, DIVERGED
        elif frame.step >= ENDLESS - MOST_CHUNK:
            self._wanted, self._steps_wanted, self.status = PAUSED, 0, PAUSED
        if frame.step - self._frames[-1].step >= self._spacing:
            self._frames.append(frame)
        if len(self._frames) > MOST_FRAMES:
            self._frames = self._frames[::2]
            self._spacing = max(2 * self._spacing, 1)
        self._bump()


def _advanced(
    plan: Plan, inputs: Inputs, state: TrainState, count: int
) -> tuple[TrainState, float | None]:
    """The state `count` steps later, and the mean loss since; None if not finite."""
    state = advance(plan, inputs, state, state.step + jnp.int32(count))
    loss = float(state.loss_sums[0, 0]) / count
    # The sum starts over: of millions of steps it would lose its digits.
    state = dataclasses.replace(state, loss_sums=jnp.zeros_like(state.loss_sums))
    return state, loss if np.isfinite(loss) else None


def _frame(
    state: TrainState,
    loss: float | None,
    controls: Controls,
    start: Start | None,
    since: int = 0,
) -> Frame:
    return Frame(
        step=int(state.step),
        W=np.asarray(state.params["W"][0]),
        b=np.asarray(state.params["b"][0]),
        loss=loss,
        controls=controls,
        start=None if start is None else start.words,
        since=since,
    )
