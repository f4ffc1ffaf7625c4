"""Questions with their decisive tests on one page.

Every row has an axis of its own, since the tests measure different things; what they
share is the form. The region that supports the claim is shaded, so a reader sees at
once on which side the interval lies, and where the controls are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from toymodels.plotting.canvas import new_figure
from toymodels.plotting.captions import set_caption, set_legend, set_title
from toymodels.plotting.marks import plain_log_ticks
from toymodels.plotting.palette import BLACK, GREY, ORANGE, style
from toymodels.plotting.summary import VERDICT_LOOKS

ROW_HEIGHT = 1.3
ACCEPTED = "#D9ECF8"
# Values over so wide a range are drawn on a logarithmic axis.
LOG_RANGE = 20.0

Bound = float | None


@dataclass(frozen=True)
class Measured:
    """A number with its interval, which may be absent."""

    name: str
    value: float
    interval: tuple[float, float] | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """The interval, or the value twice."""
        return self.interval or (self.value, self.value)


@dataclass(frozen=True)
class Evidence:
    """One row: a question, its decisive test, and what came out."""

    heading: str
    text: str
    """What is claimed, in a sentence; broken into lines by the caller."""
    statistic: str
    """What is measured, below the row's axis."""
    measured: Measured
    controls: tuple[Measured, ...]
    accepted: tuple[Bound, Bound]
    verdict: str
    """Of the test: a key of `VERDICT_LOOKS`."""
    conclusion: str
    """What that says about the question."""
    also: str = ""
    """What other tests of the question came to, in small; broken into lines."""


@style()
def evidence_page(
    rows: Sequence[Evidence], *, title: str = "", caption: str = ""
) -> Figure:
    """A row for every question: what is claimed, the measurement, the verdict.

    Args:
        rows: from above.
        title: of the figure.
        caption: below the figure.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("rows: got none, expected one question or more")
    figure = new_figure(ROW_HEIGHT * len(rows) + 1.1, width=11.0)
    grid = figure.subplots(
        len(rows), 3, squeeze=False, gridspec_kw={"width_ratios": (1.45, 1.5, 0.9)}
    )
    for (words, axis, badge), row in zip(grid, rows, strict=True):
        _words(words, row)
        _measurement(axis, row)
        _badge(badge, row)
    set_legend(figure, _handles())
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


def _words(axes: Axes, row: Evidence) -> None:
    axes.set_axis_off()
    axes.text(0, 1.0, row.heading, va="top", weight="bold", fontsize=10)
    text = axes.text(0, 0.74, row.text, va="top", fontsize=8.5, linespacing=1.25)
    if row.also:
        _below(axes, text, row.also, gap=5, fontsize=8, linespacing=1.2)


def _below(
    axes: Axes, text: Text, note: str, *, gap: float | int, **looks: Any
) -> None:
    """A grey note so many points below another text, however long that is."""
    axes.annotate(
        note,
        (0, 0),
        xycoords=text,
        xytext=(0, -gap),
        textcoords="offset points",
        va="top",
        color=GREY,
        **looks,
    )


def _measurement(axes: Axes, row: Evidence) -> None:
    marks = (row.measured, *row.controls)
    low, high = _limits(row, axes)
    axes.set_xlim(low, high)
    left, right = row.accepted
    axes.axvspan(
        low if left is None else left,
        high if right is None else right,
        color=ACCEPTED,
        zorder=0,
    )
    for place, mark in enumerate(marks):
        first = place == 0
        color = BLACK if first else ORANGE
        axes.plot(
            mark.ends, (-place, -place), color=color, lw=2.4 if first else 1.2, zorder=2
        )
        axes.plot(
            mark.value,
            -place,
            marker="o" if first else "s",
            ms=6.5 if first else 5,
            mec=color,
            mfc=color if first else "white",
            zorder=3,
        )
    axes.set_ylim(-len(marks) + 0.4, 0.6)
    axes.set_yticks(
        [-place for place in range(len(marks))],
        [mark.name for mark in marks],
        fontsize=7.5,
    )
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7.5)
    if axes.get_xscale() == "log":
        plain_log_ticks(axes.xaxis)
    axes.set_xlabel(row.statistic, fontsize=8)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)


def _limits(row: Evidence, axes: Axes) -> tuple[float, float]:
    """Ends of the row's axis, which becomes logarithmic where values differ widely."""
    shown = [end for mark in (row.measured, *row.controls) for end in mark.ends]
    shown += [bound for bound in row.accepted if bound is not None]
    low, high = min(shown), max(shown)
    if low > 0 and high > LOG_RANGE * low:
        axes.set_xscale("log")
        room = (high / low) ** 0.12
        return low / room, high * room
    room = 0.12 * (high - low) or 1.0
    return low - room, high + room


def _badge(axes: Axes, row: Evidence) -> None:
    axes.set_axis_off()
    symbol, color, ground = VERDICT_LOOKS[row.verdict]
    badge = axes.text(
        0.0,
        0.9,
        f"{symbol} {row.conclusion}",
        va="top",
        color=color,
        weight="bold",
        fontsize=9.5,
        linespacing=1.3,
        bbox={"boxstyle": "round,pad=0.5", "fc": ground, "ec": color, "lw": 1.0},
    )
    value = row.measured
    low, high = value.ends
    number = f"{value.value:.3g}"
    if value.interval is not None:
        number += f" [{low:.3g}, {high:.3g}]"
    _below(axes, badge, number, gap=11, fontsize=8.5)


def _handles() -> list:
    return [
        Line2D([], [], color=BLACK, marker="o", lw=2.4, label="measured, 95 %"),
        Line2D(
            [], [], color=ORANGE, marker="s", mfc="white", lw=1.2,
            label="control, which must lie outside",
        ),
        Patch(color=ACCEPTED, label="region that supports the claim, fixed before"),
    ]  # fmt: skip
