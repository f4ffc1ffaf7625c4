"""The figures of TMS-13.

Axis letters: `groups` of restarts, `levels` of the ratio; n = 5 features in two
dimensions, of which the last is varied. Results have what `density_varied.compute` put
there.
"""

import numpy as np
from matplotlib.figure import Figure

from experiments.tms._density import exact_crossing, switch
from experiments.tms._polygons import upright
from experiments.tms._two_geometries import NAMES, OTHER, PENTAGON, TWO_DIGONS
from toymodels.geometry import column_norms
from toymodels.plotting import (
    Curve,
    Points,
    curve_figure,
    plain_log_ticks,
    scatter_panels,
    vector_panels,
)
from toymodels.result import Result
from toymodels.theory import keep_top_loss


def vectors(result: Result, probability: float, title: str, caption: str) -> Figure:
    """The best fit of the first group at every level."""
    W = result["W"][result["best"][0]]
    kinds = result["kind"].reshape(-1)[result["best"][0]]
    density = probability / result["ratio"]
    return vector_panels(
        # `upright` lets the first feature point up; so the varied one stands first.
        np.stack([upright(w[:, ::-1]) @ w for w in W]),
        titles=[
            f"p = {p:.3g}\n{NAMES[kind]}"
            for p, kind in zip(density, kinds, strict=True)
        ],
        title=title,
        caption=f"{caption} · group 1, each panel turned so that the varied feature "
        "points up",
        groups=np.array([0, 0, 0, 0, 1]),
        group_names=[f"p = {probability:g}", "p varied"],
    )


def losses(result: Result, probability: float, caption: str) -> Figure:
    """Every restart by its loss, and the exact minimum of each geometry."""
    ratio = result["ratio"]
    loss = result["loss"].reshape(-1, len(ratio))
    kinds = result["kind"].reshape(loss.shape)
    at = np.broadcast_to(ratio, loss.shape)
    p = np.full((len(ratio), 5), probability)
    p[:, -1] /= ratio
    top = np.array([keep_top_loss(row, np.ones(5), 2) for row in p])
    curves = [Curve("top 2 alone", ratio, top, dashed=True, color=6)]
    for kind in (PENTAGON, TWO_DIGONS):
        exact = result[f"branch/{NAMES[kind]}"]
        label = f"{NAMES[kind]}, exact minimum"
        curves.append(
            Curve(label, ratio[-len(exact) :], exact, dashed=True, color=kind)
        )
    where = exact_crossing(result)
    name = f"{len(loss)} restarts at every level"
    return scatter_panels(
        {
            name: [
                Points(NAMES[kind], at[kinds == kind], loss[kinds == kind], kind)
                for kind in (OTHER, PENTAGON, TWO_DIGONS)
            ]
        },
        curves={name: curves},
        xlabel="how many times sparser than the others the varied feature is",
        ylabel="expected loss",
        xscale="log",
        yscale="log",
        xlines={"source: 2.5": 2.5} | ({f"{where:.2f}": where} if where > 0 else {}),
        title="Two geometries, two loss curves: the best fit changes where they cross",
        caption=f"{caption} · p = {probability:g} of the others",
        height=4.4,
    )


def crossings(result: Result, probability: float, caption: str) -> Figure:
    """Where the exact curves cross at other densities, and what was measured at one."""
    sparser = result["ratio"] >= 1
    ratio = result["ratio"][sparser]
    best = result["kind"].reshape(-1)[result["best"]][:, sparser]
    measured = np.array([switch(kinds, ratio) for kinds in best])
    half_step = np.sqrt(ratio[1] / ratio[0])
    figure = curve_figure(
        [
            Curve(
                "exact crossing of the loss curves",
                result["theory"],
                result["crossing"],
                dashed=True,
            ),
            Curve(
                "switch of the best fits: median; half a step of the grid to each side",
                np.array([probability / 1.03, probability * 1.03]),
                np.full(2, np.median(measured)),
                np.full(2, measured.min() / half_step),
                np.full(2, measured.max() * half_step),
            ),
        ],
        xlabel="probability p of the other four features",
        ylabel="times sparser",
        xscale="log",
        references={"source: 2.5": 2.5, "equal": 1.0},
        title="Where a pentagon gives way to two digons depends on the density",
        caption=caption,
    )
    plain_log_ticks(figure.axes[0].xaxis)
    return figure


def lengths(result: Result, caption: str) -> Figure:
    """‖W_i‖ against b_i in the best fits, with the two relations that were proposed."""
    best = result["best"].reshape(-1)
    pentagons = result["kind"].reshape(-1)[best] == PENTAGON
    norms, b = np.asarray(column_norms(result["W"][best])), result["b"][best]
    fixed, varied = (pentagons, slice(0, 4)), (pentagons, 4)
    bias = np.linspace(-0.5, 0.05, 100)
    exact = r"$\|W_i\|^2 = 1 - b_i$: no error at $x_i = 1$"
    printed = r"$\|W_i\| = 1/(1 - b_i)$, as printed in the source"
    name = "features of the best fits"
    return scatter_panels(
        {
            name: [
                Points("pentagon, p fixed", b[fixed].ravel(), norms[fixed].ravel()),
                Points("pentagon, p varied", b[varied], norms[varied]),
                Points("others", b[~pentagons].ravel(), norms[~pentagons].ravel()),
            ]
        },
        curves={
            name: [
                Curve(exact, bias, np.sqrt(1 - bias), dashed=True, color=6),
                Curve(printed, bias, 1 / (1 - bias), dashed=True, color=3),
            ]
        },
        xlabel="bias $b_i$",
        ylabel=r"length $\|W_i\|$",
        title="Lengths and biases: two relations, neither of them a claim here",
        caption=caption,
        height=4.4,
    )
