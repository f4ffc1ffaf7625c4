"""REP-4: how many copies a point needs grows with the number of points per feature.

Figure: the share of data sets in which a repeated point is memorised, over T/n and the
number of copies R, for two sparsities S with equal n (1 − S), after Jermyn's comment on
Henighan et al. 2023. The source (n = 10,000, S = 0.999 and n = 1,000, S = 0.99) finds
R ≈ 0.4 T/n, whatever S is, with noise, and more copies at low T/n.

Claims, for T/n ≥ 2, from logistic fits on log R − log(T/n) with a common slope: the
constant c at which half of the points are memorised is in [0.2, 0.8], within a factor
of two of 0.4, for both S; those of the two S differ by at most a factor of two; and
from the highest to the lowest T/n c rises by 0.4 doublings or more. Controls: R and T
permuted among the models of each data set, which then has no threshold; for the last,
the values of T/n permuted within each data set, so that none keeps its own.

One sample of a claim is one data set of each T. Memorised: in the first 0.1 % by D_X;
of T ≤ 1,000 points the very first. A data set in which R n/T ranks memorised and other
models hardly better than chance (area under the ROC curve below 0.75) has no threshold:
its c counts as 20 times off, also from another that has none.

Laptop, chosen on seed 1: 1,500 steps with 1e-2 gave about the c of 2,500 with 5e-3 on
another grid of R; 10,000 with 5e-3 did not lower it (n = 100). R n/T from 0.25, where
nothing was memorised, to 1.5; T/n up to 16, because T = 6,400 would take as long as all
the rest. There, at n = 100, half were memorised near c = 1.3 at T/n = 2, 0.7 at 16 and
0.5 at 32. The last claim was a median of ratios then, whose control did not fail; the
mean of doublings was not tried on seed 1. Changed after the verdict seed had been seen:
the control of the last claim, whose mean was 0 by construction, and two data sets
without a threshold, which had counted as equal.
Run time: 40 s on two idle cores.

Axis letters: `sets` data sets, `rows` values of R n/T, `columns` values of T/n.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.finite_models import point_dimensionality
from experiments.rep._logistic import half_points, ranking
from experiments.rep._repeated import (
    SOURCE,
    RepeatedPoints,
    is_memorised,
    points_above,
)
from toymodels.claims import AtLeast, AtMost, Claim, control, judge, shown
from toymodels.config import (
    SettingsError,
    check_choice,
    check_range,
    from_json,
    settings,
    to_json,
)
from toymodels.plotting import phase_diagram
from toymodels.result import Result
from toymodels.stats import bootstrap_interval

ID = "REP-4"
TITLE = "Copies needed to memorise a point"
EXPECTED, FACTOR = 0.4, 2.0
# Below this area under the ROC curve there is no threshold, which is so far off.
CHANCE, NO_THRESHOLD = 0.75, 20.0
NO_CONSTANT = NO_THRESHOLD * EXPECTED


@settings
class Threshold(RepeatedPoints):
    """Settings of REP-4.

    Args:
        sizes: n of the two models; the sparsity of each keeps n (1 − S).
        ratios: T/n, rising, from 2 on.
        multiples: R n/T, rising; every R is a whole number.
    """

    sizes: tuple[int, ...] = (100, 200)
    ratios: tuple[float, ...] = (4.0, 8.0, 16.0)
    multiples: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.5)
    steps: int = 1_500
    learning_rate: float = 1e-2

    def __post_init__(self):
        super().__post_init__()
        for n in self.sizes:
            check_range("sizes", n, low=self.active, open_low=True)
        if len(self.sizes) != 2:
            raise SettingsError("sizes", self.sizes, "two numbers of features")
        copies = np.outer(self.multiples, self.ratios)
        if (copies % 1).any() or copies.min() < 1:
            raise SettingsError(
                "multiples", self.multiples, "whole numbers of copies at every T/n"
            )

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets: dict[str, dict[str, Any]] = {
            "smoke": {
                "n": 40, "sparsity": 0.75, "sizes": (40, 60), "ratios": (2.0, 4.0),
                "multiples": (0.5, 4.0), "sets": 3, "steps": 300,
            },
            "laptop": {},
            # 320,000 points in rows of 30 pairs: 77 MB a model, 6 GB for 25 at once.
            "paper": {
                "n": 10_000, "sparsity": 0.999, "sizes": (1_000, 10_000),
                "ratios": (4.0, 8.0, 16.0, 32.0), "steps": 50_000,
                "learning_rate": 1e-3,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    @property
    def active(self) -> float:
        """Mean number n (1 − S) of active features, empty points included."""
        return self.n * (1 - self.sparsity)

    def of_size(self, n: int) -> "Threshold":
        """These settings for one of the two n."""
        return dataclasses.replace(self, n=n, sparsity=1 - self.active / n)

    def members(self, ratio: float) -> tm.FiniteDataset:
        """Every data set of T points with its first one in R copies, for each R."""
        copies = [round(multiple * ratio) for multiple in self.multiples]
        return self.first_in_copies(round(ratio * self.n), copies)


def compute(settings: Threshold, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Which points are memorised, for every n, data set, R and T."""
    arrays = {
        "ratios": np.array(settings.ratios),
        "multiples": np.array(settings.multiples),
    }
    shape = (settings.sets, len(settings.multiples))
    for n in settings.sizes:
        own, columns = settings.of_size(n), []
        for ratio in settings.ratios:
            W = train(own.spec(own.members(ratio))).best().params["W"]
            points = round(ratio * n)
            memorised = np.empty(shape)
            for place, index in enumerate(np.ndindex(shape)):
                D = point_dimensionality(W[place], own.dataset(points, index[0]))
                above = points_above(D, [0], slice(1, None))[0]
                memorised[index] = is_memorised(above, points)
            columns.append(unless_diverged(memorised, W.reshape(*shape, *W.shape[1:])))
        arrays[f"memorised/{n}"] = np.stack(columns, axis=-1)
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The share of memorised points over T/n and R n/T, for both S."""
    settings = from_json(result.meta["settings"])
    ratios = result["ratios"]
    grids = [result[f"memorised/{n}"] for n in settings.sizes]
    maps = {}
    for n, grid in zip(settings.sizes, grids, strict=True):
        share = grid.mean(axis=0)
        name = f"S = {settings.of_size(n).sparsity:g}, n = {n:,}"
        maps[name] = np.stack([1 - share, share], axis=-1)
    ends = ratios[[0, -1]]
    both = np.concatenate([constants(settings, grid) for grid in grids])
    low, high = bootstrap_interval(both[np.isfinite(both)])
    middle = float(np.nanmedian(both))
    by_ratio = np.nanmedian(
        np.concatenate([constants_by_ratio(settings, grid) for grid in grids]), axis=0
    )
    figure = phase_diagram(
        ratios,
        result["multiples"],
        maps,
        class_names=("memorised in no data set", "in all"),
        class_colors=("#E8E3D3", "#0072B2"),
        xlabel="T/n, points per feature",
        ylabel="R n/T",
        boundaries={
            f"source: {EXPECTED:g}": (ends, np.full(2, EXPECTED)),
            f"half, all T/n: {shown(middle)} [{shown(low)}, {shown(high)}]": (
                ends,
                np.full(2, middle),
            ),
            "half, each T/n": (ratios, by_ratio),
        },
        title=f"{TITLE}: R = {shown(by_ratio[0])} T/n at T/n = {ratios[0]:g}, "
        f"{shown(by_ratio[-1])} T/n at {ratios[-1]:g}",
        caption=settings.caption(
            **{
                "data sets": settings.sets,
                "restarts": settings.restarts,
                "n": " and ".join(map(str, settings.sizes)),
                "S": " and ".join(
                    f"{settings.of_size(n).sparsity:g}" for n in settings.sizes
                ),
            }
        ),
    )
    return {"threshold": figure}


def claims(result: Result) -> list[Claim]:
    """The constant is near 0.4 for both S, and the same; more copies at low T/n."""
    settings = from_json(result.meta["settings"])
    grids = [result[f"memorised/{n}"] for n in settings.sizes]
    rng = np.random.default_rng(settings.seed)
    flat = [grid.reshape(len(grid), -1) for grid in grids]
    mixed = [
        rng.permuted(cells, axis=1).reshape(grid.shape)
        for cells, grid in zip(flat, grids, strict=True)
    ]
    near, falls = AtMost(FACTOR), AtLeast(0.4)
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    c = [constants(settings, grid) for grid in grids]
    without = [constants(settings, grid) for grid in mixed]
    name = "R and T permuted"
    each = np.log2(
        np.concatenate([constants_by_ratio(settings, grid) for grid in grids])
    )
    mislaid = displaced(each, rng)
    return [
        *(
            judge(
                id=f"REP-4.constant_{kind}",
                statement="half of the points are memorised at R ≈ 0.4 T/n, "
                f"S = {settings.of_size(n).sparsity:g}",
                statistic=f"factor between c and {EXPECTED:g}; the median c is "
                f"{shown(float(np.median(one)))}",
                expected=1.0,
                samples=factor(one, EXPECTED),
                test=near,
                controls=(control(name, factor(permuted, EXPECTED), near),),
                **common,
            )
            for kind, n, one, permuted in zip(
                ("dense", "sparse"), settings.sizes, c, without, strict=True
            )
        ),
        judge(
            id="REP-4.sparsity",
            statement="the constant is the same at both S",
            statistic=f"factor between c at n = {settings.sizes[0]} and at "
            f"n = {settings.sizes[1]}",
            expected=1.0,
            samples=factor(*c),
            test=near,
            controls=(control(f"{name} at one S", factor(without[0], c[1]), near),),
            note="after seed 0 had been seen: two data sets without a threshold do not "
            "count as equal",
            **common,
        ),
        judge(
            id="REP-4.low",
            statement="at low T/n more copies are needed",
            statistic=f"doublings of c from T/n = {settings.ratios[-1]:g} down to "
            f"{settings.ratios[0]:g}",
            expected="above 0",
            samples=each[:, 0] - each[:, -1],
            test=falls,
            aggregate="mean",
            controls=(
                control(
                    "T/n permuted in each data set",
                    mislaid[:, 0] - mislaid[:, -1],
                    falls,
                    aggregate="mean",
                ),
            ),
            note="statistic changed on calibration from a median ratio to mean "
            "doublings; control changed after seed 0 had been seen",
            **common,
        ),
    ]


def constants(
    settings: Threshold, memorised: Float[np.ndarray, "sets rows columns"]
) -> Float[np.ndarray, " sets"]:
    """The c of each data set: half of the points in R = c T/n copies are memorised.

    `NO_CONSTANT` where R n/T does not tell which are.
    """
    _, rows, columns = memorised.shape
    x = np.repeat(np.log(settings.multiples), columns)
    cells = memorised.reshape(-1, rows * columns)
    found = np.exp(half_points(x, np.nan_to_num(cells) > 0.5)[0])
    told = np.array([ranking(x, one > 0.5) >= CHANCE for one in cells])
    found = np.where(told, found, NO_CONSTANT)
    return unless_diverged(found, cells)


def constants_by_ratio(
    settings: Threshold, memorised: Float[np.ndarray, "sets rows columns"]
) -> Float[np.ndarray, "sets columns"]:
    """The same at each T/n, with one slope for all; a factor of 4 outside at most."""
    sets, _, columns = memorised.shape
    cells = np.moveaxis(memorised, -1, 1)
    places, _ = half_points(
        np.log(settings.multiples),
        np.nan_to_num(cells).reshape(sets * columns, -1) > 0.5,
    )
    return unless_diverged(np.exp(places).reshape(sets, columns), cells)


def factor(
    one: Float[np.ndarray, " sets"], other: Float[np.ndarray, " sets"] | float
) -> Float[np.ndarray, " sets"]:
    """The larger of one/other and other/one; `NO_THRESHOLD` if one has none."""
    found = np.exp(np.abs(np.log(one / other)))
    without = (one == NO_CONSTANT) | (other == NO_CONSTANT)
    return np.where(without & np.isfinite(found), NO_THRESHOLD, found)


def displaced(
    values: Float[np.ndarray, "sets columns"], rng: np.random.Generator
) -> Float[np.ndarray, "sets columns"]:
    """Every row moved round by 1 to columns − 1 places, so that no value stays."""
    sets, columns = values.shape
    by = rng.integers(1, columns, (sets, 1))
    return np.take_along_axis(values, (np.arange(columns) + by) % columns, axis=1)
