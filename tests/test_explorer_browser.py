"""The explorer in a real browser: the distribution's Chromium, driven by Playwright."""

import runpy
import time

import numpy as np
import pytest
from explorer_pages import (
    IN_BROWSER,
    downloaded,
    example,
    figure_files,
    has_shape,
    pause,
    play,
    session_of,
    status,
    step_of,
    visiting,
    wait_until,
)

import toymodels as tm
from toymodels.explorer import trainer as trainer_module

pytestmark = IN_BROWSER


def test_play_reaches_a_pentagon_that_is_named(visit):
    page = visit.page()
    assert page.text_content("#shape-name") == "Before training"
    example(page, "Pentagon")
    page.select_option("#pace", "6000")
    has_shape(page, "Pentagon")
    wait_until(page, lambda: "% from ideal" in page.text_content("#shape-detail"))
    assert page.locator("#stage .arm line").count() == 5
    assert page.locator(".outline polygon").count() == 1
    label = page.get_attribute("svg.stage", "aria-label")
    assert "Pentagon" in label and "5 of 5 features" in label
    assert float(page.text_content("#loss-number")) < 0.05


def test_frames_move_the_columns(visit):
    page = visit.page()
    play(page, 5)
    places = set()

    def moved():
        places.add(page.get_attribute(".arm line:first-child", "x2"))
        return len(places) >= 4

    wait_until(page, moved)


def test_a_live_slider_acts_without_a_restart(visit, served):
    page = visit.page()
    play(page, 50)
    before = step_of(page)
    trainer = session_of(page, served).trainer
    generation = trainer.generation
    page.focus("#setting-sparsity")
    slider = page.get_by_label("Sparsity S, slider")
    slider.focus()
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowLeft")
    wait_until(page, lambda: "sparsity=" in page.evaluate("location.hash"))
    value = float(page.input_value("#setting-sparsity"))
    assert value < 0.9
    wait_until(page, lambda: step_of(page) > before + 20)
    assert trainer.controls.sparsity == value
    assert trainer.generation == generation


def test_a_slider_acts_while_it_is_dragged(visit, served):
    page = visit.page()
    play(page, 20)
    trainer = session_of(page, served).trainer
    slider = page.get_by_label("Sparsity S, slider")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.5 * box["width"], middle)
    page.mouse.down()
    taken = set()
    # The pointer never rests; what is seen meanwhile was not waiting for that.
    for place in range(100):
        share = 0.2 + 0.6 * abs(place % 50 - 25) / 25
        page.mouse.move(box["x"] + share * box["width"], middle)
        page.wait_for_timeout(20)
        taken.add(trainer.controls.sparsity)
    page.mouse.up()
    assert len(taken) > 5, taken
    value = float(page.input_value("#setting-sparsity"))
    wait_until(page, lambda: trainer.controls.sparsity == value)
    assert trainer.generation == 1


def test_a_known_loss_is_drawn_where_its_settings_held(visit):
    page = visit.page("#batch=16")
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 100 and status(page) == "paused")
    ends = """[...document.querySelectorAll("#loss .theory line")].map(
        (line) => ["x1", "x2"].map((name) => Number(line.getAttribute(name))))"""
    assert len({tuple(line) for line in page.evaluate(ends)}) == 1
    (left, right), *_ = page.evaluate(ends)
    page.fill("#setting-sparsity", "0.5")
    page.press("#setting-sparsity", "Enter")
    wait_until(page, lambda: "sparsity=0.5" in page.url)
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 200 and status(page) == "paused")
    middle = (left + right) / 2
    now = [[pytest.approx(middle, abs=0.1), right]] * 2
    wait_until(page, lambda: page.evaluate(ends) == now)
    assert "from step 100 on" in page.text_content("#loss-text")
    # Of an earlier frame they end where its settings ended.
    page.focus("#scrub")
    page.keyboard.press("Home")
    page.wait_for_selector("#to-now:visible")
    before = [[left, pytest.approx(middle, abs=0.1)]] * 2
    wait_until(page, lambda: page.evaluate(ends) == before)


