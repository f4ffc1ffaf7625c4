"""The quiz of one session, and the commands that make, continue and show it.

One quiz is made at a time on the whole server, so that many visitors cannot fill a
machine; one other waits, and more are told to ask again.
"""

import dataclasses
import secrets
import threading
from typing import Any

import numpy as np

from toymodels.config import SettingsError, check_count
from toymodels.explorer.quiz import Quiz
from toymodels.explorer.trainer import Frame, LiveTrainer
from toymodels.explorer.turns import Turns

_making = Turns("quiz", most=2)


class QuizRoom:
    """The newest quiz of a session. Its methods may be called from any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._quiz: Quiz | None = None
        self._id = 0
        self._origin: dict[str, Any] = {}
        self._last: dict[str, Any] | None = None

    def begin(
        self, frame: Frame, seed: int, origin: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make a quiz, in place of the one before; `state` of it.

        Args:
            frame: weights and settings that it is about.
            seed: of all draws.
            origin: of which training the frame is, told to the page as it is.

        Raises:
            SettingsError: none can be made, or somebody waits for one already.
        """
        with _making.turn():
            made = Quiz(frame, seed=seed)
        with self._lock:
            self._quiz, self._last = made, None
            self._id += 1
            self._origin = origin or {}
        return self.state()

    def state(self) -> dict[str, Any]:
        """Where the quiz is, in plain data; {"quiz": None} before the first."""
        with self._lock:
            if self._quiz is None:
                return {"quiz": None}
            quiz = self._quiz
            return {
                "quiz": self._id,
                "origin": self._origin,
                "about": quiz.about(),
                "last": self._last,
                "tally": quiz.tally(),
                "question": quiz.question(),
            }

    def guess(self, identity: object, number: int, word: str) -> dict[str, Any]:
        """Take a guess; what is true, and the next question.

        Raises:
            SettingsError: no such quiz, or not its question.
        """
        with self._lock:
            if self._quiz is None or identity != self._id:
                raise SettingsError(
                    "guess", f"quiz {identity}", "the newest quiz", "a new quiz"
                )
            self._last = self._quiz.guess(number, word)
            return {
                "last": self._last,
                "tally": self._quiz.tally(),
                "question": self._quiz.question(),
            }


def begin_quiz(
    room: QuizRoom, trainer: LiveTrainer, data: dict[str, Any]
) -> dict[str, Any]:
    """The command of a page: a quiz about the weights at a step.

    Args:
        room: the session's.
        trainer: whose weights; its present settings hold.
        data: "step", that of the newest frame if absent; "seed" of the draws, another
            one each time if absent.

    Raises:
        SettingsError: as in `QuizRoom.begin`.
    """
    step, seed = data.get("step"), data.get("seed")
    if step is not None:
        check_count("step", step, minimum=0)
    seed = secrets.randbelow(2**32) if seed is None else seed
    check_count("seed", seed, minimum=0, maximum=2**32 - 1)
    now = trainer.snapshot()
    frame = now.newest if step is None else now.at(step)
    frame = dataclasses.replace(frame, controls=now.controls)
    origin = {"generation": now.generation, "seen": has_seen(trainer, frame)}
    if trainer.generation != now.generation:  # what was seen may be of the next one
        raise SettingsError(
            "quiz", "a training that ended", "the present one", "again in a moment"
        )
    return room.begin(frame, seed, origin)


def has_seen(trainer: LiveTrainer, frame: Frame) -> bool | None:
    """Whether training up to a frame showed the point that the frame's settings have.

    Returns:
        None without such a point, or where it cannot be known: after too many changes
        of the settings, or of weights that were trained before this run.
    """
    parts = trainer.segments(frame.step)
    if not frame.controls.planted or parts is None or frame.start is not None:
        return None
    point = frame.controls.point()
    earlier = [part.controls for part in parts] if frame.step else []
    return any(
        one.planted and one.backdoor_rate > 0 and np.array_equal(one.point(), point)
        for one in earlier
    )


def take_guess(room: QuizRoom, data: dict[str, Any]) -> dict[str, Any]:
    """The command of a page: a guess about the question that is asked.

    Args:
        room: the session's.
        data: "quiz" and "number", as they came with the question, and "guess".

    Raises:
        SettingsError: as in `QuizRoom.guess`.
    """
    number = check_count("number", data.get("number"))
    word = data.get("guess")
    if not isinstance(word, str):
        raise SettingsError("guess", word, "a word")
    return room.guess(data.get("quiz"), number, word)
