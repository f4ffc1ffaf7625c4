"""`toymodels explore`: the explorer in the browser."""

import contextlib
import dataclasses
import secrets
import webbrowser

from toymodels.config import SettingsError, check_count
from toymodels.explorer.security import is_loopback
from toymodels.explorer.sessions import MOST_SESSIONS, Sessions


@dataclasses.dataclass(frozen=True)
class Explore:
    """Train small models in the browser and watch their features find a place.

    It serves this machine only, unless another --host is given; then everybody who
    opens it needs the token in the address that is printed.

    Examples:
      toymodels explore

      toymodels explore --port 0 --no-browser

      toymodels explore --host 0.0.0.0 --max-sessions 20

    Args:
        host: address to serve at.
        port: of the address; 0 takes any that is free.
        browser: open the page in a browser.
        max_sessions: trainings at a time, one for each visitor.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    browser: bool = True
    max_sessions: int = MOST_SESSIONS

    def run(self) -> int:
        """Serve until Ctrl-C."""
        check_count("port", self.port, minimum=0, maximum=65_535)
        check_count("max_sessions", self.max_sessions, maximum=1000)
        try:
            from toymodels.explorer.serve import (
                ExplorerServer,
                leave_a_core_free,
                listening,
                share_the_cores,
            )
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn"):
                raise
            raise SettingsError(
                "explore",
                f"no {error.name}",
                "the extra `explore` to be installed",
                "pip install 'toymodels[explore]'",
            ) from None
        taken = listening(self.host, self.port)
        token = None if is_loopback(self.host) else secrets.token_urlsafe(24)
        address = self._address(taken.getsockname()[1], token)
        print(f"The explorer is at {address}\nCtrl-C stops it.", flush=True)
        if self.browser:
            webbrowser.open(address)
        if is_loopback(self.host):
            leave_a_core_free()
            share_the_cores()
        server = ExplorerServer(
            Sessions(self.max_sessions), host=self.host, token=token
        )
        # Ctrl-C is raised once more when all is closed, or not: as the loop finds it.
        with contextlib.suppress(KeyboardInterrupt), contextlib.closing(taken):
            server.run(sockets=[taken])
        print("The explorer has stopped.")
        return 0

    def _address(self, port: int, token: str | None) -> str:
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
