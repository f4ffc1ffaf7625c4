"""TMS-24: exact loss surfaces of the smallest model, and its confused feature.

Figure: the surfaces of McGrath's comment on Elhage et al. 2022, *Toy Models of
Superposition*: two features in one dimension without a bias, where the loss is an exact
function of the two weights. Beside ignoring a feature and the antipodal pair there is a
third solution for dense features: both weights of one sign and nearly equal, a single
"confused feature" that stands for both.

Claims for importances 1 and 0.8, with thresholds fixed before the runs: at p = 0.9 the
best trained model is (0.725, 0.687) with loss 0.0875, at p = 0.5 it is antipodal,
(1.062, −1.032) with loss 0.0730, weights to 1e-3 and losses to 1e-4; trained models
switch between p = 0.5 and 0.6; and for equal importances the confused point
w₁ = w₂ = 1/√2 costs exactly p/3 − p²/4, what ignoring a feature costs a model with a
bias.

One sample is a group of twelve random starts, of which the lowest exact loss counts.
Controls: the linear model, which is never antipodal; a model with a bias, which has no
confused solution at p = 0.9; sparse features; the pair of unit length.

Run time at laptop scale: 8 s on two cores.

Axis letters: `groups`, `restarts`, `levels` of p, `snaps` snapshots.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._quadrature import expected_loss
from experiments.tms._restarts import best_of_groups
from toymodels.claims import AtMost, Claim, Within, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.plotting import (
    Curve,
    Surface,
    caption_line,
    curve_figure,
    over_seeds,
    surface_panels,
)
from toymodels.result import Result
from toymodels.theory import exact_loss, feature_variance, minimise_exact_loss

ID = "TMS-24"
TITLE = "Two features, one dimension, no bias: the exact loss"
SOURCE = "McGrath, comment on Elhage et al. 2022"

# The exact optima for importances 1 and 0.8, as the catalogue states them.
DENSE, SPARSE = 0.9, 0.5
OPTIMUM = {DENSE: (0.725, 0.687), SPARSE: (1.062, -1.032)}
LOSS = {DENSE: 0.0875, SPARSE: 0.0730}
SAME_WEIGHTS, SAME_LOSSES = AtMost(1e-3), AtMost(1e-4)


@settings
class LossSurfaces:
    """Settings of TMS-24."""

    second_importance: float = 0.8
    levels: tuple[float, ...] = (
        0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0,
    )  # fmt: skip
    shown: tuple[float, ...] = (0.9, 0.7, 0.5)  # surfaces drawn
    groups: int = 5  # independent samples of every claim
    restarts: int = 12  # half of all starts end in the other of two minima
    steps: int = 4_000
    batch: int = 1_024
    learning_rate: float = 1e-2  # to zero, so that end points do not jitter
    snapshots: int = 30
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "LossSurfaces":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "levels": (0.3, 0.5, 0.6, 0.7, 0.9), "groups": 3, "restarts": 8,
                "steps": 1_500, "batch": 256, "snapshots": 8,
            },
            "laptop": {},
            "paper": {"groups": 20, "steps": 10_000, "batch": 1024},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    @property
    def importance(self) -> tuple[float, float]:
        """I₁ and I₂."""
        return (1.0, self.second_importance)

    def spec(self, *, bias: bool = False, linear: bool = False) -> tm.TrainSpec:
        """All starts at all levels; the one with a bias at p = 0.9 alone."""
        model = tm.Autoencoder(n=2, d=1, bias=bias)
        p = np.array([DENSE] if bias else self.levels)
        return tm.TrainSpec(
            model=model.linear_control() if linear else model,
            features=tm.IndependentFeatures(n=2, probability=p[:, None]),
            importance=np.array(self.importance),
            # No weight decay: the surface is that of the loss alone.
            optimiser=tm.Optimiser(
                name="adam", learning_rate=self.learning_rate, schedule="cosine"
            ),
            seeds=self.groups * (1 if linear else self.restarts),
            steps=self.steps,
            batch=self.batch,
            snapshots=tm.log_spaced_steps(self.steps, self.snapshots, 10),
            seed=self.seed,
        )


def compute(settings: LossSurfaces, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """End points of many starts, the exact optima, and the surfaces."""
    p = np.array(settings.levels)
    run, linear = train(settings.spec()), train(settings.spec(linear=True))
    with_bias = train(settings.spec(bias=True))
    ends = run.by_seed(run.params["W"][:, 0].astype(np.float64))
    losses = exact_loss(
        ends[..., 0], ends[..., 1], probability=p, importance=settings.importance
    )
    bias_losses = expected_loss(
        with_bias.spec.model,
        with_bias.params,
        np.full(with_bias.runs, DENSE),
        np.tile(settings.importance, (with_bias.runs, 1)),
    )
    fine = np.linspace(p[0], p[-1], 37)
    optima = [
        minimise_exact_loss(probability=float(q), importance=settings.importance)
        for q in fine
    ]
    snapshots = run.snapshots.params["W"][:, :, 0].reshape(-1, *ends.shape)
    chosen = [int(np.argmin(np.abs(p - q))) for q in settings.shown]
    return Result(
        arrays={
            "p": p,
            "best": _folded(_best(ends, losses, settings.groups)),
            "best_loss": np.reshape(losses, (settings.groups, -1, len(p))).min(axis=1),
            "linear": _folded(linear.by_seed(linear.params["W"][:, 0])),
            "with_bias": _folded(
                _best(
                    with_bias.by_seed(with_bias.params["W"][:, 0]),
                    with_bias.by_seed(bias_losses),
                    settings.groups,
                )
            )[:, 0],
            # (shown, starts, snaps, 2), each with the sign that it had.
            "paths": snapshots[:, :, chosen].transpose(2, 1, 0, 3),
            "p_fine": fine,
            "optimum": np.array([(o.w1, o.w2) for o in optima]),
            "switch": np.array(_exact_switch(settings.importance)),
        },
        meta={"settings": to_json(settings)},
    )


def plot(result: Result) -> dict[str, Figure]:
    """The surfaces with the starts' paths, and the best weights over p."""
    settings = from_json(result.meta["settings"])
    caption = caption_line(
        loss="sum",
        exponent=2.0,
        optimiser=f"Adam {settings.learning_rate:g} to 0",
        scale=settings.scale,
        fingerprint=content_hash(settings),
        others={
            "seeds": f"{settings.groups} groups of {settings.restarts} starts",
            "batch": settings.batch,
            "steps": f"{settings.steps:,}",
            "init": "xavier_2d",
            "importances": f"1 and {settings.second_importance:g}",
        },
    )
    return {
        "surfaces": _surfaces(result, settings, caption),
        "weights": _weights(result, settings, caption),
    }


