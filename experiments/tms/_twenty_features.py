"""Twenty features of falling importance in five dimensions, at seven probabilities.

TMS-2, TMS-3 and TMS-5 read the same runs, so they build the same `TrainSpec`, which a
store trains once. Sizes and importance are those of Elhage et al. 2022, "Demonstrating
Superposition"; the probabilities are read off its figures.

Axis letters: `levels` of p (members of the ensemble), `seeds`, n features.
"""

from typing import Self

from experiments.tms._panels import ListedLevels
from toymodels.config import check_choice, settings


@settings
class TwentyFeatures(ListedLevels):
    """Settings of the ensemble; each experiment has a class of its own."""

    n: int = 20
    d: int = 5
    decay: float = 0.7  # importance 0.7^i
    densities: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
    seeds: int = 10  # with fewer, one odd seed decides an interval
    linear_seeds: int = 5  # samples of two claims, and the fewest that count
    steps: int = 10_000
    batch: int = 1024  # as in the notebook
    evaluation: int = 2**17  # samples for the final loss; p = 0.001 needs many
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {
            "smoke": {
                "seeds": 3, "linear_seeds": 3, "steps": 300, "batch": 128,
                "evaluation": 4096,
            },
            "laptop": {},
            "paper": {"seeds": 20, "steps": 50_000},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])
