"""What the documentation site is made with; `make docs` builds the whole."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

NOTEBOOK = '''
import marimo

app = marimo.App()


@app.cell(hide_code=True)
def _():
    import marimo as mo
    return (mo,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # 3 · Five features

    Take $n = 5$.
    """)
    return


@app.cell
def _():
    # A comment first.
    seen = [1, 2]
    return (seen,)


@app.cell(hide_code=True)
def _(Prediction):
    guess = Prediction(
        question="How many?",
        options={"a": "two", "b": "five"},
        right="b",
    )
    guess.ask()
    return (guess,)


@app.function
def my_answer(x):
    return None


@app.cell(hide_code=True)
def _(text, seen):
    secret = 7
    text(f"There are {len(seen)} of them.")
    return


if __name__ == "__main__":
    app.run()
'''


@pytest.fixture
def generate(monkeypatch):
    pytest.importorskip("sphinx", reason="the extra `docs` is missing")
    pytest.importorskip("myst_parser", reason="the extra `docs` is missing")
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import generate

    yield generate
    for name in [n for n in sys.modules if n.partition(".")[0] == "generate"]:
        sys.modules.pop(name)


def test_a_lesson_shows_its_texts_its_questions_and_open_code(generate):
    shown = list(generate.lessons.parts(NOTEBOOK))
    assert shown == [
        ("text", "# 3 · Five features\n\nTake $n = 5$."),
        ("code", "# A comment first.\nseen = [1, 2]"),
        ("text", "> **Prediction.** How many?\n>\n> - (a) two\n> - (b) five"),
        ("code", "def my_answer(x):\n    return None"),
        ("text", "There are … of them."),
    ]
    assert generate.lessons.title(NOTEBOOK) == "3 · Five features"


def test_a_copy_without_lessons_has_an_index_alone(generate, tmp_path):
    assert list(generate.lessons.pages(tmp_path)) == ["index.md"]
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "03_five.py").write_text(NOTEBOOK)
    pages = generate.lessons.pages(tmp_path)
    assert set(pages) == {"index.md", "03_five.md"}
    assert "[3 · Five features](03_five.md)" in pages["index.md"]
    assert pages["03_five.md"].startswith("# 3 · Five features\n")
    # Not `marimo edit`: that would write the answers into the tracked file.
    assert "`toymodels lessons 3`" in pages["03_five.md"]
    assert "marimo edit" not in pages["03_five.md"]


@pytest.mark.parametrize(
    "page",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//cdn.example/x.css">',
        '<link rel="preload icon" href="http://cdn.example/x.png">',
        '<p><img alt="" src="HTTPS://cdn.example/x.png"></p>',
        "<style>@import 'https://cdn.example/x.css';</style>",
        '<div style="background: url(https://cdn.example/x.png)"></div>',
    ],
)
def test_a_request_that_leaves_the_machine_is_found(generate, page):
    (address,) = generate.offline.outside_requests(page)
    assert "cdn.example" in address


def test_links_and_local_files_are_no_requests(generate):
    page = (
        '<a href="https://example.org">x</a><img src="_images/x.png">'
        '<link rel="stylesheet" href="_static/x.css"><link rel="canonical" '
        'href="https://example.org"><script src="_static/x.js"></script>'
        "<style>p { background: url(x.png) }</style><p>url(https://example.org)</p>"
    )
    assert generate.offline.outside_requests(page) == []


def test_signs_of_a_docstring_are_text(generate):
    lines = ["D* and W_i* of |x|, (*runs, d) and h_; `init` in *Toy Models*:", ""]
    lines += ["    x = a * b", "", "- one", "- two of `a | b`"]
    assert generate.docstrings.rewritten(lines) == [
        r"D\* and W_i\* of \|x\|, (\*runs, d) and h\_; :py:obj:`init` in *Toy Models*:",
        "",
        ".. code-block:: text",
        "",
        "    x = a * b",
        "",
        "- one",
        "- two of ``a | b``",
    ]


def test_signs_of_a_claim_are_text(generate):
    plain = generate.pages.plain
    assert plain("D*_X < 1 | *here* `a*b`") == r"D\*\_X \< 1 \| *here* `a*b`"


def test_two_kinds_of_arrays_share_their_shape(generate):
    signature = (
        "(W: ~jaxtyping.Float[jaxlib._jax.Array, '*runs d n'] | "
        "~jaxtyping.Float[numpy.ndarray, '*runs d n'])"
    )
    expected = "(W: ~Float[Array | ndarray, '*runs d n'])"
    assert generate.signatures.legible(signature) == expected


def test_a_formula_becomes_mathml(generate):
    from docutils.utils.math import MathError

    formula = generate.mathml.converted(r"\frac{p}{3} = …", block=True)
    assert formula.startswith("<math") and "<mfrac>" in formula
    words = generate.mathml.converted(r"a < b \text{ if so}", block=False)
    assert "\u00a0if" in words and "&lt;" in words
    accent = generate.mathml.converted(r"\hat W_i", block=True)
    assert "<msub>" in accent and "<munderover>" not in accent
    with pytest.raises(MathError):
        generate.mathml.converted(r"\nosuchcommand", block=False)


def test_links_of_a_guide_hold_in_the_site(generate):
    moved = generate.project.moved
    text = "[a](../benchmarks/README.md#results) [b](scale.md) [c](https://x.org)"
    assert moved(text, source="docs/scale.md", page="scale") == (
        "[a](project/benchmarks.md#results) [b](scale.md) [c](https://x.org)"
    )
    text = "[a](results.json) [b](../docs/scale.md) [c](../CHANGELOG.md)"
    assert moved(text, source="benchmarks/README.md", page="project/benchmarks") == (
        "[a](../../benchmarks/results.json) [b](../scale.md) [c](changelog.md)"
    )


def test_pages_that_are_no_longer_wanted_are_removed(generate, tmp_path):
    folder = tmp_path / "catalogue"
    generate.pages.write_pages(folder, {"a.md": "one", "b.md": "two"})
    before = (folder / "a.md").stat().st_mtime_ns
    generate.pages.write_pages(folder, {"a.md": "one"})
    assert [path.name for path in folder.iterdir()] == ["a.md"]
    assert (folder / "a.md").stat().st_mtime_ns == before