def claims(result: Result) -> list[Claim]:
    """The two optima, their losses, the switch, and the confused point."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    p, best = result["p"], result["best"]
    dense, sparse = int(np.argmin(abs(p - DENSE))), int(np.argmin(abs(p - SPARSE)))

    def off(W: np.ndarray, at: float) -> np.ndarray:
        return np.abs(W - OPTIMUM[at]).max(axis=-1)

    found = result["best_loss"][:, [dense, sparse]]
    unit = exact_loss(1.0, -1.0, probability=SPARSE, importance=settings.importance)
    fine, half = np.linspace(0.01, 1.0, 100), np.sqrt(0.5)

    def from_variance(w1: float, w2: float) -> float:
        loss = exact_loss(w1, w2, probability=fine, importance=(1.0, 1.0))
        return float(np.max(np.abs(loss - feature_variance(fine))))

    between = Within(0.5, 0.6)
    return [
        judge(
            id="TMS-24.confused",
            statement="dense features: one confused feature of both, at p = 0.9",
            statistic="largest deviation of a weight of the best of a group",
            expected=str(OPTIMUM[DENSE]),
            samples=off(best[:, dense], DENSE),
            test=SAME_WEIGHTS,
            controls=(
                control("sparse features", off(best[:, sparse], DENSE), SAME_WEIGHTS),
                control(
                    "model with bias", off(result["with_bias"], DENSE), SAME_WEIGHTS
                ),
            ),
            **common,
        ),
        judge(
            id="TMS-24.antipodal",
            statement="at p = 0.5 the best model is an antipodal pair",
            statistic="largest deviation of a weight of the best of a group",
            expected=str(OPTIMUM[SPARSE]),
            samples=off(best[:, sparse], SPARSE),
            test=SAME_WEIGHTS,
            controls=(
                control(
                    "linear model",
                    off(result["linear"][:, sparse], SPARSE),
                    SAME_WEIGHTS,
                ),
            ),
            **common,
        ),
        judge(
            id="TMS-24.losses",
            statement="the exact losses there are 0.0875 and 0.0730",
            statistic="larger deviation of the two losses, best of a group",
            expected=f"{LOSS[DENSE]} and {LOSS[SPARSE]}",
            samples=np.abs(found - [LOSS[DENSE], LOSS[SPARSE]]).max(axis=1),
            test=SAME_LOSSES,
            controls=(
                control("pair of unit length", [abs(unit - LOSS[SPARSE])], SAME_LOSSES),
            ),
            **common,
        ),
        judge(
            id="TMS-24.switch",
            statement="trained models switch between p = 0.5 and 0.6",
            statistic="middle between the last antipodal level of p and the next",
            expected="0.5 to 0.6",
            samples=[switch_point(p, W[:, 1] < 0) for W in best],
            test=between,
            controls=(
                control(
                    "linear model",
                    [switch_point(p, W[:, 1] < 0) for W in result["linear"]],
                    between,
                ),
            ),
            note=f"the exact optimum switches at p = {result['switch']:.4f}",
            **common,
        ),
        judge(
            id="TMS-24.equal",
            statement="for equal importances w₁ = w₂ = 1/√2 costs p/3 − p²/4",
            statistic="largest deviation over 100 values of p",
            expected=0.0,
            samples=[from_variance(half, half)],
            test=AtMost(1e-12),
            exact=True,
            controls=(
                control("opposite signs", [from_variance(half, -half)], AtMost(1e-12)),
            ),
            **common,
        ),
    ]


def switch_point(
    p: Float[np.ndarray, " levels"], antipodal: Bool[np.ndarray, " levels"]
) -> float:
    """Middle between the largest p that is antipodal and the next level; 0 for none."""
    places = np.flatnonzero(antipodal)
    if not places.size:
        return 0.0
    last = int(places[-1])
    return float(p[last] + p[min(last + 1, len(p) - 1)]) / 2


def _best(
    ends: Float[np.ndarray, "starts levels 2"],
    losses: Float[np.ndarray, "starts levels"],
    groups: int,
) -> Float[np.ndarray, "groups levels 2"]:
    """The end point of lowest loss of each group and level."""
    return ends.reshape(-1, 2)[best_of_groups(losses, len(losses) // groups)]


def _folded(W: Float[np.ndarray, "*runs 2"]) -> Float[np.ndarray, "*runs 2"]:
    """The one of W and −W, the same model, whose first weight is positive."""
    return W * np.where(W[..., :1] < 0, -1.0, 1.0)


def _exact_switch(importance: tuple[float, float]) -> float:
    """The p at which the exact optimum changes its kind, by bisection."""
    low, high = 0.1, 1.0
    for _ in range(14):
        middle = (low + high) / 2
        kind = minimise_exact_loss(probability=middle, importance=importance).kind
        low, high = (middle, high) if kind == "antipodal" else (low, middle)
    return (low + high) / 2


def _surfaces(result: Result, settings: LossSurfaces, caption: str) -> Figure:
    w = np.linspace(-1.5, 1.5, 181)
    surfaces = {}
    for p, paths in zip(settings.shown, result["paths"], strict=True):
        optimum = result["optimum"][np.argmin(np.abs(result["p_fine"] - p))]
        ends = paths[:, -1]
        antipodal = (ends[:, 0] * ends[:, 1] < 0).mean()
        surfaces[f"p = {p:g}: {antipodal:.0%} antipodal"] = Surface(
            exact_loss(w, w[:, None], probability=p, importance=settings.importance),
            {"end of training": ends, "exact optimum": np.stack([optimum, -optimum])},
            paths,
        )
    return surface_panels(
        w,
        w,
        surfaces,
        xlabel="$w_1$",
        ylabel="$w_2$",
        value_label="exact loss",
        limit=0.36,
        path_label="training",
        title=TITLE,
        caption=f"{caption} · W and −W are the same model",
    )


def _weights(result: Result, settings: LossSurfaces, caption: str) -> Figure:
    p, fine, optimum = result["p"], result["p_fine"], result["optimum"].copy()
    # A gap where the optimum jumps, instead of a line across.
    jump = int(np.flatnonzero(np.diff(np.sign(optimum[:, 1])))[0])
    optimum = np.insert(optimum, jump + 1, np.nan, axis=0)
    fine = np.insert(fine, jump + 1, float(result["switch"]))
    return curve_figure(
        [
            over_seeds("$w_1$, best of a group", p, result["best"][..., 0]),
            over_seeds("$w_2$, best of a group", p, result["best"][..., 1]),
            over_seeds("$w_2$, linear model", p, result["linear"][..., 1], color=5),
            Curve("exact optimum", fine, optimum[:, 0], dashed=True, color=6),
            Curve("", fine, optimum[:, 1], dashed=True, color=6),
        ],
        xlabel="feature probability p",
        ylabel="weight",
        xlines={f"exact switch at p = {result['switch']:.3f}": float(result["switch"])},
        title="Antipodal for sparse features, one confused feature for dense ones",
        caption=f"{caption} · median over groups, band from lowest to highest",
    )
