"""The style sheet and the colours of every figure.

Colours are those of Okabe and Ito, which people with any of the common colour vision
deficiencies can tell apart; continuous values use `cividis`, signed values a red and
blue map whose white is at 0. Nothing is set on import: figures are made inside `with
style():`.

References:
    M. Okabe and K. Ito, Color Universal Design (2008).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize

BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
YELLOW = "#F0E442"
BLACK = "#000000"
GREY = "#777777"
FAINT = "#C8C8C8"

# Written out, since `matplotlib.color_sequences` knows these only from version 3.11 on.
# Yellow is absent: a yellow line on white cannot be read.
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

# Fills of areas that touch one another, chosen to differ in lightness as well as in
# hue.
AREAS = ("#E8E3D3", SKY, "#B5460A", "#0B2E4F", YELLOW)

DIVERGING = matplotlib.colormaps["RdBu_r"]
SEQUENTIAL = matplotlib.colormaps["cividis"]

_SHEET = Path(__file__).with_name("style.mplstyle")


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's defaults plus this package's style sheet, until the block ends.

    Works as a context manager and as a decorator. A reader's own `matplotlibrc` is left
    out, so that a figure looks the same on every machine.
    """
    with matplotlib.style.context(_SHEET, after_reset=True):
        yield


def dark_sequential() -> Colormap:
    """`cividis` from pale to dark without its yellow end, for lines on white."""
    return ListedColormap(SEQUENTIAL(np.linspace(0.82, 0.0, 256)), name="dark_cividis")


def value_norm(values: np.ndarray) -> Normalize:
    """A linear scale over the values, or a logarithmic one beyond a ratio of 30."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low > 0 and high / low > 30:
        return LogNorm(low, high)
    return Normalize(low, high if high > low else low + 1.0)


def symmetric_norm(values: np.ndarray, limit: float | int | None = None) -> Normalize:
    """A linear scale from −limit to limit, so that 0 is the white of `DIVERGING`.

    Args:
        values: any shape; the non-finite ones are passed over.
        limit: the largest magnitude shown; that of the values when None.
    """
    if limit is None:
        finite = np.abs(values[np.isfinite(values)])
        limit = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    return Normalize(-limit, limit)
