"""What the loss of a live training can be compared with, in closed form.

Axis letters: n features, d hidden dimensions.
"""

import dataclasses

import numpy as np

from toymodels.explorer.controls import Controls
from toymodels.theory import constant_loss, keep_top_loss, zero_loss


@dataclasses.dataclass(frozen=True)
class TheoryLine:
    """A loss that some known solution has."""

    name: str
    loss: float
    meaning: str


def theory_lines(controls: Controls) -> tuple[TheoryLine, ...]:
    """The losses of doing nothing, and of keeping d features and no more.

    Both are sums over features of what one feature costs, so they hold whether or not
    features are correlated. A planted point mixes with the samples, which changes the
    best constant; then only the first line is given.

    Args:
        controls: whose loss it is, in the convention `sum`.
    """
    importance, q = controls.importance(), controls.exponent
    activity = np.asarray(controls.ordinary().activity(), dtype=np.float64)
    silent = zero_loss(activity, importance, exponent=q)
    planted = controls.planted and controls.backdoor_rate > 0
    if planted:
        rate, point = controls.backdoor_rate, controls.point()
        silent = (1 - rate) * silent + rate * float(np.sum(importance * point**q))
    zero = TheoryLine("output 0", silent, "what a model that never answers loses")
    if planted:
        return (zero,)
    if q == 2:
        kept = keep_top_loss(activity, importance, controls.d)
    else:
        cost = importance * constant_loss(activity, exponent=q)
        kept = float(np.sort(cost)[: controls.n - controls.d].sum())
    many = controls.d > 1
    exact = f"{controls.d} features" if many else "one feature"
    each = ", one for each dimension," if many else ""
    meaning = f"{exact} exactly{each} and the rest at a constant"
    if controls.groups == "independent":
        meaning += ": the best without superposition"
    return (zero, TheoryLine("no superposition", kept, meaning))
