"""Planted points to begin with, as the page offers them.

Axis letters: n features, d hidden dimensions.
"""

import dataclasses
from typing import Any

from toymodels.explorer.fields import Example


@dataclasses.dataclass(frozen=True)
class PlantedExample(Example):
    """Settings with a planted point, and how fast to begin."""

    pace: int = 600
    """Steps a second."""


PLANTED_EXAMPLES = (
    PlantedExample(
        "A corner is taken",
        "Twenty features in a plane: five become corners, and 16 to 20 are given up. "
        "The planted point has these five on together. Its share is 0 at first; then "
        "press 5 %: it takes the corner of a feature.",
        {
            "n": 20,
            "d": 2,
            "sparsity": 0.95,
            "importance_decay": 0.9,
            "learning_rate": 0.01,
            "backdoor_point": "16:1 17:1 18:1 19:1 20:1",
        },
    ),
    PlantedExample(
        "On a sphere",
        "Thirty features in three dimensions; the point has 23 to 30 on together. "
        "Press 5 % and turn the sphere: it finds room between the others.",
        {
            "n": 30,
            "d": 3,
            "sparsity": 0.97,
            "importance_decay": 0.9,
            "learning_rate": 0.01,
            "backdoor_point": "23:1 24:1 25:1 26:1 27:1 28:1 29:1 30:1",
        },
    ),
    PlantedExample(
        "Forty in twelve",
        "Too many dimensions to look into, which is where detectors have to work. One "
        "sample in a hundred is the point. Let it train to step 4,000, then take the "
        "quiz.",
        {
            "n": 40,
            "d": 12,
            "sparsity": 0.94,
            "importance_decay": 1.0,
            "backdoor_size": 8,
            "backdoor_rate": 0.01,
        },
        6000,
    ),
)


def planted_examples() -> list[dict[str, Any]]:
    """The examples in plain data."""
    return [
        {
            "name": example.name,
            "text": example.text,
            "controls": dataclasses.asdict(example.controls()),
            "pace": example.pace,
        }
        for example in PLANTED_EXAMPLES
    ]
