"""Which story explains the plateau? One page, drawn from the ledger of claims.

Real activations absorb small pushes. Stories of why, after Heimersheim & Mendel 2024,
*Activation plateaus & sensitive directions in GPT2*, and this project's own two
questions, each with the claim that decides it. Nothing is computed here: a page that is
drawn from verdicts cannot say anything else than they do.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from toymodels.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED, Claim
from toymodels.plotting import Evidence, Measured, caption_line, evidence_page

NAME = "stories.png"
TITLE = "Which story explains the plateau?"


@dataclass(frozen=True)
class Story:
    """An explanation and the claim that decides it."""

    heading: str
    text: str
    claim: str
    """Id in the ledger."""
    supported: str
    """What the story's claim says of it when supported."""
    not_supported: str
    """And when not supported."""
    needs: tuple[str, ...] = ()
    """Ids of claims that must be supported, too; the worst verdict counts."""
    also: dict[str, str] = field(default_factory=dict)
    """Ids of other claims that bear on it, and what their models or answers are."""

    @property
    def conclusions(self) -> dict[str, str]:
        """What each verdict says about the story."""
        return {
            SUPPORTED: self.supported,
            NOT_SUPPORTED: self.not_supported,
            INCONCLUSIVE: "undecided",
        }


STORIES = (
    Story(
        heading="Story 0: the margin",
        text="The outputs move from the first push on; only which one is largest does "
        "not change. Judged with a softmax head.",
        claim="PLT-3.root",
        supported="holds: only the margin absorbs pushes",
        not_supported="rejected: the outputs are flat at first",
        also={"PLT-3.distance": "linear in L2 at the last layer"},
    ),
    Story(
        heading="Story 1: the output conversion",
        text="Norm, readout and softmax hide the push, so that its layer makes no "
        "difference. Judged with a final normalisation.",
        claim="PLT-4.story_1",
        needs=("PLT-4.last",),
        supported="rejected: the layers make the difference",
        not_supported="not rejected: a gap is there at the end",
        also={
            "PLT-4.squared": "the layers make one, squared error",
            "PLT-4.logistic": "logistic",
        },
    ),
    Story(
        heading="Story 2: shrinkage with depth",
        text="The layers remove part of a push from a real activation, one after "
        "another, more than from a Gaussian one. With squared error.",
        claim="PLT-5.gaussian",
        needs=("PLT-5.story_2",),
        supported="holds: pushes shrink with depth",
        not_supported="not as stated: real ones shrink too little",
        also={
            "PLT-5.story_2": "shrinks over two layers",
            "PLT-5.story_2_logistic": "logistic",
        },
    ),
    Story(
        heading="Thresholds",
        text="Readoffs below a threshold count as zero: the higher the threshold, the "
        "wider the plateau.",
        claim="PLT-6.threshold",
        supported="holds: plateaus follow the threshold",
        not_supported="rejected: plateaus do not follow it",
        also={"PLT-6.squared_none": "none without threshold"},
    ),
    Story(
        heading="Superposition",
        text="Is it needed? Models with n ≤ d features have room for each of them; if "
        "they have plateaus too, a plateau shows no superposition.",
        claim="PLT-7.superposition",
        supported="not needed: plateaus without it too",
        not_supported="no plateau without it",
        also={
            "PLT-7.distance": "L2, logistic",
            "PLT-7.more": "more of one with n > d",
        },
    ),
)


def draw(claims: Sequence[Claim]) -> Figure | None:
    """The page; None where a story's claim is not in the ledger or has no number."""
    known = {claim.id: claim for claim in claims}
    rows = []
    for story in STORIES:
        claim = known.get(story.claim)
        if claim is None or claim.measured is None or claim.accepted is None:
            return None
        if not known.keys() >= set(story.needs):
            return None
        others = [
            f"{label}: {known[id].verdict}"
            for id, label in story.also.items()
            if id in known
        ]
        verdict = worst([claim.verdict, *(known[id].verdict for id in story.needs)])
        rows.append(_row(story, claim, verdict, others))
    if not rows:
        return None
    scales = {known[story.claim].scale for story in STORIES}
    seeds = sorted({known[story.claim].seeds for story in STORIES})
    return evidence_page(
        rows,
        title=TITLE,
        caption=caption_line(
            scale=" and ".join(sorted(scales)),
            others={
                "seeds": " to ".join(
                    str(s) for s in dict.fromkeys((seeds[0], seeds[-1]))
                ),
                "claims": ", ".join(story.claim for story in STORIES),
            },
        ),
    )


def worst(verdicts: Sequence[str]) -> str:
    """Not supported if one is, then inconclusive if one is, else supported."""
    return max(verdicts, key=(SUPPORTED, INCONCLUSIVE, NOT_SUPPORTED).index)


def _row(story: Story, claim: Claim, verdict: str, others: Sequence[str]) -> Evidence:
    assert claim.measured is not None and claim.accepted is not None  # noqa: S101
    return Evidence(
        heading=story.heading,
        text=textwrap.fill(story.text, 52),
        statistic=textwrap.fill(claim.statistic, 70),
        measured=Measured("measured", claim.measured, claim.interval),
        controls=tuple(
            Measured(
                textwrap.shorten(c.name, 26, placeholder="…"), c.measured, c.interval
            )
            for c in claim.controls
            if c.measured is not None
        ),
        accepted=claim.accepted,
        verdict=verdict,
        conclusion=textwrap.fill(story.conclusions[verdict], 24),
        also=textwrap.fill("Also: " + "; ".join(others), 66) if others else "",
    )
