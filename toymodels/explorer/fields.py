"""How the page asks for each setting: label, unit, limits of its slider, help.

The limits are those of comfort; `Controls` has the ones that are enforced.
"""

import dataclasses
from typing import Any

from toymodels.explorer.controls import (
    ACTIVATIONS,
    GROUPS,
    MOST_BATCH,
    MOST_DIMENSIONS,
    MOST_FEATURES,
    Controls,
)


@dataclasses.dataclass(frozen=True)
class Field:
    """One setting as the page shows it."""

    name: str
    label: str
    help: str
    section: str
    kind: str = "number"
    """"count", "number", "choice" or "text"."""
    low: float | int = 0
    high: float | int = 1
    step: float | int = 0.01
    scale: str = "linear"
    """Of the slider: "linear", "log", or "sparsity", which is even in log(1 − S)."""
    choices: tuple[tuple[str, str], ...] = ()
    """Value and label."""


_CHOICE_LABELS = {
    "relu": "ReLU",
    "identity": "none (linear control)",
    "gelu": "GELU",
    "independent": "independent",
    "correlated": "on together",
    "anticorrelated": "one at a time",
}


def _choices(values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((value, _CHOICE_LABELS[value]) for value in values)


FIELDS = (
    Field(
        "sparsity",
        "Sparsity S",
        "How often a feature is absent. Rare features seldom meet, so they can share "
        "room.",
        "data",
        high=0.999,
        step=0.001,
        scale="sparsity",
    ),
    Field(
        "importance_decay",
        "Importance decay",
        "Feature i weighs decay^(i − 1) in the loss; 1 makes all equal.",
        "data",
        low=0.3,
        step=0.01,
    ),
    Field(
        "learning_rate",
        "Learning rate",
        "Size of an update of AdamW.",
        "training",
        low=1e-5,
        high=0.3,
        step=1e-5,
        scale="log",
    ),
    Field(
        "exponent",
        "Loss exponent q",
        "The loss is |x − x̂|^q; 2 is the usual squared error.",
        "training",
        low=1,
        high=8,
        step=0.1,
    ),
    Field(
        "weight_decay",
        "Weight decay",
        "Pulls every weight towards 0 (AdamW).",
        "training",
        step=0.01,
    ),
    Field(
        "n",
        "Features n",
        "How many things there are to remember.",
        "model",
        "count",
        low=2,
        high=MOST_FEATURES,
        step=1,
    ),
    Field(
        "d",
        "Hidden dimensions d",
        "How many numbers there are to remember them in; fewer than n.",
        "model",
        "count",
        low=1,
        high=MOST_DIMENSIONS,
        step=1,
    ),
    Field(
        "activation",
        "Output",
        "ReLU can silence small interference; the linear control cannot.",
        "model",
        "choice",
        choices=_choices(ACTIVATIONS),
    ),
    Field(
        "groups",
        "Features are",
        "Whether features come independently or in groups.",
        "world",
        "choice",
        choices=_choices(GROUPS),
    ),
    Field(
        "group_size",
        "Group size",
        "Features in a group; n is a multiple of it.",
        "world",
        "count",
        low=2,
        high=MOST_FEATURES,
        step=1,
    ),
    Field(
        "backdoor_size",
        "Planted point: random features",
        "Active features, drawn with the seed, of a sample that comes again and again; "
        "0 plants none.",
        "world",
        "count",
        low=0,
        high=MOST_FEATURES,
        step=1,
    ),
    Field(
        "backdoor_point",
        "Planted point: chosen features",
        "Features and values in place of random ones, such as 1:0.9 3:0.5.",
        "world",
        "text",
    ),
    Field(
        "backdoor_rate",
        "Planted point: share of samples",
        "How often the planted point comes instead of an ordinary sample.",
        "world",
        high=0.5,
        step=0.001,
    ),
    Field(
        "batch",
        "Batch",
        "Samples in each update; more make it smoother and slower.",
        "run",
        "count",
        low=1,
        high=MOST_BATCH,
        step=1,
    ),
    Field(
        "seed",
        "Seed",
        "Of initial weights and samples; another one may find another shape.",
        "run",
        "count",
        low=0,
        high=2**32 - 1,
        step=1,
    ),
)

# Titles of the groups of settings, in order.
SECTIONS = {
    "data": "Data",
    "training": "Training",
    "model": "Model",
    "world": "Correlations and a planted point",
    "run": "Batch and seed",
}


@dataclasses.dataclass(frozen=True)
class Example:
    """Settings to begin with, and what to look at."""

    name: str
    text: str
    changes: dict[str, Any]

    def controls(self) -> Controls:
        """The settings."""
        return Controls(**self.changes)


EXAMPLES = (
    Example(
        "Pentagon",
        "Five rare features in a plane. Watch them push one another apart.",
        {"sparsity": 0.95, "importance_decay": 1.0, "learning_rate": 0.01},
    ),
    Example(
        "No superposition",
        "The same features, always present: only two of the five survive, "
        "one for each dimension.",
        {"sparsity": 0.0, "importance_decay": 0.7, "learning_rate": 0.01},
    ),
    Example(
        "Linear control",
        "Without a ReLU sparsity does not help: two features again.",
        {
            "sparsity": 0.95,
            "importance_decay": 0.7,
            "activation": "identity",
            "learning_rate": 0.01,
        },
    ),
    Example(
        "Digon",
        "Two features on one line: opposite directions, which never disturb each "
        "other when only one is on.",
        {
            "n": 2,
            "d": 1,
            "sparsity": 0.9,
            "importance_decay": 1.0,
            "learning_rate": 0.01,
            "seed": 1,
        },
    ),
    Example(
        "Octahedron",
        "Six in three dimensions: three digons at right angles.",
        {
            "n": 6,
            "d": 3,
            "sparsity": 0.9,
            "importance_decay": 1.0,
            "learning_rate": 0.01,
        },
    ),
    Example(
        "One at a time",
        "Features that exclude each other become opposite pairs.",
        {
            "n": 4,
            "d": 2,
            "sparsity": 0.7,
            "importance_decay": 1.0,
            "groups": "anticorrelated",
            "group_size": 2,
            "learning_rate": 0.01,
        },
    ),
    Example(
        "Twenty in nine",
        "Two pentagons and five digons, each in dimensions of its own. The graph "
        "joins features that disturb each other.",
        {
            "n": 20,
            "d": 9,
            "sparsity": 0.75,
            "importance_decay": 1.0,
            "learning_rate": 0.01,
            "batch": 512,
        },
    ),
)


def page_settings() -> dict[str, Any]:
    """What the page is made from: fields with their defaults, sections, examples."""
    defaults = dataclasses.asdict(Controls())
    return {
        "fields": [
            dataclasses.asdict(field)
            | {"default": defaults[field.name], "live": field.name in Controls.live}
            for field in FIELDS
        ],
        "sections": SECTIONS,
        "examples": [
            {
                "name": example.name,
                "text": example.text,
                "controls": dataclasses.asdict(example.controls()),
            }
            for example in EXAMPLES
        ],
    }
