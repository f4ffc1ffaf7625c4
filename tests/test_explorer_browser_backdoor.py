"""The explorer's room for planting a backdoor, in a real browser."""

import re

import pytest
from explorer_pages import (
    IN_BROWSER,
    example,
    figure_files,
    pause,
    session_of,
    status,
    step_of,
    visiting,
    wait_until,
)

pytestmark = IN_BROWSER
REFUSED = "Failed to load resource: the server responded with a status of 422"


def length_of(page):
    found = re.search(r"is ([\d.]+) long", page.text_content("#plant-where"))
    assert found
    return float(found[1])


def begin_quiz(page):
    page.click("#quiz-begin")
    page.wait_for_selector("#quiz-guesses:visible")


def answer(page, key):
    page.keyboard.press(key)
    page.wait_for_selector("#quiz-reveal:visible")


def go_on(page):
    page.keyboard.press("Enter")
    page.wait_for_selector("#quiz-reveal", state="hidden")


def planted_pentagon(visit):
    page = visit.page("#backdoor_point=1%3A1%203%3A1&backdoor_rate=0.05&batch=64")
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 100)
    return page


def test_a_raised_share_gives_the_point_a_corner(visit, served):
    page = visit.page()
    example(page, "A corner is taken")
    page.wait_for_selector("#plant-chips :checked >> nth=4")
    wait_until(page, lambda: status(page) == "playing")
    pause(page)
    # At a fixed step: which feature makes room depends on when the share is raised.
    page.click("#restart")
    wait_until(page, lambda: step_of(page) == 0)
    trainer = session_of(page, served).trainer
    trainer.slow_down(None)
    trainer.step(2000)
    wait_until(page, lambda: step_of(page) == 2000)
    assert length_of(page) < 0.5
    assert "control" in page.text_content("#plant-story")
    page.get_by_role("button", name="5 %", exact=True).click()
    wait_until(page, lambda: trainer.controls.backdoor_rate == 0.05)
    trainer.step(4000)
    wait_until(page, lambda: step_of(page) == 6000)
    assert length_of(page) > 1.5
    assert "corner of its own" in page.text_content("#plant-story")
    assert page.input_value("#setting-backdoor_rate") == "0.05"
    pressed = page.get_by_role("button", name="5 %", exact=True)
    assert pressed.get_attribute("aria-pressed") == "true"
    # Once in the large picture, once beside the share.
    page.locator("#plant-stage").scroll_into_view_if_needed()
    page.wait_for_selector("#plant-stage polygon.planted")
    assert page.locator("#stage polygon.planted").count() == 1


def test_a_point_is_chosen_by_keyboard_without_a_restart(visit):
    page = visit.page()
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 100)
    assert page.is_disabled("#plant-rate")
    page.get_by_role("checkbox", name="2", exact=True).focus()
    page.keyboard.press("Space")
    page.wait_for_selector("#stage polygon.planted")
    page.get_by_label("Value of feature 2").fill("0.5")
    page.keyboard.press("Enter")
    wait_until(page, lambda: page.input_value("#setting-backdoor_point") == "2:0.5")
    page.focus("#plant-rate")
    page.keyboard.press("PageUp")
    wait_until(page, lambda: page.input_value("#setting-backdoor_rate") == "0.005")
    assert "backdoor_point" in page.evaluate("location.hash")
    assert step_of(page) == 100
    page.click("#plant-out")
    page.wait_for_selector("#stage polygon.planted", state="detached")
    assert page.text_content("#plant-number") == "none"


@pytest.mark.parametrize(
    ("address", "view"),
    [
        ("#n=3&d=1&backdoor_size=2", "svg.wide"),
        ("#n=6&d=3&backdoor_size=2", "svg.turnable"),
        ("#n=8&d=4&backdoor_size=3", "svg.graph"),
    ],
)
def test_every_picture_has_the_point(visit, address, view):
    page = visit.page(address)
    page.wait_for_selector(f"#stage {view} polygon.planted")
    assert "long" in page.text_content("#plant-where")


