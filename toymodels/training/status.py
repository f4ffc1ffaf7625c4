"""How a run ended: converged, out of steps, or not finite.

A diverged or unconverged run is a value that sweeps carry and figures show, never an
exception and never silently averaged in.

Axis letters: `runs` the ensemble axis, `windows` of the loss history.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

BUDGET_SPENT = 0
CONVERGED = 1
NON_FINITE = 2
STATUS_NAMES = ("budget spent", "converged", "non-finite")

# A run has converged when its mean loss over the last tenth of training differs from
# the tenth before by less than this share.
CONVERGENCE_TOLERANCE = 0.01


def has_converged(
    loss: Float[np.ndarray, "windows runs"],
    tolerance: float = CONVERGENCE_TOLERANCE,
) -> Bool[np.ndarray, " runs"]:
    """Whether the loss no longer falls: last tenth against the tenth before.

    Args:
        loss: mean loss of each completed window; fewer than 20 never count as
            converged.
        tolerance: largest relative change.
    """
    windows, runs = loss.shape
    tenth = windows // 10
    if tenth < 2:
        return np.zeros(runs, bool)
    last = loss[-tenth:].mean(axis=0)
    before = loss[-2 * tenth : -tenth].mean(axis=0)
    with np.errstate(invalid="ignore"):
        return np.abs(before - last) <= tolerance * np.abs(before)


def run_status(
    loss: Float[np.ndarray, "windows runs"], failed_at: Int[np.ndarray, " runs"]
) -> Int[np.ndarray, " runs"]:
    """BUDGET_SPENT, CONVERGED or NON_FINITE for each run."""
    status = np.where(has_converged(loss), CONVERGED, BUDGET_SPENT)
    return np.where(failed_at >= 0, NON_FINITE, status).astype(np.int8)
