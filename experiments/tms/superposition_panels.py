"""TMS-3: a ReLU model packs features as they become sparse; a linear model never does.

Figure: the main one of "Demonstrating Superposition" in Elhage et al. 2022, *Toy Models
of Superposition*: WᵀW, b and ‖W_i‖ of n = 20 features in d = 5 dimensions, importance
0.7^i, at seven probabilities from p = 1 to 0.001. A bar is the length ‖W_i‖, its colour
the interference Σ_{j≠i}(Ŵ_i·W_j)²: dark features have a dimension to themselves.

Claims, with thresholds fixed before the runs: at p = 1 exactly the d most important
features are kept; with sparsity their number does not fall (by more than one); for
p ≤ 0.01 there are more than d. The linear model keeps d at every p, and they do not
interfere (mean interference ≤ 0.05, a threshold set on calibration seed 1).

Run time at laptop scale: 20 s on two cores, shared with TMS-2 and TMS-5.

Axis letters: `seeds`, `levels` of p, n features, d hidden dimensions.
"""

from collections.abc import Callable

from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._panels import compute_panels, panel_claims, plot_panels
from experiments.tms._twenty_features import TwentyFeatures
from toymodels.claims import Claim
from toymodels.config import settings
from toymodels.result import Result

ID = "TMS-3"
TITLE = "Superposition appears as features become sparse"


@settings
class SuperpositionPanels(TwentyFeatures):
    """Settings of TMS-3: the ensemble alone."""


def compute(
    settings: SuperpositionPanels, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """The ReLU model and the linear control at every level."""
    return compute_panels(settings, train)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Seven densities and the linear model; loss and count over the levels."""
    return plot_panels(result)


def claims(result: Result) -> list[Claim]:
    """Dense, growing, sparse, and the linear model."""
    return panel_claims(result, ID)