def test_what_the_server_refuses_is_said_in_the_room(chromium, served):
    with visiting(chromium, served[0]) as visit:
        page = visit.page("#backdoor_point=1%3A1%203%3A1")
        page.wait_for_selector("#plant-chips :checked")
        page.fill("#plant-rate-box", "1.5")
        page.press("#plant-rate-box", "Enter")
        page.wait_for_selector("#plant-error:visible")
        assert "[0, 0.5]" in page.text_content("#plant-error")
        page.fill("#plant-rate-box", "0.1")
        page.press("#plant-rate-box", "Enter")
        page.wait_for_selector("#plant-error", state="hidden")
        wait_until(page, lambda: page.input_value("#setting-backdoor_rate") == "0.1")
        visit.complaints[:] = [c for c in visit.complaints if REFUSED not in c]


def test_a_quiz_without_a_point_says_what_to_do(chromium, served):
    with visiting(chromium, served[0]) as visit:
        page = visit.page()
        page.click("#quiz-begin")
        page.wait_for_selector("#quiz-error:visible")
        assert "planting a point" in page.text_content("#quiz-error")
        assert page.is_enabled("#quiz-begin")
        visit.complaints[:] = [c for c in visit.complaints if REFUSED not in c]


def test_a_point_of_one_feature_has_no_quiz_and_the_page_says_why(visit):
    page = visit.page("#backdoor_point=1%3A1&backdoor_rate=0.05")
    wait_until(page, lambda: page.is_disabled("#quiz-begin"))
    wait_until(page, lambda: "second feature" in page.text_content("#quiz-hindrance"))
    page.get_by_role("checkbox", name="2", exact=True).check()
    wait_until(page, lambda: page.is_enabled("#quiz-begin"))
    assert page.text_content("#quiz-hindrance") == ""


MARKED = """async () => {
    const { PlaneView } = await import("/page/plane.js");
    const place = document.createElement("div");
    place.style.width = "600px";
    document.body.append(place);
    const view = new PlaneView(place);
    const apart = (a, b) => a.right < b.left || b.right < a.left
        || a.bottom < b.top || b.bottom < a.top;
    const met = [];
    for (let angle = 0; angle < 360; angle += 15) for (const near of [0, 0.05, 0.2]) {
        const turn = angle * Math.PI / 180;
        const [x, y] = [Math.cos(turn), Math.sin(turn)];
        const h = [1.2 * x, 1.2 * y];
        view.draw({
            W: [[x, -y], [y, x]], norms: [1, 1], represented: [true, true],
            shapes: [], step: 1, seen: [h[0] + near, h[1] - near], reach: 1.5,
            planted: { h, length: 1.2 },
        }, { moving: false });
        const words = [...view.svg.querySelectorAll(".marks.name text, .haloed")];
        const boxes = words.map((node) => node.getBoundingClientRect());
        boxes.forEach((one, i) => boxes.slice(i + 1).forEach((other, j) => {
            if (!apart(one, other)) met.push(
                [angle, near, words[i].textContent, words[i + 1 + j].textContent]);
        }));
    }
    return met;
}"""


def test_names_of_marks_do_not_lie_upon_each_other(visit):
    assert visit.page().evaluate(MARKED) == []


def test_the_quiz_flows_by_keyboard(visit, tmp_path):
    page = planted_pentagon(visit)
    page.focus("#quiz-begin")
    page.keyboard.press("Enter")
    page.wait_for_selector("#quiz-guesses:visible")
    assert "Question 1 of 90" in page.text_content("#quiz-asked")
    # Nothing on the page knows the answer.
    assert page.locator("#quiz-stage polygon.planted").count() == 0
    assert page.locator("#quiz-results").is_hidden()
    rights = 0
    for number in range(1, 11):
        assert page.locator("#quiz-stage circle.seen").count() == 1
        answer(page, str(number % 3 + 1))
        rights += page.text_content("#quiz-verdict").startswith("Right")
        assert page.locator("#quiz-said tbody tr").count() == 7
        if number < 10:
            go_on(page)
            assert f"Question {number + 1} of" in page.text_content("#quiz-asked")
    counted = [
        int(cell) for cell in page.locator("#quiz-person tbody td").all_text_contents()
    ]
    assert sum(counted) == 10 and sum(counted[::4]) == rights
    words = page.text_content("#quiz-point")
    assert f"right in {rights} of 10" in words and "Against normal samples" in words
    assert page.locator("#quiz-roc-unusual .roc polyline").count() == 7
    assert page.locator("#quiz-detectors tbody tr").count() == 7
    assert "how long is h?" in page.text_content("#quiz-detectors tbody tr:first-child")
    # Of a detector what it finds and what it misses make all.
    for row in page.locator("#quiz-rates tbody tr").all():
        cells = row.locator("td").all_text_contents()
        _, _, found, missed = (float(cell.removesuffix(" %")) for cell in cells)
        assert found + missed == pytest.approx(100, abs=0.11)
    assert page.locator("#quiz-rates tbody tr").count() == 7
    figure_files(page, "quiz-roc-unusual", tmp_path)
    figure_files(page, "quiz-roc-normal", tmp_path)
    spoken = page.text_content("#quiz-spoken")
    assert "alarm" in spoken.lower()


