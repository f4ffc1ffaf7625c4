"""DD-10, 11, 12: features are found once each has been seen often enough.

Figure: the largest D_i against T(1 − S), how often a feature occurs in the training
set, and against T itself, for several sparsities S and two hidden sizes; after the
comments on Henighan et al. 2023, *Superposition, Memorization, and Double Descent*.

Claims, with thresholds fixed before the runs: curves of different S fall on one another
better in T(1 − S) than in T: the range over S of the half-rise point, in natural
logarithms, is smaller. Control: the labels S permuted cyclically, so that each curve is
scaled with another one's sparsity. DD-12: for the largest d that range is wider by 0.1
than for the smallest. Control: the two exchanged. Where the curves collapse, the
half-rise point in T(1 − S), is reported with its interval.

The list of S is a guess; n = 200 and S ≤ 0.98, because T = 16/(1 − S) points of n
features are to be trained whole. One sample is one data set at every T.
Run time at laptop scale: RUNTIME.

Axis letters: `sparsities`, `sets` data sets, `levels` of T(1 − S).
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.dd._grids import Grid, half_rise, over_points
from experiments.finite_models import largest_share
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import check_choice, check_range, from_json, settings, to_json
from toymodels.plotting import over_seeds, plain_log_ticks, small_multiples
from toymodels.result import Result
from toymodels.stats import bootstrap_interval

IDS = ("DD-10", "DD-11", "DD-12")
TITLE = "Features are found once each was seen often enough"
MESSIER = 0.1  # wider range of the half-rise points, natural logarithms
SOURCE = "comments on Henighan et al. 2023, max feature dimensionality against T(1−S)"


@settings
class Collapse(Grid):
    """Settings of DD-10 to 12.

    Args:
        sparsities: S; each has its own values of T.
        occurrences: T(1 − S).
        dimensions: d; the first is that of DD-10.
    """

    steps: int = 8_000
    sparsities: tuple[float, ...] = (0.9, 0.95, 0.97, 0.98)
    occurrences: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    dimensions: tuple[int, ...] = (2, 3)

    def __post_init__(self):
        super().__post_init__()
        for sparsity in self.sparsities:
            check_range("sparsities", sparsity, low=0.0, high=0.999999)

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets: dict[str, dict[str, Any]] = {
            "smoke": {
                "n": 40, "sparsities": (0.8, 0.9), "occurrences": (1.0, 4.0),
                "dimensions": (2,), "sets": 3, "steps": 200,
            },
            "laptop": {},
            "paper": {
                "n": 10_000, "sparsities": (0.9, 0.97, 0.99, 0.997, 0.999),
                "occurrences": (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0),
                "dimensions": (2, 3, 5, 10), "steps": 50_000, "restarts": 5,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def at(self, sparsity: float, d: int) -> "Collapse":
        """The curve of one S and d."""
        points = tuple(max(2, round(k / (1 - sparsity))) for k in self.occurrences)
        return dataclasses.replace(self, sparsity=sparsity, d=d, points=points)


def compute(settings: Collapse, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """The largest D_i of every model."""
    curves = [
        [_largest(settings.at(S, d), train) for S in settings.sparsities]
        for d in settings.dimensions
    ]
    return Result(
        arrays={"largest": np.array(curves)}, meta={"settings": to_json(settings)}
    )


def _largest(settings: Collapse, train: Callable[[tm.TrainSpec], tm.Run]) -> np.ndarray:
    (found,) = over_points(settings, train, largest_share)
    return found[0]


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Curves over T beside curves over T(1 − S), a row for each d."""
    settings = from_json(result.meta["settings"])
    panels = {}
    for row, d in enumerate(settings.dimensions):
        for name, scaled in (("T", False), ("T (1 − S)", True)):
            panels[f"d = {d}, over {name}"] = [
                over_seeds(
                    f"S = {S}",
                    np.array(settings.occurrences) / (1 if scaled else 1 - S),
                    result["largest"][row, k],
                )
                for k, S in enumerate(settings.sparsities)
            ]
    first = settings.dimensions[0]
    close, wide = (
        np.exp(np.median(np.ptp(places, axis=1)))
        for places in half_rises(result, settings, first)
    )
    figure = small_multiples(
        panels,
        xlabel="T, or T (1 − S): how often a feature occurs",
        ylabel="largest $D_i$",
        xscale="log",
        columns=2,
        title=f"{TITLE}: at d = {first} the curves of all S rise within a factor of "
        f"{close:.1f} in T (1 − S), of {wide:.1f} in T",
        caption=settings.note(band="all data sets"),
    )
    for axes in figure.axes:
        plain_log_ticks(axes.xaxis)
    return {"collapse": figure}


