"""What lessons are made of: questions, notes, pictures, widgets, the command."""

import json
import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from explorer_pages import BROWSER
from matplotlib.figure import Figure

import toymodels as tm
from toymodels.cli import main
from toymodels.config import SettingsError
from toymodels.explorer.saved_page import PAGE
from toymodels.lessons import (
    Exercise,
    Fold,
    Mistake,
    Note,
    Picture,
    Prediction,
    hint,
    lesson_scale,
    picture,
    show_features,
    show_training,
    solution,
    text,
)
from toymodels.lessons.catalogue import find_lessons
from toymodels.lessons.widget import frame_of, widget_script, widget_style


def lengths(W):
    return np.linalg.norm(W, axis=0)


EXERCISE = Exercise(
    blank="my_lengths",
    answer=lengths,
    cases=[(np.array([[3.0, 0.0, 1.0], [4.0, 2.0, 1.0]]),), (np.eye(2, 5) + 1,)],
    mistakes=[
        Mistake("all columns are one", "One for each column.", partial(np.linalg.norm)),
        Mistake(
            "the root is missing", "Take the root.", lambda W: np.sum(W**2, axis=0)
        ),
    ],
    hints=["Square.", "Then add up."],
    explanation="By Pythagoras.",
)


# --- exercises ------------------------------------------------------------------------


def test_a_right_function_is_right():
    note = EXERCISE.check(lambda W: np.sqrt((W**2).sum(axis=0)))
    assert note.passed is True and note.kind == "success"
    assert "By Pythagoras." in note.markdown


@pytest.mark.parametrize("blank", [None, ..., lambda W: None, lambda W: ...])
def test_an_empty_blank_is_not_wrong(blank):
    note = EXERCISE.check(blank)
    assert note.passed is None and note.kind == "warn"
    assert "Not answered yet" in note.markdown and "my_lengths" in note.markdown


def test_a_branch_without_return_is_wrong():
    note = EXERCISE.check(lambda W: lengths(W) if W.shape[1] == 3 else None)
    assert note.passed is False
    assert "`my_lengths(array of shape (2, 5))` returned nothing" in note.markdown


