"""What the browser tests of the explorer share: a server, a window, the same few moves.

The fixtures are in `conftest`, so that every file has them; it imports this module
after its import hook, which is why nothing here imports `toymodels` at the top.
"""

import contextlib
import os
import re
import shutil
import time

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
# What every file of browser tests has as its `pytestmark`.
IN_BROWSER = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
]
LONG = 60_000  # milliseconds; a first step compiles


@pytest.fixture(scope="module")
def chromium():
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing")
    with api.sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=BROWSER, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served():
    """A server, and its sessions."""
    from toymodels.explorer.serve import served_in_thread
    from toymodels.explorer.sessions import Sessions

    kept = Sessions(most=6)
    with served_in_thread(kept) as address:
        yield address, kept


class Visit:
    """A browser window, and all that it asked for and complained about."""

    def __init__(self, chromium, address, **options):
        self.address = address
        self.context = chromium.new_context(accept_downloads=True, **options)
        self.context.set_default_timeout(LONG)
        self.requests, self.complaints = [], []
        self.context.on("request", lambda request: self.requests.append(request.url))

    def page(self, path=""):
        page = self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(path if "://" in path else f"{self.address}/{path}")
        page.wait_for_selector(".stage")
        return page

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest.fixture
def visit(chromium, served):
    """A window whose every request must stay here, without a word on the console."""
    address, _ = served
    with visiting(chromium, address) as one:
        yield one


@contextlib.contextmanager
def visiting(chromium, address, allowed=None, **options):
    """A window of its own; `allowed` are the only complaints that may be heard."""
    one = Visit(chromium, address, **options)
    try:
        yield one
        assert one.complaints == (allowed or [])
        local = (address, "data:", "blob:", "file:")
        assert [url for url in one.requests if not url.startswith(local)] == []
    finally:
        one.context.close()


def step_of(page):
    digits = re.sub(r"\D", "", page.text_content("#scrub-text").partition(" of")[0])
    return int(digits or 0)


def wait_until(page, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, page.text_content("#picture")
        page.wait_for_timeout(50)


def session_of(page, served):
    """The session on the server that a page shows; others may be newer."""
    name = page.evaluate("sessionStorage.getItem('toymodels-session')")
    return served[1]._sessions[name]


def status(page):
    return page.get_attribute("#status", "data-status")


def play(page, steps):
    page.click("#play")
    wait_until(page, lambda: step_of(page) >= steps)


def pause(page):
    page.click("#play")
    wait_until(page, lambda: status(page) == "paused")


def example(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def has_shape(page, words):
    wait_until(page, lambda: words in page.text_content("#shape-name"))


def downloaded(page, selector, folder):
    with page.expect_download() as waiting:
        page.click(selector)
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def figure_files(page, place, folder):
    """A figure saved by the two buttons below it: its SVG and its PNG."""
    svg = downloaded(page, f"#{place}-saves button:has-text('SVG')", folder)
    png = downloaded(page, f"#{place}-saves button:has-text('PNG')", folder)
    assert svg.read_text(encoding="utf-8").startswith("<svg")
    assert png.read_bytes().startswith(b"\x89PNG") and png.stat().st_size > 5000
    return svg, png
