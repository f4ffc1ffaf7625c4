"""Ctrl-C as a wish that is granted at the next safe place."""

import signal
from types import FrameType
from typing import Any


class CalmInterrupt:
    """While open, the first Ctrl-C sets `asked`; the second one interrupts at once.

    A `KeyboardInterrupt` in the middle of a compiled chunk would lose the state, which
    the chunk has taken over; between chunks everything is whole.
    """

    asked: bool = False

    def __enter__(self) -> "CalmInterrupt":
        self._previous: Any = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: Any) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
