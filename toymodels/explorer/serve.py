"""Serves the explorer until it is told to stop."""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import jax
import uvicorn

from toymodels.compilation import limit_threads
from toymodels.config import SettingsError
from toymodels.explorer.server import explorer_app
from toymodels.explorer.sessions import Sessions
from toymodels.training.blocks import core_count

# Of a thread that computes in Python while another one waits. Python's own is ten times
# as long, and a training waits after every chunk.
SWITCH_SECONDS = 5e-4


def leave_a_core_free() -> None:
    """Keep one core for a page on this machine, before JAX computes anything."""
    limit_threads(core_count() - 1)


def share_the_cores() -> None:
    """Let a training of this process wait less, before JAX computes anything.

    Where a browser wants the cores too, each handing over between threads, of XLA's or
    of the interpreter's lock, is another wait for one of them.

    XLA hands a piece of the computation to a thread of its own, which also does the
    rest unless it was done before the caller looked. Where it wakes on the caller's
    core, since the browser has the other one, it pushes the caller aside and is done,
    and so again with the next piece, thousands of times a second. Under Linux's batch
    policy a thread that wakes up waits for its turn. Threads inherit it.
    """
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    sys.setswitchinterval(SWITCH_SECONDS)
    if hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER:
        # A sandbox may not allow it; then a page costs the training some more.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class ExplorerServer(uvicorn.Server):
    """A server whose streams end at once when it is asked to stop."""

    def __init__(self, sessions: Sessions, *, host: str, token: str | None):
        self.sessions = sessions
        super().__init__(
            uvicorn.Config(
                explorer_app(sessions, host=host, token=token),
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=3,
                lifespan="on",
                ws="none",
                # The host of a request must be what the browser sent.
                proxy_headers=False,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ctrl-C: streams would otherwise be waited for."""
        self.sessions.closed = True
        super().handle_exit(sig, frame)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: address or name.
        port: 0 for any that is free.

    Raises:
        SettingsError: the address is taken or not of this machine.
    """
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(kind, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(64)
    except OSError as error:
        taken.close()
        raise SettingsError(
            "port",
            port,
            f"a free port of {host} ({error.strerror or error})",
            "--port 0 for any",
        ) from None
    return taken


@contextlib.contextmanager
def served_in_thread(
    sessions: Sessions, *, host: str = "127.0.0.1", token: str | None = None
) -> Iterator[str]:
    """Serve on a free port as long as the block lasts, for notebooks and tests.

    Yields:
        The address.
    """
    taken = listening(host, 0)
    server = ExplorerServer(sessions, host=host, token=token)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
    thread.start()
    try:
        yield f"http://{host}:{taken.getsockname()[1]}"
    finally:
        sessions.closed = True
        server.should_exit = True
        thread.join()
        taken.close()
