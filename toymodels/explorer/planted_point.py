"""The planted point of the explorer: how it is written, and where a model puts it.

A planted point is one sample x* that comes again and again, at a rate q, among ordinary
ones. A model that sees it often enough keeps a direction for the point as a whole, at
the cost of a feature (Henighan et al. 2023, with the comment of Jermyn on repeated
data).

Axis letters: n features, d hidden dimensions.
"""

import re
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from toymodels.config import SettingsError
from toymodels.models.activations import activation as output_function

FIELD = "backdoor_point"
# Features are numbered from 1 here, as the page numbers them.
_EXAMPLE = "'1:0.9 3:0.5'"
_PAIR = re.compile(r"(\d{1,4}):(\d*\.?\d+(?:[eE][+-]?\d{1,2})?)", re.ASCII)
MOST_SIGNS = 2000


def parse_point(text: str, n: int) -> Float[np.ndarray, " n"]:
    """The point that a text such as "1:0.9 3:0.5" means.

    Args:
        text: pairs of a feature, from 1, and its value in (0, 1], apart by spaces or
            commas.
        n: number of features.

    Raises:
        SettingsError: anything else; `field` is "backdoor_point".
    """
    if len(text) > MOST_SIGNS:
        raise SettingsError(FIELD, text, f"at most {MOST_SIGNS} signs")
    point = np.zeros(n)
    for pair in re.split(r"[\s,]+", text.strip()):
        found = _PAIR.fullmatch(pair)
        if found is None:
            raise SettingsError(
                FIELD, pair, "features and their values", f"pairs such as {_EXAMPLE}"
            )
        feature, value = int(found[1]), float(found[2])
        if not 1 <= feature <= n:
            raise SettingsError(FIELD, f"feature {feature}", f"features 1 to {n}")
        if point[feature - 1]:
            raise SettingsError(FIELD, f"feature {feature} twice", "each feature once")
        if not 0 < value <= 1:
            raise SettingsError(
                FIELD, f"{value:g} for feature {feature}", "values in (0, 1]"
            )
        point[feature - 1] = value
    return point


def describe_point(
    W: Float[np.ndarray, "d n"],
    b: Float[np.ndarray, " n"],
    represented: Bool[np.ndarray, " n"],
    point: Float[np.ndarray, " n"],
    activation: str,
) -> dict[str, Any]:
    """Where a model puts the point, in plain data.

    Args:
        W: weights.
        b: bias of the output.
        represented: features that the model stores one by one.
        point: x*.
        activation: of the output.

    Returns:
        "features" and "values" of x*; "h" = W x*, (d,), and its "length"; "nearest",
        the stored feature of smallest angle, and "degrees", that angle, None if there
        is none; "returned", 1 − ‖x̂* − x*‖²/‖x*‖², which is 1 for a point that comes
        back whole and 0 for the output 0; numbers that are not finite are None.
    """
    support = np.flatnonzero(point)
    with np.errstate(all="ignore"):
        W, b = np.asarray(W, np.float64), np.asarray(b, np.float64)
        h = W @ point
        length = float(np.linalg.norm(h))
        output = np.asarray(output_function(activation)(W.T @ h + b))
        missed = np.sum((output - point) ** 2)
        returned = float(1 - missed / np.sum(point**2))
        nearest, degrees = _nearest(W, represented, h)
    return {
        "features": support.tolist(),
        "values": [round(float(point[i]), 5) for i in support],
        "h": [_plain(value) for value in h],
        "length": _plain(length),
        "nearest": nearest,
        "degrees": _plain(degrees),
        "returned": _plain(returned),
    }


def _nearest(
    W: np.ndarray, represented: np.ndarray, h: np.ndarray
) -> tuple[int | None, float | None]:
    length = np.linalg.norm(h)
    stored = np.flatnonzero(represented)
    if not len(stored) or not np.isfinite(h).all() or length == 0:
        return None, None
    cosine = (h @ W[:, stored]) / (length * np.linalg.norm(W[:, stored], axis=0))
    best = int(np.argmax(cosine))
    return int(stored[best]), float(np.degrees(np.arccos(np.clip(cosine[best], -1, 1))))


def _plain(value: float | None) -> float | None:
    if value is None or not np.isfinite(value):
        return None
    return round(float(value), 5)
