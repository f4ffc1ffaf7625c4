import json
from pathlib import Path

import numpy as np
import pytest

from toymodels.claims import (
    INCONCLUSIVE,
    NOT_SUPPORTED,
    SUPPORTED,
    AtLeast,
    AtMost,
    Claim,
    IsTrue,
    Within,
    control,
    judge,
    shown,
    shown_with_interval,
)
from toymodels.config import SettingsError
from toymodels.disk import StoreError
from toymodels.ledger import (
    README_BEGIN,
    README_END,
    markdown_table,
    read_ledger,
    readme_table,
    table_in_readme,
    update_readme,
    write_ledger,
)

ROOT = Path(__file__).parents[1]

KEYS = {
    *("id", "experiment", "statement", "source", "statistic", "expected"),
    *(
        "tolerance",
        "measured",
        "interval",
        "seeds",
        "scale",
        "verdict",
        "accepted",
        "controls",
    ),
}


def claim(samples, test, **changes):
    given = {
        "id": "TMS-1.a",
        "experiment": "TMS-1",
        "statement": "Five features fold into a pentagon.",
        "source": "Elhage et al. 2022, introduction",
        "statistic": "error of the gaps, degrees",
        "expected": 72,
        "scale": "laptop",
    }
    return judge(samples=samples, test=test, **{**given, **changes})


def fails(samples=(0.0, 0.1, 0.2), test=None, name="linear"):
    return control(name, samples, test or AtLeast(1))


INSIDE = [1.1, 1.15, 1.2, 1.25, 1.3]
ACROSS = [0.8, 0.9, 1.0, 1.2, 1.3]
OUTSIDE = [0.1, 0.15, 0.2, 0.25, 0.3]


@pytest.mark.parametrize(
    ("samples", "controls", "verdict"),
    [
        (INSIDE, [fails(OUTSIDE)], SUPPORTED),
        (INSIDE, [fails(OUTSIDE), fails(OUTSIDE)], SUPPORTED),
        (INSIDE, [], INCONCLUSIVE),
        (INSIDE[:4], [fails(OUTSIDE)], INCONCLUSIVE),
        (OUTSIDE, [], NOT_SUPPORTED),
        (INSIDE, [fails(ACROSS)], INCONCLUSIVE),
        (INSIDE, [fails(INSIDE)], INCONCLUSIVE),
        (INSIDE, [fails(OUTSIDE), fails(INSIDE)], INCONCLUSIVE),
        (ACROSS, [fails(OUTSIDE)], INCONCLUSIVE),
        (ACROSS, [fails(INSIDE)], INCONCLUSIVE),
        (OUTSIDE, [fails(OUTSIDE)], NOT_SUPPORTED),
        (OUTSIDE, [fails(INSIDE)], NOT_SUPPORTED),
        ([*INSIDE, np.nan], [fails(OUTSIDE)], INCONCLUSIVE),
        ([*OUTSIDE, np.inf], [fails(OUTSIDE)], INCONCLUSIVE),
        ([np.nan] * 5, [], INCONCLUSIVE),
        ([1.1, 1.2], [fails(OUTSIDE)], INCONCLUSIVE),
        ([0.1, 0.2], [], NOT_SUPPORTED),
        ([1.1], [fails(OUTSIDE)], INCONCLUSIVE),
        ([0.1], [], INCONCLUSIVE),
    ],
)
def test_verdicts(samples, controls, verdict):
    assert claim(samples, AtLeast(1), controls=controls).verdict == verdict


@pytest.mark.parametrize(
    ("test", "inside", "across", "outside"),
    [
        (Within(1, 2), [1, 1.2, 1.5, 1.8, 2], [1, 1, 1.5, 2, 2.1], [2.1, 3, 3, 3, 4]),
        (Within(1, 2), [1] * 5, [0, 0, 1.5, 3, 3], [-1, 0, 0, 0, 0.9]),
        (AtLeast(1), [1, 2, 3, 3, 3], [0.9, 2, 3, 3, 3], [0.1, 0.5, 0.5, 0.5, 0.9]),
        (AtMost(1), [-9, 0, 0, 0, 1], [0, 1, 1, 1.1, 1.1], [1.1, 2, 3, 3, 3]),
        (IsTrue(), [True] * 5, [True] * 4 + [False], [False] * 5),
        (IsTrue(0.5), [True] * 9 + [False], [True] * 3 + [False] * 2, [False] * 5),
    ],
)
def test_regions(test, inside, across, outside):
    some = [fails(OUTSIDE)]
    assert claim(inside, test, controls=some).verdict == SUPPORTED
    assert claim(across, test, controls=some).verdict == INCONCLUSIVE
    assert claim(outside, test, controls=some).verdict == NOT_SUPPORTED


