"""DD-2, DD-20: few points are memorised on a regular polygon, features are in disorder.

Figures: hidden vectors of T = 3, 5, 6, 8 training points, and the columns of W, after
Henighan et al. 2023, *Superposition, Memorization, and Double Descent* ("data
points on polygons"). A model with two hidden dimensions that sees few points learns
the points, not the features: each takes 1/T of the plane. Some restarts do not get
there: they leave points on two circles or drop one, at a higher training loss.

Claims, with thresholds fixed before the runs, for the best of k restarts by training
loss. DD-2, for T = 5, 6, 8: gaps between neighbours are within 5 % of 2π/T; D_X is 2/T
± 0.02 for every point. Controls: the features of W permuted, so that points and
features no longer belong together; the linear model. DD-20: the best restart never
leaves points on two circles (a point less than 0.7 times as far out as another; on
calibration seed 1 failures had 0.55 at most, successes 0.74 at least). Control: a
restart at random.

One sample of a claim is one data set. Two points share n(1 − S)² = 0.05 features on
average, 0.01 in the source; the polygon of `toymodels.theory.tgon` is exact where they
share none. What calibration (seed 1) showed: many irregular polygons have a training
loss of zero too, and only the weight decay prefers the regular one.
Run time at laptop scale: 30 s on two cores.

Axis letters: `sets` data sets, `restarts`, `polygons` values of T, d = 2, T points.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.dd._vectors import GAP, gap_error, longest, padded
from experiments.finite_models import FiniteModels, hidden_points
from toymodels.claims import AtMost, Claim, control, judge
from toymodels.config import check_choice, check_count, from_json, settings, to_json
from toymodels.geometry import feature_dimensionality
from toymodels.plotting import vector_panels
from toymodels.result import Result

IDS = ("DD-2", "DD-20")
TITLE = "Few data points lie on regular polygons"
SOURCE = "Henighan et al. 2023, data points on polygons; optimisation failures"

SHARE = 0.02
SHOWN = 60  # columns of W in a panel
CIRCLES = 0.7  # lengths below this share of the largest are another circle


@settings
class PointsOnPolygons(FiniteModels):
    """Settings of DD-2 and DD-20."""

    n: int = 2000
    sparsity: float = 0.995
    weight_decay: float = 5e-2  # 5 times the source's, whose steps are 5 times as many
    polygons: tuple[int, ...] = (3, 5, 6, 8)
    judged: tuple[int, ...] = (5, 6, 8)  # those of the claims
    sets: int = 5
    restarts: int = 5

    def __post_init__(self):
        super().__post_init__()
        check_count("sets", self.sets)
        for points in self.polygons:
            check_count("polygons", points, minimum=3)

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets: dict[str, dict[str, Any]] = {
            "smoke": {"n": 60, "sparsity": 0.9, "sets": 3, "restarts": 2, "steps": 500},
            "laptop": {},
            "paper": {
                "n": 10_000, "sparsity": 0.999, "steps": 50_000, "sets": 10,
                "weight_decay": 1e-2,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def data(self) -> list[tm.FiniteDataset]:
        """A data set for each member: T-major."""
        return [self.dataset(T, k) for T in self.polygons for k in range(self.sets)]


def compute(
    settings: PointsOnPolygons, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Hidden points and training loss of every restart, trained and controls."""
    data = settings.data()
    spec = settings.spec(tm.stack_datasets(data))
    linear_model = spec.model.linear_control()
    run = train(spec)
    linear = train(settings.spec(spec.features, model=linear_model, seeds=1))
    order = np.random.default_rng(settings.seed).permutation(settings.n)
    W, W_linear = (of.by_seed(of.params["W"]) for of in (run, linear))
    shape = (settings.restarts, len(settings.polygons), settings.sets)
    arrays = {
        "loss": run.by_seed(run.final_loss()).reshape(shape),
        "W": W.reshape(*shape, settings.d, settings.n)[:, :, 0],
    }
    for level, points in enumerate(settings.polygons):
        members = range(level * settings.sets, (level + 1) * settings.sets)
        for name, weights in (
            ("hidden", W),
            ("permuted", W[..., order]),
            ("linear", W_linear),
        ):
            arrays[f"{name}_{points}"] = np.stack(
                [hidden_points(weights[:, m], data[m]) for m in members], axis=1
            )
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Points and features of the best restart, and the restarts of one data set."""
    settings = from_json(result.meta["settings"])
    best = lowest(result["loss"])[:, 0]
    hidden = [
        result[f"hidden_{T}"][best[level], 0]
        for level, T in enumerate(settings.polygons)
    ]
    most = max(settings.polygons)
    features = [result["W"][best[k], k] for k in range(len(settings.polygons))]
    columns = [longest(W, SHOWN) for W in features]
    caption = settings.caption(
        restarts=f"best of {settings.restarts} by training loss", seed=settings.seed
    )
    worst = max(
        gap_error(best_points(result, settings, T)).max() for T in settings.judged
    )
    return {
        "points": vector_panels(
            np.stack([padded(points, most) for points in hidden]),
            titles=[f"T = {T}" for T in settings.polygons],
            columns=6,
            title=f"{TITLE}: largest error of a gap {worst:.1%}",
            caption=f"hidden vectors of the points, first data set · {caption}",
        ),
        "features": vector_panels(
            np.stack(columns),
            titles=[f"T = {T}" for T in settings.polygons],
            columns=6,
            title="The same models: their features are in disorder",
            caption=f"the {SHOWN} longest columns of W, first data set · {caption}",
        ),
        "restarts": _restarts(result, settings, caption),
    }


def _restarts(result: Result, settings: PointsOnPolygons, caption: str) -> Figure:
    """All restarts at the T with the most failures, from the best to the worst."""
    missed = {T: misses(result[f"hidden_{T}"]).sum() for T in settings.polygons}
    T = max(missed, key=lambda T: missed[T])
    level = settings.polygons.index(T)
    which = int(misses(result[f"hidden_{T}"]).sum(axis=0).argmax())
    loss = result["loss"][:, level, which]
    order = np.argsort(loss)
    total = settings.restarts * settings.sets
    return vector_panels(
        result[f"hidden_{T}"][order, which],
        titles=[f"loss {loss[k]:.3g}" for k in order],
        title=f"Restarts at T = {T}: {missed[T]} of {total} end on two circles",
        caption=f"hidden vectors of one data set, best restart first · {caption}",
    )


def claims(result: Result) -> list[Claim]:
    """Regular polygons, their D_X, and what the best restart is worth."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "scale": settings.scale}
    gap, share = AtMost(GAP), AtMost(SHARE)
    found = []
    for T in settings.judged:
        best = best_points(result, settings, T)
        others = {
            "features of W permuted": best_points(result, settings, T, "permuted"),
            "linear model": best_points(result, settings, T, "linear"),
        }
        found += [
            judge(
                id=f"DD-2.gaps_{T}",
                experiment="DD-2",
                statement=f"{T} data points lie on a regular {T}-gon",
                statistic="largest error of a gap between neighbours, in 2π/T",
                expected=0.0,
                samples=gap_error(best),
                test=gap,
                controls=[
                    control(name, gap_error(points), gap)
                    for name, points in others.items()
                ],
                **common,
            ),
            judge(
                id=f"DD-2.share_{T}",
                experiment="DD-2",
                statement=f"each of {T} points has {settings.d}/{T} of a dimension",
                statistic="largest |D_X − 2/T| of the points",
                expected=0.0,
                samples=share_error(best),
                test=share,
                controls=[
                    control(name, share_error(points), share)
                    for name, points in others.items()
                ],
                **common,
            ),
        ]
    return [*found, _failures(result, settings, common)]


