"""Ctrl-C as a wish that is granted at the next safe place."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def calm_interrupt(say: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """While open, the first Ctrl-C is only noted; a second one interrupts at once.

    A `KeyboardInterrupt` in the middle of a compiled chunk would lose the state, which
    the chunk has taken over; between chunks everything is whole.

    Args:
        say: tells the user that the first one was heard.

    Yields:
        A function that says whether to stop.
    """
    asked = threading.Event()

    def ask(signum: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        say("Stopping at the next safe place; Ctrl-C again stops at once.")

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set  # signals belong to the main thread
        return
    previous = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, previous)