def test_other_settings_restart(visit):
    page = visit.page()
    play(page, 50)
    pause(page)
    page.fill("#setting-n", "7")
    page.press("#setting-n", "Enter")
    wait_until(page, lambda: step_of(page) == 0)
    assert page.locator("#stage .arm line").count() == 7


def test_a_training_that_takes_long_to_begin_is_said_to_start(visit):
    page = visit.page("#batch=16")
    held = []
    page.route("**/settings", lambda route: held.append(route))
    page.fill("#setting-n", "7")
    page.press("#setting-n", "Enter")
    wait_until(page, lambda: status(page) == "starting")
    assert page.text_content("#status") == "starting…"
    assert page.get_attribute("#stage", "aria-busy") == "true"
    held.pop().continue_()
    wait_until(page, lambda: page.locator("#stage .arm line").count() == 7)
    wait_until(page, lambda: status(page) == "paused")
    assert page.get_attribute("#stage", "aria-busy") == "false"


def test_the_server_objects_beside_the_field(chromium, served):
    words = "Failed to load resource: the server responded with a status of 422"
    with visiting(chromium, served[0]) as visit:
        page = visit.page()
        page.fill("#setting-d", "9")
        page.press("#setting-d", "Enter")
        page.wait_for_selector("#setting-d-error:visible")
        assert "fewer than n = 5" in page.text_content("#setting-d-error")
        assert page.get_attribute("#setting-d", "aria-invalid") == "true"
        page.fill("#setting-d", "3")
        page.press("#setting-d", "Enter")
        page.wait_for_selector("svg.turnable")
        assert page.locator("#setting-d-error").is_hidden()
        visit.complaints[:] = [c for c in visit.complaints if words not in c]


def test_a_refused_field_does_not_hold_up_the_others(chromium, served):
    words = "Failed to load resource: the server responded with a status of 422"
    with visiting(chromium, served[0]) as visit:
        page = visit.page()
        trainer = session_of(page, served).trainer
        page.fill("#setting-d", "9")
        page.press("#setting-d", "Enter")
        page.wait_for_selector("#setting-d-error:visible")
        page.fill("#setting-sparsity", "0.5")
        page.press("#setting-sparsity", "Enter")
        wait_until(page, lambda: trainer.controls.sparsity == 0.5)
        page.fill("#setting-learning_rate", "0,01")
        page.press("#setting-learning_rate", "Enter")
        page.wait_for_selector("#setting-learning_rate-error:visible")
        assert page.locator("#setting-d-error").is_visible()
        assert trainer.controls.d == 2 and page.input_value("#setting-d") == "9"
        page.fill("#setting-d", "3")
        page.press("#setting-d", "Enter")
        wait_until(page, lambda: trainer.controls.d == 3)
        page.wait_for_selector("#setting-d-error", state="hidden")
        visit.complaints[:] = [c for c in visit.complaints if words not in c]


def test_history_can_be_scrubbed_and_left(visit):
    page = visit.page()
    play(page, 200)
    pause(page)
    newest = step_of(page)
    place = page.get_attribute(".arm line:first-child", "x2")
    page.focus("#scrub")
    page.keyboard.press("Home")
    page.wait_for_selector("#to-now:visible")
    wait_until(page, lambda: step_of(page) == 0)
    assert page.get_attribute(".arm line:first-child", "x2") != place
    page.click("#to-now")
    wait_until(page, lambda: step_of(page) == newest)
    assert page.get_attribute(".arm line:first-child", "x2") == place


def test_scrubbing_asks_for_one_frame_at_a_time(visit):
    page = visit.page("#batch=16")
    play(page, 200)
    pause(page)
    asked = len(visit.requests)
    page.evaluate(
        """() => {
            const scrub = document.getElementById("scrub");
            for (let step = 150; step >= 10; step -= 2) {
                scrub.value = step;
                scrub.dispatchEvent(new Event("input"));
            }
        }"""
    )
    wait_until(page, lambda: step_of(page) <= 20)
    page.wait_for_timeout(300)
    frames = [url for url in visit.requests[asked:] if url.endswith("/frame")]
    assert 1 <= len(frames) <= 3
    page.click("#to-now")
    wait_until(page, lambda: step_of(page) >= 200)


