"""Is a response flat up to a threshold and linear beyond it, or a line?

    flat then linear   y = a + c · max(0, u − knee)      3 numbers
    line               y = a + c · u                     2 numbers

The two are compared by BIC = N ln(RSS/N) + (numbers) ln N. The line is the hinge whose
knee is at the first point, so the gain is never below −ln N.

A model has no noise: an exact hinge would have RSS = 0 and an infinite gain. So a
resolution is stated, a share of the curve's range, and its square is added to RSS/N of
both: curves that agree to it count as the same.

Axis letters: `curves`, `points` N of a curve, `knees` that are tried.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.config import SettingsError, check_count, check_range
from toymodels.pytree import register_pytree

# Each round looks between the neighbours of the best knee so far: 2/64 of the range
# becomes 1e-7 of it.
ROUNDS = 5


@dataclasses.dataclass(frozen=True)
class HingeFit:
    """The best hinge of each curve, and how it compares with a line.

    Attributes:
        knee: where it turns, in units of the positions.
        slope: c, beyond the knee.
        level: a, below the knee.
        gain: BIC(line) − BIC(hinge); above 10 the hinge is the better description.
        residual: root mean square of what the hinge leaves.
    """

    knee: Float[Array, "*curves"]
    slope: Float[Array, "*curves"]
    level: Float[Array, "*curves"]
    gain: Float[Array, "*curves"]
    residual: Float[Array, "*curves"]


register_pytree(HingeFit, ("knee", "slope", "level", "gain", "residual"))


def fit_hinge(
    position: Float[Array, " points"],
    curves: Float[Array, "*curves points"],
    *,
    knees: int = 64,
    resolution: float = 1e-3,
) -> HingeFit:
    """Fit a hinge and a line to each curve by least squares.

    The sum of squares is profiled over a grid of knees, then over finer ones around the
    best. Pure, and batched over all leading axes.

    Args:
        position: rising; 4 or more.
        curves: responses there.
        knees: in the grid.
        resolution: share of a curve's range below which a misfit says nothing.

    Raises:
        SettingsError: too few points.
    """
    check_count("knees", knees, minimum=4)
    check_range("resolution", resolution, low=0.0, open_low=True)
    if len(position) < 4:
        raise SettingsError("position", f"{len(position)} points", "4 or more")
    flat = curves.reshape(-1, curves.shape[-1])
    # A curve at a time would be slow, all curves × knees × points too much memory.
    found = jax.lax.map(
        lambda y: _fit(position, y, knees, resolution), flat, batch_size=256
    )
    shape = curves.shape[:-1]
    return jax.tree.map(lambda value: value.reshape(shape), found)


def _fit(
    u: Float[Array, " points"],
    y: Float[Array, " points"],
    knees: int,
    resolution: float,
) -> HingeFit:
    """Of one curve."""
    points = len(u)
    centred = y - y.mean()

    def of_knee(knee: Array) -> tuple[Array, Array, Array]:
        z = jnp.maximum(u - knee, 0.0)
        spread = z - z.mean()
        slope = (spread @ centred) / jnp.maximum(spread @ spread, 1e-30)
        left = centred - slope * spread
        # Residuals, not a difference of sums of squares: that would lose the digits.
        return left @ left, slope, y.mean() - slope * z.mean()

    # Three points beyond the knee, so that its slope is not one point's.
    low, high = u[0], u[-3]
    share = jnp.linspace(0.0, 1.0, knees)
    ends = (low, high)
    best = low
    for _ in range(ROUNDS):
        grid = ends[0] + share * (ends[1] - ends[0])
        best = grid[jnp.argmin(jax.vmap(of_knee)(grid)[0])]
        step = (ends[1] - ends[0]) / (knees - 1)
        ends = (jnp.maximum(best - step, low), jnp.minimum(best + step, high))
    rss, slope, level = of_knee(best)
    line = of_knee(low)[0]
    floor = points * (resolution * jnp.ptp(y)) ** 2
    # Without a range there is nothing to describe: the ratio is 1.
    floor = jnp.where(floor > 0, floor, 1.0)
    gain = points * jnp.log((line + floor) / (rss + floor)) - jnp.log(float(points))
    return HingeFit(best, slope, level, gain, jnp.sqrt(rss / points))
