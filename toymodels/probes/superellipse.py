"""The exponent of an iso-response contour: a superellipse fitted to boundary radii.

    (x/r₀)^p + (y/r₉₀)^p = 1,   x = r(φ) cos φ,  y = r(φ) sin φ

p = 2 is an ellipse, what any quadratic form gives; p > 2 bulges between the axes: it
takes a longer push along a mixture than along either axis. The axis radii are taken as
measured, and p minimises the squares of the logarithm of the radial misfit,

    log ‖(x/r₀, y/r₉₀)‖_p ,

which is 0 on the curve. The search is over log p, in [0.5, 60]: a grid, then golden
sections.

Axis letters: `angles` of a contour, `resamples` of the bootstrap; `*contours` any.

References:
    da Silva & Heimersheim 2026, *Evidence for feature-specific error correction in
    LLMs*, 2606.24964.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Num

from toymodels.config import SettingsError

BOUNDS = (0.5, 60.0)
# Coordinates below this share of the axis radius say nothing about p.
NEAR_AXIS = 1e-3
FEWEST_ANGLES = 3
_GRID = 24
_SECTIONS = 28
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Superellipse:
    """Fits of many contours.

    Attributes:
        exponent: p; NaN where an axis has no boundary or fewer than three angles in
            between have one.
        residual: root mean square of the log radial misfit; NaN likewise.
        axes: r₀ and r₉₀.
        at_bound: whether p is an end of its range, and so no estimate.
        missing: share of the angles without a boundary.
    """

    exponent: Float[np.ndarray, "*contours"]
    residual: Float[np.ndarray, "*contours"]
    axes: Float[np.ndarray, "*contours 2"]
    at_bound: Bool[np.ndarray, "*contours"]
    missing: Float[np.ndarray, "*contours"]


def fit_superellipse(
    phi: Num[np.ndarray, " angles"], radii: Num[np.ndarray, "*contours angles"]
) -> Superellipse:
    """Fit every contour.

    Args:
        phi: rising angles in radians, the first 0 and the last π/2.
        radii: r(φ) > 0; NaN where there is no boundary.

    Raises:
        SettingsError: the axes are not the first and last angle.
    """
    coordinates = _coordinates(phi, radii)
    flat = coordinates.reshape(-1, 2, coordinates.shape[-1])
    usable = np.isfinite(flat).all(axis=1)
    exponent, residual = _search(flat, usable.astype(float))
    shape = coordinates.shape[:-2]
    low, high = BOUNDS
    exponent = exponent.reshape(shape)
    near = (exponent < low * 1.001) | (exponent > high / 1.001)
    radii = np.asarray(radii, float)
    return Superellipse(
        exponent=exponent,
        residual=residual.reshape(shape),
        axes=radii[..., [0, -1]],
        at_bound=np.asarray(near),
        missing=np.asarray(np.isnan(radii).mean(axis=-1)),
    )


def exponent_interval(
    phi: Num[np.ndarray, " angles"],
    radii: Num[np.ndarray, " angles"],
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Bootstrap interval of p over the angles of one contour.

    It tells how well a superellipse describes this contour; for other pairs and other
    models, take intervals over them.
    """
    coordinates = _coordinates(phi, radii)
    usable = np.flatnonzero(np.isfinite(coordinates).all(axis=0))
    if len(usable) < FEWEST_ANGLES:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(
        len(usable), np.full(len(usable), 1 / len(usable)), resamples
    )
    chosen = np.broadcast_to(coordinates[:, usable], (resamples, 2, len(usable)))
    exponent, _ = _search(chosen, drawn.astype(float), fewest=1)
    low, high = np.quantile(exponent, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _coordinates(
    phi: Num[np.ndarray, " angles"], radii: Num[np.ndarray, "*contours angles"]
) -> Float[np.ndarray, "*contours 2 angles"]:
    """log(x/r₀) and log(y/r₉₀); NaN near an axis and where there is no boundary."""
    phi = np.asarray(phi, float)
    if abs(phi[0]) > 1e-6 or abs(phi[-1] - np.pi / 2) > 1e-6:
        raise SettingsError(
            "phi", f"{phi[0]:.3g} to {phi[-1]:.3g}", "angles from 0 to π/2"
        )
    radii = np.asarray(radii, float)[..., None, :]
    both = radii * np.stack([np.cos(phi), np.sin(phi)])
    both = both / radii[..., [0, -1]].swapaxes(-1, -2)
    near = (both < NEAR_AXIS).any(axis=-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(near, np.nan, np.log(both))


def _search(
    coordinates: Float[np.ndarray, "contours 2 angles"],
    weights: Float[np.ndarray, "contours angles"],
    fewest: int = FEWEST_ANGLES,
) -> tuple[np.ndarray, np.ndarray]:
    """Exponent and residual of each contour; NaN with too few weighted angles."""
    enough = (weights > 0).sum(axis=1) >= fewest
    coordinates, weights = coordinates[enough], weights[enough]
    used = weights > 0
    large = np.where(used, coordinates.max(axis=1), 0.0)
    gap = np.where(used, coordinates.min(axis=1), 0.0) - large
    weights = weights / weights.sum(axis=1, keepdims=True)

    def cost(log_p: Float[np.ndarray, " contours"]) -> np.ndarray:
        p = np.exp(log_p)[:, None]
        misfit = large + np.log1p(np.exp(p * gap)) / p
        return (weights * misfit**2).sum(axis=1)

    count = len(weights)
    grid = np.linspace(*np.log(BOUNDS), _GRID)
    found = np.stack([cost(np.full(count, value)) for value in grid])
    place = found.argmin(axis=0) if count else np.zeros(0, int)
    low = grid[np.maximum(place - 1, 0)]
    high = grid[np.minimum(place + 1, _GRID - 1)]
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = cost(left), cost(right)
    for _ in range(_SECTIONS):
        # The lower of the two inner points is inside the next bracket.
        down = at_left < at_right
        low, high = np.where(down, low, left), np.where(down, right, high)
        kept, at_kept = np.where(down, left, right), np.where(down, at_left, at_right)
        new = np.where(
            down, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        )
        at_new = cost(new)
        left, right = np.where(down, new, kept), np.where(down, kept, new)
        at_left = np.where(down, at_new, at_kept)
        at_right = np.where(down, at_kept, at_new)
    best = (low + high) / 2
    exponent, residual = np.full((2, len(enough)), np.nan)
    exponent[enough], residual[enough] = np.exp(best), np.sqrt(cost(best))
    return exponent, residual