def test_a_hidden_tab_listens_to_nothing_and_trains_on(visit, served):
    page = visit.page("#batch=16")
    play(page, 20)
    session = session_of(page, served)
    hide = """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    wait_until(page, lambda: session.viewers == 0)
    shown, before = step_of(page), session.trainer.newest.step
    used = session.last_used
    wait_until(page, lambda: session.trainer.newest.step > before + 200)
    assert step_of(page) - shown < 100
    # It still says that it is there, so that the server does not pause it.
    wait_until(page, lambda: session.last_used > used)
    page.evaluate(hide, False)
    wait_until(page, lambda: session.viewers == 1)
    wait_until(page, lambda: step_of(page) > before + 200)
    pause(page)
    steps = page.evaluate("document.querySelector('#loss .curve').points.length")
    wait_until(page, lambda: steps > 20)


def test_a_reload_resumes(visit):
    page = visit.page()
    play(page, 100)
    page.reload()
    page.wait_for_selector(".stage")
    wait_until(page, lambda: step_of(page) >= 100)
    assert status(page) == "playing"
    # The losses from before are there again.
    many = "document.querySelector('#loss .curve').points.length > 3"
    wait_until(page, lambda: page.evaluate(many))
    pause(page)


def test_a_reload_without_a_link_leaves_the_training_alone(visit):
    page = visit.page("#n=7")
    play(page, 30)
    pause(page)
    asked = []

    def late(route):
        # By then a frame is drawn, which writes a link into the address.
        wait_until(page, lambda: "n=7" in page.url)
        asked.append(route.request.url)
        route.continue_()

    page.route("**/history", late)
    page.goto(visit.address)
    page.wait_for_selector(".stage")
    wait_until(page, lambda: asked)
    # Longer than the form waits before it shows what the server holds.
    page.wait_for_timeout(2000)
    assert page.input_value("#setting-n") == "7"
    assert step_of(page) >= 30


def test_two_tabs_train_on_their_own(visit):
    first, second = visit.page(), visit.page()
    play(first, 60)
    pause(first)
    before = step_of(first)
    assert step_of(second) == 0
    second.click("#step-many")
    wait_until(second, lambda: step_of(second) == 100)
    assert step_of(first) == before


def test_a_link_restores_all_settings(visit):
    page = visit.page("#n=6&d=3&sparsity=0.8&groups=correlated&seed=4")
    assert page.locator("svg.turnable").count() == 1
    assert page.input_value("#setting-n") == "6"
    assert page.input_value("#setting-groups") == "correlated"
    assert page.input_value("#setting-seed") == "4"
    # The same address later, in a window that has something else.
    page.goto(f"{visit.address}/#n=4&d=1")
    wait_until(page, lambda: page.input_value("#setting-n") == "4")
    page.wait_for_selector("svg.wide")


def test_a_bad_link_says_what_is_wrong(chromium, served):
    with visiting(chromium, served[0]) as visit:
        page = visit.page("#sparsity=7")
        page.wait_for_selector("#setting-sparsity-error:visible")
        assert "7" in page.text_content("#setting-sparsity-error")
        visit.complaints[:] = [c for c in visit.complaints if "422" not in c]


def test_the_sphere_turns_by_keys_and_by_dragging(visit):
    page = visit.page("#n=6&d=3")
    line = ".arm line:first-child"
    before = page.get_attribute(line, "x2")
    page.focus("svg.turnable")
    page.keyboard.press("ArrowRight")
    wait_until(page, lambda: page.get_attribute(line, "x2") != before)
    page.keyboard.press("Home")
    wait_until(page, lambda: page.get_attribute(line, "x2") == before)
    box = page.locator("svg.turnable").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 180, box["y"] + 120)
    page.mouse.up()
    wait_until(page, lambda: page.get_attribute(line, "x2") != before)


def test_many_dimensions_are_a_graph_of_shapes(visit):
    page = visit.page()
    example(page, "Twenty in nine")
    page.select_option("#pace", "")
    has_shape(page, "digons")
    page.wait_for_selector("svg.graph")
    assert "digon" in page.text_content(".ring")


def test_numbers_can_be_read(visit):
    page = visit.page()
    page.click("#numbers-title")
    wait_until(page, lambda: page.locator("#table tbody tr").count() == 5)
    page.click("#step-many")
    wait_until(page, lambda: "Step 100," in page.text_content("#table caption"))
    page.focus("#heat")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    wait_until(
        page,
        lambda: "Feature 2 on itself" in page.text_content("#heat-text"),
    )
    # A screen reader is told too.
    assert page.text_content("#spoken") == page.text_content("#heat-text")


def test_divergence_is_said_and_can_be_left(visit, served):
    page = visit.page()
    page.click("#step-one")
    wait_until(page, lambda: step_of(page) == 1)
    kept = session_of(page, served)
    state = kept.trainer._state
    state.params["W"] = state.params["W"] * np.float32(1e30)
    page.click("#play")
    wait_until(page, lambda: status(page) == "diverged")
    assert page.text_content("#shape-name") == "Diverged"
    assert page.is_disabled("#play")
    # The strips keep their last picture; its numbers are not those of this step.
    for heading in ("#dimensionality-number", "#norm-number"):
        assert page.text_content(heading) == "–"
    assert "No numbers any more" in page.get_attribute("svg.stage", "aria-label")
    page.click("#restart")
    wait_until(page, lambda: status(page) == "paused")
    assert page.is_enabled("#play")


def test_a_failure_is_said_and_can_be_left(visit, monkeypatch):
    def broken(*_):
        raise RuntimeError("out of memory")

    page = visit.page()
    with monkeypatch.context() as patch:
        patch.setattr(trainer_module, "_advanced", broken)
        page.click("#step-one")
        wait_until(page, lambda: status(page) == "failed")
    page.wait_for_selector("#notice:visible")
    assert "out of memory" in page.text_content("#notice-text")
    assert page.is_disabled("#play") and page.locator("#begin-again").is_hidden()
    page.click("#restart")
    wait_until(page, lambda: status(page) == "paused")
    assert page.locator("#notice").is_hidden()
    page.click("#step-one")
    wait_until(page, lambda: step_of(page) == 1)


def test_two_forms_do_not_undo_each_other(chromium, served):
    """What one of them could not send is its own; the rest is as the other has it."""
    with visiting(chromium, served[0]) as visit:
        page = visit.page("#batch=16")
        trainer = session_of(page, served).trainer
        page.fill("#setting-d", "9")
        page.press("#setting-d", "Enter")
        page.wait_for_selector("#setting-d-error:visible")
        page.get_by_role("checkbox", name="2", exact=True).click()
        wait_until(page, lambda: trainer.controls.backdoor_point == "2:1")
        point = "#setting-backdoor_point"
        wait_until(page, lambda: page.input_value(point) == "2:1")
        assert page.input_value("#setting-d") == "9"
        page.fill("#setting-d", "3")
        page.press("#setting-d", "Enter")
        wait_until(page, lambda: trainer.controls.d == 3)
        assert trainer.controls.backdoor_point == "2:1"
        # The other way round: the room is refused, the form restarts, the room mends.
        page.fill("#plant-rate-box", "1.5")
        page.press("#plant-rate-box", "Enter")
        page.wait_for_selector("#plant-error:visible")
        page.fill("#setting-d", "2")
        page.press("#setting-d", "Enter")
        wait_until(page, lambda: trainer.controls.d == 2)
        page.fill("#plant-rate-box", "0.1")
        page.press("#plant-rate-box", "Enter")
        wait_until(page, lambda: trainer.controls.backdoor_rate == 0.1)
        assert trainer.controls.d == 2
        assert trainer.controls.backdoor_point == "2:1"
        # And from a frame of before, which had other settings.
        page.click("#step-many")
        wait_until(page, lambda: step_of(page) == 100)
        page.focus("#scrub")
        page.keyboard.press("Home")
        page.wait_for_selector("#to-now:visible")
        page.fill("#setting-learning_rate", "0.02")
        page.press("#setting-learning_rate", "Enter")
        wait_until(page, lambda: trainer.controls.learning_rate == 0.02)
        page.get_by_role("button", name="5 %", exact=True).click()
        wait_until(page, lambda: trainer.controls.backdoor_rate == 0.05)
        assert trainer.controls.learning_rate == 0.02
        visit.complaints[:] = [c for c in visit.complaints if "422" not in c]


@pytest.mark.parametrize("figure", ["loss", "dimensionality"])
def test_a_figure_beside_the_picture_can_be_saved(visit, tmp_path, figure):
    page = visit.page()
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 100)
    svg, png = figure_files(page, figure, tmp_path)
    assert svg.name == f"toymodels-{figure}-step-100.svg"
    assert "<text" in svg.read_text(encoding="utf-8")


def test_a_run_can_be_taken_away(visit, tmp_path):
    page = visit.page("#batch=16")
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 100 and status(page) == "paused")
    weights = tm.load_weights(downloaded(page, "#weights", tmp_path))
    page.click("#show-script")
    page.wait_for_selector("#script-panel:visible")
    script = downloaded(page, "#save-script", tmp_path)
    assert script.name == "toymodels-run-step-100.py"
    made = runpy.run_path(str(script))
    np.testing.assert_array_equal(made["W"], weights.params["W"][0])
    svg = downloaded(page, "#save-svg", tmp_path)
    assert svg.read_text(encoding="utf-8").startswith("<svg")
    png = downloaded(page, "#save-png", tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG") and png.stat().st_size > 5000


def test_a_script_says_to_which_step_it_trains(visit, tmp_path):
    page = visit.page("#batch=16")
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 100 and status(page) == "paused")
    page.click("#show-script")
    words = page.locator("#script-text")
    words.wait_for()
    assert words.text_content() == "This script trains to step 100."
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 200 and status(page) == "paused")
    shows = "shows step 200: press “As Python” again"
    wait_until(page, lambda: shows in words.text_content())
    script = downloaded(page, "#save-script", tmp_path)
    assert script.name == "toymodels-run-step-100.py"
    page.click("#show-script")
    wait_until(page, lambda: words.text_content() == "This script trains to step 200.")
    page.click("#restart")
    wait_until(page, lambda: "of another training" in words.text_content())


def test_a_saved_page_opens_without_a_server(chromium, served, tmp_path):
    with visiting(chromium, served[0]) as visit:
        page = visit.page("#batch=16")
        play(page, 60)
        pause(page)
        newest = step_of(page)
        saved = downloaded(page, "#save-page", tmp_path)
    with visiting(chromium, "file://") as visit:
        page = visit.page(saved.as_uri())
        assert step_of(page) == newest
        page.focus("#scrub")
        page.keyboard.press("Home")
        wait_until(page, lambda: step_of(page) == 0)
        page.click("#play")
        wait_until(page, lambda: step_of(page) == newest)
        page.focus("#scrub")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        wait_until(page, lambda: 0 < step_of(page) < newest)
        page.click("#show-script")
        assert "import toymodels as tm" in page.text_content("#script")
        words = page.text_content("#script-text")
        assert f"last frame, step {newest}. The picture shows step" in words
        script = downloaded(page, "#save-script", tmp_path)
        assert script.name == f"toymodels-run-step-{newest}.py"
        visible = [b for b in page.locator("button").all() if b.is_visible()]
        assert "Restart" not in [b.text_content() for b in visible]
        for room in ("map", "backdoor", "poke"):
            assert page.locator(f"#{room}").is_hidden()


def test_less_motion_means_few_frames(chromium, served):
    with visiting(chromium, served[0], reduced_motion="reduce") as visit:
        page = visit.page()
        play(page, 5)
        places, began = set(), time.monotonic()

        def moved():
            places.add(page.get_attribute(".arm line:first-child", "x2"))
            return len(places) >= 4

        wait_until(page, moved)
        # The second, third and fourth are REDUCED_MS apart, if not more.
        assert time.monotonic() - began > 2 * 0.9 * 0.5


@pytest.mark.parametrize("width", [390, 768, 1000, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(chromium, served, width, scheme):
    size = {"width": width, "height": 800}
    with visiting(chromium, served[0], viewport=size, color_scheme=scheme) as visit:
        page = visit.page("#n=20&d=6")
        page.evaluate(
            "document.querySelectorAll('details').forEach(d => d.open = true)"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_can_be_reached_and_has_a_name(visit):
    page = visit.page()
    for control in page.locator("button, input, select, a[href]").all():
        if control.is_visible():
            name = control.evaluate(
                "e => (e.getAttribute('aria-label') || e.textContent ||"
                " [...(e.labels || [])].map(l => l.textContent).join('')).trim()"
            )
            assert name, control.evaluate("e => e.outerHTML")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    wait_until(page, lambda: status(page) == "playing")


def test_a_session_that_ended_can_be_begun_again(chromium, served):
    with visiting(chromium, served[0]) as visit:
        page = visit.page("#n=6&batch=16")
        play(page, 20)
        kept = session_of(page, served)
        kept.trainer.close()
        served[1]._sessions.pop(kept.id)
        page.wait_for_selector("#begin-again:visible")
        wait_until(page, lambda: status(page) == "ended")
        for button in ("#play", "#step-one", "#step-many", "#restart"):
            assert page.is_disabled(button)
        assert page.text_content("#play-word") == "Play"
        # What is said next does not take the way out away, whatever it is.
        page.route("**/script?*", lambda route: route.abort())
        page.click("#show-script")
        answers = page.locator("#notice-text", has_text="does not answer")
        answers.wait_for()
        assert page.is_visible("#begin-again")
        page.unroute("**/script?*")
        page.click("#show-script")
        answers.wait_for(state="hidden")
        assert page.is_visible("#begin-again")
        page.click("#begin-again")
        wait_until(page, lambda: page.locator("#notice").is_hidden())
        assert page.input_value("#setting-n") == "6"
        wait_until(page, lambda: page.is_enabled("#play"))
        assert page.is_enabled("#restart") and status(page) == "paused"
        visit.complaints[:] = [c for c in visit.complaints if "Failed to" not in c]


SMALLEST = """() => Math.min(...[...document.querySelectorAll("#stage svg text")]
    .filter((node) => node.textContent)
    .map((node) => parseFloat(getComputedStyle(node).fontSize) * node.getScreenCTM().a))
