"""TMS-10: the dimensionality of every feature, and the polytopes behind the fractions.

Figure: D_i of every feature against 1/(1−S) with lines at simple fractions, and feature
graphs at named levels, after Elhage et al. 2022, *Toy Models of Superposition*, "The
Geometry of Superposition".

Most features do *not* sit at a named fraction, and nothing here says so. Claims, with
thresholds fixed before the runs: the line rule, over the pool of all seeds and of all
levels with D* < 0.95: a line at 1/2, and one at any of 3/4, 2/3, 2/5, 3/8. (Its
condition (i) is TMS-9.) A line takes 10 features within 0.005, and twice as many as
beside it. Controls, which must have no line: untrained weights, D_i moved by up to
±0.05, uniform D_i, the linear model. The second line is fragile. On calibration seeds
(seed 1) a run with batches of 1,024 had it at 2/5 (19 features against 1 and 6); of
five runs with the 256 used here, three had one and their pool did not. So a third claim
looks at the shapes themselves: some components of the interference graph are named
polytopes other than digons, with 10 features or more in each seed, over all levels (the
five runs had 27 to 49).

One sample of a claim is one seed. Run time at laptop scale: 10 s on two idle cores,
after the runs of TMS-9.

Axis letters: `seeds`, `levels` of p, n features, d hidden dimensions.
"""

import functools
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import jax
import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._lines import clearest, line_margin, superposed_pools
from experiments.tms._many_features import X_LABEL, ManyFeatures
from experiments.tms._polytopes import JOINED, features_in_polytopes, shape_counts
from toymodels.claims import AtLeast, Claim, Control, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.geometry import (
    column_norms,
    cosines,
    dimensions_per_feature,
    feature_dimensionality,
    interference_graph,
    is_represented,
    jittered_dimensionality,
    line_rule,
    uniform_dimensionality,
    unit_columns,
)
from toymodels.geometry.line_rule import (
    ENOUGH,
    HALF,
    OTHER_FRACTIONS,
    SUPERPOSED,
    WINDOW,
)
from toymodels.plotting import (
    Curve,
    FeatureGraph,
    curve_figure,
    dimensionality_scatter,
)
from toymodels.result import Result

ID = "TMS-10"
TITLE = "Dimensionality of every feature, from dense to sparse"
SOURCE = "Elhage et al. 2022, The Geometry of Superposition"


@settings
class DimensionalityScatter(ManyFeatures):
    """Settings of TMS-10, all of them those of the ensemble."""


