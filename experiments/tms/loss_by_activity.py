"""TMS-5: the loss split by the number of active features: what a ReLU does for free.

With n independent features the loss is L = Σ_k p^k(1 − p)^{n−k}·L_k, where L_k sums the
mean losses of all supports of k features (Elhage et al. 2022, *Toy Models of
Superposition*, "Mathematical Understanding"). Where features are sparse the term k = 1
decides. Interference there is an output that should be 0, which a ReLU removes wherever
W_i·W_j ≤ 0.

Figures: the share of each k in the loss over seven probabilities, for the ReLU and the
linear model; within each k, the errors on active and on inactive features; the term
k = 1 exactly, with and without the ReLU.

Claims, with thresholds fixed before the runs: Monte-Carlo estimates for each k sum to a
direct estimate of the loss within 2 standard errors (root mean square over the levels);
with b = 0 and W_i·W_j ≤ 0 for all pairs, interference at k = 1 is 0 to 1e-12. Controls:
wrong weights of the k; the sign of one W_i flipped; the ReLU removed.

Run time at laptop scale: 5 s on two cores, besides TMS-3, whose runs these are.

Axis letters: `seeds`, `levels` of p, k = 0 … n active features, n features, d hidden
dimensions.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._activity import activity_weights, split_loss
from experiments.tms._panels import compute_panels
from experiments.tms._twenty_features import TwentyFeatures
from toymodels.claims import AtMost, Claim, control, judge
from toymodels.config import from_json, settings
from toymodels.geometry import simplex, tegum_product
from toymodels.plotting import Curve, curve_figure, over_seeds, small_multiples
from toymodels.result import Result
from toymodels.theory import one_active_loss, support_weights

ID = "TMS-5"
TITLE = "The loss, split by the number of active features"
SOURCE = "Elhage et al. 2022, “Mathematical Understanding”"


@settings
class LossByActivity(TwentyFeatures):
    """Settings of TMS-5: the ensemble of TMS-3, and how the loss is estimated."""

    evaluation: int = 2**10  # for the final loss of TMS-3, which is not used here
    split_seeds: int = 5  # models that are split; each takes samples of its own
    samples: int = 2048  # for each model, level and k
    direct_samples: int = 32_768  # for each model and level


def compute(
    settings: LossByActivity, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """The ensemble of TMS-3, its losses for each k, and constructed frames."""
    panels = compute_panels(settings, train)
    p, importance = settings.probability(), settings.importance()
    relu_key, linear_key, turn_key = jax.random.split(
        jax.random.key(settings.seed + 2**20), 3
    )
    some = slice(settings.split_seeds)
    relu = split_loss(
        settings.model(),
        panels["W"][some],
        panels["b"][some],
        p,
        importance,
        relu_key,
        samples=settings.samples,
        direct_samples=settings.direct_samples,
    )
    linear = split_loss(
        settings.model().linear_control(),
        panels["W_linear"][some],
        panels["b_linear"][some],
        p,
        importance,
        linear_key,
        # It is drawn, and no claim depends on it.
        samples=settings.samples // 4,
        direct_samples=settings.direct_samples // 4,
    )
    return Result(
        arrays={
            **panels.arrays,
            **relu,
            **{f"{name}_linear": array for name, array in linear.items()},
            **_constructed(turn_key),
            "weight": activity_weights(p, settings.n),
        },
        meta=panels.meta,
    )


def _constructed(key: PRNGKeyArray) -> dict[str, np.ndarray]:
    """Interference at k = 1 of frames without positive inner products, (frames,)."""
    Q = np.linalg.qr(np.asarray(jax.random.normal(key, (5, 5))))[0]
    model = tm.Autoencoder(n=10, d=5, bias=False)
    found: dict[str, list[float]] = {"free": [], "flipped": [], "without_relu": []}
    for frame in (
        tegum_product(*[simplex(2)] * 5),
        tegum_product(simplex(3), simplex(4)),
        simplex(6),
    ):
        # Features beyond the frame are not represented and interfere with nothing.
        W = (Q @ np.pad(frame, ((0, 0), (0, 10 - frame.shape[1])))).astype(np.float32)
        flipped = W * np.where(np.arange(10) == 0, -1, 1).astype(np.float32)
        found["free"].append(interference_alone(model, W))
        found["flipped"].append(interference_alone(model, flipped))
        found["without_relu"].append(interference_alone(model.linear_control(), W))
    return {name: np.array(values) for name, values in found.items()}


def interference_alone(model: tm.Autoencoder, W: Float[np.ndarray, "d n"]) -> float:
    """Largest Σ_{j≠i} x̂_j² that a feature i causes when it alone is active, at x_i = 1.

    Without bias the output is proportional to x_i, so x_i = 1 stands for all values.
    """
    n = W.shape[1]
    out = np.asarray(model.apply({"W": W}, jnp.eye(n)))
    return float(np.sum(out**2, axis=0, where=~np.eye(n, dtype=bool)).max())


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Shares of each k, the two kinds of error, and the term k = 1 exactly."""
    settings = from_json(result.meta["settings"])
    caption = f"{settings.caption()} · median over {settings.split_seeds} models"
    return {
        "shares": _shares(result, caption),
        "errors": _kinds(result, caption),
        "one_active": _one_active(result, settings.caption()),
    }


