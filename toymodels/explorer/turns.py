"""One at a time, and few who wait: slow requests share a small pool of threads."""

import contextlib
import threading
from collections.abc import Iterator

from toymodels.config import SettingsError


class Turns:
    """Whose turn it is to do something slow. Its methods may be called from any thread.

    Args:
        field: named where somebody is refused.
        most: how many may be there, the one whose turn it is among them.
    """

    def __init__(self, field: str, *, most: int):
        self.field, self.most = field, most
        self._one = threading.Lock()
        self._places = threading.BoundedSemaphore(most)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until nobody else has a turn.

        Raises:
            SettingsError: too many are there already.
        """
        if not self._places.acquire(blocking=False):
            raise SettingsError(
                self.field,
                "one more",
                f"at most {self.most} at the same time",
                "again in a moment",
            )
        try:
            with self._one:
                yield
        finally:
            self._places.release()