def _failures(
    result: Result, settings: PointsOnPolygons, common: dict[str, Any]
) -> Claim:
    """Best of several restarts removes local optima."""
    missed = np.stack([misses(result[f"hidden_{T}"]) for T in settings.polygons], 1)
    best = lowest(result["loss"])[None]
    rng = np.random.default_rng(settings.seed)
    drawn = rng.integers(0, settings.restarts, best.shape)
    never = AtMost(0.0)
    return judge(
        id="DD-20.best",
        experiment="DD-20",
        statement="the best of several restarts has all points on one circle",
        statistic=f"share of {len(settings.polygons)} values of T with two circles",
        expected=0.0,
        samples=np.take_along_axis(missed, best, axis=0)[0].mean(axis=0),
        test=never,
        aggregate="mean",
        controls=[
            control(
                "a restart at random",
                np.take_along_axis(missed, drawn, axis=0)[0].mean(axis=0),
                never,
                aggregate="mean",
            ),
        ],
        **common,
    )


def lowest(
    loss: Float[np.ndarray, "restarts polygons sets"],
) -> Int[np.ndarray, "polygons sets"]:
    """The restart with the lowest loss; one that diverged only if all did."""
    return np.where(np.isfinite(loss), loss, np.inf).argmin(axis=0)


def best_points(
    result: Result, settings: PointsOnPolygons, points: int, kind: str = "hidden"
) -> Float[np.ndarray, "sets d T"]:
    """Hidden points of each data set in its restart of lowest training loss."""
    best = lowest(result["loss"])[settings.polygons.index(points)]
    if kind == "linear":  # of which there is one restart
        best = np.zeros_like(best)
    return result[f"{kind}_{points}"][best, np.arange(settings.sets)]


def share_error(
    points: Float[np.ndarray, "*models 2 T"],
) -> Float[np.ndarray, "*models"]:
    """Largest |D_X − 2/T| of the points of a model."""
    share = np.asarray(feature_dimensionality(points))
    return np.abs(share - 2 / points.shape[-1]).max(axis=-1)


def misses(points: Float[np.ndarray, "*models 2 T"]) -> np.ndarray:
    """Which models have a point much nearer to the origin than another one."""
    length = np.linalg.norm(points, axis=-2)
    # So that a model that diverged has missed it.
    return ~(length.min(axis=-1) >= CIRCLES * length.max(axis=-1))