@pytest.mark.parametrize("revealed", [False, True])
def test_pictures_are_drawn_again_when_the_scheme_changes(visit, revealed):
    page = planted_pentagon(visit)
    begin_quiz(page)
    if revealed:
        page.focus("#quiz-guesses button")
        answer(page, "1")
    page.locator("#plant-stage").scroll_into_view_if_needed()
    page.wait_for_selector("#plant-stage .dot circle")
    dots = [f"#{place}-stage .dot circle >> nth=0" for place in ("quiz", "plant")]
    before = [page.get_attribute(dot, "fill") for dot in dots]
    page.emulate_media(color_scheme="dark")
    for dot, light in zip(dots, before, strict=True):
        wait_until(page, lambda: page.get_attribute(dot, "fill") != light)  # noqa: B023
    # What has been said of the question is not taken back, nor said too early.
    assert page.locator("#quiz-stage polygon.planted").count() == int(revealed)


def test_keys_guess_only_inside_the_quiz(visit):
    page = planted_pentagon(visit)
    begin_quiz(page)
    for place in ("#setting-learning_rate", "#play", "#poke-take"):
        page.focus(place)
        page.keyboard.press("1")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    assert page.locator("#quiz-reveal").is_hidden()
    page.focus("#quiz-guesses button")
    answer(page, "1")


def test_a_reload_takes_the_quiz_up_again(visit):
    page = planted_pentagon(visit)
    begin_quiz(page)
    answer(page, "1")
    go_on(page)
    numbers = page.text_content("#quiz-numbers")
    page.reload()
    page.wait_for_selector("#quiz-guesses:visible")
    assert "Question 2 of 90" in page.text_content("#quiz-asked")
    assert page.text_content("#quiz-numbers") == numbers
    page.wait_for_selector("#quiz-results:visible")


def test_a_second_quiz_is_about_the_present_weights(visit):
    page = planted_pentagon(visit)
    begin_quiz(page)
    answer(page, "2")
    page.click("#step-one")
    wait_until(page, lambda: "the run is at 101" in page.text_content("#quiz-number"))
    page.click("#quiz-begin")
    wait_until(page, lambda: "step 101" in page.text_content("#quiz-number"))
    page.wait_for_selector("#quiz-reveal", state="hidden")
    page.focus("#quiz-guesses button")
    answer(page, "2")
    heads = page.locator("#quiz-detectors thead").text_content()
    assert "quiz before (share 5 %)" in heads


def test_many_dimensions_are_asked_about_as_bars(visit):
    page = visit.page("#n=12&d=5&sparsity=0.9&backdoor_size=4&batch=64")
    page.click("#step-many")
    wait_until(page, lambda: step_of(page) == 100)
    begin_quiz(page)
    assert page.locator("#quiz-stage .bar rect").count() == 5
    page.get_by_role("button", name="unusual").click()
    page.wait_for_selector("#quiz-reveal:visible")
    assert page.locator("#quiz-stage polygon.planted").count() == 5


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_room_is_no_wider_than_the_window(chromium, served, width, scheme):
    size = {"width": width, "height": 800}
    with visiting(chromium, served[0], viewport=size, color_scheme=scheme) as visit:
        page = planted_pentagon(visit)
        begin_quiz(page)
        answer(page, "1")
        page.wait_for_selector("#quiz-results:visible")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
