"""Poke it, in a real browser: by pointer, by keyboard alone, and where it cannot be."""

import pytest
from explorer_pages import (
    IN_BROWSER,
    example,
    figure_files,
    pause,
    play,
    session_of,
    status,
    step_of,
    visiting,
    wait_until,
)

pytestmark = IN_BROWSER
REFUSED = "Failed to load resource: the server responded with a status of 422"


def computed(page):
    """Nothing is being asked any more."""
    wait_until(page, lambda: page.get_attribute("#poke", "aria-busy") == "false", 120)


def poked(page):
    page.click("#poke-take")
    page.wait_for_selector("#poke-body:visible")
    computed(page)


def trained(page, steps):
    for _ in range(steps // 100):
        page.click("#step-many")
    wait_until(page, lambda: step_of(page) == steps and status(page) == "paused")


def length(page):
    return float(page.text_content("#poke-length-text").partition(" ")[0])


def heights(page):
    bars = page.locator("#poke-outputs rect").all()
    return [bar.get_attribute("height") for bar in bars]


def exponent(page):
    return page.text_content("#poke-exponent")


def test_click_choose_drag_and_read_the_exponent(visit, tmp_path):
    page = visit.page("#n=5&d=2&sparsity=0.9&learning_rate=0.01&batch=64")
    trained(page, 300)
    assert page.locator("#poke-body").is_hidden()
    poked(page)
    assert "step 300" in page.text_content("#poke-when")
    assert page.locator(".poke-points circle").count() == 60

    # Click an activation: the one nearest to the pointer is chosen, in the list too.
    point = page.locator(".poke-points circle").nth(8)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    before = page.input_value("#poke-base")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    computed(page)
    chosen = page.input_value("#poke-base")
    assert chosen != before
    label = page.get_attribute(".poke-places", "aria-label")
    assert f"chosen: {chosen}," in label

    # Choose a direction.
    curve = page.get_attribute("#poke-curve .curve", "points")
    page.select_option("#poke-kind", "covariance")
    computed(page)
    assert page.get_attribute("#poke-curve .curve", "points") != curve
    assert page.locator("#poke-feature").is_hidden()
    drawn = page.get_attribute("#poke-curve .curve", "points")
    page.get_by_role("button", name="Another random direction").click()
    computed(page)
    assert page.get_attribute("#poke-curve .curve", "points") != drawn

    # Far enough for a boundary on every side.
    page.select_option("#poke-reach", "4")
    computed(page)

    # Drag the length: nothing is asked for, everything follows.
    asked = len(visit.requests)
    chart = page.locator("#poke-curve svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], middle)
    page.mouse.down()
    first = length(page)
    place = page.get_attribute("#poke-places .now", "cx")
    bars = heights(page)
    page.mouse.move(box["x"] + 0.9 * box["width"], middle, steps=5)
    page.mouse.up()
    assert length(page) > first + 0.8
    assert page.get_attribute("#poke-places .now", "cx") != place
    assert heights(page) != bars
    assert float(page.input_value("#poke-length")) == pytest.approx(25 * length(page))
    moves = [url for url in visit.requests[asked:] if "/poke-" in url]
    assert moves == []

    # The contour is there, with its exponent; another level needs no request.
    assert exponent(page).startswith("p = ")
    words = page.text_content("#poke-contour-story")
    assert exponent(page).removeprefix("p = ") in words and "linear control" in words
    contour = page.get_attribute(".poke-contour-line", "d")
    assert contour.count("M") == 4
    page.select_option("#poke-level", "1")
    assert page.get_attribute(".poke-contour-line", "d") != contour
    page.click("#poke-details summary")
    wait_until(page, lambda: page.locator("#poke-table tbody tr").count() == 5)
    assert page.locator("#poke-quarters tbody tr").count() == 4
    assert [url for url in visit.requests[asked:] if "/poke-" in url] == []
    figure_files(page, "poke-curve", tmp_path)
    figure_files(page, "poke-contour", tmp_path)


def test_a_refused_take_leaves_the_push_that_it_overtook(visit):
    page = visit.page("#n=5&d=2&sparsity=0.9&learning_rate=0.01&batch=64")
    trained(page, 100)
    poked(page)
    page.evaluate(
        """() => {
            const real = window.fetch;
            const refusal = JSON.stringify({field: null, message: "not now"});
            const headers = {"content-type": "application/json"};
            window.fetch = async (path, options) => {
                if (path.endsWith("/poke-take")) return new Response(refusal, {status: 422, headers});
                if (path.endsWith("/poke-push")) await new Promise((done) => setTimeout(done, 500));
                return real(path, options);
            };
        }"""  # noqa: E501
    )
    curve = page.get_attribute("#poke-curve .curve", "points")
    words = page.text_content("#poke-length-text")
    page.select_option("#poke-kind", "covariance")
    # While it is on its way the answer before cannot be dragged under the new name.
    assert page.is_disabled("#poke-length")
    assert page.text_content("#poke-length-text") == words
    page.click("#poke-take")
    computed(page)
    assert page.text_content("#poke-error") == "Not now"
    assert page.get_attribute("#poke-curve .curve", "points") != curve
    assert page.is_enabled("#poke-length")
    assert exponent(page)


def test_everything_by_keyboard(visit):
    page = visit.page("#n=6&d=3&sparsity=0.9&learning_rate=0.01&batch=64")
    trained(page, 100)
    page.focus("#poke-take")
    page.keyboard.press("Enter")
    page.wait_for_selector("#poke-body:visible")
    computed(page)
    assert "principal components" in page.text_content("#poke-places-text")
    assert page.evaluate("document.activeElement.id") == "poke-take"

    # Tab passes every field in order; letters and arrows choose.
    for name in ("poke-draw", "poke-base", "poke-kind", "poke-feature", "poke-sign"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == name
    was = page.input_value("#poke-sign")
    page.keyboard.press("ArrowDown")
    computed(page)
    assert page.input_value("#poke-sign") == "-1" != was
    page.focus("#poke-base")
    before = page.get_attribute("#poke-curve .curve", "points")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    computed(page)
    assert page.get_attribute("#poke-curve .curve", "points") != before
    page.focus("#poke-length")
    now = length(page)
    page.keyboard.press("ArrowRight")
    assert length(page) == pytest.approx(now + 0.02)
    page.keyboard.press("Home")
    assert length(page) == 0
    page.keyboard.press("End")
    assert length(page) == 2
    said = page.get_attribute("#poke-length", "aria-valuetext")
    assert said == page.text_content("#poke-length-text")
    assert "moved by" in said
    page.focus("#poke-second")
    page.keyboard.press("ArrowDown")
    computed(page)
    assert page.input_value("#poke-second") == "isotropic"
    assert exponent(page)
    wait_until(
        page, lambda: exponent(page) in page.text_content("#poke-spoken"), seconds=20
    )


def test_a_poke_stays_with_its_step(visit):
    page = visit.page("#batch=64&n=6")
    play(page, 30)
    poked(page)
    when = page.text_content("#poke-when")
    curve = page.get_attribute("#poke-curve .curve", "points")
    now = step_of(page)
    wait_until(page, lambda: step_of(page) > now + 50)
    assert page.text_content("#poke-when") == when
    assert page.get_attribute("#poke-curve .curve", "points") == curve
    pause(page)
    assert page.text_content("#poke-take") == "Poke the present weights"
    poked(page)
    assert page.text_content("#poke-when") == f"Taken at step {step_of(page):,}."
    assert page.get_attribute("#poke-curve .curve", "points") != curve
    places = page.locator(".poke-points circle").nth(0).get_attribute("cx")
    page.click("#poke-draw")
    computed(page)
    assert page.locator(".poke-points circle").nth(0).get_attribute("cx") != places
    page.click("#restart")
    wait_until(page, lambda: "earlier training" in page.text_content("#poke-when"))
    # Before training there is something to poke as well.
    poked(page)
    assert page.text_content("#poke-when") == "Taken at step 0."
    assert page.text_content("#poke-story")


def test_what_cannot_be_poked_says_why(chromium, served):
    with visiting(chromium, served[0]) as visit:
        page = visit.page("#n=6&d=3&batch=64")
        page.click("#step-many")
        wait_until(page, lambda: step_of(page) == 100)
        poked(page)
        feature = page.input_value("#poke-feature")
        page.select_option("#poke-second-feature", feature)
        computed(page)
        error = page.locator("#poke-second-feature-error")
        assert "parallel" in error.text_content()
        assert exponent(page) == "" and page.locator("#poke-quarters tr").count() == 0
        page.select_option("#poke-second", "isotropic")
        computed(page)
        assert error.is_hidden() and exponent(page)
        page.select_option("#poke-kind", "mixture")
        page.select_option("#poke-with-feature", feature)
        computed(page)
        assert "another feature" in page.text_content("#poke-with-feature-error")
        assert page.is_disabled("#poke-length")
        page.select_option("#poke-kind", "isotropic")
        computed(page)
        assert page.is_enabled("#poke-length")

        kept = session_of(page, served)
        kept.pokes._taken.clear()
        page.select_option("#poke-reach", "1")
        computed(page)
        assert "no longer kept" in page.text_content("#poke-error")
        poked(page)
        assert page.locator("#poke-error").is_hidden()

        state = kept.trainer._state
        state.params["W"] = state.params["W"] * float("nan")
        page.click("#play")
        wait_until(page, lambda: status(page) == "diverged")
        page.click("#poke-take")
        computed(page)
        assert "not diverged" in page.text_content("#poke-error")
        assert {
            c.removesuffix(" (Unprocessable Entity)") for c in visit.complaints
        } == {REFUSED}
        visit.complaints.clear()


def test_one_dimension_has_no_contour_and_says_so(visit):
    page = visit.page()
    example(page, "Digon")
    wait_until(page, lambda: step_of(page) > 200)
    pause(page)
    poked(page)
    assert "One hidden dimension" in page.text_content("#poke-contour-story")
    assert page.locator("#poke-contour svg").is_hidden()
    assert page.locator("#poke-second").is_hidden()
    assert page.get_attribute("#poke-curve .curve", "points")


@pytest.mark.parametrize("width", [390, 768, 1000, 1440])
def test_the_room_is_not_wider_than_the_window(chromium, served, width):
    size = {"width": width, "height": 800}
    with visiting(chromium, served[0], viewport=size) as visit:
        page = visit.page("#n=20&d=6&batch=64")
        poked(page)
        page.select_option("#poke-kind", "mixture")
        computed(page)
        page.evaluate(
            "document.querySelectorAll('details').forEach(d => d.open = true)"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for control in page.locator("#poke select, #poke input, #poke button").all():
            if control.is_visible():
                name = control.evaluate(
                    "e => (e.textContent && e.tagName === 'BUTTON' ? e.textContent :"
                    " [...(e.labels || [])].map(l => l.textContent).join('')).trim()"
                )
                assert name, control.evaluate("e => e.outerHTML")
