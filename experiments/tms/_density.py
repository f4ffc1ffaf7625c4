"""What TMS-13 measures of the best fits and of all restarts, level by level.

Axis letters: `groups` of restarts, `levels` of the ratio, `runs` of one group; n = 5
features in two dimensions, of which the last is varied.
"""

import numpy as np
from jaxtyping import Float, Int

from experiments.tms._two_geometries import NAMES, PENTAGON, TWO_DIGONS
from toymodels.result import Result


def switch(
    kinds: Int[np.ndarray, " levels"], ratio: Float[np.ndarray, " levels"]
) -> float:
    """The ratio where the best fit becomes two digons, between two levels.

    Args:
        kinds: geometry of the best fit at each level.
        ratio: how many times sparser the last feature is, rising by a constant factor.

    Returns:
        The geometric mean of the first such level and the one before it; one step
        beyond the levels if there is none.
    """
    found = np.flatnonzero(kinds == TWO_DIGONS)
    step = ratio[1] / ratio[0]
    if not found.size:
        return float(ratio[-1] * step)
    return float(ratio[found[0]] / np.sqrt(step))


def curve_crossing(
    kinds: Int[np.ndarray, "runs levels"],
    loss: Float[np.ndarray, "runs levels"],
    ratio: Float[np.ndarray, " levels"],
) -> float:
    """The ratio where the lowest losses of the two geometries are equal.

    Args:
        kinds: geometry of every run.
        loss: expected loss of every run.
        ratio: rising.

    Returns:
        Interpolated between the levels where both occur; one step beyond the levels if
        two digons never become the better ones.
    """
    lowest = {
        kind: np.where(kinds == kind, loss, np.inf).min(axis=0)
        for kind in (PENTAGON, TWO_DIGONS)
    }
    both = np.isfinite(lowest[PENTAGON]) & np.isfinite(lowest[TWO_DIGONS])
    at = np.log(ratio[both])
    excess = np.log(lowest[TWO_DIGONS][both] / lowest[PENTAGON][both])
    for k in range(1, len(at)):
        if excess[k - 1] > 0 >= excess[k]:
            return float(np.exp(np.interp(0, excess[[k, k - 1]], at[[k, k - 1]])))
    return float(ratio[-1] * ratio[1] / ratio[0])


def distance_to_crossing(
    kinds: Int[np.ndarray, "groups runs levels"],
    loss: Float[np.ndarray, "groups runs levels"],
    best: Int[np.ndarray, "groups levels"],
    ratio: Float[np.ndarray, " levels"],
) -> Float[np.ndarray, " groups"]:
    """Grid steps between the switch of a group and the crossing in the *other* groups.

    Within one group the lowest loss decides both, and they could not disagree.

    Returns:
        (groups,) ≥ 0; the number of levels where either does not occur.
    """
    beyond, step = ratio[-1] * ratio[1] / ratio[0], np.log(ratio[1] / ratio[0])
    distances = []
    for group in range(len(kinds)):
        others = np.arange(len(kinds)) != group
        levels = kinds.shape[-1]
        crosses = curve_crossing(
            kinds[others].reshape(-1, levels), loss[others].reshape(-1, levels), ratio
        )
        switches = switch(best[group], ratio)
        never = np.isclose([crosses, switches], beyond).any()
        apart = abs(np.log(crosses / switches)) / step
        distances.append(levels if never else apart)
    return np.array(distances, float)


def gap_beside_last(W: Float[np.ndarray, "2 n"]) -> float:
    """Mean of the angles, in degrees, between the last feature and its neighbours."""
    angle = np.degrees(np.arctan2(W[1], W[0]))
    after = np.sort((angle[:-1] - angle[-1]) % 360)
    return float((after[0] + 360 - after[-1]) / 2)


def narrowing(
    W: Float[np.ndarray, "levels 2 5"], kinds: Int[np.ndarray, " levels"]
) -> float:
    """Degrees by which the gaps beside the last feature have closed up.

    From the first level to the last before anything else than a pentagon is best; NaN
    if the first is no pentagon.
    """
    other = np.flatnonzero(kinds != PENTAGON)
    last = (other[0] if other.size else len(kinds)) - 1
    if last < 0:
        return float("nan")
    return gap_beside_last(W[0]) - gap_beside_last(W[last])


def largest_drop(W: Float[np.ndarray, "levels 2 5"]) -> float:
    """Largest fall of the last feature's ‖W_i‖² from one level to the next."""
    squared = np.sum(W[:, :, -1] ** 2, axis=1)
    return float((squared[:-1] - squared[1:]).max())


def exact_crossing(result: Result) -> float:
    """Where the two exact branches of a result are equal; NaN if not on its grid."""
    pentagon, digons = (result[f"branch/{NAMES[k]}"] for k in (PENTAGON, TWO_DIGONS))
    excess = np.log(digons / pentagon[-len(digons) :])
    at = np.log(result["ratio"][-len(digons) :])
    crossed = np.flatnonzero((excess[:-1] > 0) & (excess[1:] <= 0))
    if not crossed.size:
        return float("nan")
    k = crossed[0]
    return float(np.exp(np.interp(0, excess[[k + 1, k]], at[[k + 1, k]])))
