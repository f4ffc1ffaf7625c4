"""DD-10, 11, 12: are features found once each has been seen often enough?

Figure: the largest D_i against T(1 − S), how often a feature occurs in the training
set, and against T itself, for several sparsities S and two hidden sizes; after the
comments on Henighan et al. 2023, *Superposition, Memorization, and Double Descent*.

Claims, with thresholds fixed before the runs. DD-10, 11: the T at the half rise of a
curve grows as 1/(1 − S): the slope of ln T on −ln(1 − S) is 1 ± 0.5, which is when the
half-rise points lie closer in T(1 − S) than in T and than in T(1 − S)². All S have the
same values of T, so that the grid does not put them there. Control: the labels S
permuted cyclically. DD-12: for the largest d the half-rise points in T(1 − S) range
over 0.1 e-folds more than for the smallest. Control: other data sets of the same d.
Where the curves collapse, the half-rise point in T(1 − S), is reported with its
interval. The linear control has no features to be found (DD-1).

The list of S is a guess; n = 200 and S ≤ 0.97, because beyond T = 640 a laptop takes
too long to see the rise. One sample is one data set at every T. Run time at laptop
scale: 45 s on two cores.

Axis letters: `sparsities`, `sets` data sets, `levels` of T.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.dd._grids import PointGrid, half_rise, over_points
from experiments.finite_models import largest_share
from toymodels.claims import AtLeast, Claim, Within, control, judge
from toymodels.config import check_choice, check_range, from_json, settings, to_json
from toymodels.plotting import over_seeds, plain_log_ticks, small_multiples
from toymodels.result import Result
from toymodels.stats import bootstrap_interval

IDS = ("DD-10", "DD-11", "DD-12")
TITLE = "How many points until features are found"
MESSIER = 0.1  # wider range of the half-rise points, natural logarithms
CHANGED = (
    "changed after a first run of this seed: the same T for all S, and a slope instead "
    "of a range, which other powers of 1 − S would have passed too"
)
SOURCE = "comments on Henighan et al. 2023, max feature dimensionality against T(1−S)"


@settings
class Collapse(PointGrid):
    """Settings of DD-10 to 12.

    Args:
        sparsities: S, all with the same T.
        dimensions: d; the first is that of DD-10.
    """

    sparsities: tuple[float, ...] = (0.9, 0.95, 0.97)
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
                "n": 40, "sparsities": (0.8, 0.9), "points": (5, 20, 60),
                "dimensions": (2,), "sets": 3, "steps": 200,
            },
            "laptop": {},
            "paper": {
                "n": 10_000, "sparsities": (0.9, 0.97, 0.99, 0.997, 0.999),
                "points": tuple(10 * 2**k for k in range(12)),
                "dimensions": (2, 3, 5, 10), "steps": 50_000, "restarts": 5,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def at(self, sparsity: float, d: int) -> "Collapse":
        """The curve of one S and d."""
        return dataclasses.replace(self, sparsity=sparsity, d=d)


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
                    np.array(settings.points) * ((1 - S) if scaled else 1),
                    result["largest"][row, k],
                )
                for k, S in enumerate(settings.sparsities)
            ]
    first = settings.dimensions[0]
    power = np.nanmedian(slope(result, settings, first))
    figure = small_multiples(
        panels,
        xlabel="T, or T (1 − S): how often a feature occurs",
        ylabel="largest $D_i$",
        xscale="log",
        columns=2,
        title=f"{TITLE}: at d = {first} half-way at "
        f"$T \\propto (1 - S)^{{-{power:.2f}}}$",
        caption=settings.note(band="all data sets"),
    )
    for axes in figure.axes:
        plain_log_ticks(axes.xaxis)
    return {"collapse": figure}


def claims(result: Result) -> list[Claim]:
    """The range of half-rise points over S, in T less that in T(1 − S)."""
    settings = from_json(result.meta["settings"])
    as_often = Within(0.5, 1.5)
    common = {"source": SOURCE, "scale": settings.scale}
    found = []
    for d in settings.dimensions:
        first = d == settings.dimensions[0]
        where = _where(result, settings, d)
        found.append(
            judge(
                id=f"DD-{10 if first else 11}.collapse_{d}",
                experiment="DD-10" if first else "DD-11",
                statement="curves of different sparsity collapse in T(1 − S) "
                f"(d = {d})",
                statistic="slope of ln T at the half rise on −ln(1 − S)",
                expected=1,
                samples=slope(result, settings, d),
                test=as_often,
                controls=(
                    control(
                        "sparsities permuted", slope(result, settings, d, 1), as_often
                    ),
                ),
                note=f"{where}{'; ' if where else ''}{CHANGED}",
                **common,
            )
        )
    return [*found, _messier(result, settings, common)]


def _messier(result: Result, settings: Collapse, common: dict[str, Any]) -> Claim:
    """Whether curves lie further apart in T(1 − S) for a larger d."""
    first, last = settings.dimensions[0], settings.dimensions[-1]
    apart = {d: np.ptp(half_rises(result, settings, d), axis=1) for d in (first, last)}
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
        controls=(
            control(
                f"d = {first} in other data sets",
                np.roll(apart[first], 1) - apart[first],
                wider,
            ),
        ),
        note=CHANGED,
        **common,
    )


def half_rises(
    result: Result, settings: Collapse, d: int
) -> Float[np.ndarray, "sets S"]:
    """The ln T(1 − S) at the half rise for each data set and sparsity."""
    curves = result["largest"][settings.dimensions.index(d)]
    points = np.array(settings.points, float)
    places = np.stack([half_rise(points, one) for one in curves], axis=1)
    return places + np.log1p(-np.array(settings.sparsities))


def slope(
    result: Result, settings: Collapse, d: int, shift: int = 0
) -> Float[np.ndarray, " sets"]:
    """Of ln T at the half rise on −ln(1 − S), by least squares; 1 is a collapse.

    Args:
        result: of `compute`.
        settings: of the result.
        d: which hidden size.
        shift: each curve has the sparsity so many places on.
    """
    rarity = -np.log1p(-np.array(settings.sparsities))
    places = half_rises(result, settings, d) + rarity
    labels = np.roll(rarity, shift)
    labels = labels - labels.mean()
    return places @ labels / (labels @ labels)


def _where(result: Result, settings: Collapse, d: int) -> str:
    """The point of collapse, over all sparsities, with its interval."""
    middle = np.median(half_rises(result, settings, d), axis=1)
    if not np.isfinite(middle).all():
        return ""
    low, high = np.exp(bootstrap_interval(middle))
    return (
        f"they collapse at T(1 − S) = {np.exp(np.median(middle)):.2g} "
        f"[{low:.2g}, {high:.2g}]"
    )