def test_a_known_mistake_is_named():
    note = EXERCISE.check(lambda W: (W**2).sum(axis=0))
    assert note.passed is False and note.mistake == "the root is missing"
    assert "Take the root." in note.markdown


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda W: W.sum(axis=7), "raised `AxisError"),
        (lambda W: np.linalg.norm(W, axis=1), "has shape (2,), and should have (3,)"),
        (lambda W: -lengths(W), "has the opposite sign"),
        (lambda W: 3 * lengths(W), "is 3 times what it should be"),
        (lambda W: lengths(W) / np.zeros(W.shape[1]), "not finite"),
        (lambda W: lengths(W) + np.arange(W.shape[1]), "mean is too large"),
        (lambda W: np.full(3, lengths(W).mean()), "wrong in 3 of 3 entries."),
        (lambda W: "five", "is text, and should be an array"),
        (lambda W: {1: 2}, "of type `dict`"),
        (lambda W: [[1, 2], [3]], "of type `list`"),
        (3.0, "should be a function"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_an_unknown_mistake_is_described(answer, said):
    note = EXERCISE.check(answer)
    assert note.passed is False and not note.mistake
    assert said in note.markdown


def test_what_an_answer_does_to_its_argument_stays_there():
    def answer(W):
        result = lengths(W)
        W[:] = 0
        return result

    assert EXERCISE.check(answer).passed
    assert EXERCISE.check(lengths).passed


def test_values_and_words_are_compared_too():
    number = Exercise("p", 0.25, mistakes=[Mistake("of one", "Two.", 0.5)])
    assert number.check(0.25000001).passed
    assert number.check(np.float32(0.25)).passed
    assert number.check(0.5).mistake == "of one"
    assert "too small" in number.check(0.1).markdown
    assert "p = 0.25" in number.help().parts["Solution"]
    word = Exercise("name", "pentagon")
    assert word.check("pentagon").passed and word.check("square").passed is False
    assert "should be text" in word.check(5).markdown
    assert "`'square'`, which is not right here" in word.check("square").markdown


def test_what_is_wrong_with_a_word_is_said():
    sign = Exercise(
        "sign", lambda x: "plus" if x > 0 else "minus", cases=[(1.0,), (-1.0,)]
    )
    said = lambda answer: sign.check(answer).markdown  # noqa: E731
    assert "`'plus'`, which is not right here" in said(lambda x: "plus")
    assert "`'none'`, which is none of `'minus'`, `'plus'`" in said(lambda x: "none")
    assert "only in capitals or spaces" in said(lambda x: "Plus ")
    assert "is a truth value, and should be text" in said(lambda x: x > 0)


def test_truth_values_and_infinities_are_called_so():
    positive = Exercise("f", lambda x: x > 0, cases=[(1.0,), (-1.0,)])
    assert "`f(1.0)` is False, and should be True" in positive.check(
        lambda x: x < 0).markdown  # fmt: skip
    assert "is 0.5, and should be True or False" in positive.check(
        lambda x: 0.5 * x).markdown  # fmt: skip
    number = Exercise("g", lambda x: x, cases=[(3.0,), (np.inf,)])
    assert "finite where it should not be" in number.check(lambda x: 3.0).markdown
    assert "should be a single number" in number.check(lambda x: [x, x]).markdown
    several = Exercise("h", np.array([1.0, 2.0, np.inf]))
    assert "wrong in 2 of 3 entries." in several.check([2.0, 4.0, np.inf]).markdown


def test_what_gives_an_answer_away_waits_for_an_attempt():
    made = []
    result = lambda: made.append(1) or "shown"  # noqa: E731
    waiting = EXERCISE.reveal(lambda W: None, result)
    assert "after your attempt" in waiting.markdown and not made
    assert EXERCISE.reveal(lambda W: -lengths(W), result) == "shown"
    assert isinstance(EXERCISE.reveal(lengths, Figure), Picture)


def test_all_cases_count():
    # Right where the columns are as many as the rows, wrong elsewhere.
    both = Exercise("f", lengths, cases=[(np.eye(2),), (np.eye(2, 3),)])
    assert both.check(lambda W: np.ones(2)).passed is False


def test_help_has_the_hints_and_the_code():
    parts = EXERCISE.help().parts
    assert list(parts) == ["Hint 1", "Hint 2", "Solution"]
    assert "def lengths(W):\n    return" in parts["Solution"]
    assert "By Pythagoras." in parts["Solution"]


# --- predictions ----------------------------------------------------------------------


PREDICTION = Prediction(
    blank="my_guess",
    question="How many?",
    options={"a": "two", "b": "five"},
    right="a",
    because={"a": "There is room for two.", "b": "There is no room."},
)


def test_the_result_waits_for_a_guess():
    shown = []
    for empty in (None, "z", 3):
        note = PREDICTION.reveal(empty, lambda: shown.append(1))
        assert isinstance(note, Note) and note.passed is None and not shown
    assert PREDICTION.reveal("b", lambda: "the result") == "the result"
    assert isinstance(PREDICTION.reveal("a", Figure), Picture)


def test_a_guess_is_answered():
    assert PREDICTION.check("a").passed is True
    assert PREDICTION.check(" A ").passed is True
    wrong = PREDICTION.check("b")
    assert wrong.passed is False
    assert "There is no room." in wrong.markdown
    assert "There is room for two." in wrong.markdown
    for other in ("c", ["a"], {}, 1):
        note = PREDICTION.check(other)
        assert note.passed is None and '"b"' in note.markdown
    assert "my_guess" in PREDICTION.ask().markdown
    assert PREDICTION.answer == "a" and PREDICTION.wrong_answers == ["b"]


def test_a_question_without_all_its_explanations_is_refused():
    with pytest.raises(SettingsError, match="because"):
        Prediction("x", "?", {"a": "1", "b": "2"}, "a", {"a": "yes"})
    with pytest.raises(SettingsError, match="right"):
        Prediction("x", "?", {"a": "1"}, "c", {"a": "yes"})


# --- what is shown --------------------------------------------------------------------


def test_notes_are_markdown_without_marimo():
    assert text("  two\n  lines")._repr_markdown_() == "two\nlines"
    assert Note("**Yes.**\n\nMore.", "success")._repr_markdown_() == (
        "> ✓ **Yes.**\n>\n> More."
    )
    fold = hint("Think.")
    assert isinstance(fold, Fold)
    assert fold._repr_markdown_() == (
        "<details><summary>Hint</summary>\n\nThink.\n\n</details>"
    )
    assert "<summary>Solution</summary>" in solution("42")._repr_markdown_()


def test_notes_are_marimos_own_in_marimo():
    pytest.importorskip("marimo", reason="needs the extra `lessons`")
    for note in (text("$x$"), Note("no", "danger"), hint("Think."), PREDICTION.ask()):
        assert note._display_().text.startswith("<")
    assert "<img" in picture(Figure())._display_().text


def test_a_picture_has_words():
    figure = Figure()
    figure.suptitle("Two\nlines")
    data, _ = picture(figure)._repr_mimebundle_()
    assert data["text/plain"] == "Two lines"
    assert picture(figure, "a pentagon").words == "a pentagon"
    assert picture(figure).png.startswith(b"\x89PNG")


def test_the_scale_comes_from_the_environment(monkeypatch):
    monkeypatch.delenv("TOYMODELS_LESSONS", raising=False)
    assert lesson_scale().pick(full=1, tiny=2) == 1
    monkeypatch.setenv("TOYMODELS_LESSONS", "tiny")
    assert lesson_scale().pick(full=1, tiny=2) == 2
    monkeypatch.setenv("TOYMODELS_LESSONS", "huge")
    with pytest.raises(SettingsError, match="TOYMODELS_LESSONS"):
        lesson_scale()


# --- widgets --------------------------------------------------------------------------


def test_a_frame_says_what_is_drawn():
    frame = frame_of(tm.geometry.pentagon(), step=3)
    assert frame["shape"] == "pentagon" and frame["distance"] < 1e-3
    assert frame["step"] == 3 and all(frame["represented"])
    assert np.shape(frame["W"]) == (2, 5)
    json.dumps(frame, allow_nan=False)
    with pytest.raises(SettingsError, match="finite"):
        frame_of(np.full((2, 3), np.nan))


def test_widgets_carry_frames():
    pytest.importorskip("anywidget", reason="needs the extra `lessons`")
    assert len(show_features(tm.geometry.triangle()).frames) == 1
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=3, d=2),
        features=tm.IndependentFeatures(n=3, probability=0.5),
        seeds=2,
        steps=200,
        batch=8,
        snapshots=tuple(range(0, 201)),
    )
    run = tm.train(spec)
    view = show_training(run, index=-1)
    assert 100 < len(view.frames) <= 120 and view.place == len(view.frames) - 1
    assert view.frames[0]["step"] == 0 and view.frames[-1]["step"] == 200
    np.testing.assert_allclose(view.frames[-1]["W"], run.params["W"][1], atol=1e-5)
    for index in (2, -3):
        with pytest.raises(SettingsError, match="index"):
            show_training(run, index=index)
    bare = tm.train(tm.TrainSpec(model=spec.model, features=spec.features, steps=1))
    with pytest.raises(SettingsError, match="snapshots"):
        show_training(bare)