def test_a_claim_keeps_what_was_measured():
    made = claim(np.float32([1.0, 2.0, 4.0]), AtLeast(np.float32(0.5)))
    assert (made.measured, made.interval, made.seeds) == (2.0, (1.0, 4.0), 3)
    assert made.tolerance == "≥ 0.5"
    assert claim([1, 2, 6], AtLeast(0), aggregate="mean").measured == 3.0
    assert claim([True, False, True, True], IsTrue()).measured == 0.75


def test_a_verdict_that_is_weakened_says_why():
    passed = claim(INSIDE, AtLeast(1), controls=[fails(INSIDE, name="shuffled")])
    assert "did not fail as it must: shuffled" in passed.note
    lost = claim([1.1, np.nan, 1.2, np.nan], AtLeast(1))
    assert "2 of 4 seeds gave no finite value" in lost.note
    assert (lost.seeds, lost.measured) == (4, pytest.approx(1.15))
    few = claim([1.1, 1.2], AtLeast(1), controls=[fails(OUTSIDE)])
    assert few.note == "2 seeds, 5 are needed for support"
    assert claim(INSIDE, AtLeast(1)).note == "no control, one is needed for support"
    assert claim(INSIDE, AtLeast(1), controls=[fails(OUTSIDE)]).note == ""


def test_five_seeds_are_the_fewest_with_an_honest_interval():
    """It covers a median of 0 in about 94 % of draws; with three seeds it cannot."""
    draws = np.random.default_rng(0).normal(size=(300, 5))

    def coverage(seeds):
        made = [claim(draw[:seeds], AtLeast(0)).interval for draw in draws]
        return np.mean([low <= 0 <= high for low, high in made])

    error = np.sqrt(0.94 * 0.06 / 300)
    assert abs(coverage(5) - (1 - 2**-4)) < 4 * error
    assert coverage(3) < 0.85


def test_an_exact_statement_needs_no_seeds():
    made = claim(1e-13, AtMost(1e-12), exact=True)
    assert (made.verdict, made.seeds, made.interval) == (SUPPORTED, 0, None)
    assert claim(1e-11, AtMost(1e-12), exact=True).verdict == NOT_SUPPORTED
    assert claim(np.nan, AtMost(1e-12), exact=True).verdict == INCONCLUSIVE
    spoilt = [control("wrong formula", 0.0, AtMost(1e-12))]
    made = claim(1e-13, AtMost(1e-12), exact=True, controls=spoilt)
    assert made.verdict == INCONCLUSIVE


def test_a_control_fails_only_when_it_clearly_does():
    assert fails(OUTSIDE).failed_as_it_must
    assert not fails(ACROSS).failed_as_it_must
    assert not fails(INSIDE).failed_as_it_must
    assert fails([0.2]).failed_as_it_must
    assert not fails([1.2]).failed_as_it_must
    lost = fails([0.1, 0.2, np.nan])
    assert not lost.failed_as_it_must
    assert "1 of 3 values are not finite" in lost.detail
    assert not fails([np.nan]).failed_as_it_must
    assert fails(OUTSIDE).expected == "not ≥ 1"


@pytest.mark.parametrize("samples", [[], np.ones((2, 2))])
def test_samples_have_one_axis(samples):
    with pytest.raises(Exception, match="seeds|samples"):
        claim(samples, AtLeast(1))


def test_nobody_types_a_verdict_of_their_own():
    made = claim(INSIDE, AtLeast(1))
    with pytest.raises(SettingsError, match="verdict"):
        Claim(**{**vars(made), "verdict": "proved"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "n/a"),
        ("a line", "a line"),
        (2, "2"),
        (0.123456, "0.123"),
        (90.0, "90"),
        (12345.6, "12,346"),
        (1e-12, "1e-12"),
        (-0.5, "-0.5"),
        (np.inf, "inf"),
    ],
)
def test_numbers_are_shown_with_three_digits(value, text):
    assert shown(value) == text


