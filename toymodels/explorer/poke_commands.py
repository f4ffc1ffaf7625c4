"""What the page asks about pokes: one question at a time, of weights that stay.

A poke belongs to the weights of one step while the training goes on, so these are kept
under a number until a few newer ones have come. Questions of one session are answered
one after the other, outside of the training's thread.
"""

import itertools
from typing import TYPE_CHECKING, Any

from toymodels.config import SettingsError, check_count
from toymodels.explorer.poke import Taken, picture, take
from toymodels.explorer.poke_contour import contour
from toymodels.explorer.poke_curve import poke
from toymodels.explorer.poke_directions import MOST_SEED, Push, Second
from toymodels.explorer.turns import Turns

if TYPE_CHECKING:
    from toymodels.explorer.sessions import Session

# Of one session: tabs of the same training each have their own.
MOST_TAKEN = 4
MOST_WAITING = 3


class Pokes(Turns):
    """The weights that a session's pokes belong to. All methods are thread-safe."""

    def __init__(self):
        super().__init__("poke", most=MOST_WAITING)
        self._numbers = itertools.count(1)
        self._taken: dict[int, Taken] = {}

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
        now = session.trainer.snapshot()
        taken = take(now.at(step), seed=seed, generation=now.generation)
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
