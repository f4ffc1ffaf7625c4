"""The phase diagram of superposition, from closed forms.

Elhage et al. 2022, "Superposition as a Phase Change": models with 2 features in 1
dimension, or 3 in 2. The last feature has importance r, the others 1. Each solution
that the paper compares gives every feature one of three roles:

- "kept": a dimension to itself, no loss;
- "ignored": W_i = 0, so that the output is the bias;
- "paired": antipodal to the other paired feature, both of unit length.

A feature costs I_i times an amount that depends on its role, on p and on the bias
alone, so the loss of a solution is a sum. Three ways to set the bias b are offered:

- "none": no bias. Ignored p/3, paired p²/6.
- "mean": ignored features at their mean, the others 0. Ignored p/3 − p²/4, paired p²/6.
  The closed-form boundary p = 4r/(2 + 5r) and the triple point p = 4/7 belong to this.
- "optimal": every feature at its own best bias. For an antipodal pair that is not 0 but
  slightly positive, which makes up for the part that the partner takes away:
  A(b) = (1 − p)b² + p·b³/3 + p²(1 − b)³(1 + b)/6. It lowers the cost by 12 % at p = 4/7
  and moves the triple point to p = 0.627.

Trained models with a bias do better still, with unequal or longer weights, so their
edges lie at slightly larger p. Without a bias dense features have a "confused" solution
besides (`loss_surface.py`), so that edge lies at smaller p.

Axes: `templates`; `grid` any shape to which p and r broadcast.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from toymodels.theory.bisection import increasing_root
from toymodels.theory.numbers import Grid, Numbers
from toymodels.theory.reference_losses import absolute_moment, feature_variance

Role = Literal["kept", "ignored", "paired"]
Bias = Literal["none", "mean", "optimal"]


@dataclasses.dataclass(frozen=True)
class Template:
    """One solution that the phase diagram compares.

    Attributes:
        name: for legends.
        roles: (n,) what becomes of each feature.
        mirror: the same solution with two equally important features exchanged, if that
            is a different one.
    """

    name: str
    roles: tuple[Role, ...]
    mirror: tuple[Role, ...] | None = None

    @property
    def null_directions(self) -> Float[np.ndarray, "variants n"]:
        """Unit vectors v with Wv = 0, one for each variant: (1 or 2, n)."""
        variants = [self.roles] if self.mirror is None else [self.roles, self.mirror]
        lost = np.array([[role != "kept" for role in roles] for roles in variants])
        return lost / np.linalg.norm(lost, axis=1, keepdims=True)

    @property
    def weights(self) -> Float[np.ndarray, "d n"]:
        """W with unit or zero columns; kept and paired features each use a row."""
        rows = [
            [float(i == j) for j in range(len(self.roles))]
            for i, role in enumerate(self.roles)
            if role == "kept"
        ]
        pair = [i for i, role in enumerate(self.roles) if role == "paired"]
        if pair:
            row = [0.0] * len(self.roles)
            row[pair[0]], row[pair[1]] = 1.0, -1.0
            rows.append(row)
        return np.array(rows)

    def biases(self, probability: float, *, bias: Bias) -> Float[np.ndarray, " n"]:
        """Bias b under one of the three conventions: (n,)."""
        of_role = {
            "kept": 0.0,
            "ignored": 0.0 if bias == "none" else probability / 2,
            "paired": float(antipodal_bias(probability)) if bias == "optimal" else 0.0,
        }
        return np.array([of_role[role] for role in self.roles])


TWO_IN_ONE = (
    Template("second ignored", ("kept", "ignored")),
    Template("first ignored", ("ignored", "kept")),
    Template("antipodal", ("paired", "paired")),
)
THREE_IN_TWO = (
    Template("third ignored", ("kept", "kept", "ignored")),
    Template("first ignored", ("ignored", "kept", "kept"), ("kept", "ignored", "kept")),
    Template(
        "third paired", ("kept", "paired", "paired"), ("paired", "kept", "paired")
    ),
    Template("third kept, others paired", ("paired", "paired", "kept")),
)


def antipodal_bias(probability: Numbers) -> Grid:
    """The best bias of an antipodal pair of unit length, in [0, 0.45]."""
    p = np.asarray(probability, dtype=np.float64)

    def slope(b: Grid) -> Grid:
        return 2 * (1 - p) * b + p * b**2 - p**2 * (1 - b) ** 2 * (1 + 2 * b) / 3

    return increasing_root(slope, np.zeros_like(p), np.ones_like(p))


def antipodal_cost(probability: Numbers, *, bias: Bias) -> Grid:
    """Loss of each feature of an antipodal pair of unit length, for importance 1.

    With bias b in [0, 1] the error is b² if this feature is active alone, or neither
    is; b³/3 on average if only the partner is; and (1 − b)³(1 + b)/6 + b³/3 if both
    are, which is E min(x, y)² = 1/6 for b = 0.
    """
    p = np.asarray(probability, dtype=np.float64)
    b = antipodal_bias(p) if bias == "optimal" else 0.0
    return (1 - p) * b**2 + p * b**3 / 3 + p**2 * (1 - b) ** 3 * (1 + b) / 6


def ignored_cost(probability: Numbers, *, bias: Bias) -> Grid:
    """Loss of a feature with W_i = 0 and importance 1."""
    p = np.asarray(probability, dtype=np.float64)
    return absolute_moment(p) if bias == "none" else feature_variance(p)


def template_losses(
    probability: Numbers,
    relative_importance: Numbers,
    *,
    templates: Sequence[Template] = TWO_IN_ONE,
    bias: Bias,
) -> Float[np.ndarray, "templates *grid"]:
    """Loss of each template, in the convention `sum`.

    Args:
        probability: p in (0, 1].
        relative_importance: r > 0, importance of the last feature; the others have 1.
        templates: `TWO_IN_ONE` or `THREE_IN_TWO`.
        bias: "none", "mean" or "optimal", see above.
    """
    p, r = np.broadcast_arrays(
        np.asarray(probability, np.float64), np.asarray(relative_importance, np.float64)
    )
    cost = {
        "kept": np.zeros_like(p),
        "ignored": ignored_cost(p, bias=bias),
        "paired": antipodal_cost(p, bias=bias),
    }
    return np.stack(
        [
            sum(cost[role] for role in template.roles[:-1])
            + r * cost[template.roles[-1]]
            for template in templates
        ]
    )


def phase(
    probability: Numbers,
    relative_importance: Numbers,
    *,
    templates: Sequence[Template] = TWO_IN_ONE,
    bias: Bias,
) -> Int[np.ndarray, "*grid"]:
    """Index of the template with the least loss; arguments as `template_losses`."""
    losses = template_losses(
        probability, relative_importance, templates=templates, bias=bias
    )
    return np.asarray(np.argmin(losses, axis=0))


def boundary(
    relative_importance: Numbers,
    *,
    templates: Sequence[Template] = TWO_IN_ONE,
    bias: Bias,
) -> Grid:
    """The p below which the best antipodal template beats ignoring a feature.

    For r ≤ 1 it is 4r/(2 + 5r) with bias "mean" and 2r/(1 + r) with "none", the same
    for both model sizes. For r ≥ 1 it is that of 1/r in the 2 → 1 model, where the
    first feature is then the lesser one; in the 3 → 2 model it stays at its value for
    r = 1, because the pair is of the first two features, whose importances are fixed.
    The edge between the two templates on either side of r = 1 is r = 1 itself.

    Args:
        relative_importance: r > 0.
        templates: `TWO_IN_ONE` or `THREE_IN_TWO`.
        bias: "none", "mean" or "optimal".
    """
    r = np.asarray(relative_importance, dtype=np.float64)
    lesser = np.minimum(r, 1 / r if len(templates[0].roles) == 2 else 1.0)
    if bias == "none":
        return 2 * lesser / (1 + lesser)
    if bias == "mean":
        return 4 * lesser / (2 + 5 * lesser)

    def excess(p: Grid) -> Grid:
        paired = (1 + lesser) * antipodal_cost(p, bias=bias)
        return paired - lesser * ignored_cost(p, bias=bias)

    # At p = 0 all losses vanish; from a small p on the excess changes sign once.
    return increasing_root(excess, np.full_like(lesser, 1e-9), np.ones_like(lesser))


def triple_point(*, bias: Bias) -> tuple[float, float]:
    """(r, p) where the three regions of the 2 → 1 model meet: (1, 4/7) for "mean"."""
    return 1.0, float(boundary(1.0, bias=bias))


def nearest_template(
    null_direction: Float[np.ndarray, "*grid n"], templates: Sequence[Template]
) -> tuple[Int[np.ndarray, "*grid"], Float[np.ndarray, "*grid"]]:
    """Which template a trained W is most like, by the direction that it loses.

    Args:
        null_direction: (*grid, n) unit vectors v with Wv ≈ 0, of either sign, for
            instance from `toymodels.geometry.null_direction`.
        templates: `TWO_IN_ONE` or `THREE_IN_TWO`.

    Returns:
        Index of the template, and the angle between the lines in radians, in [0, π/2].
        The "confused" solution of the 2 → 1 model loses (1, −1): it is π/4 from both
        templates that ignore a feature, so bound the angle before trusting the index.
    """
    cosine = np.stack(
        [
            np.max(np.abs(null_direction @ template.null_directions.T), axis=-1)
            for template in templates
        ]
    )
    angle = np.arccos(np.clip(cosine, 0.0, 1.0))
    return np.asarray(np.argmin(angle, axis=0)), np.asarray(np.min(angle, axis=0))