def test_a_missing_extra_is_said_in_one_line(monkeypatch):
    from toymodels.lessons import widget

    widget._widget_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(SettingsError, match=r"clone: pip install -e '\.\[lessons\]'"):
        show_features(tm.geometry.triangle())
    widget._widget_class.cache_clear()


def test_the_widgets_style_stays_in_its_box():
    rules = [line for line in widget_style().splitlines() if "{" in line]
    assert rules
    for rule in rules:
        if not rule.startswith("@media"):
            for selector in rule.partition("{")[0].split(","):
                assert selector.strip().startswith(".toymodels-view"), rule
    assert widget_style().count("--ink: #") == 2, "light and dark"


def test_the_widgets_script_is_one_module():
    script = widget_script()
    assert script.count("export ") == 1 and "\nimport " not in script
    assert (PAGE / "plane.js").read_text().splitlines()[0] in script


MODEL = """
const values = FRAMES, told = {};
window.model = {
  get: (name) => values[name],
  set: (name, value) => { values[name] = value; },
  save_changes: () => { window.saved = values.place; },
  on: (name, call) => { told[name] = call; },
  off: (name) => { delete told[name]; },
  put: (name, value) => { values[name] = value; told[`change:${name}`](); },
};
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("W", "kind"),
    [
        (np.array([[1.0, -1.0]]), "wide"),
        (tm.geometry.pentagon(), "stage"),
        (np.asarray(tm.geometry.octahedron()), "turnable"),
        (np.eye(4, 6), "graph"),
    ],
    ids=["1", "2", "3", "4"],
)
def test_the_widget_draws_in_a_browser(W, kind):
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing")
    frames = [frame_of(0.1 * W, step=0), frame_of(W, step=50)]
    code = MODEL.replace("FRAMES", json.dumps({"frames": frames, "place": 1}))
    script = widget_script().replace(
        "export default { render };", "window.end = render({ model, el: box });"
    )
    with api.sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        window = playwright.chromium.launch(executable_path=BROWSER, args=flags)
        page = window.new_page(viewport={"width": 700, "height": 900})
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.set_content(
            f"<style>{widget_style()}</style><div id=box></div>"
            f"<script>{code}</script><script type=module>{script}</script>"
        )
        page.wait_for_selector(f"svg.{kind}")
        assert page.locator(".dot circle").count() == W.shape[1]
        label = page.get_attribute("svg.stage", "aria-label")
        assert f"in {len(W)} dimensions" in label
        assert page.text_content("output") == "step 50"
        page.focus("input[type=range]")
        page.keyboard.press("ArrowLeft")
        assert page.text_content("output") == "step 0"
        assert page.evaluate("window.saved") == 0
        page.evaluate("model.put('place', 1)")
        assert page.text_content("output") == "step 50"
        page.evaluate("window.end()")
        window.close()
    assert complaints == []


# --- the command ----------------------------------------------------------------------


def test_the_command_lists_the_lessons(capsys):
    assert main(["lessons"]) == 0
    assert "Features and sparsity" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["99"], "number: got 99"),
        (["--open", "--export", "somewhere"], "not both"),
        (["1", "--open"], "not both"),
        (["--fresh"], "with a number or with --open"),
    ],
)
def test_the_command_refuses(flags, said, capsys):
    assert main(["lessons", *flags]) == 2
    assert said in capsys.readouterr().err


def test_the_command_opens_and_exports(monkeypatch, tmp_path, capsys):
    pytest.importorskip("marimo", reason="needs the extra `lessons`")
    called = []
    monkeypatch.setattr("subprocess.call", lambda command: called.append(command) or 0)
    monkeypatch.chdir(tmp_path)
    copy = Path(".toymodels/lessons/01_features_and_sparsity.py")
    assert main(["lessons", "1", "--no-browser"]) == 0
    assert called[-1][-2:] == [str(copy), "--headless"]
    blank = copy.read_text()
    copy.write_text("answered")
    assert main(["lessons", "--open"]) == 0
    assert called[-1][-1] == str(copy.parent)
    assert copy.read_text() == "answered", "what the reader wrote is kept"
    assert len(list(copy.parent.iterdir())) == len(find_lessons())
    assert main(["lessons", "1", "--fresh"]) == 0
    assert copy.read_text() == blank
    assert str(copy) in capsys.readouterr().out
    assert main(["lessons", "1", "--export", str(tmp_path / "new")]) == 0
    written = capsys.readouterr().out.strip()
    notebook = json.loads(
        (tmp_path / "new" / "01_features_and_sparsity.ipynb").read_text()
    )
    assert written.endswith("01_features_and_sparsity.ipynb")
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


def test_without_marimo_the_command_says_so(monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["lessons", "--open"]) == 2
    assert "in a clone: pip install -e '.[lessons]'" in capsys.readouterr().err
