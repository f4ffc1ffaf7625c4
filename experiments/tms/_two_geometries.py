"""Pentagon or two digons: which of five features in the plane cost less, exactly.

Four features have one probability and the last another. The expected loss is a sum over
the 2⁵ supports, each with its exact probability, with the active features on a Gauss–
Legendre grid. Each geometry is a branch of local minima of this loss: minimised from
its ideal, at any ratio of the two probabilities, it gives a curve, and where the two
curves cross the better geometry changes.

Axis letters: `runs` models, n = 5 features, of which the last is varied; 2 dimensions;
`points` of the grid.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize

from experiments.tms._polygons import antipodal_cosine
from toymodels.geometry import is_represented, regular_polygon

PENTAGON, TWO_DIGONS, OTHER = 0, 1, 2
NAMES = ("pentagon", "two digons", "other")
OPPOSITE = 0.9  # least |cos| within each digon, as in TMS-14

# Grid points for each of k = 1 … 5 active features. The kinks of the ReLU set the
# accuracy, and a minimiser finds the gaps of a coarse grid: with 6 points throughout
# the curves cross at 3.45 instead of 3.75. Few active features matter most.
_NODES = (100, 32, 10, 4, 3)


def geometry(W: Float[np.ndarray, "2 5"]) -> int:
    """PENTAGON: all five kept. TWO_DIGONS: all but the last, in pairs. Else OTHER."""
    kept = np.asarray(is_represented(W))
    if kept.all():
        return PENTAGON
    pairs = kept[:-1].all() and antipodal_cosine(W) >= OPPOSITE
    return TWO_DIGONS if pairs else OTHER


def expected_losses(
    W: Float[np.ndarray, "runs 2 5"],
    b: Float[np.ndarray, "runs 5"],
    probability: Float[np.ndarray, "runs 5"],
) -> Float[np.ndarray, " runs"]:
    """Σ_i E(x_i − ReLU(WᵀWx + b)_i)² of every run."""
    arrays = (W, b, probability, *_grid())
    return np.asarray(_each(*(jnp.asarray(a, jnp.float32) for a in arrays)))


def branch(
    name: int,
    probability: Float[np.ndarray, " 5"],
    start: Float[np.ndarray, " 15"] | None = None,
) -> tuple[float, Float[np.ndarray, " 15"]]:
    """The local minimum of one geometry.

    Args:
        name: PENTAGON or TWO_DIGONS.
        probability: of each feature.
        start: where to begin, such as the minimum at a near probability; the ideal
            geometry when None.

    Returns:
        The loss there, and the place: W row by row, then b.
    """
    start = _ideal(name) if start is None else start
    scale = 1.0 / probability.max()  # the minimiser's tolerances suit losses near 1
    with jax.enable_x64(True):
        given = [jnp.asarray(array) for array in (probability, *_grid())]

        def scaled(place: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = _value_and_slope(jnp.asarray(place), *given)
            return float(value) * scale, np.asarray(slope) * scale

        found = minimize(scaled, start, jac=True, method="L-BFGS-B")
    return float(found.fun) / scale, found.x


def crossing(probability: float, *, largest: float = 12.0, step: float = 1.1) -> float:
    """How many times sparser than the others the last feature is where curves cross.

    Both branches are followed from equal probabilities on, each minimum from the one
    before: far from the crossing a pentagon is no minimum any more, and a search that
    jumped there would come back with two digons.

    Args:
        probability: of the other four features.
        largest: ratio up to which to look.
        step: factor between ratios; between the last two the logarithms of the losses
            are interpolated.

    Returns:
        The ratio ≥ 1; NaN if the curves do not cross.
    """
    places: dict[int, np.ndarray | None] = {PENTAGON: None, TWO_DIGONS: None}
    log_ratio = np.arange(0.0, np.log(largest), np.log(step))
    before = np.nan
    for at in log_ratio:
        p = np.array([probability] * 4 + [probability * np.exp(-at)])
        loss = {}
        for name, start in places.items():
            loss[name], places[name] = branch(name, p, start)
        excess = np.log(loss[TWO_DIGONS] / loss[PENTAGON])
        if before > 0 >= excess:
            return float(np.exp(at - np.log(step) * excess / (excess - before)))
        before = excess
    return float("nan")


@functools.cache
def _grid() -> tuple[Float[np.ndarray, "5 points"], Float[np.ndarray, " points"]]:
    """Samples of all supports, and their weights, which sum to one in each support."""
    samples, weights = [np.zeros((5, 1))], [np.ones(1)]
    for k, nodes in enumerate(_NODES, start=1):
        at, share = np.polynomial.legendre.leggauss(nodes)
        values = np.stack(np.meshgrid(*[(at + 1) / 2] * k)).reshape(k, -1)
        weight = np.prod(np.meshgrid(*[share / 2] * k), axis=0).reshape(-1)
        for support in itertools.combinations(range(5), k):
            x = np.zeros((5, nodes**k))
            x[list(support)] = values
            samples.append(x)
            weights.append(weight)
    return np.hstack(samples), np.hstack(weights)


def _ideal(name: int) -> np.ndarray:
    if name == PENTAGON:
        return np.concatenate([1.1 * regular_polygon(5).ravel(), np.full(5, -0.2)])
    # Not 0 for the last feature, which would have no gradient: near equal densities it
    # keeps a length of 0.4 along one of the digons. Between them it would grow on, to a
    # pentagon.
    W = np.array([[1.0, -1.0, 0.0, 0.0, 0.1], [0.0, 0.0, 1.0, -1.0, 0.0]])
    return np.concatenate([W.ravel(), np.zeros(5)])


def _loss(
    W: Float[Array, "2 5"],
    b: Float[Array, " 5"],
    probability: Float[Array, " 5"],
    x: Float[Array, "5 points"],
    weight: Float[Array, " points"],
) -> Float[Array, ""]:
    p = probability[:, None]
    chance = jnp.prod(jnp.where(x > 0, p, 1 - p), axis=0) * weight
    error = x - jax.nn.relu(W.T @ (W @ x) + b[:, None])
    return jnp.sum(error**2 * chance[None, :])


@jax.jit
def _each(W, b, probability, x, weight):
    # In blocks: all runs at once would need runs × 5 × points numbers.
    one = functools.partial(_loss, x=x, weight=weight)
    return jax.lax.map(lambda run: one(*run), (W, b, probability), batch_size=32)


@jax.jit
@jax.value_and_grad
def _value_and_slope(place, probability, x, weight):
    return _loss(place[:10].reshape(2, 5), place[10:], probability, x, weight)