def claims(result: Result) -> list[Claim]:
    """The range of half-rise points over S, in T less that in T(1 − S)."""
    settings = from_json(result.meta["settings"])
    closer = AtLeast(0.0)
    common = {"source": SOURCE, "scale": settings.scale}
    found = []
    for d in settings.dimensions:
        first = d == settings.dimensions[0]
        found.append(
            judge(
                id=f"DD-{10 if first else 11}.collapse_{d}",
                experiment="DD-10" if first else "DD-11",
                statement="curves of different sparsity collapse in T(1 − S) "
                f"(d = {d})",
                statistic="range over S of the half-rise point in T less that in "
                "T(1 − S), natural logarithms; largest possible "
                f"{np.ptp(np.log1p(-np.array(settings.sparsities))):.2f}",
                expected="smaller in T(1 − S)",
                samples=gain(result, settings, d),
                test=closer,
                controls=(
                    control(
                        "sparsities permuted", gain(result, settings, d, 1), closer
                    ),
                ),
                note=_where(result, settings, d),
                **common,
            )
        )
    return [*found, _messier(result, settings, common)]


def _messier(result: Result, settings: Collapse, common: dict[str, Any]) -> Claim:
    """Whether curves lie further apart in T(1 − S) for a larger d."""
    first, last = settings.dimensions[0], settings.dimensions[-1]
    apart = {
        d: np.ptp(half_rises(result, settings, d)[0], axis=1) for d in (first, last)
    }
    wider = AtLeast(MESSIER)
    return judge(
        id="DD-12.messier",
        experiment="DD-12",
        statement="the collapse is messier for larger d",
        statistic="range over S of the half-rise point in T(1 − S), natural "
        f"logarithms: at d = {last} less at d = {first}",
        expected="messier",
        samples=apart[last] - apart[first],
        test=wider,
        controls=(control("d exchanged", apart[first] - apart[last], wider),),
        **common,
    )


def half_rises(
    result: Result, settings: Collapse, d: int, shift: int = 0
) -> tuple[Float[np.ndarray, "sets S"], Float[np.ndarray, "sets S"]]:
    """The half-rise points of each data set and sparsity, ln T(1 − S) and ln T.

    Args:
        result: of `compute`.
        settings: of the result.
        d: which hidden size.
        shift: in T(1 − S) each curve has the sparsity so many places on.
    """
    curves = result["largest"][settings.dimensions.index(d)]
    share = np.log1p(-np.array(settings.sparsities))
    seen = np.array(settings.occurrences)
    points = np.stack([half_rise(seen, one) for one in curves], axis=1) - share
    return points + np.roll(share, shift), points


def gain(
    result: Result, settings: Collapse, d: int, shift: int = 0
) -> Float[np.ndarray, " sets"]:
    """By how much the range over S of the half-rise points shrinks."""
    scaled, points = half_rises(result, settings, d, shift)
    return np.ptp(points, axis=1) - np.ptp(scaled, axis=1)


def _where(result: Result, settings: Collapse, d: int) -> str:
    """The point of collapse, over all sparsities, with its interval."""
    middle = np.median(half_rises(result, settings, d)[0], axis=1)
    if not np.isfinite(middle).all():
        return ""
    low, high = np.exp(bootstrap_interval(middle))
    return (
        f"they collapse at T(1 − S) = {np.exp(np.median(middle)):.2g} "
        f"[{low:.2g}, {high:.2g}]"
    )
