"""Every lesson runs, with its blanks empty, filled in and filled in wrongly."""

import functools
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

pytest.importorskip("marimo", reason="needs the extra `lessons`")

from toymodels.lessons import Exercise, Note, Prediction
from toymodels.lessons.catalogue import find_lessons
from toymodels.lessons.export import export_lesson

ROOT = Path(__file__).parents[1]
LESSONS = find_lessons()
PATHS = [lesson.path for lesson in LESSONS]

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


@functools.cache
def untouched(path: Path):
    """Outputs and definitions of a lesson in which nothing is filled in."""
    return app_of(path).run()


def questions(path: Path) -> list[Exercise | Prediction]:
    """All exercises and predictions of a lesson."""
    found = untouched(path)[1].values()
    return [v for v in found if isinstance(v, Exercise | Prediction)]


def verdicts(outputs) -> list[Note]:
    """The notes that judge an answer."""
    return [n for n in outputs if isinstance(n, Note) and n.kind != "plain"]


@pytest.mark.slow
@every_lesson
def test_a_lesson_with_empty_blanks_is_kind(path):
    outputs, definitions = untouched(path)
    asked = questions(path)
    assert any(isinstance(q, Prediction) for q in asked)
    assert sum(isinstance(q, Exercise) for q in asked) >= 2
    blanks = [q.blank for q in asked]
    assert len(set(blanks)) == len(blanks)
    assert set(blanks) <= set(definitions)
    notes = verdicts(outputs)
    assert len(notes) >= len(asked), "every blank has a cell that checks it"
    assert all(note.kind == "warn" and note.passed is None for note in notes)
    # No training is shown, step by step, to a reader who has guessed nothing.
    assert not [output for output in outputs if len(getattr(output, "frames", ())) > 1]


@pytest.mark.slow
@every_lesson
def test_a_lesson_with_its_solutions_passes(path):
    asked = questions(path)
    outputs, _ = app_of(path).run(defs={q.blank: q.answer for q in asked})
    notes = verdicts(outputs)
    assert not [note.markdown for note in notes if note.passed is not True]
    assert len(notes) == len(asked), "each answer is judged once, and nothing is hidden"
    # A bare figure would be laid out anew, with its legend over its axes.
    assert not [output for output in outputs if isinstance(output, Figure)]


@pytest.mark.slow
@every_lesson
def test_every_mistake_gets_its_own_explanation(path):
    for question in questions(path):
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


@pytest.mark.slow
@every_lesson
def test_a_solution_shows_its_code(path):
    for question in questions(path):
        if isinstance(question, Exercise) and question.asks_for_function:
            assert "    return " in question.help().parts["Solution"], question.blank


RUN_NOTEBOOK = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
NotebookClient(notebook, timeout=300).execute()
nbformat.write(notebook, sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_a_lesson_runs_as_a_jupyter_notebook(lesson, tmp_path):
    pytest.importorskip("nbclient", reason="needs nbclient")
    path = export_lesson(lesson, tmp_path / "notebooks")
    done = subprocess.run(
        [sys.executable, "-c", RUN_NOTEBOOK, str(path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert "pip install" in "".join(cells[0]["source"])
    # What makes questions and checks is folded away, in Colab too.
    asking = [cell for cell in cells if "Prediction(" in "".join(cell["source"])]
    assert asking
    assert {cell["metadata"].get("cellView") for cell in asking} == {"form"}
    shown = [out for cell in cells for out in cell.get("outputs", [])]
    assert not [out for out in shown if out["output_type"] == "error"]
    texts = ["".join(out.get("data", {}).get("text/markdown", "")) for out in shown]
    assert any("**Predict.**" in text for text in texts)
    assert any("Not answered yet" in text for text in texts)
    assert any("<details>" in text for text in texts)


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


def test_the_lessons_are_numbered_and_titled():
    assert [lesson.number for lesson in LESSONS] == list(range(1, len(LESSONS) + 1))
    for lesson in LESSONS:
        assert lesson.title and lesson.summary.endswith((".", "?")), lesson.path.name
        assert f"# {lesson.number} · " in lesson.path.read_text(encoding="utf-8")


def test_marimo_finds_nothing_to_say():
    done = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", *map(str, PATHS)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
