"""The explorer: frames a second that a page gets, and what a page costs the training.

    python benchmarks/explorer.py

A server of its own process trains as fast as it goes; a reader of the event stream, and
a page in Chromium (Debian's, through Playwright), watch it or do not. The three take
turns, in an order that is reversed every time; the share of the speed that is left is
formed within each repeat. The steps are counted by asking for the history before and
after, which costs a few milliseconds. While nobody watches, the browser shows an empty
page. In the page two things are counted: events that brought a newer step, and pictures
drawn.
"""

import contextlib
import dataclasses
import datetime
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console

from machine import busy, machine
from sides import CPU, HERE
from steps import spread
from toymodels.stats import bootstrap_interval

FRAMES_TARGET = 30.0
LOSS_TARGET = 0.1
SETTLE_SECONDS = 1.5
NOBODY, READER, PAGE = "nobody", "reader", "page"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Counts in the page: events with a newer step, and pictures drawn.
COUNTING = """
window.counted = { received: 0, drawn: 0, newest: null };
window.EventSource = class extends window.EventSource {
  constructor(address) {
    super(address);
    this.addEventListener("message", (event) => {
      const step = event.data.slice(0, 24).split(",", 1)[0];
      if (step !== window.counted.newest) window.counted.received++;
      window.counted.newest = step;
    });
  }
};
addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
  window.counted.drawn++;
}).observe(document.getElementById("scrub-text"), { childList: true }));
"""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to measure."""

    sizes: tuple[tuple[int, int], ...] = ((5, 2), (20, 9), (50, 10))
    """(n, d) of each model."""
    batch: int = 256
    sparsity: float = 0.9
    repeats: int = 25
    """Windows of each kind."""
    seconds: float = 2.0
    """Length of a window."""
    out: Path = HERE / "explorer.json"
    """The file to write."""


class Server:
    """`toymodels explore` in a process of its own.

    Attributes:
        address: of the page.
    """

    def __init__(self):
        code = "import sys; from toymodels.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "explore", "--port", "0", "--no-browser"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, **CPU}
        )
        line = self._process.stdout.readline()
        if " http" not in line:
            raise SystemExit("the explorer did not start; its message is above")
        self.address = line.split()[-1].rstrip("/")

    def ask(self, path: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a request, which is a POST where there are data."""
        request = urllib.request.Request(
            self.address + path,
            data=None if data is None else json.dumps(data).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(timeout=30)
        self._process.stdout.close()


class Reader:
    """Reads the event stream and counts what has a newer step, in a thread."""

    def __init__(self, address: str, session: str):
        self.received = 0
        url = f"{address}/api/sessions/{session}/events"
        self._stream = urllib.request.urlopen(url, timeout=60)
        self._ends = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        newest = None
        for line in self._stream:
            if self._ends:
                return
            if line.startswith(b"data:"):
                step = line[:32].partition(b",")[0]
                self.received += step != newest
                newest = step

    def close(self) -> None:
        """Stop after the next event."""
        self._ends = True
        self._thread.join(timeout=30)
        self._stream.close()


class Watchers:
    """Who may watch the session: nobody, a reader, a page."""

    def __init__(self, server: Server, session: str, page: Any):
        self.server, self.session, self.page = server, session, page

    @contextlib.contextmanager
    def watching(self, kind: str) -> Iterator[Callable[[], dict[str, int]]]:
        """Attach; the yielded function tells what has been counted so far."""
        if kind == READER:
            reader = Reader(self.server.address, self.session)
            try:
                yield lambda: {"received": reader.received}
            finally:
                reader.close()
        elif kind == PAGE:
            self.page.goto(self.server.address)
            self.page.wait_for_selector(".stage")
            try:
                yield lambda: self.page.evaluate("() => ({...window.counted})")
            finally:
                self.page.goto("about:blank")
        else:
            yield dict


def window(watchers: Watchers, kind: str, seconds: float) -> dict[str, float]:
    """Steps and frames a second in one window."""
    path = f"/api/sessions/{watchers.session}"
    with watchers.watching(kind) as counted:
        # A page that is opened, and a training that was waited for, settle first.
        watchers.server.ask(path + "/play", {})
        time.sleep(SETTLE_SECONDS)
        before, began = counted(), time.perf_counter()
        first = watchers.server.ask(path + "/history")["steps"][-1]
        started = time.perf_counter()
        time.sleep(seconds)
        last = watchers.server.ask(path + "/history")["steps"][-1]
        ended = time.perf_counter()
        after, counted_at = counted(), time.perf_counter()
    rates = {"steps": (last - first) / (ended - started)}
    for name in ("received", "drawn"):
        if name in after:
            rates[name] = (after[name] - before[name]) / (counted_at - began)
    return rates


def measure_size(
    server: Server, browser: Any, settings: Settings, n: int, d: int
) -> dict[str, Any]:
    """All kinds of watchers on one model, in turns."""
    begun = {"n": n, "d": d, "batch": settings.batch, "sparsity": settings.sparsity}
    session = server.ask("/api/sessions", {"settings": begun})["session"]
    server.ask(f"/api/sessions/{session}/pace", {"pace": None})
    kinds = [NOBODY, READER] + ([PAGE] if browser is not None else [])
    page = None
    if browser is not None:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(COUNTING)
        kept = f"sessionStorage.setItem('toymodels-session', '{session}')"
        page.add_init_script(f"if (location.protocol !== 'about:') {kept}")
    watchers = Watchers(server, session, page)
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    window(watchers, NOBODY, settings.seconds)  # compiles
    for repeat in range(settings.repeats):
        for kind in kinds if repeat % 2 == 0 else kinds[::-1]:
            found[kind].append(window(watchers, kind, settings.seconds))
    server.ask(f"/api/sessions/{session}/pause", {})
    if page is not None:
        page.close()
    return {"n": n, "d": d, **summary(found)}


def summary(found: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Rates of every kind, and the share of the speed that each leaves."""
    steps = {
        kind: np.array([row["steps"] for row in rows]) for kind, rows in found.items()
    }
    result: dict[str, Any] = {
        "steps_per_second": {kind: spread(value) for kind, value in steps.items()}
    }
    for kind in (k for k in found if k != NOBODY):
        share = steps[kind] / steps[NOBODY]
        low, high = bootstrap_interval(share)
        frames = {
            name: spread(np.array([row[name] for row in found[kind]]))
            for name in ("received", "drawn")
            if name in found[kind][0]
        }
        result[kind] = {
            "frames_per_second": frames,
            "speed_left": {
                **spread(share),
                "interval": [round(low, 4), round(high, 4)],
            },
            "frames_met": min(f["median"] for f in frames.values()) >= FRAMES_TARGET,
            "speed_met": float(np.median(share)) >= 1 - LOSS_TARGET,
        }
    return result


@contextlib.contextmanager
def a_browser(console: Console) -> Iterator[Any]:
    """The distribution's Chromium, or None with a word on why."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        path = None
    if path is None:
        console.print("[yellow]No Chromium with Playwright here: only the reader.[/]")
        yield None
        return
    # Chromium's sandbox does not work for root.
    flags = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def told(row: dict[str, Any], kind: str) -> str:
    """What came out for one model and one kind of watcher, in a line."""
    got, left = row[kind], row[kind]["speed_left"]
    low, high = left["interval"]
    frames = ", ".join(
        f"{value['median']:.1f} {name}"
        for name, value in got["frames_per_second"].items()
    )
    met = {True: "met", False: "missed"}
    return (
        f"n = {row['n']}, d = {row['d']}, {kind}: {frames} a second "
        f"(≥ {FRAMES_TARGET:g} {met[got['frames_met']]}); {left['median']:.1%} of the "
        f"speed left [{low:.1%}, {high:.1%}] "
        f"(≥ {1 - LOSS_TARGET:.0%} {met[got['speed_met']]})"
    )


def main(settings: Settings) -> None:
    """Measure, print, write the file."""
    console, here = Console(), machine()
    if busy(here):
        console.print("[yellow]The machine is busy: measure again when it is idle.[/]")
    rows = []
    with a_browser(console) as browser, contextlib.closing(Server()) as server:
        for n, d in settings.sizes:
            row = measure_size(server, browser, settings, n, d)
            rows.append(row)
            for kind in (k for k in (READER, PAGE) if k in row):
                console.print(told(row, kind), highlight=False, soft_wrap=True)
    results = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": here,
        "batch": settings.batch,
        "sparsity": settings.sparsity,
        "repeats": settings.repeats,
        "window_seconds": settings.seconds,
        "sizes": rows,
    }
    settings.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
