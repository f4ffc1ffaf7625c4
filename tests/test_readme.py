"""What the README shows is what happens."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_the_snippet_folds_five_features_into_a_pentagon(capsys):
    text = README.read_text()
    code = re.search(
        r"<!-- snippet:begin -->\s*```python\n(.*?)```", text, re.DOTALL
    ).group(1)
    assert len([line for line in code.splitlines() if line.strip()]) <= 14
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    shown = re.search(r"```text\n(.*?)```", text, re.DOTALL).group(1).splitlines()
    assert len(printed) == 10
    assert printed[0] == shown[0]
    assert printed[-1] == shown[-1]


def test_every_file_that_the_readme_names_exists():
    root = README.parent
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text()):
        assert (root / target).exists(), target


@pytest.mark.slow
def test_the_page_on_memorisation_runs(capsys):
    text = README.parent.joinpath("docs", "memorisation.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile("\n".join(blocks), "memorisation.md", "exec"), {})
    shares, copies, rate, mahalanobis, random = capsys.readouterr().out.splitlines()
    assert shares == "[0.4 0.4 0.4 0.4 0.4]"
    assert copies == "[5 7 9]"
    assert float(rate) == pytest.approx(0.01, abs=0.003)
    assert mahalanobis.startswith("mahalanobis {'C': ")
    assert random.startswith("random {'C': ")


@pytest.mark.slow
def test_the_page_on_perturbations_runs(capsys):
    text = README.parent.joinpath("docs", "perturbation.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile("\n".join(blocks), "perturbation.md", "exec"), {})
    shape, without, noisy, exponents = capsys.readouterr().out.splitlines()
    assert shape == "(16, 4) ('h1', 'h2', 'h3', 'output')"
    for line in (without, noisy):
        covariance, _ = map(float, re.findall(r"(\d\.\d\d) [cf]", line))
        assert covariance > 1
    features, random = map(float, re.findall(r"\d\.\d", exponents))
    assert features > 2.4 and abs(random - 2) < 0.4
