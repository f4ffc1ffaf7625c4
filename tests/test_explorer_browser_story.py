"""The explorer's sentence about the picture says what holds, for weights of every kind.

Axis letters: n features, d hidden dimensions.
"""

import json

import numpy as np
from explorer_pages import IN_BROWSER

import toymodels as tm

pytestmark = IN_BROWSER


def told(W, b, **controls):
    """A frame of these weights, as the story reads it."""
    W, b = np.asarray(W, np.float32), np.asarray(b, np.float32)
    found = tm.measure(W)
    held = {"sparsity": 0.9, "activation": "relu", "groups": "independent"}
    return {
        "W": W.tolist(),
        "b": b.tolist(),
        "norms": np.asarray(found.norms).tolist(),
        "dimensionality": np.asarray(found.dimensionality).tolist(),
        "represented": np.asarray(found.represented).tolist(),
        "shapes": [],
        "step": 100,
        "status": "paused",
        "controls": held | {"group_size": 2} | controls,
    }


ANGLES = 2 * np.pi * np.arange(5) / 5
PENTAGON = np.stack([np.cos(ANGLES), np.sin(ANGLES)])
# Of rank 2 and of length² 2/3 each: what a linear model may do with equal features.
PROJECTED = np.sqrt(2 / 3) * np.stack(
    [np.cos(ANGLES[:3] * 5 / 3), np.sin(ANGLES[:3] * 5 / 3)]
)
DIGON = [[1.0, -1.0]]
ON_THE_WAY = [[0.9, -0.6]]
OWN = [[1.0, 0, 0], [0, 1.0, 0]]
POOLED = [[0.8, 0.8, 0, 0], [0, 0, 0.8, 0.8]]
STORIES = {
    "rare, negative bias": (
        PENTAGON, [-0.2] * 5, {}, ["superposition", "rarely", "negative bias"], [],
    ),
    "rare, no bias": (
        PENTAGON, [0.0] * 5, {}, ["superposition", "ReLU cuts"], ["bias"],
    ),
    "digon": (
        DIGON, [0.0] * 2, {}, ["superposition", "is negative, and"], ["bias"],
    ),
    "gelu": (
        PENTAGON, [-0.2] * 5, {"activation": "gelu"},
        ["GELU"], ["silence", "ReLU cuts"],
    ),
    "linear, equal": (
        PROJECTED, [0.1] * 3, {"activation": "identity"},
        ["projection"], ["superposition", "bias", "never stores"],
    ),
    "often on": (
        PENTAGON, [-0.2] * 5, {"sparsity": 0.1}, ["often on together"], ["rarely"],
    ),
    "groups on together": (
        PENTAGON, [-0.2] * 5, {"groups": "correlated"},
        ["group are on together"], ["rarely"],
    ),
    "one at a time": (
        PENTAGON, [-0.2] * 5, {"groups": "anticorrelated"},
        ["never on together"], ["rarely"],
    ),
    "groups kept as one": (
        POOLED, [0.0] * 4, {"groups": "correlated"},
        ["2 directions", "no superposition"], ["rarely"],
    ),
    "a dimension each": (
        OWN, [0.0] * 3, {"sparsity": 0.0},
        ["dimension each", "often on"], ["D is below"],
    ),
    "a digon on the way": (
        ON_THE_WAY, [0.0] * 2, {}, ["D is below 1"], ["dimension each", "to itself"],
    ),
    "every ReLU is shut": (
        PENTAGON, [-10.0] * 5, {},
        ["output is 0 for every sample: ", "shut"], ["superposition", "negative bias"],
    ),
    "shut but for many at once": (
        PENTAGON, [-1.1] * 5, {}, ["0 for every sample of one feature"], ["share"],
    ),
    "shut, and others answer": (
        np.hstack([PENTAGON, np.zeros((2, 1))]), [-10.0] * 5 + [0.3], {},
        ["No stored feature gives"], ["every sample", "superposition"],
    ),
    "one feature passes": (
        PENTAGON, [-10.0] * 4 + [-0.9], {}, ["superposition"], ["shut"],
    ),
    "without a ReLU nothing is shut": (
        PROJECTED, [-10.0] * 3, {"activation": "identity"}, ["projection"], ["shut"],
    ),
    "linear, fewer": (
        OWN, [0.0] * 3, {"activation": "identity"},
        ["dimension each", "cannot cut"], ["never"],
    ),
}  # fmt: skip


def test_the_story_says_what_holds(visit):
    page = visit.page()
    for name, (W, b, controls, said, unsaid) in STORIES.items():
        frame = told(W, b, **controls)
        story = page.evaluate(
            "async text => (await import('/page/story.js')).story(JSON.parse(text))",
            json.dumps(frame),
        )
        assert all(words in story for words in said), (name, story)
        assert not any(words in story for words in unsaid), (name, story)
