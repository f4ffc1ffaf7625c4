"""Claims: stated before a run, judged by numbers after it.

A claim is supported when the 95 % interval of its statistic over seeds lies inside the
region that its test accepts, and every control fails the test it is given. It is not
supported when the interval lies wholly outside. Everything else is inconclusive: an
interval that crosses the border, a control that passes or that was never made, fewer
than five seeds, a run that is not finite. Nobody types a verdict.

    claims.judge(
        id="TMS-1.pentagon",
        experiment="TMS-1",
        statement="At S = 0.95 the five features form a pentagon.",
        source="Elhage et al. 2022, introduction",
        statistic="largest error of a gap between neighbours, degrees",
        expected=0.0,
        samples=errors,                                      # one value a seed
        test=AtMost(8.0),
        controls=(control("initial weights", errors_before, AtMost(8.0)),),
        scale=settings.scale,
    )
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from toymodels.config import check_choice
from toymodels.stats import Samples, bootstrap_interval

SUPPORTED = "supported"
NOT_SUPPORTED = "not supported"
INCONCLUSIVE = "inconclusive"
VERDICTS = (SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE)

# An interval of the median of n seeds reaches at most from the lowest to the highest,
# which covers the true median with 1 − 2^(1 − n): 75 % for 3 seeds, 94 % for 5.
FEWEST_SEEDS = 5

Number = int | float | np.number
Interval = tuple[float, float]

_AGGREGATES: dict[str, Callable[..., Any]] = {"median": np.median, "mean": np.mean}


# --- tests -------------------------------------------------------------------------


@dataclass(frozen=True)
class Within:
    """Accepts low ≤ statistic ≤ high."""

    low: Number
    high: Number

    def __str__(self) -> str:
        return f"between {shown(self.low)} and {shown(self.high)}"


@dataclass(frozen=True)
class AtLeast:
    """Accepts statistic ≥ low."""

    low: Number
    high: ClassVar[float] = np.inf

    def __str__(self) -> str:
        return f"≥ {shown(self.low)}"


@dataclass(frozen=True)
class AtMost:
    """Accepts statistic ≤ high."""

    high: Number
    low: ClassVar[float] = -np.inf

    def __str__(self) -> str:
        return f"≤ {shown(self.high)}"


@dataclass(frozen=True)
class IsTrue:
    """Accepts that at least `share` of the seeds say True; the statistic is the share.

    The interval of seeds that all agree has width 0, so it is their number that tells
    how much the agreement is worth.
    """

    share: Number = 1.0
    high: ClassVar[float] = 1.0

    @property
    def low(self) -> Number:
        """The least share that is accepted."""
        return self.share

    def __str__(self) -> str:
        return "in every seed" if self.share >= 1 else f"in ≥ {self.share:.0%} of seeds"


Test = Within | AtLeast | AtMost | IsTrue


# --- data --------------------------------------------------------------------------


@dataclass(frozen=True)
class Control:
    """Something that must fail, put to the test that the claim passes."""

    name: str
    expected: str
    """The test it was given and must fail, in words."""
    measured: float | None
    interval: Interval | None
    failed_as_it_must: bool
    detail: str = ""


@dataclass(frozen=True)
class Claim:
    """A sentence that a source says, and what was measured here. Made by `judge`."""

    id: str
    experiment: str
    statement: str
    source: str
    statistic: str
    """What the number is, with its unit."""
    expected: str | Number
    """What the source reports."""
    tolerance: str
    """The region that the test accepts, in words."""
    measured: float | None
    """Over seeds; None where no seed gave a finite value."""
    interval: Interval | None
    """95 % over seeds; None where there are fewer than two."""
    seeds: int
    """Number of samples; 0 for a statement that has none."""
    scale: str
    verdict: str
    controls: tuple[Control, ...] = ()
    note: str = ""
    """Why a verdict is weaker than the interval alone would make it."""
    accepted: tuple[float | None, float | None] | None = None
    """The region that the test accepts; None for an end that is open."""

    def __post_init__(self):
        check_choice("verdict", self.verdict, VERDICTS)


# --- judging -----------------------------------------------------------------------


def judge(
    *,
    id: str,
    experiment: str,
    statement: str,
    source: str,
    statistic: str,
    expected: str | Number,
    samples: Samples | Number,
    test: Test,
    tolerance: str = "",
    controls: Sequence[Control] = (),
    scale: str = "",
    aggregate: str = "median",
    exact: bool = False,
    note: str = "",
) -> Claim:
    """Measure a claim and give the verdict.

    Args:
        id: unique, as `TMS-1.pentagon`.
        experiment: id of the experiment that measured it.
        statement: one sentence that can be wrong.
        source: who says so, and where.
        statistic: what the number is, with its unit.
        expected: what the source reports, a number or words.
        samples: (seeds,) one number or boolean for each independent seed.
        test: the region that supports the claim, fixed before the run.
        tolerance: the region in words; that of the test when empty.
        controls: made by `control`; each must fail. Without one, a claim that is not
            exact is at best inconclusive.
        scale: "smoke", "laptop" or "paper".
        aggregate: "median" or "mean" over seeds; `IsTrue` always takes the mean.
        exact: a closed form, without seeds: the value alone decides.
        note: a remark to keep.

    Returns:
        The claim with its measured value, interval and verdict.
    """
    check_choice("aggregate", aggregate, _AGGREGATES)
    values = _one_axis(samples)
    measured, interval, lost = _measure(values, test, aggregate)
    passed = [c.name for c in controls if not c.failed_as_it_must]
    remarks = [note] if note else []
    if exact:
        verdict = _place(test, (measured, measured) if measured is not None else None)
    else:
        verdict = _place(test, interval)
    if lost:
        verdict = INCONCLUSIVE
        remarks.append(f"{lost} of {values.size} seeds gave no finite value")
    if verdict == SUPPORTED and passed:
        verdict = INCONCLUSIVE
        remarks.append(f"did not fail as it must: {', '.join(passed)}")
    if verdict == SUPPORTED and not controls and not exact:
        verdict = INCONCLUSIVE
        remarks.append("no control, one is needed for support")
    if not exact and values.size < FEWEST_SEEDS:
        verdict = INCONCLUSIVE if verdict == SUPPORTED else verdict
        remarks.append(f"{values.size} seeds, {FEWEST_SEEDS} are needed for support")
    return Claim(
        id=id,
        experiment=experiment,
        statement=statement,
        source=source,
        statistic=statistic,
        expected=expected.item() if isinstance(expected, np.number) else expected,
        tolerance=tolerance or str(test),
        measured=measured,
        interval=interval,
        seeds=0 if exact else values.size,
        scale=scale,
        verdict=verdict,
        controls=tuple(controls),
        note="; ".join(remarks),
        accepted=(_end(test.low), _end(test.high)),
    )


def control(
    name: str,
    samples: Samples | Number,
    test: Test,
    *,
    aggregate: str = "median",
    detail: str = "",
) -> Control:
    """Put a control to a test that it must fail.

    It fails as it must when its interval lies wholly outside the region (with a single
    sample, its value). A control that is merely unsure has not failed: then the claim's
    test cannot tell the two apart.

    Args:
        name: what it is, as "linear model".
        samples: (seeds,) its values of the claim's statistic.
        test: usually that of the claim.
        aggregate: as in `judge`.
        detail: a remark to keep.
    """
    check_choice("aggregate", aggregate, _AGGREGATES)
    values = _one_axis(samples)
    measured, interval, lost = _measure(values, test, aggregate)
    region = interval
    if region is None and measured is not None:
        region = (measured, measured)
    remarks = [detail] if detail else []
    if lost:
        remarks.append(f"{lost} of {values.size} values are not finite")
    return Control(
        name=name,
        expected=f"not {test}",
        measured=measured,
        interval=interval,
        failed_as_it_must=not lost and _place(test, region) == NOT_SUPPORTED,
        detail="; ".join(remarks),
    )


def _one_axis(samples: Samples | Number) -> np.ndarray:
    values = np.atleast_1d(np.asarray(samples, float))
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f"samples: got shape {values.shape}, expected (seeds,) and a seed or more"
        )
    return values


def _measure(
    values: np.ndarray, test: Test, aggregate: str
) -> tuple[float | None, Interval | None, int]:
    """Statistic and interval over the finite values, and how many are not."""
    finite = values[np.isfinite(values)]
    lost = values.size - finite.size
    statistic = np.mean if isinstance(test, IsTrue) else _AGGREGATES[aggregate]
    if not finite.size:
        return None, None, lost
    interval = bootstrap_interval(finite, statistic) if finite.size > 1 else None
    return float(statistic(finite)), interval, lost


def _end(bound: Number) -> float | None:
    """A bound as JSON can hold it."""
    return float(bound) if np.isfinite(bound) else None


def _place(test: Test, interval: Interval | None) -> str:
    """Where the interval lies: inside the accepted region, outside, or across."""
    if interval is None:
        return INCONCLUSIVE
    if test.low <= interval[0] and interval[1] <= test.high:
        return SUPPORTED
    if interval[1] < test.low or test.high < interval[0]:
        return NOT_SUPPORTED
    return INCONCLUSIVE


# --- words -------------------------------------------------------------------------


def shown(value: str | Number | None) -> str:
    """A number with three significant digits, text as it is, "n/a" for None."""
    if value is None:
        return "n/a"
    if isinstance(value, str):
        return value
    if np.isfinite(value) and 1000 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def shown_with_interval(item: Claim | Control) -> str:
    """The measured value and its interval, as `0.39 [0.38, 0.41]`."""
    if item.interval is None:
        return shown(item.measured)
    low, high = item.interval
    return f"{shown(item.measured)} [{shown(low)}, {shown(high)}]"