def _shares(result: Result, caption: str) -> Figure:
    return small_multiples(
        {
            "ReLU model": _share_curves(result, ""),
            "linear model": _share_curves(result, "_linear"),
        },
        xlabel=r"$1/p = 1/(1-S)$, from dense to sparse",
        ylabel="share of the loss",
        xscale="log",
        title="Which samples the loss comes from: k features active",
        caption=caption,
    )


def _share_curves(result: Result, kind: str) -> list[Curve]:
    part = np.nan_to_num(result["weight"][:, :, None] * result[f"error{kind}"])
    share = part.sum(-1) / part.sum((-1, -2))[..., None]
    groups = {f"k = {k}": share[..., k] for k in range(4)}
    groups["k ≥ 4"] = share[..., 4:].sum(-1)
    x = 1 / result["p"]
    return [over_seeds(name, x, values) for name, values in groups.items()]


def _kinds(result: Result, caption: str) -> Figure:
    """Errors on active and inactive features at four levels, as shares of the loss."""
    part = np.nan_to_num(result["weight"][:, :, None] * result["error"])
    share = part / part.sum((-1, -2))[..., None, None]
    few = 12  # at p = 0.3 already, more than 12 active features are 0.1 % of samples
    k, share = np.arange(few + 1), share[:, :, : few + 1]
    figure = small_multiples(
        {
            f"p = {result['p'][level]:g}": [
                over_seeds("active features", k, share[:, level, :, 0]),
                over_seeds("inactive features", k, share[:, level, :, 1]),
            ]
            for level in range(1, len(result["p"]))
        },
        xlabel="k, number of active features",
        ylabel="share of the loss",
        title="Where the ReLU model errs: on active features, or by interference",
        caption=caption,
    )
    for axes in figure.axes:
        axes.set_xticks(range(0, few + 1, 4))
    return figure


def _one_active(result: Result, caption: str) -> Figure:
    """The term k = 1 in closed form, with and without the ReLU, for all seeds."""
    W, b, importance = result["W"], result["b"], result["importance"]
    seeds, levels = W.shape[:2]
    split = np.zeros((3, seeds, levels))
    for seed, level in np.ndindex(seeds, levels):
        exact = one_active_loss(W[seed, level], importance, b[seed, level])
        split[0, seed, level] = exact.own.sum()
        split[1, seed, level] = exact.interference.sum()
        split[2, seed, level] = _linear_interference(
            W[seed, level], importance, b[seed, level]
        )
    x, zero = 1 / result["p"], importance.sum() / 3
    names = (
        "on the active feature",
        "interference",
        "interference of the same W, b without the ReLU",
    )
    d = W.shape[2]
    return curve_figure(
        [
            over_seeds(name, x, values / zero)
            for name, values in zip(names, split, strict=True)
        ],
        references={
            "predicting 0": 1.0,
            f"top {d} alone": importance[d:].sum() / importance.sum(),
        },
        xlabel=r"$1/p = 1/(1-S)$ of training, from dense to sparse",
        ylabel="loss / loss of predicting 0",
        xscale="log",
        yscale="log",
        title="One active feature: what the ReLU removes",
        caption=f"{caption} · exact; median over seeds, band from lowest to highest",
    )


def _linear_interference(W: np.ndarray, importance: np.ndarray, b: np.ndarray) -> float:
    """Σ_i Σ_{j≠i} I_j ∫₀¹ (G_ij·x + b_j)² dx."""
    G = W.T @ W
    each = G**2 / 3 + G * b + b**2
    return float(np.sum(importance * each, where=~np.eye(len(G), dtype=bool)))


def claims(result: Result) -> list[Claim]:
    """The sum over k, and the interference that costs nothing."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    n, p, right = settings.n, result["p"], result["weight"]
    together, free = AtMost(2.0), AtMost(1e-12)
    one_support = np.stack([support_weights(level, n) for level in p])
    denser = activity_weights(np.minimum(1.1 * p, 1.0), n)
    return [
        judge(
            id="TMS-5.sum",
            statement="the losses of each number of active features sum to the loss",
            statistic="difference in standard errors, root mean square over the levels",
            expected="0 ± sampling error",
            samples=deviation(result, right),
            test=together,
            controls=(
                control(
                    "one support for each k", deviation(result, one_support), together
                ),
                control("p 10 % too high", deviation(result, denser), together),
            ),
            **common,
        ),
        judge(
            id="TMS-5.free",
            statement="b = 0, W_i·W_j ≤ 0: one active feature interferes with none",
            statistic="Σ_{j≠i} x̂_j² at x_i = 1, worst i of three frames",
            expected=0.0,
            samples=result["free"].max(),
            test=free,
            exact=True,
            controls=(
                control("sign of one W_i flipped", result["flipped"].min(), free),
                control("ReLU removed", result["without_relu"].min(), free),
            ),
            **common,
        ),
    ]


def deviation(
    result: Result, weight: Float[np.ndarray, "levels k"]
) -> Float[np.ndarray, " seeds"]:
    """Σ_k weight·L̄_k minus the direct estimate, in standard errors; rms over levels."""
    mean = np.nan_to_num(result["error"]).sum(axis=-1)
    error = np.nan_to_num(result["error_se"])
    difference = (weight * mean).sum(axis=-1) - result["total"]
    variance = ((weight * error) ** 2).sum(axis=-1) + result["total_se"] ** 2
    return np.sqrt((difference**2 / variance).mean(axis=-1))
