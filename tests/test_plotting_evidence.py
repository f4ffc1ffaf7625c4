"""The page of questions and their decisive tests says what the ledger says."""

import dataclasses

import numpy as np
import pytest

from experiments import stories
from experiments.stories import STORIES, draw, worst
from toymodels.claims import AtLeast, Within, control, judge
from toymodels.ledger import read_ledger, write_ledger
from toymodels.plotting import Evidence, Measured, evidence_page, png_bytes

ROW = Evidence(
    heading="Story 1",
    text="the output hides it",
    statistic="gap",
    measured=Measured("measured", 2.5, (2.1, 3.2)),
    controls=(Measured("linear", 1.0, (0.9, 1.1)), Measured("untrained", 0.5)),
    accepted=(2.0, None),
    verdict="supported",
    conclusion="rejected",
)


def lines(axes):
    return [
        tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2
    ]


def test_a_row_shows_its_numbers():
    words, axis, badge = evidence_page([ROW]).axes
    assert [t.get_text() for t in words.texts] == ["Story 1", "the output hides it"]
    assert lines(axis) == [(2.1, 3.2), (0.9, 1.1), (0.5, 0.5)]
    labels = [t.get_text() for t in axis.get_yticklabels()]
    assert labels == ["measured", "linear", "untrained"]
    shaded = axis.patches[0].get_extents()
    left, right = axis.transData.inverted().transform(shaded)[:, 0]
    assert left == pytest.approx(2.0) and right == pytest.approx(axis.get_xlim()[1])
    assert [t.get_text() for t in badge.texts] == ["✓ rejected", "2.5 [2.1, 3.2]"]


def test_other_tests_stand_below_the_text():
    words = evidence_page([dataclasses.replace(ROW, also="Also: two")]).axes[0]
    assert [t.get_text() for t in words.texts][-1] == "Also: two"


def test_wide_ranges_are_logarithmic_and_open_ends_reach_the_border():
    wide = dataclasses.replace(ROW, measured=Measured("measured", 90.0))
    assert evidence_page([wide]).axes[1].get_xscale() == "log"
    below = dataclasses.replace(ROW, accepted=(None, 1.5))
    axis = evidence_page([below]).axes[1]
    left = axis.transData.inverted().transform(axis.patches[0].get_extents())[0, 0]
    assert left == pytest.approx(axis.get_xlim()[0])
    assert png_bytes(evidence_page([ROW, wide])) == png_bytes(
        evidence_page([ROW, wide])
    )


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="none"):
        evidence_page([])


def claim(id, value=3.0):
    test = AtLeast(2.0)
    return judge(
        id=id,
        experiment=id.partition(".")[0],
        statement="it is so",
        source="here",
        statistic="number",
        expected=3,
        samples=np.full(5, value),
        test=test,
        controls=(control("linear", np.ones(5), test),),
        scale="laptop",
    )


def test_every_story_says_something_for_every_verdict():
    assert len(STORIES) == 5
    for story in STORIES:
        assert set(story.conclusions) == {"supported", "not supported", "inconclusive"}
        assert len(set(story.conclusions.values())) == 3


def test_a_story_that_needs_two_claims_has_the_worse_verdict():
    assert worst(["supported", "supported"]) == "supported"
    assert worst(["supported", "inconclusive"]) == "inconclusive"
    assert worst(["not supported", "inconclusive"]) == "not supported"


def test_the_page_is_drawn_from_a_whole_ledger_only(tmp_path):
    ids = [id for story in STORIES for id in (story.claim, *story.needs)]
    claims = [claim(id) for id in ids]
    write_ledger(tmp_path / "claims.json", claims)
    again = read_ledger(tmp_path / "claims.json")
    assert again == claims
    figure = draw(again)
    assert figure is not None
    said = [t.get_text() for axes in figure.axes for t in axes.texts]
    for story in STORIES:
        shown = "✓ " + story.conclusions["supported"]
        assert shown in [" ".join(text.split()) for text in said]
    assert draw(again[1:]) is None
    assert draw([dataclasses.replace(c, measured=None) for c in again]) is None


def test_the_accepted_region_is_in_the_claim():
    assert claim("X-1.a").accepted == (2.0, None)
    within = judge(
        id="X-1.b",
        experiment="X-1",
        statement="it is so",
        source="here",
        statistic="number",
        expected=3,
        samples=np.ones(5),
        test=Within(0, 2),
    )
    assert within.accepted == (0.0, 2.0)
    assert stories.TITLE.endswith("?")
