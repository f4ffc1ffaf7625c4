"""Explanations that are subspaces: the one that accounts least for a new sample.

An explanation leaves out part of the hidden space, Q with 0 ≤ Q ≤ 1: of an activation h
(from the trusted mean) it misses hᵀQh, of trusted samples tr(QΣ) on average. A subspace
is explained entirely or not at all, so Q projects on what is left out; a *soft*
explanation may leave out a share of a direction. The score of h is its shortfall under
the explanation that is worst for it,

    max over Q of hᵀQh / τ   subject to   tr(QΣ) ≤ τ = ε tr Σ,

in units of what may be missed on average.

**Closed form.** With q = Q^½h, the rank-one Q^½ q̂q̂ᵀ Q^½ ≤ Q misses as much of h and no
more of Σ. So one direction v is left out, to a share c ≤ 1 of it:

    max over v, c of  c (v·h)²/‖v‖²   subject to   c vᵀΣv/‖v‖² ≤ τ.

If the share is below 1, c cancels and (v·h)²/vᵀΣv is left, whose maximum over v is the
generalised eigenvalue of (hhᵀ, Σ): **the squared Mahalanobis distance hᵀΣ⁻¹h**, at
v = Σ⁻¹h. If it is 1, stationarity gives v = (Σ + μ)⁻¹h, where the average vᵀΣv/‖v‖²
rises with μ, so a bisection finds where it meets τ. Hence

- soft: Mahalanobis² as long as the Rayleigh quotient of Σ⁻¹h is at least τ, and less
  beyond that, down to ‖h‖²/τ for a sample whose own direction carries at most τ;
- subspaces: the same with c = 1, where μ may be negative, down to −λ_min. Never more
  than Mahalanobis², and equal where the quotient is τ.

With λ_min > τ no subspace qualifies, and since superposition spreads variance evenly,
that is the rule for few dimensions: λ_min is close to tr Σ/d. Subspaces of d − 1
dimensions are then compared that are nearly the best of their size: τ is raised to
(1 + slack) λ_min. For small slack the direction left out stays near that of the least
variance, where Mahalanobis distance, with λ's almost equal, hardly looks.

Directions in which the reference does not vary are left out for free: what moves there
is a shortfall, where a pseudo-inverse would not see it.

Axis letters: `samples` as columns, d hidden dimensions, `explanations` of the control.

References:
    Greenblatt's comment on Henighan et al. 2023 (explanations of a trusted
    distribution); the derivation is ours.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.anomaly.moments import Moments, moments
from toymodels.config import check_count, check_range, settings

# Of the bisection for μ, on a logarithmic scale of 12 decades.
_HALVINGS = 50


@settings
class SubspaceDetector(Detector):
    """What the detector and its control share: which explanations there are.

    Args:
        epsilon: ε, the share of the trusted variance that may be missed, in (0, 1].
        soft: leave out shares of directions, else whole subspaces.
        slack: of subspaces where ε leaves no choice, see above, ≥ 0.
    """

    sees = "activations"

    epsilon: float = 0.05
    soft: bool = False
    slack: float = 0.05

    def __post_init__(self):
        check_range(
            "epsilon", self.epsilon, low=0.0, high=1.0, open_low=True, hint="0.05"
        )
        check_range("slack", self.slack, low=0.0)

    def budget(self, found: Moments) -> Float[Array, ""]:
        """τ, positive."""
        total = jnp.sum(found.values)
        budget = self.epsilon * jnp.where(total > 0, total, 1.0)
        if self.soft:
            return budget
        return jnp.maximum(budget, (1 + self.slack) * found.values[0])


@detector
class LinearExplanation(SubspaceDetector):
    """Shortfall of the linear explanation that accounts least for h.

    Args:
        epsilon: ε, the share of the trusted variance that may be missed, in (0, 1].
        soft: leave out shares of directions, else whole subspaces.
        slack: of subspaces where ε leaves no choice, see above, ≥ 0.
        tuned: look for the worst explanation of every sample; else keep the one that
            leaves out the directions of least trusted variance.
    """

    name = "linear explanation"

    tuned: bool = True

    def _fit(self, reference: Observations, context: Context) -> Moments:
        return moments(reference.h)

    def _score(
        self, state: Moments, observations: Observations
    ) -> Float[Array, " samples"]:
        budget = self.budget(state)
        h = state.rotate(observations.h)
        if self.tuned:
            left_out, share = worst_direction(h, state.values, budget, soft=self.soft)
            return share * jnp.sum(left_out * h, axis=0) ** 2 / budget
        share = _least_directions(state.values, budget, soft=self.soft)
        return share @ h**2 / budget


@detector
class RandomSubspaces(SubspaceDetector):
    """Control: the shortfall under explanations that were not made for the sample.

    Each leaves out the direction that is worst for a random activation; it is as random
    as the variance which may be missed permits.

    Args:
        epsilon: as in `LinearExplanation`.
        soft: as there; True permits nearly every direction.
        slack: as there.
        explanations: how many; the score is the largest shortfall.
    """

    name = "random subspaces"
    bound = "lower"
    needs = ("key",)

    explanations: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_count("explanations", self.explanations)

    def _fit(
        self, reference: Observations, context: Context
    ) -> tuple[Moments, Float[Array, "d explanations"], Float[Array, " explanations"]]:
        found = moments(reference.h)
        shape = (reference.h.shape[0], self.explanations)
        drawn = jax.random.normal(context.key, shape, found.values.dtype)
        left_out, share = worst_direction(
            drawn, found.values, self.budget(found), soft=self.soft
        )
        return found, left_out, share

    def _score(
        self,
        state: tuple[
            Moments, Float[Array, "d explanations"], Float[Array, " explanations"]
        ],
        observations: Observations,
    ) -> Float[Array, " samples"]:
        found, left_out, share = state
        missed = share[:, None] * (left_out.T @ found.rotate(observations.h)) ** 2
        return jnp.max(missed, axis=0) / self.budget(found)


def worst_direction(
    h: Float[Array, "d samples"],
    variances: Float[Array, " d"],
    budget: Float[Array, ""],
    *,
    soft: bool,
) -> tuple[Float[Array, "d samples"], Float[Array, " samples"]]:
    """The direction, and the share of it, that an explanation best leaves out.

    Args:
        h: (d, samples) in the basis in which the trusted covariance is diagonal.
        variances: its diagonal, ascending, ≥ 0.
        budget: τ > 0, variance that may be missed.
        soft: shares below 1 are allowed.

    Returns:
        Unit directions (d, samples) and shares (samples,) in [0, 1]; the share is 0
        where nothing can be left out.
    """
    floor = jnp.zeros_like(variances[0]) if soft else variances[0]
    gaps = (variances - floor)[:, None]
    largest = jnp.maximum(variances[-1], jnp.finfo(h.dtype).tiny)

    def direction(level: Float[Array, " samples"]) -> Float[Array, "d samples"]:
        # (Σ + μ)⁻¹h with μ = shift − floor, times the shift so that it stays finite.
        shift = (largest * 10.0**level)[None, :]
        return h * (shift / (gaps + shift))

    def average(v: Float[Array, "d samples"]) -> Float[Array, " samples"]:
        squares = v**2
        length = jnp.maximum(jnp.sum(squares, axis=0), jnp.finfo(h.dtype).tiny)
        return jnp.sum(variances[:, None] * squares, axis=0) / length

    def halve(_, bounds):
        low, high = bounds
        middle = (low + high) / 2
        fits = average(direction(middle)) <= budget
        return jnp.where(fits, middle, low), jnp.where(fits, high, middle)

    lowest = jnp.full(h.shape[1], -7.0, h.dtype)
    highest = jnp.full(h.shape[1], 5.0, h.dtype)
    low, _ = jax.lax.fori_loop(0, _HALVINGS, halve, (lowest, highest))
    v = direction(low)
    if soft:
        share = budget / jnp.maximum(average(v), budget)
    else:
        # Where h has next to nothing along the direction of least variance, that
        # direction is mixed in until the average is within the budget.
        excess = jnp.maximum(average(v) - budget, 0.0) * jnp.sum(v**2, axis=0)
        room = budget - variances[0]
        added = jnp.sqrt(excess / jnp.where(room > 0, room, 1.0))
        v = v.at[0].add(jnp.where(v[0] < 0, -added, added))
        share = jnp.broadcast_to((room >= 0).astype(h.dtype), h.shape[1:])
    length = jnp.sqrt(jnp.sum(v**2, axis=0))
    return v / jnp.where(length > 0, length, 1.0)[None, :], share


def _least_directions(
    variances: Float[Array, " d"], budget: Float[Array, ""], *, soft: bool
) -> Float[Array, " d"]:
    """Share of each principal direction that may be left out, least variance first."""
    before = jnp.cumsum(variances) - variances
    room = (budget - before) / jnp.maximum(variances, jnp.finfo(variances.dtype).tiny)
    return jnp.clip(room, 0.0, 1.0) if soft else (room >= 1).astype(variances.dtype)
