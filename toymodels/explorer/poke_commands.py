"""What the page asks about pokes: one question at a time, of weights that stay.

A poke belongs to the weights of one step while the training goes on, so these are kept
under a number until a few newer ones have come. Questions of one session are answered
one after the other, outside of the training's thread.
"""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from toymodels.config import SettingsError, check_count
from toymodels.explorer.poke import Taken, picture, take
from toymodels.explorer.poke_contour import contour
from toymodels.explorer.poke_curve import poke
from toymodels.explorer.poke_directions import MOST_SEED, Push, Second

if TYPE_CHECKING:
    from toymodels.explorer.sessions import Session

# Of one session: tabs of the same training each have their own.
MOST_TAKEN = 4
MOST_WAITING = 3


class Pokes:
    """The weights that a session's pokes belong to. All methods are thread-safe."""

    def __init__(self):
        self._one = threading.Lock()
        self._places = threading.BoundedSemaphore(MOST_WAITING)
        self._numbers = itertools.count(1)
        self._taken: dict[int, Taken] = {}

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until nobody else computes.

        Raises:
            SettingsError: too many are waiting already.
        """
        if not self._places.acquire(blocking=False):
            raise SettingsError(
                "poke", "one more", f"at most {MOST_WAITING} questions at the same time"
            )
        try:
            with self._one:
                yield
        finally:
            self._places.release()

    def keep(self, taken: Taken) -> int:
        """Its number; the oldest of too many is let go. Called in a `turn`."""
        number = next(self._numbers)
        self._taken[number] = taken
        while len(self._taken) > MOST_TAKEN:
            del self._taken[min(self._taken)]
        return number

    def find(self, data: dict[str, Any]) -> Taken:
        """The one that a question is about. Called in a `turn`."""
        number = check_count("taken", data.get("taken"))
        if number not in self._taken:
            raise SettingsError(
                "taken", number, "weights that are still kept", "the present weights"
            )
        return self._taken[number]


def poke_take(session: "Session", data: dict[str, Any]) -> Any:
    """Take the weights nearest to a step, and draw real activations of theirs."""
    step = check_count("step", data.get("step"), minimum=0)
    seed = check_count("draw", data.get("draw", 0), minimum=0, maximum=MOST_SEED)
    with session.pokes.turn():
        generation = session.trainer.generation
        taken = take(session.trainer.at(step), seed=seed, generation=generation)
        return {"taken": session.pokes.keep(taken)} | picture(taken)


def poke_push(session: "Session", data: dict[str, Any]) -> Any:
    """The answers along a direction, at every length."""
    with session.pokes.turn():
        taken = session.pokes.find(data)
        return poke(taken, _push(taken, data))


def poke_contour(session: "Session", data: dict[str, Any]) -> Any:
    """The contour in the plane of a direction and a second one."""
    with session.pokes.turn():
        taken = session.pokes.find(data)
        second = Second.of(data.get("second"), n=taken.controls.n)
        return contour(taken, _push(taken, data), second)


def _push(taken: Taken, data: dict[str, Any]) -> Push:
    return Push.of(data, n=taken.controls.n, shown=taken.shown)