def test_intervals_are_shown_beside_their_value():
    assert shown_with_interval(claim(INSIDE, AtLeast(1))) == "1.2 [1.1, 1.3]"
    assert shown_with_interval(claim(1.0, AtLeast(1), exact=True)) == "1"


# the ledger


def examples():
    return [
        claim(INSIDE, AtLeast(1), controls=[fails(), fails(test=Within(1, 2))]),
        claim([np.nan] * 5, AtLeast(1), id="TMS-1.b", expected="a pentagon"),
        claim(1.0, AtMost(2), id="TMS-1.c", exact=True, note="by hand"),
    ]


def test_a_ledger_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "claims.json"
    write_ledger(path, examples())
    assert read_ledger(path) == examples()
    before = path.read_bytes()
    write_ledger(path, read_ledger(path))
    assert path.read_bytes() == before


def test_a_ledger_is_plain_json_with_the_stated_keys(tmp_path):
    path = tmp_path / "claims.json"
    write_ledger(path, examples())

    def refuse(constant):
        raise AssertionError(constant)

    first, second, third = json.loads(path.read_text(), parse_constant=refuse)
    assert set(first) == KEYS
    assert set(second) == KEYS | {"note"}
    assert second["measured"] is None
    assert second["interval"] is None
    assert third["seeds"] == 0
    assert first["interval"] == [1.1, 1.3]
    assert first["accepted"] == [1.0, None]
    assert third["accepted"] == [None, 2.0]
    assert set(first["controls"][0]) == {
        *("name", "expected", "measured", "interval", "failed_as_it_must"),
    }


def test_a_ledger_holds_every_id_once(tmp_path):
    with pytest.raises(ValueError, match="TMS-1.a"):
        write_ledger(tmp_path / "claims.json", examples() + examples()[:1])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "[{", "{}x", "5", '[{"id": "a"}]', '[{"verdict": "proved"}]', "[[]]"]
)
def test_a_damaged_ledger_is_one_line(tmp_path, text):
    path = tmp_path / "claims.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"claims\.json: .*not a ledger") as caught:
        read_ledger(path)
    assert "\n" not in str(caught.value)


def test_a_table_has_a_row_for_each_claim_and_stays_a_table():
    odd = claim(INSIDE, AtLeast(1), statement="|W_i|² of D* < 1\nand D* > 0")
    lines = markdown_table([odd, *examples()]).splitlines()
    assert len(lines) == 2 + 4
    assert r"\|W_i\|² of D\* \< 1 and D\* > 0" in lines[2]
    columns = {line.replace(r"\|", "").count("|") for line in lines}
    assert columns == {8}
    assert "2 of 2 failed | supported |" in lines[3]
    assert "| exact | none |" in lines[5]


def test_a_readme_is_updated_between_its_markers_only(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{README_BEGIN}\nstale\n{README_END}\n\nMore.\n")
    assert update_readme(readme, examples())
    text = readme.read_text()
    assert text.startswith("# Title\n")
    assert text.endswith(f"{README_END}\n\nMore.\n")
    assert "stale" not in text
    assert table_in_readme(readme) == readme_table(examples())
    assert not update_readme(readme, examples())
    assert table_in_readme(readme) != readme_table(examples()[:2])
    assert "<summary><b>TMS</b>: 3 claims: 2 supported, 1 inconclusive" in text


@pytest.mark.parametrize(
    "text", ["", README_BEGIN, README_END, README_END + README_BEGIN]
)
def test_a_readme_without_its_markers_is_left_alone(tmp_path, text):
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(SettingsError, match="claims:begin"):
        update_readme(readme, examples())
    assert readme.read_text() == text


@pytest.mark.skipif(
    not (ROOT / "figures" / "claims.json").exists(),
    reason="no figures have been committed yet",
)
def test_the_readme_shows_the_committed_ledger():
    claims = read_ledger(ROOT / "figures" / "claims.json")
    assert table_in_readme(ROOT / "README.md") == readme_table(claims)
