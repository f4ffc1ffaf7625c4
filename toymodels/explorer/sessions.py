"""One training for each visitor, a bounded number of them, idle ones ended.

A session is idle when no page watches it and nothing was asked of it for a while. Its
training pauses soon after the last page is gone, so that a closed tab does not keep a
machine busy. A page that stopped reading without going away is one that is gone: the
stream waits for it and asks for nothing.
"""

import json
import secrets
import threading
import time

from toymodels.config import SettingsError
from toymodels.explorer.controls import Controls
from toymodels.explorer.description import (
    ShapeFinder,
    describe,
    held_until,
    shapes_of,
)
from toymodels.explorer.map_making import MapMaking
from toymodels.explorer.poke_commands import Pokes
from toymodels.explorer.quiz_room import QuizRoom
from toymodels.explorer.trainer import PLAYING, LiveTrainer

MOST_SESSIONS = 8
IDLE_SECONDS = 900.0
UNWATCHED_SECONDS = 20.0
# Streams of one session: tabs that were duplicated.
MOST_VIEWERS = 8
PACES = (60, 600, 6000)
PACE = 600


class FullError(RuntimeError):
    """No session can be begun now."""


class Session:
    """A training, its newest frame in plain data, and who watches."""

    def __init__(self, controls: Controls):
        self.id = secrets.token_urlsafe(18)
        self.trainer = LiveTrainer(controls)
        self.trainer.slow_down(PACE)
        self.maps = MapMaking()
        self.quiz_room = QuizRoom()
        self.viewers = 0
        self.last_used = time.monotonic()
        self.pokes = Pokes()
        self._drawing = threading.Lock()
        self._finder = ShapeFinder()
        self._message = b""
        self._message_version: int | None = None

    def touch(self) -> None:
        """Somebody asked for something."""
        self.last_used = time.monotonic()

    def is_watched(self, now: float) -> bool:
        """Whether a page reads its frames: a stream that is read touches it."""
        return self.viewers > 0 and now - self.last_used < UNWATCHED_SECONDS

    def close(self) -> None:
        """End its training, and give up the map that it is making."""
        self.trainer.close()
        self.maps.close()

    def newest(self) -> tuple[int, bytes]:
        """Version and JSON of the newest frame; pages that watch share the work."""
        with self._drawing:
            now = self.trainer.snapshot()
            frame, generation = now.newest, now.generation
            resting = now.status != PLAYING
            # Shapes that are still to be named, now that there is time.
            behind = resting and self._finder.is_behind(frame, generation)
            if now.version == self._message_version and not behind:
                return now.version, self._message
            shapes = self._finder.shapes(frame, generation, exact=resting)
            data = describe(frame, shapes, now.controls) | {
                "generation": generation,
                "status": now.status,
                "failure": now.failure,
                "pace": now.pace,
                "steps_per_second": round(now.steps_per_second, 1),
                # Those that hold from the next step on; the frame has its own.
                "settings": vars(now.controls),
            }
            self._message = json.dumps(data, separators=(",", ":")).encode()
            self._message_version = now.version
            return now.version, self._message

    def at(self, step: int) -> dict:
        """The kept frame nearest to a step, in plain data."""
        now = self.trainer.snapshot()
        frame = now.at(step)
        data = describe(frame, shapes_of(frame), now.controls)
        return data | held_until(frame, now.frames)

    def history(self) -> dict:
        """Steps and losses of the frames that are kept."""
        now = self.trainer.snapshot()
        return {
            "generation": now.generation,
            "steps": [frame.step for frame in now.frames],
            "losses": [frame.loss for frame in now.frames],
        }


class Sessions:
    """All sessions of a server. Its methods may be called from any thread.

    Args:
        most: how many may live at the same time.
        idle_seconds: after so long without a page or a request a session ends.
    """

    def __init__(
        self, most: int = MOST_SESSIONS, idle_seconds: float | int = IDLE_SECONDS
    ):
        self.most, self.idle_seconds = most, idle_seconds
        self.closed = False
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self, controls: Controls) -> Session:
        """A new session; the one unwatched for longest makes room if it must.

        Raises:
            FullError: all are being watched.
        """
        with self._lock:
            if self.closed:
                raise FullError("the explorer is being stopped")
            evicted = None
            if len(self._sessions) >= self.most:
                now = time.monotonic()
                free = [s for s in self._sessions.values() if not s.is_watched(now)]
                if not free:
                    raise FullError(
                        f"all {self.most} sessions are in use; close a tab, or start "
                        "with --max-sessions"
                    )
                evicted = min(free, key=lambda session: session.last_used)
                del self._sessions[evicted.id]
            session = Session(controls)
            self._sessions[session.id] = session
        if evicted is not None:
            evicted.close()
        return session

    def find(self, identity: str) -> Session | None:
        """The session of that name, if it lives."""
        session = self._sessions.get(identity)
        if session is not None:
            session.touch()
        return session

    def sweep(self) -> None:
        """Pause what nobody watches, end what is idle; to be called now and then."""
        now = time.monotonic()
        with self._lock:
            quiet = {
                session.id: now - session.last_used
                for session in self._sessions.values()
                if not session.is_watched(now)
            }
            idle = [
                self._sessions.pop(identity)
                for identity, seconds in quiet.items()
                if seconds > self.idle_seconds
            ]
            unwatched = [
                self._sessions[identity]
                for identity, seconds in quiet.items()
                if UNWATCHED_SECONDS < seconds <= self.idle_seconds
            ]
        for session in unwatched:
            if session.trainer.status == PLAYING:
                session.trainer.pause()
        for session in idle:
            session.close()

    def close(self) -> None:
        """End all sessions; streams notice and end too."""
        with self._lock:
            self.closed = True
            ended = list(self._sessions.values())
            self._sessions.clear()
        for session in ended:
            session.close()


def checked_pace(value: object) -> int | None:
    """Steps a second, one of `PACES`, or None for as fast as it goes."""
    if value is None or (type(value) is int and value in PACES):
        return value
    choices = ", ".join(map(str, PACES))
    raise SettingsError("pace", value, f"one of {choices}, or null")
