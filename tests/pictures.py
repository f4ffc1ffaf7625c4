"""The pictures of the explorer in `docs/`, taken of the page as it is now.

    make pictures

Every state is reached by clicks and given numbers of steps, so that a picture changes
only where the page does; the quiz alone draws other samples each time. The map is the
phase diagram of the store, if it holds one (`toymodels reproduce TMS-6`); else a
smaller one is trained.
"""

import contextlib
from pathlib import Path

from explorer_pages import BROWSER, Visit, example, pause, status, step_of, wait_until
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parents[1] / "docs"
WIDE = {"width": 1440, "height": 1680}
PHONE = {"width": 390, "height": 1130}
PENTAGON = "#n=5&d=2&sparsity=0.95&importance_decay=1&learning_rate=0.01"
# Of the quiz: enough for the page to say what follows from the answers.
QUESTIONS = 13
# An activation that is shorter is taken for a normal one.
NORMAL_LENGTH = 1.2


def trained(page, steps):
    for _ in range(steps // 100):
        page.click("#step-many")
    wait_until(page, lambda: step_of(page) == steps)
    settled(page)


def settled(page):
    # Panels beside the picture are drawn a few times a second; no button is pointed at.
    page.mouse.move(2, 2)
    page.wait_for_timeout(600)


def room(page, name):
    page.locator(f"#{name}").screenshot(path=DOCS / f"explorer_{name}.png")


def whole_page(visit, name):
    page = visit.page(PENTAGON)
    trained(page, 4600)
    wait_until(page, lambda: "Reading" not in page.text_content("#map-status"))
    page.screenshot(path=DOCS / name)


def the_map(visit):
    page = visit.page("#n=2&d=1&sparsity=0.9")
    page.locator("#map").scroll_into_view_if_needed()
    page.wait_for_function(
        "!document.getElementById('map-status').textContent.includes('comes when')"
    )
    if page.locator("#map-body").is_hidden():
        page.click("#map-make")
    page.wait_for_selector("#map-body:visible")
    # A point of the middle, as one who explores would choose it.
    count = page.locator("svg.map [role=option]").count()
    side = round(count**0.5)
    page.hover(f"#map-point-{side * (side // 2 + 1) + side // 3}")
    page.wait_for_timeout(600)
    room(page, "map")


def guess(page):
    """As one would who looks at the length, and at nothing else."""
    words = page.text_content("#quiz-numbers")
    length = float(words.rpartition("length")[2].strip(" .") or 0)
    if length < NORMAL_LENGTH:
        return "normal"
    return "backdoor" if length > 1.5 * NORMAL_LENGTH else "unusual"


def the_backdoor(visit):
    page = visit.page()
    example(page, "A corner is taken")
    page.wait_for_selector("#plant-chips :checked >> nth=4")
    page.get_by_role("button", name="5 %", exact=True).click()
    wait_until(page, lambda: page.input_value("#setting-backdoor_rate") == "0.05")
    wait_until(page, lambda: status(page) == "playing")
    pause(page)
    page.click("#restart")
    wait_until(page, lambda: step_of(page) == 0)
    trained(page, 4000)
    page.click("#quiz-begin")
    for question in range(QUESTIONS):
        page.wait_for_selector("#quiz-guesses:visible")
        page.click(f"[data-guess={guess(page)}]")
        page.wait_for_selector("#quiz-reveal:visible")
        if question < QUESTIONS - 1:
            page.click("#quiz-next")
            page.wait_for_selector("#quiz-reveal", state="hidden")
    page.wait_for_selector("#quiz-results:visible")
    room(page, "backdoor")


def the_poke(visit):
    page = visit.page(PENTAGON)
    trained(page, 3000)
    page.click("#poke-take")
    page.wait_for_selector("#poke-body:visible")

    def choose(name, **choice):
        page.select_option(f"#poke-{name}", **choice)
        wait_until(page, lambda: page.get_attribute("#poke", "aria-busy") == "false")

    choose("kind", value="feature")
    choose("feature", label="feature 5")
    choose("sign", index=1)
    choose("reach", value="2")
    choose("level", index=1)
    labels = page.locator("#poke-base option").all_text_contents()
    for place, label in enumerate(labels):
        if label.endswith(": feature 5 on"):
            choose("base", index=place)
            if page.text_content("#poke-story").startswith("Flat at first"):
                break
    page.locator("#poke-length").evaluate(
        "slider => { slider.value = 40; slider.dispatchEvent(new Event('input')) }"
    )
    settled(page)
    room(page, "poke")


def main():
    from toymodels.explorer.serve import served_in_thread
    from toymodels.explorer.sessions import Sessions

    pictures = [
        (lambda visit: whole_page(visit, "explorer.png"), WIDE, "light"),
        (lambda visit: whole_page(visit, "explorer_phone.png"), PHONE, "dark"),
        (the_map, WIDE, "light"),
        (the_backdoor, WIDE, "light"),
        (the_poke, WIDE, "light"),
    ]
    if BROWSER is None:
        raise SystemExit("pictures: no Chromium was found on PATH")
    with sync_playwright() as playwright, served_in_thread(Sessions(most=6)) as address:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox"]
        )
        with contextlib.closing(browser):
            for take, viewport, scheme in pictures:
                visit = Visit(browser, address, viewport=viewport, color_scheme=scheme)
                with contextlib.closing(visit.context):
                    take(visit)


if __name__ == "__main__":
    main()
