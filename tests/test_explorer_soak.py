"""The explorer's server under load for ten minutes: memory, threads and sessions.

It runs in a process of its own, so that its memory is its own. Visitors play, read
slowly or not at all, reload, change settings, restart, poke, play the quiz, make maps,
ask for pages and leave. After a warm-up, in which programs are compiled and histories
fill, memory must not grow.

`TOYMODELS_SOAK_SECONDS` makes it shorter, for trying it out.
"""

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="memory is read from /proc"
    ),
]

ROOT = Path(__file__).parents[1]
SECONDS = float(os.environ.get("TOYMODELS_SOAK_SECONDS", 600))
WARM_UP = 0.3  # of the time
# More than there are visitors: who leaves makes room for who comes.
MOST_SESSIONS = 10
# Of the second half, extrapolated to its whole length; a leak of one frame of n = 20 a
# second for each stream would be many times as much.
MOST_GROWTH, MOST_MEGABYTES = 0.05, 12.0
# Sizes among which visitors change; few, since every one is compiled.
SIZES = ({"n": 5, "d": 2}, {"n": 20, "d": 4}, {"n": 6, "d": 3})
# Of which a quiz can be made after some steps.
QUIZ = {"n": 5, "d": 2, "learning_rate": 0.02, "sparsity": 0.9, "importance_decay": 1.0,
        "backdoor_point": "1:1 3:1", "backdoor_rate": 0.05}  # fmt: skip
ROOMS = ("pokes", "quizzes", "maps")
CODE = "import sys; from toymodels.cli import main; sys.exit(main())"


@contextlib.contextmanager
def explorer(folder):
    """The command in a process of its own: the process and its address."""
    flags = ["--port", "0", "--no-browser", "--max-sessions", str(MOST_SESSIONS)]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "explore", *flags],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        yield process, re.search(r"http\S+", line)[0].rstrip("/")
    finally:
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0 and error == "", error


def status_of(process):
    """Resident memory in megabytes, and the number of threads."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    memory = int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024
    return memory, int(re.search(r"Threads:\s+(\d+)", text)[1])


class Visitors:
    """Threads that use the server until they are told to stop."""

    def __init__(self, address):
        self.address = address
        self.over = threading.Event()
        self.faults = []
        counted = ("frames", "commands", "reloads", "refused", *ROOMS)
        self.done = dict.fromkeys(counted, 0)
        works = [self.player, self.reloader, self.changer, self.silent, self.taker]
        works += [self.poker, self.guesser, self.mapper]
        self.threads = [threading.Thread(target=self.trying, args=(w,)) for w in works]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(60)

    def trying(self, work):
        """One way of using it, over and over; what goes wrong is kept."""
        with httpx.Client(base_url=self.address, timeout=60) as client:
            while not self.over.is_set():
                try:
                    work(client)
                except Exception as error:
                    self.faults.append(f"{work.__name__}: {error!r}")
                    return

    def session(self, client, settings=SIZES[0]):
        """A session's address, or None where all are being watched."""
        answer = client.post("/api/sessions", json={"settings": settings})
        if answer.status_code == 503:
            self.done["refused"] += 1
            self.over.wait(0.5)
            return None
        assert answer.status_code == 200, answer.text
        return f"/api/sessions/{answer.json()['session']}"

    def command(self, client, session, name, *, busy=False, **data):
        """What is answered, or None where the session has made room or it is busy.

        Args:
            busy: whether the server may be busy with another one.
        """
        answer = client.post(f"{session}/{name}", json=data)
        # Who is not watched may have made room for somebody else.
        allowed = (200, 404, 503) if busy else (200, 404)
        assert answer.status_code in allowed, answer.text
        self.done["commands"] += 1
        return answer.json() if answer.status_code == 200 else None

    def look(self, client, address):
        """What is there, or None where the session has made room."""
        answer = client.get(address)
        assert answer.status_code in (200, 404), answer.text
        return answer if answer.status_code == 200 else None

    def trained(self, client, session, steps):
        """Train on; the newest step, or None where the session has made room."""
        self.command(client, session, "step", count=steps)
        while not self.over.wait(0.1):
            found = self.look(client, session)
            if found is None:
                return None
            frame = found.json()
            if frame["step"] >= steps and frame["status"] == "paused":
                return frame["step"]
        return None

    def watch(self, client, session, seconds):
        """Read frames for a while, then vanish."""
        until = time.monotonic() + seconds
        with client.stream("GET", f"{session}/events") as answer:
            if answer.status_code != 200:
                return
            for line in answer.iter_lines():
                self.done["frames"] += line.startswith("data: {")
                if time.monotonic() > until or self.over.is_set():
                    return

    def player(self, client):
        """Two tabs' worth of frames from one long training."""
        session = self.session(client, SIZES[1])
        if session:
            self.command(client, session, "play")
            self.watch(client, session, 20)

    def reloader(self, client):
        """The same session again and again, a second each time."""
        session = self.session(client)
        if session is None:
            return
        self.command(client, session, "play")
        for _ in range(10):
            self.watch(client, session, 1)
            self.look(client, f"{session}/history")
            self.done["reloads"] += 1

    def changer(self, client):
        """Live settings, restarts, other sizes."""
        session = self.session(client)
        if session is None:
            return
        self.command(client, session, "play")
        for k, size in zip(range(30), itertools.cycle(SIZES), strict=False):
            settings = {**SIZES[0], "sparsity": 0.5 + 0.01 * k}
            if k % 10 == 9:
                settings = size
            self.command(client, session, "settings", settings=settings)
            if k % 7 == 6:
                self.command(client, session, "restart")
            self.command(client, session, "step", count=5)
            self.over.wait(0.2)

    def silent(self, client):
        """Asks for frames and never reads them."""
        session = self.session(client, SIZES[1])
        if session is None:
            return
        self.command(client, session, "play")
        where = urlsplit(self.address)
        with socket.create_connection((where.hostname, where.port)) as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            request = f"GET {session}/events HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n"
            taken.sendall(request.encode())
            self.over.wait(15)

    def taker(self, client):
        """Pages, weights, scripts and a point of the past."""
        session = self.session(client)
        if session is None:
            return
        if self.trained(client, session, 200) is None:
            return
        for name in ("page", "weights", "script", "history", "maps"):
            self.look(client, f"{session}/{name}")
        self.command(client, session, "frame", step=100)
        self.over.wait(1)

    def poker(self, client):
        """Pushes and contours at several steps."""
        session = self.session(client)
        if session is None or self.trained(client, session, 50) is None:
            return
        for step in (0, 25, 50):
            found = self.command(client, session, "poke-take", step=step)
            if found is None:
                return
            push = {"taken": found["taken"], "base": 1, "kind": "feature", "feature": 1}
            self.command(client, session, "poke-push", **push)
            plane = push | {"second": {"kind": "isotropic"}}
            self.command(client, session, "poke-contour", **plane)
        self.done["pokes"] += 1
        self.over.wait(0.5)

    def guesser(self, client):
        """A quiz about a model that was shown its point, and some guesses."""
        session = self.session(client, QUIZ)
        if session is None or self.trained(client, session, 500) is None:
            return
        made = self.command(client, session, "quiz")
        for number in range(1, 11):
            if made is None:
                return
            guess = {"quiz": made["quiz"], "number": number, "guess": "backdoor"}
            if self.command(client, session, "guess", **guess) is None:
                return
        self.done["quizzes"] += 1
        self.over.wait(0.5)

    def mapper(self, client):
        """A map of a small run, looked at, and training on from one of its points."""
        session = self.session(client, {**SIZES[0], "batch": 16})
        if session is None or not self.command(client, session, "make-map", busy=True):
            self.over.wait(0.5)
            return
        while True:
            found = self.look(client, f"{session}/map-making")
            if found is None:
                return
            if found.json()["state"] != "training":
                break
            if self.over.wait(0.5):
                self.command(client, session, "give-up-map")
        if found.json()["state"] != "done":
            assert self.over.is_set(), found.text
            return
        name = found.json()["map"]
        self.look(client, f"{session}/map?id={name}")
        self.command(client, session, "begin-from", map=name, point=3)
        self.done["maps"] += 1
        self.over.wait(1)