"""


@pytest.mark.parametrize(
    "address", ["#n=5&d=2&backdoor_size=2", "#n=20&d=9&backdoor_size=2", "#n=8&d=1"]
)
def test_words_in_the_picture_can_be_read_on_a_phone(chromium, served, address):
    size = {"width": 390, "height": 800}
    with visiting(chromium, served[0], viewport=size) as visit:
        page = visit.page(address)
        page.wait_for_selector("#stage svg[style*=least-text]")
        wait_until(page, lambda: page.evaluate(SMALLEST) >= 10)
        box = page.locator("#stage svg").bounding_box()
        for node in page.locator("#stage svg text").all():
            words = node.bounding_box()
            if words is None or not node.text_content():
                continue
            assert words["x"] >= box["x"] - 1, node.text_content()
            right = box["x"] + box["width"]
            assert words["x"] + words["width"] <= right + 1, node.text_content()


def test_the_sphere_speaks_of_lines_only_where_there_are_some(visit, served):
    page = visit.page("#n=6&d=3&sparsity=0.95&learning_rate=0.01&importance_decay=1")
    page.wait_for_selector("#stage .turnable")
    trainer = session_of(page, served).trainer
    trainer.slow_down(None)
    trainer.step(3000)
    wait_until(page, lambda: step_of(page) == 3000)
    has_shape(page, "digon")
    page.wait_for_timeout(300)
    assert page.locator("#stage .chord line").count() == 0
    assert "Faint is behind" in page.text_content("#stage-help")
    assert "Thin lines" not in page.text_content("#stage-help")
