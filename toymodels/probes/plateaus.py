"""How flat a response is near its base: numbers of one curve over radius.

    r10     radius at which the response first reaches 10 % of its maximum
    area    mean height of the response over the radii
    slope   slope over the first tenth of the radii, over the mean slope: 1 for a
            response that is linear from radius 0, 0 for one that starts flat

All of them compare a curve with itself, so that no unit of the response matters to r10
and slope. Curves start at radius 0, where the response is 0.

Axis letters: `radii`; any axes in front.
"""

import numpy as np
from jaxtyping import Float

from toymodels.config import SettingsError, check_range

Curves = Float[np.ndarray, "*axes radii"]
Numbers = Float[np.ndarray, "*axes"]


def crossing_radius(
    radii: Float[np.ndarray, " radii"], response: Curves, level: Numbers | float
) -> Numbers:
    """Radius at which a response first reaches a level, by linear interpolation.

    Args:
        radii: rising, the first one 0.
        response: over radii.
        level: one for all curves, or one for each.

    Returns:
        NaN where the level is not reached within the radii, or the curve is not finite
        (up to there): to be counted, not to be dropped.
    """
    radii = _checked(radii, response)
    response = np.asarray(response, float)
    level = np.broadcast_to(np.asarray(level, float), response.shape[:-1])
    reached = response >= level[..., None]
    after = reached.argmax(axis=-1)
    before = np.maximum(after - 1, 0)
    low = np.take_along_axis(response, before[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(response, after[..., None], axis=-1)[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(after == before, 0.0, (level - low) / (high - low))
        found = radii[before] + share * (radii[after] - radii[before])
    return np.asarray(
        np.where(reached.any(axis=-1) & np.isfinite(found), found, np.nan)
    )


def plateau_radius(
    radii: Float[np.ndarray, " radii"], response: Curves, *, share: float = 0.1
) -> Numbers:
    """r10: radius at which a response first reaches a share of its own maximum.

    Args:
        radii: rising, the first one 0.
        response: over radii.
        share: of the maximum over all radii, in (0, 1].

    Returns:
        NaN where the response is flat, or not finite somewhere.
    """
    check_range("share", share, low=0.0, high=1.0, open_low=True)
    top = np.asarray(response, float).max(axis=-1)
    level = np.where(top > 0, share * top, np.nan)
    return crossing_radius(radii, response, level)


def response_area(radii: Float[np.ndarray, " radii"], response: Curves) -> Numbers:
    """Area under a response over the range of radii: its mean height."""
    radii = _checked(radii, response)
    area = np.trapezoid(np.asarray(response, float), radii, axis=-1)
    return np.asarray(area / (radii[-1] - radii[0]))


def first_slope(
    radii: Float[np.ndarray, " radii"], response: Curves, *, share: float = 0.1
) -> Numbers:
    """Slope over the first tenth of the radii over the mean slope.

    Args:
        radii: rising, the first one 0.
        response: over radii.
        share: of the radii that is "first".

    Returns:
        NaN where the response ends as low as it began, or is not finite.
    """
    radii = _checked(radii, response)
    response = np.asarray(response, float)
    end = share * radii[-1]
    after = int(np.searchsorted(radii, end))
    weight = (end - radii[after - 1]) / (radii[after] - radii[after - 1])
    start = response[..., 0]
    there = (1 - weight) * response[..., after - 1] + weight * response[..., after]
    whole = response[..., -1] - start
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (there - start) / (share * whole)
    return np.where((whole > 0) & np.isfinite(found), found, np.nan)


def _checked(radii: np.ndarray, response: np.ndarray) -> np.ndarray:
    radii = np.asarray(radii, float)
    if (
        radii.ndim != 1
        or len(radii) < 2
        or radii[0] != 0
        or (np.diff(radii) <= 0).any()
    ):
        raise SettingsError("radii", radii, "two or more that rise from 0")
    if np.shape(response)[-1] != len(radii):
        raise SettingsError(
            "response", f"{np.shape(response)[-1]} values", f"{len(radii)} radii"
        )
    return radii
