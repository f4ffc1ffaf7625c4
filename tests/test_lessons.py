"""Every lesson runs, with its blanks empty, filled in and filled in wrongly."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("marimo", reason="needs the extra `lessons`")

from toymodels.lessons import Exercise, Note, Prediction

LESSONS = Path(__file__).parents[1] / "lessons"
PATHS = sorted(LESSONS.glob("[0-9][0-9]_*.py"))

every_lesson = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setenv("TOYMODELS_LESSONS", "tiny")


def app_of(path: Path):
    """The lesson's app, from its file."""
    spec = importlib.util.spec_from_file_location(f"lesson_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


def questions(definitions) -> list[Exercise | Prediction]:
    """All exercises and predictions of a lesson that was run."""
    found = [v for v in definitions.values() if isinstance(v, Exercise | Prediction)]
    return found


def verdicts(outputs) -> list[Note]:
    """The notes that judge an answer."""
    return [n for n in outputs if isinstance(n, Note) and n.kind != "plain"]


@pytest.mark.slow
@every_lesson
def test_a_lesson_with_empty_blanks_is_kind(path):
    outputs, definitions = app_of(path).run()
    asked = questions(definitions)
    assert len(asked) >= 3, "a prediction and at least two exercises"
    assert any(isinstance(q, Prediction) for q in asked)
    blanks = [q.blank for q in asked]
    assert len(set(blanks)) == len(blanks)
    assert all(definitions.get(blank, "missing") != "missing" for blank in blanks)
    notes = verdicts(outputs)
    assert len(notes) >= len(asked), "every blank has a cell that checks it"
    assert all(note.kind == "warn" and note.passed is None for note in notes)


@pytest.mark.slow
@every_lesson
def test_a_lesson_with_its_solutions_passes(path):
    app = app_of(path)
    asked = questions(app.run()[1])
    outputs, _ = app_of(path).run(defs={q.blank: q.answer for q in asked})
    notes = verdicts(outputs)
    failed = [note.markdown for note in notes if note.passed is not True]
    assert not failed
    assert len(notes) == len(asked), "each answer is judged once, and nothing is hidden"


@pytest.mark.slow
@every_lesson
def test_every_mistake_gets_its_own_explanation(path):
    for question in questions(app_of(path).run()[1]):
        if isinstance(question, Prediction):
            for letter in question.wrong_answers:
                note = question.check(letter)
                assert note.passed is False
                assert question.because[letter] in note.markdown
            continue
        assert question.mistakes, f"{question.blank} knows no mistake"
        assert question.hints, f"{question.blank} has no hint"
        for mistake in question.mistakes:
            note = question.check(mistake.wrong)
            assert note.passed is False, (question.blank, mistake.name)
            assert note.mistake == mistake.name, (question.blank, note.markdown)
            assert mistake.explanation in note.markdown


@every_lesson
def test_a_lesson_has_its_parts(path):
    text = path.read_text(encoding="utf-8")
    number = int(path.stem[:2])
    assert f"# {number} · " in text
    assert "scale = lesson_scale()" in text
    for heading in ("## What this does not show", "## References"):
        assert heading in text
    assert re.search(r"\*About \d+ minutes\.", text)
    # The question comes before what answers it.
    assert text.index("Prediction(") < text.index(".reveal(")


@pytest.mark.parametrize("tool", [("marimo", "check", "--strict")])
def test_marimo_finds_nothing_to_say(tool):
    done = subprocess.run(
        [sys.executable, "-m", *tool, *map(str, PATHS)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
