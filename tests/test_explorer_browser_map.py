"""The map in a real browser: look at a point, train on from it, make a map."""

import numpy as np
import pytest
from explorer_pages import (
    IN_BROWSER,
    figure_files,
    has_shape,
    pause,
    status,
    step_of,
    visiting,
    wait_until,
)

import toymodels as tm
from toymodels.explorer import map_making
from toymodels.store import Store

pytestmark = IN_BROWSER

LEVELS = (1.0, 0.5, 0.2, 0.1, 0.05)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a sweep of five features in a plane that ends in a pentagon."""
    kept = Store(tmp_path_factory.mktemp("store"))
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=5, d=2),
        features=tm.IndependentFeatures(n=5, probability=np.array(LEVELS)[:, None]),
        learning_rate=0.01, seeds=2, steps=2000, batch=128, history=1,
    )  # fmt: skip
    kept.cached(spec, "train with some code", lambda: tm.train(spec).to_result())
    return kept


@pytest.fixture
def page(visit, store, monkeypatch):
    """A page that has come to the map of the store."""
    monkeypatch.setenv("TOYMODELS_STORE", str(store.root))
    one = visit.page()
    to_map(one)
    one.wait_for_selector("#map-body:visible")
    return one


def to_map(page):
    page.locator("#map").scroll_into_view_if_needed()


def active(page):
    return page.get_attribute("svg.map", "aria-activedescendant")


def test_pointing_at_a_point_shows_its_geometry(page):
    page.hover("#map-point-4")
    wait_until(page, lambda: active(page) == "map-point-4")
    assert "Pentagon" in page.text_content("#map-shape")
    assert "0.95" in page.text_content("#map-numbers")
    assert page.locator("#map-stage .arm line").count() == 5
    place = page.get_attribute("#map-stage .arm line:first-child", "x2")
    page.hover("#map-point-0")
    wait_until(page, lambda: active(page) == "map-point-0")
    assert page.get_attribute("#map-stage .arm line:first-child", "x2") != place
    assert page.get_attribute("#map-point-0", "aria-selected") == "true"
    assert page.locator("[aria-selected=true]").count() == 1


def test_a_click_loads_a_point_and_trains_on(page):
    page.click("#map-point-4")
    has_shape(page, "Pentagon")
    wait_until(page, lambda: status(page) == "playing" and step_of(page) > 20)
    wait_until(page, lambda: page.input_value("#setting-sparsity") == "0.95")
    assert "a point of the map, S = 0.95" in page.text_content("#began-text")
    assert page.evaluate("document.activeElement.id") == "play"
    pause(page)
    page.click("#show-script")
    page.wait_for_selector("#script-panel:visible")
    assert "START = {" in page.text_content("#script")
    page.click("#begin-random")
    wait_until(page, lambda: step_of(page) == 0)
    assert page.locator("#began").is_hidden()
    assert page.text_content("#shape-name") == "Before training"


def test_all_of_it_works_by_keyboard(page):
    page.focus("svg.map")
    page.keyboard.press("Home")
    assert active(page) == "map-point-0"
    page.keyboard.press("ArrowLeft")
    assert active(page) == "map-point-0"
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert active(page) == "map-point-2"
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    wait_until(page, lambda: "S = 0.95" in page.text_content("#began-text"))
    wait_until(page, lambda: page.input_value("#setting-learning_rate") == "0.01")


def test_the_map_shows_where_the_run_is(page):
    assert active(page) == "map-point-3"  # the run's S = 0.9 is nearest to it
    assert "this run" in page.text_content("svg.map")
    place = page.get_attribute(".map-here path", "d")
    page.fill("#setting-sparsity", "0.6")
    page.press("#setting-sparsity", "Enter")
    wait_until(page, lambda: page.get_attribute(".map-here path", "d") != place)
    page.fill("#setting-n", "6")
    page.press("#setting-n", "Enter")
    wait_until(page, lambda: "n = 6" in page.text_content("#map-status"))
    assert page.locator(".map-here path").count() == 0


def test_the_point_is_drawn_again_when_the_scheme_changes(page):
    dot = "#map-stage .dot circle:first-child"
    before = page.get_attribute(dot, "fill")
    page.emulate_media(color_scheme="dark")
    wait_until(page, lambda: page.get_attribute(dot, "fill") != before)
    page.emulate_media(color_scheme="light")
    wait_until(page, lambda: page.get_attribute(dot, "fill") == before)


def test_the_map_can_be_saved(page, tmp_path):
    svg, _ = figure_files(page, "map-picture", tmp_path)
    # What only takes the pointer is not drawn: programs would make it black.
    assert "rgba(0, 0, 0, 0)" not in svg.read_text(encoding="utf-8")


def test_every_point_is_in_the_table(page):
    page.click("#map-details summary")
    wait_until(page, lambda: page.locator("#map-table tbody tr").count() == 5)
    assert "pentagon" in page.text_content("#map-table tbody tr:last-child")


def test_a_map_is_made_without_a_store(visit, monkeypatch, tmp_path):
    monkeypatch.setenv("TOYMODELS_STORE", str(tmp_path / "none"))
    monkeypatch.setattr(map_making, "STEPS", 300)
    monkeypatch.setattr(map_making, "GRID", 6)
    page = visit.page("#n=2&d=1")
    to_map(page)
    wait_until(page, lambda: "no map in the store" in page.text_content("#map-status"))
    assert page.locator("#map-select-label").is_hidden()
    page.click("#map-make")
    page.wait_for_selector("#map-progress:visible")
    assert page.is_disabled("#map-make")
    page.wait_for_selector("#map-body:visible")
    assert page.locator("svg.map [role=option]").count() == 36
    assert page.locator(".map-theory polyline").count() == 4
    assert "made here" in page.text_content("#map-select option:checked")
    page.focus("svg.map")
    before = active(page)
    page.keyboard.press("ArrowUp")
    assert int(active(page)[10:]) - int(before[10:]) == 6
    # One that takes longer can be given up.
    monkeypatch.setattr(map_making, "STEPS", 10**6)
    page.click("#map-make")
    page.wait_for_selector("#map-progress:visible")
    page.click("#map-give-up")
    wait_until(page, lambda: "given up" in page.text_content("#map-status"))
    assert page.is_enabled("#map-make")


def test_a_finger_looks_first_and_loads_then(chromium, served, store, monkeypatch):
    monkeypatch.setenv("TOYMODELS_STORE", str(store.root))
    size = {"width": 390, "height": 800}
    with visiting(chromium, served[0], viewport=size, has_touch=True) as visit:
        page = visit.page()
        to_map(page)
        page.wait_for_selector("#map-body:visible")
        page.tap("#map-point-1")
        wait_until(page, lambda: active(page) == "map-point-1")
        page.wait_for_timeout(300)
        assert page.locator("#began").is_hidden()
        page.tap("#map-point-1")
        wait_until(page, lambda: "S = 0.5" in page.text_content("#began-text"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
