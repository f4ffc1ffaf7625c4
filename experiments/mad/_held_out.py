"""How a point stands out by leverage, among its copies and among held-out points.

Axis letters: `sets` data sets with their models, d hidden dimensions, T points, `fresh`
held-out points.
"""

import jax
import numpy as np
import scipy.stats
from jaxtyping import Float

from toymodels.geometry import leverage, leverage_of_copies
from toymodels.plotting import Curve
from toymodels.stats import bootstrap_band

PERCENTILE = 99.0


def with_copies(H: Float[np.ndarray, "d T"], copies: int) -> Float[np.ndarray, " T"]:
    """Leverage of every point when the first one is there so many times."""
    repeated = np.concatenate([np.repeat(H[:, :1], copies, axis=1), H[:, 1:]], axis=1)
    return np.asarray(leverage(repeated))[copies - 1 :]


def joining(
    H: Float[np.ndarray, "d T"], h: Float[np.ndarray, "d fresh"]
) -> Float[np.ndarray, " fresh"]:
    """Leverage that each further point has when it joins the points of H."""
    H, h = H.astype(np.float64), h.astype(np.float64)
    if not np.isfinite(H).all():  # a model that diverged
        return np.full(h.shape[1], np.nan)
    against = np.einsum("df,de,ef->f", h, np.linalg.pinv(H @ H.T), h)
    with jax.enable_x64(True):
        return np.asarray(leverage_of_copies(against, 1))


def over_percentile(
    train: Float[np.ndarray, "sets T"], fresh: Float[np.ndarray, "sets fresh"]
) -> Float[np.ndarray, " sets"]:
    """The first point's D*_X over the 99th percentile of the held-out points."""
    return train[:, 0] / np.percentile(fresh, PERCENTILE, axis=1)


def same_distribution(
    train: Float[np.ndarray, "sets T"], fresh: Float[np.ndarray, "sets fresh"]
) -> Float[np.ndarray, " sets"]:
    """Kolmogorov–Smirnov p of all training points but the first, and the others."""
    return np.array(
        [
            scipy.stats.ks_2samp(one[1:], other)[1]
            if np.isfinite(one).all() and np.isfinite(other).all()
            else np.nan
            for one, other in zip(train, fresh, strict=True)
        ]
    )


def hits(values: Float[np.ndarray, "sets T"]) -> Float[np.ndarray, " sets"]:
    """1 where the first point has the largest value of all."""
    first = (values.argmax(axis=1) == 0).astype(float)
    return np.where(np.isfinite(values).all(axis=1), first, np.nan)


def exceedance_curves(
    train: Float[np.ndarray, "sets T"], fresh: Float[np.ndarray, "sets fresh"]
) -> list[Curve]:
    """Share of training points, of held-out points and of first points above D*_X."""
    unit = 2.0 / train.shape[1]
    x = np.geomspace(0.1, 1.2 * np.nanmax(train) / unit, 40)

    def exceedance(label: str, values: np.ndarray, color: int) -> Curve:
        above = (values[:, :, None] / unit > x).mean(axis=1)
        y = above.mean(axis=0)
        shown = np.where(y > 0, y, np.nan)  # the axis is logarithmic
        if values.shape[1] == 1:
            return Curve(label, x, shown, color=color)
        band = np.where(y > 0, np.maximum(bootstrap_band(above, np.mean), 1e-5), np.nan)
        return Curve(label, x, shown, *band, color=color)

    return [
        exceedance("training points", train[:, 1:], 0),
        exceedance("held-out points", fresh, 1),
        exceedance("the first point: share of data sets", train[:, :1], 2),
    ]
