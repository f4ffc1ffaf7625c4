"""The ensemble over the number of copies R that REP-1, REP-5 and REP-6 read.

They build the same `TrainSpec`, which a store trains once.

Axis letters: `sets` data sets, `copies` values of R; members are sets × copies, each
trained from several `restarts`.
"""

from typing import Any, Self

import toymodels as tm
from experiments.rep._repeated import RepeatedPoints
from toymodels.config import check_choice, check_count, settings


@settings
class CopiesSweep(RepeatedPoints):
    """Settings of the ensemble; each experiment adds its own.

    Args:
        copies: R, from 1.
        restarts: of which the lowest training loss counts.
        snapshots: during training, for the trajectories.
    """

    copies: tuple[int, ...] = (1, 2, 3, 5, 10, 30)
    sets: int = 9
    restarts: int = 2
    snapshots: int = 50

    def __post_init__(self):
        super().__post_init__()
        check_count("snapshots", self.snapshots)
        for copies in self.copies:
            check_count("copies", copies, maximum=self.points)

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets: dict[str, dict[str, Any]] = {
            "smoke": {
                "n": 60, "sparsity": 0.9, "points": 120, "sets": 3, "restarts": 2,
                "steps": 400, "copies": (1, 3, 30), "snapshots": 8,
                "linear_steps": 300,
            },
            "laptop": {},
            # The source's; R from 2 on is our choice beside its R = 5.
            "paper": {
                "n": 10_000, "sparsity": 0.999, "points": 30_000, "sets": 5,
                "restarts": 5, "steps": 50_000, "learning_rate": 1e-3,
                "copies": (1, 2, 3, 5, 10, 20, 30), "linear_steps": 20_000,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def members(self, copies: tuple[int, ...]) -> tm.FiniteDataset:
        """Every data set with its first point in R copies, for each R."""
        return self.first_in_copies(self.points, copies)

    def sweep_spec(self) -> tm.TrainSpec:
        """The ensemble that all of them read."""
        return self.spec(
            self.members(self.copies),
            snapshots=tm.linear_steps(self.steps, self.snapshots),
        )
