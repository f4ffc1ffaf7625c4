"""TMS-4: the stacked panels of TMS-3 for 80 features in 20 dimensions.

Figure: the larger one of Elhage et al. 2022, *Toy Models of Superposition*,
"Demonstrating Superposition": WᵀW, b and ‖W_i‖ with importance 0.9^i, at seven
probabilities from p = 1 to 0.001.

Claims and thresholds are those of TMS-3: at p = 1 exactly the 20 most important
features are kept; their number does not fall with sparsity (by more than one); for
p ≤ 0.01 there are more than 20. The linear model keeps 20, without interference.

Run time at laptop scale: 16 s on two cores.

Axis letters: `seeds`, `levels` of p, n features, d hidden dimensions.
"""

from collections.abc import Callable
from typing import Self

from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._panels import (
    ListedLevels,
    compute_panels,
    panel_claims,
    plot_panels,
)
from toymodels.claims import Claim
from toymodels.config import check_choice, settings
from toymodels.result import Result

ID = "TMS-4"
TITLE = "Superposition with more features"


@settings
class LargeSuperpositionPanels(ListedLevels):
    """Settings of TMS-4."""

    n: int = 80
    d: int = 20
    decay: float = 0.9  # importance 0.9^i
    densities: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
    seeds: int = 5
    linear_seeds: int = 5  # samples of two claims, and the fewest that count
    steps: int = 10_000
    batch: int = 256  # the notebook has 1,024, at four times the cost
    evaluation: int = 2**17  # samples for the final loss; p = 0.001 needs many
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 24,
                "d": 6,
                "seeds": 3,
                "linear_seeds": 3,
                "steps": 200,
                "batch": 64,
                "evaluation": 4096,
            },
            "laptop": {},
            "paper": {"seeds": 10, "steps": 50_000, "batch": 1024},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])


def compute(
    settings: LargeSuperpositionPanels, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """The ReLU model and the linear control at every level."""
    return compute_panels(settings, train)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Seven densities and the linear model; loss and count over the levels."""
    return plot_panels(result)


def claims(result: Result) -> list[Claim]:
    """Dense, growing, sparse, and the linear model."""
    return panel_claims(result, ID)