def compute(
    settings: DimensionalityScatter, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """D_i of every feature and control, and the polytopes of every model."""
    run, linear = train(settings.spec()), train(settings.linear_spec())
    W = run.by_seed(run.params["W"])
    W_linear = linear.by_seed(linear.params["W"])
    untrained = run.by_seed(run.snapshots.params["W"][0])
    # Trained lengths, so that the same features count as represented.
    random = np.asarray(unit_columns(untrained) * column_norms(W)[..., None, :])
    D = np.asarray(feature_dimensionality(W))
    jitter, uniform = jax.random.split(jax.random.key(settings.seed))
    return Result(
        arrays={
            "p": settings.probability(),
            "d_star": np.asarray(dimensions_per_feature(W)),
            "D": D,
            "D_untrained": np.asarray(feature_dimensionality(untrained)),
            "D_jittered": np.asarray(jittered_dimensionality(jitter, D)),
            "D_uniform": np.asarray(uniform_dimensionality(uniform, D.shape)),
            "D_linear": np.asarray(feature_dimensionality(W_linear)),
            "in_polytopes": features_in_polytopes(W),
            "in_polytopes_random": features_in_polytopes(random),
            "in_polytopes_linear": features_in_polytopes(W_linear),
            "W": W[0],
        },
        meta={"settings": to_json(settings), "shapes": [shape_counts(w) for w in W[0]]},
    )


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The scatter with graphs of one seed below it, and the histogram of the pool."""
    settings = from_json(result.meta["settings"])
    D, levels = result["D"], len(result["p"])
    scatter = dimensionality_scatter(
        1 / result["p"],
        np.moveaxis(D, 0, 1).reshape(levels, -1),
        xlabel=X_LABEL,
        ylabel=r"$D_i$ of each feature, all seeds",
        title=TITLE,
        caption=f"{settings.caption()} · graphs: represented features of the first "
        f"seed, joined where |cos| > {JOINED}",
        graphs=[_graph(result, level) for level in _named_levels(result)],
        dimensions=np.nanmedian(result["d_star"], axis=0),
        dimensions_name=r"$D^*$",
    )
    return {"scatter": scatter, "histogram": _histogram(result, settings.caption())}


def claims(result: Result) -> list[Claim]:
    """A line at 1/2, a line elsewhere, and polytopes."""
    settings = from_json(result.meta["settings"])
    pools = superposed_pools(result["D"], result["d_star"])
    other = clearest(pools, OTHER_FRACTIONS)
    alone = line_rule(result["D"], result["d_star"]).per_seed
    seeds = len(alone)
    margin, features = AtLeast(0.0), AtLeast(ENOUGH)
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}

    def controls(fractions: tuple[Fraction, ...]) -> tuple[Control, ...]:
        return tuple(_no_line(result, name, fractions, margin) for name in CONTROLS)

    def in_polytopes(name: str) -> np.ndarray:
        return result[name].sum(axis=1)

    return [
        judge(
            id="TMS-10.half",
            statement="D_i has a line at 1/2, over the pool of all seeds",
            statistic="features at 1/2 less those that a line needs, mean per seed",
            expected="180, against 0 and 1 beside it, in a pilot of one seed",
            samples=line_margin(pools, HALF),
            test=margin,
            aggregate="mean",
            controls=controls((HALF,)),
            note=f"alone, {sum(v.half.found for v in alone)} of {seeds} seeds have it",
            **common,
        ),
        judge(
            id="TMS-10.others",
            statement="D_i has a line at 3/4, 2/3, 2/5 or 3/8, over the same pool",
            statistic=f"features at {other}, the clearest of them, less those that a "
            "line needs, mean per seed",
            expected="none in a pilot of one seed",
            samples=line_margin(pools, other),
            test=margin,
            aggregate="mean",
            controls=controls(OTHER_FRACTIONS),
            note="alone, "
            f"{sum(any(line.found for line in v.others) for v in alone)} of {seeds} "
            f"seeds have one, and {sum(v.passed for v in alone)} pass the whole rule",
            **common,
        ),
        judge(
            id="TMS-10.polytopes",
            statement="some features form polytopes other than digons",
            statistic="features in components that match one, sum over levels",
            expected="triangles, tetrahedra, pentagons, square antiprisms",
            samples=in_polytopes("in_polytopes"),
            test=features,
            controls=(
                control(
                    "untrained directions",
                    in_polytopes("in_polytopes_random"),
                    features,
                ),
                control("linear model", in_polytopes("in_polytopes_linear"), features),
            ),
            **common,
        ),
    ]


CONTROLS = {
    "untrained W": "D_untrained",
    "jittered by ±0.05": "D_jittered",
    "uniform": "D_uniform",
    "linear model": "D_linear",
}


def _no_line(
    result: Result, name: str, fractions: tuple[Fraction, ...], test: AtLeast
) -> Control:
    """A control at its own clearest fraction, pooled like the trained model."""
    D = result[CONTROLS[name]]
    pools = superposed_pools(D, result["d_star"][: len(D)])
    samples = line_margin(pools, clearest(pools, fractions))
    return control(name, samples, test, aggregate="mean")


def _named_levels(result: Result) -> list[int]:
    """Levels of the first seed: the richest in each common shape, and the last."""
    shapes = result.meta["shapes"]
    total: Counter[str] = Counter()
    for counts in shapes:
        total.update({name: features for name, (_, features) in counts.items()})

    def features_of(name: str, level: int) -> int:
        return shapes[level].get(name, (0, 0))[1]

    named = [k for k, _ in total.most_common() if k not in ("single", "unmatched")]
    richest = {
        max(range(len(shapes)), key=functools.partial(features_of, name))
        for name in named[:4]
    }
    chosen = sorted(richest | {len(shapes) - 1})
    return [level for level in chosen if shapes[level]]


def _graph(result: Result, level: int) -> FeatureGraph:
    """Represented features of the first seed at one level."""
    W, counts = result["W"][level], result.meta["shapes"][level]
    shown = np.asarray(is_represented(W))
    weight = interference_graph(W, threshold=JOINED) * np.asarray(cosines(W)) ** 2
    names = sorted(counts, key=lambda name: counts[name][1], reverse=True)[:3]
    return FeatureGraph(
        adjacency=weight[np.ix_(shown, shown)],
        title=f"S = {1 - result['p'][level]:.2f}\n"
        + "\n".join(f"{counts[name][0]} × {name}" for name in names),
        level=level,
    )


def _histogram(result: Result, caption: str) -> Figure:
    """Pooled features within the line rule's window around every value of D."""
    centres = np.arange(0.3, 0.8, WINDOW / 2)

    def curve(label: str, name: str, dashed: bool = False) -> Curve:
        D = result[name]
        pools = superposed_pools(D, result["d_star"][: len(D)])
        pool = np.sort(np.concatenate(pools))
        low, high = (np.searchsorted(pool, centres + w) for w in (-WINDOW, WINDOW))
        return Curve(label, centres, high - low, dashed=dashed)

    return curve_figure(
        [
            curve("trained", "D"),
            *(curve(name, array, True) for name, array in CONTROLS.items()),
        ],
        xlabel="$D$",
        ylabel=f"features with $|D_i - D|$ ≤ {WINDOW}, all seeds",
        yscale="symlog",
        xlines={str(f): float(f) for f in (HALF, *OTHER_FRACTIONS)},
        title="Where feature dimensionalities pile up",
        caption=f"{caption} · levels with D* < {SUPERPOSED}",
    )