def growth(times, memory):
    """Megabytes gained over the given time, by the median slope between its thirds.

    A last value above the first says little: memory goes up and down. The slope between
    medians is moved neither by a peak nor by a single step back.
    """
    thirds = np.array_split(np.arange(len(times)), 3)
    first, last = thirds[0], thirds[-1]
    rise = np.median(memory[last]) - np.median(memory[first])
    span = np.median(times[last]) - np.median(times[first])
    return rise / span * (times[-1] - times[0])


def test_a_leak_would_be_seen():
    times = np.arange(300.0)
    noise = 10 * np.random.default_rng(0).random(300)
    assert abs(growth(times, 400 + noise)) < 2
    assert growth(times, 400 + noise + 0.1 * times) == pytest.approx(30, abs=3)


def test_memory_is_flat_and_everything_is_bounded(tmp_path):
    times, memory, threads = [], [], []
    with explorer(tmp_path) as (process, address), Visitors(address) as visitors:
        began = time.monotonic()
        while (now := time.monotonic() - began) < SECONDS:
            time.sleep(max(SECONDS / 600, 0.2))
            if now > WARM_UP * SECONDS:
                found = status_of(process)
                times.append(now)
                memory.append(found[0])
                threads.append(found[1])
        assert process.poll() is None
    assert not visitors.faults, visitors.faults
    # They did what they were there for.
    assert visitors.done["frames"] > SECONDS and visitors.done["reloads"] > 0
    assert visitors.done["commands"] > SECONDS / 2
    assert all(visitors.done[room] for room in ROOMS), visitors.done
    second = np.array(times) > (1 + WARM_UP) / 2 * SECONDS
    times, memory = np.array(times), np.array(memory)
    gained = growth(times[second], memory[second])
    allowed = MOST_GROWTH * np.median(memory) + MOST_MEGABYTES
    said = f"{gained:.1f} MB gained, {allowed:.1f} allowed; {visitors.done}"
    assert gained < allowed, said
    # Trainings, Starlette's pool of 40 and XLA's own; none for each visit.
    middle = len(threads) // 2
    assert max(threads[middle:]) <= max(threads[:middle]) + 4, threads
