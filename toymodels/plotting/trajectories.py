"""Training over time: losses, feature dimensionalities, paths of feature vectors.

Axis letters: `windows` averages of the loss, `runs` models, `snaps` snapshots, n
features.

References:
    Elhage et al., Toy Models of Superposition (2022), "superposition and learning
    dynamics".
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Num
from matplotlib.figure import Figure

from toymodels.plotting.canvas import new_figure
from toymodels.plotting.captions import set_caption, set_legend, set_title
from toymodels.plotting.curves import seed_quantiles
from toymodels.plotting.dimensionality import NAMED_FRACTIONS
from toymodels.plotting.marks import include, margin_labels
from toymodels.plotting.palette import BLUE, CYCLE, FAINT, GREY, VERMILLION, style
from toymodels.plotting.vectors import draw_vectors

_STYLES = ("-", (0, (5, 2)), (0, (1, 1.2)))


@style()
def learning_curves(
    step: Num[np.ndarray, " windows"],
    loss: Num[np.ndarray, "windows runs"],
    *,
    xlabel: str,
    ylabel: str,
    names: Sequence[str] = (),
    title: str = "",
    caption: str = "",
    xscale: str = "log",
    yscale: str = "log",
    references: Mapping[str, float | int] | None = None,
) -> Figure:
    """The loss of every run over the steps of training.

    Args:
        step: last step of each window, rising.
        loss: mean loss within each window; NaN after a run has diverged.
        xlabel: of the axis.
        ylabel: of the axis.
        names: one for each run, for the legend; without them all runs are drawn thin in
            one colour, and their median thick.
        title: of the figure.
        caption: below the figure.
        xscale: "log" or "linear".
        yscale: "log" or "linear".
        references: name and height of horizontal lines.
    """
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    # Scales come before the data: else a log axis without finite data cannot be drawn.
    axes.set(xscale=xscale, yscale=yscale, xlabel=xlabel, ylabel=ylabel)
    if names:
        for run, (name, values) in enumerate(zip(names, loss.T, strict=True)):
            color = CYCLE[run % len(CYCLE)]
            line = _STYLES[run // len(CYCLE) % len(_STYLES)]
            axes.plot(step, values, color=color, linestyle=line, label=name)
    else:
        axes.plot(step, loss, color=BLUE, alpha=0.3, linewidth=1.0)
        axes.plot(step, seed_quantiles(loss.T, [0.5])[0], color=BLUE, linewidth=2.2)
    axes.margins(x=0.01)
    include(axes, references or {})
    if names:
        set_legend(figure, axes.get_legend_handles_labels()[0])
    set_title(figure, title)
    set_caption(figure, caption)
    margin_labels(axes, references or {})
    return figure


@style()
def levels_over_training(
    step: Num[np.ndarray, " snaps"],
    values: Num[np.ndarray, "snaps n"],
    loss_step: Num[np.ndarray, " windows"],
    loss: Num[np.ndarray, " windows"],
    *,
    xlabel: str,
    ylabel: str,
    loss_label: str,
    title: str = "",
    caption: str = "",
    fractions: Mapping[str, float | int] | None = None,
    jumps: Sequence[float | int] = (),
    xscale: str = "log",
    loss_scale: str = "log",
) -> Figure:
    """Dimensionality D_i of every feature over training, and the loss below it.

    Args:
        step: step of each snapshot, rising; on a logarithmic axis step 0 is left out.
        values: D_i of each feature, 0 to 1; NaN leaves a gap.
        loss_step: last step of each window.
        loss: mean loss within each window.
        xlabel: below both.
        ylabel: of the upper axes.
        loss_label: of the lower axes.
        title: of the figure.
        caption: below the figure.
        fractions: name and height of lines across; `NAMED_FRACTIONS` when None.
        jumps: steps to mark by a vertical line through both.
        xscale: "log" or "linear".
        loss_scale: "log" or "linear".
    """
    figure = new_figure(6.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.4, 1.0])
    upper.set(ylabel=ylabel, xscale=xscale)
    lower.set(ylabel=loss_label, xlabel=xlabel, yscale=loss_scale)
    keep = step > 0 if xscale == "log" else np.ones(len(step), dtype=bool)
    alpha = float(np.clip(12.0 / values.shape[1], 0.15, 0.8))
    upper.plot(step[keep], values[keep], color=BLUE, alpha=alpha, linewidth=0.9)
    lower.plot(loss_step, loss, color=VERMILLION)
    for jump in jumps:
        for axes in (upper, lower):
            axes.axvline(jump, color=GREY, linewidth=0.9, linestyle=(0, (1, 1.5)))
    upper.set_ylim(-0.02, 1.08)
    upper.margins(x=0.01)
    set_title(figure, title)
    set_caption(figure, caption)
    margin_labels(upper, fractions if fractions is not None else NAMED_FRACTIONS)
    return figure


@style()
def vector_paths(
    W: Num[np.ndarray, "snaps 2 n"],
    *,
    xlabel: str = "",
    title: str = "",
    caption: str = "",
    labels: Sequence[str] = (),
    limit: float | int | None = None,
) -> Figure:
    """How each feature vector moved in the plane, from its first place to its last.

    Args:
        W: feature vectors as columns, one matrix a snapshot, in order of steps.
        xlabel: below the axes.
        title: of the figure.
        caption: below the figure.
        labels: a short name for each feature, at its end.
        limit: half width of the axes; the longest vector decides when None.
    """
    longest = float(np.nanmax(np.linalg.norm(W, axis=1), initial=1.0))
    figure = new_figure(5.6, width=6.0)
    axes = figure.add_subplot()
    colors = [CYCLE[i % len(CYCLE)] for i in range(W.shape[-1])]
    draw_vectors(
        axes, W[-1], colors=colors, labels=labels, limit=limit or 1.2 * longest
    )
    for i, color in enumerate(colors):
        # A pale stroke below the path separates it from the final vector.
        axes.plot(*W[:, :, i].T, color="white", linewidth=3.0, zorder=1.5)
        axes.plot(*W[:, :, i].T, color=color, linewidth=1.1, alpha=0.75, zorder=1.6)
        axes.plot(
            *W[0, :, i],
            marker="o",
            markerfacecolor="white",
            markeredgecolor=color,
            markersize=5,
            zorder=4,
        )
    axes.spines[:].set(visible=False, color=FAINT)
    axes.set_xlabel(xlabel)
    set_title(figure, title)
    set_caption(figure, caption)
    return figure
