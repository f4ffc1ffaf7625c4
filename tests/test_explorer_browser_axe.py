"""axe-core on every state of the page: no serious or critical violation.

axe is run through the debugging protocol, which the page's content security policy does
not hold back; it adds nothing that the page itself could load.
"""

import numpy as np
import pytest
from explorer_pages import (
    IN_BROWSER,
    example,
    has_shape,
    pause,
    play,
    session_of,
    status,
    step_of,
    visiting,
    wait_until,
)

from toymodels.cli import main
from toymodels.explorer import map_making

pytestmark = IN_BROWSER

PLANTED = "#backdoor_point=1%3A1%203%3A1&backdoor_rate=0.05&batch=64"
SIZES = {"wide": (1440, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def axe():
    api = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-core is missing"
    )
    return api.Axe()


def check(axe, page):
    """Fails with what is wrong, and where."""
    found = axe.run(page).response["violations"]
    grave = [
        f"{one['id']} ({one['impact']}): {node['html'][:160]}\n{node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert not grave, "\n".join(grave)


def opened(page):
    """With all that can be unfolded unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.wait_for_timeout(700)  # tables are made a little later


def seen(page):
    """Every room has been scrolled to, so that it is filled."""
    for room in page.locator("section.room").all():
        room.scroll_into_view_if_needed()
        page.wait_for_timeout(300)


@pytest.fixture(params=SIZES)
def size(request):
    width, height = SIZES[request.param]
    return {"width": width, "height": height}


@pytest.fixture(params=[("wide", "light"), ("wide", "dark"), ("phone", "light")])
def window(request, chromium, served):
    """One of the windows that everything is looked at in."""
    size, scheme = request.param
    width, height = SIZES[size]
    options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    with visiting(chromium, served[0], **options) as one:
        yield one


def test_at_the_start(axe, window):
    page = window.page()
    check(axe, page)
    seen(page)
    opened(page)
    check(axe, page)


def test_while_it_plays_and_when_it_rests(axe, window):
    page = window.page()
    play(page, 200)
    check(axe, page)
    pause(page)
    page.click("#show-script")
    page.wait_for_selector("#script-panel:visible")
    page.focus("#scrub")
    page.keyboard.press("Home")
    page.wait_for_selector("#to-now:visible")
    check(axe, page)


@pytest.mark.parametrize("link", ["n=2&d=1", "n=6&d=3", "n=20&d=7"])
def test_in_every_dimension(axe, window, link):
    page = window.page(f"#{link}")
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 100)
    opened(page)
    check(axe, page)


def test_when_it_has_a_name(axe, window):
    page = window.page()
    example(page, "Pentagon")
    page.select_option("#pace", "6000")
    has_shape(page, "Pentagon")
    pause(page)
    check(axe, page)


def test_where_the_server_objects(axe, chromium, served, size):
    with visiting(chromium, served[0], viewport=size) as visit:
        page = visit.page()
        page.fill("#setting-d", "9")
        page.press("#setting-d", "Enter")
        page.wait_for_selector("#setting-d-error:visible")
        check(axe, page)
        visit.complaints[:] = [c for c in visit.complaints if "422" not in c]


def test_when_it_has_diverged(axe, window, served):
    page = window.page()
    page.click("#step-one")
    wait_until(page, lambda: step_of(page) == 1)
    kept = session_of(page, served)
    state = kept.trainer._state
    state.params["W"] = state.params["W"] * np.float32(1e30)
    page.click("#play")
    wait_until(page, lambda: status(page) == "diverged")
    check(axe, page)


def test_when_it_has_ended(axe, window, served):
    page = window.page()
    kept = session_of(page, served)
    kept.trainer.close()
    served[1]._sessions.pop(kept.id)
    page.wait_for_selector("#begin-again:visible")
    check(axe, page)


def test_the_map(axe, window, monkeypatch, tmp_path):
    monkeypatch.setenv("TOYMODELS_STORE", str(tmp_path))
    monkeypatch.setattr(map_making, "STEPS", 300)
    monkeypatch.setattr(map_making, "GRID", 6)
    page = window.page("#n=2&d=1")
    page.locator("#map").scroll_into_view_if_needed()
    wait_until(page, lambda: "no map" in page.text_content("#map-status"))
    check(axe, page)
    page.click("#map-make")
    page.wait_for_selector("#map-progress:visible")
    check(axe, page)
    page.wait_for_selector("#map-body:visible")
    opened(page)
    check(axe, page)
    page.focus("svg.map")
    page.keyboard.press("Enter")
    page.wait_for_selector("#began:visible")
    check(axe, page)


def test_every_room_after_its_first_question(axe, window):
    """A room's primary button asks it something; whatever comes is looked at."""
    page = window.page(PLANTED)
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 100)
    # By name: a button that has begun something is no longer the primary one.
    primary = page.locator("section.room button.primary").all()
    for name in [button.get_attribute("id") for button in primary]:
        button = page.locator(f"#{name}")
        if not (button.is_visible() and button.is_enabled()):
            continue
        button.scroll_into_view_if_needed()
        button.click()
        busy = page.locator("section.room [aria-busy=true], section.room.is-busy")
        page.wait_for_timeout(300)
        wait_until(page, lambda busy=busy: busy.count() == 0)
    assert page.is_visible("#poke-body") and page.is_visible("#quiz-guesses")
    opened(page)
    check(axe, page)


def test_the_quiz(axe, window):
    page = window.page(PLANTED)
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 100)
    page.click("#quiz-begin")
    page.wait_for_selector("#quiz-guesses:visible")
    check(axe, page)
    page.get_by_role("button", name="backdoor", exact=True).click()
    page.wait_for_selector("#quiz-results:visible")
    assert page.is_visible("#quiz-reveal")
    check(axe, page)


def test_a_quiz_that_cannot_be_had(axe, chromium, served, size):
    with visiting(chromium, served[0], viewport=size) as visit:
        page = visit.page()
        page.click("#quiz-begin")
        page.wait_for_selector("#quiz-error:visible")
        check(axe, page)
        visit.complaints[:] = [c for c in visit.complaints if "422" not in c]


@pytest.mark.parametrize("flags", [[], ["--snapshots", "5"]], ids=["end", "history"])
def test_an_exported_page(axe, chromium, size, tmp_path, flags):
    folder = tmp_path / "run"
    quick = ["--steps", "60", "--batch", "16", "--probability", "0.1"]
    assert main(["train", "--out", str(folder), *quick, *flags]) == 0
    assert main(["export", str(folder), "--html"]) == 0
    with visiting(chromium, "file://", viewport=size) as visit:
        page = visit.page((folder / "explorer.html").as_uri())
        assert page.is_visible("#play") == bool(flags)
        page.click("#show-script")
        assert "from_json" in page.text_content("#script")
        opened(page)
        check(axe, page)
        if flags:
            page.click("#play")
            wait_until(page, lambda: "step 60" in page.text_content("#scrub-text"))
