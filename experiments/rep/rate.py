"""REP-7: the more often a point is shown, the more room the model gives it.

Figure: length of the hidden vector of one fixed point, its data-point dimensionality
D_X among fresh samples, and the error of its reconstruction, over the rate q at which
it turns up in an otherwise fresh stream. A design of this project, after Jermyn's
comment on Henighan et al. 2023: that study repeats points of a finite set in the plane,
this one asks whether a direction of a point's own also appears among features in
superposition.

Claims: over the five rates of a seed, the rank correlation of q with ‖h‖, and with D_X,
is at least 0.8; that with the error Σ(x − x̂)² of the point at most −0.8. The first two
were fixed before the runs; the third was added on calibration seed 1, where length and
D_X changed from q = 0 to q = 0.001 and stayed as they were from there on. Control: a
second point with as many active features in the same models, which were never shown it
(q = 0 for it everywhere). In the linear model a point that is shown at all is a
principal component in the end, since all other directions have equal variance: its ‖h‖
jumps as well, so it is drawn, but is no control.

One sample of a claim is one seed, with a point of its own. The models are those of the
figures on detection, which a store trains once.

Axis letters: `seeds`, `rates`, n features, d hidden dimensions.
"""

import dataclasses
from collections.abc import Callable
from typing import Self

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.planted_models import PlantedModels
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import Curve, over_seeds, small_multiples
from toymodels.result import Result
from toymodels.stats import rank_correlation

ID = "REP-7"
TITLE = "A point that turns up again and again in a fresh stream"
SOURCE = "own design, after Jermyn's comment on Henighan et al. 2023"


@settings
class Rate(PlantedModels):
    """Settings of REP-7: those of the ensemble, and of its linear control.

    Args:
        linear_steps: it has converged by then.
        among: fresh samples that D_X is measured among.
    """

    linear_steps: int = 2_000
    among: int = 1_000

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        found = super().preset(scale)
        if scale == "smoke":  # two rates have no rank correlation
            rates = (0.0, 0.01, 0.03, 0.1)
            found = dataclasses.replace(found, rates=rates, linear_steps=300, among=200)
        return found

    def other_points(self) -> Float[np.ndarray, "seeds n"]:
        """A point for each seed that is never shown."""
        return dataclasses.replace(self, seed=self.seed + 1_000_000).points()


def compute(settings: Rate, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """‖h‖, D_X and error of the point and of one never shown, (seeds, rates)."""
    run = train(settings.spec())
    linear = train(settings.linear_spec(steps=settings.linear_steps))
    points, others = settings.points(), settings.other_points()
    arrays = {"rates": np.array(settings.rates)}
    for name, of, point in (
        ("", run, points),
        ("other/", run, others),
        ("linear/", linear, points),
    ):
        W, b = (of.by_seed(of.params[key]) for key in ("W", "b"))
        length, share = room(W, point, samples(settings))
        arrays[f"{name}length"] = unless_diverged(length, W)
        arrays[f"{name}share"] = unless_diverged(share, W)
        arrays[f"{name}error"] = unless_diverged(
            error(W, b, point, relu=of is run), W, b
        )
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def samples(settings: Rate) -> Float[np.ndarray, "n samples"]:
    """Ordinary samples, the same ones for all models, none of them empty."""
    base = tm.IndependentFeatures(n=settings.n, probability=settings.probability)
    # Twice as many as are needed: an empty one has no hidden vector.
    drawn = tm.sample_dataset(base, points=2 * settings.among, seed=settings.seed)
    x = drawn.dense()
    return x[:, (x != 0).any(axis=0)][:, : settings.among]


def room(
    W: Float[np.ndarray, "seeds rates d n"],
    point: Float[np.ndarray, "seeds n"],
    x: Float[np.ndarray, "n samples"],
) -> tuple[Float[np.ndarray, "seeds rates"], Float[np.ndarray, "seeds rates"]]:
    """‖h‖ of a point, and its D_X = ‖h‖²/Σ_j(ĥ·h_j)² among samples and itself."""
    h = np.einsum("srdn,sn->srd", W, point.astype(float))
    square = (h**2).sum(axis=-1)
    overlap = np.einsum("srd,srdn->srn", h, W) @ x.astype(float)
    total = square**2 + (overlap**2).sum(axis=-1)
    share = np.divide(square**2, total, out=np.zeros_like(total), where=total > 0)
    return np.sqrt(square), share


def error(
    W: Float[np.ndarray, "seeds rates d n"],
    b: Float[np.ndarray, "seeds rates n"],
    point: Float[np.ndarray, "seeds n"],
    *,
    relu: bool,
) -> Float[np.ndarray, "seeds rates"]:
    """Σ(x − x̂)² of a point."""
    x = point[:, None, :]
    output = np.einsum("srdn,srdm,sm->srn", W, W, point) + b
    return ((x - (np.maximum(output, 0.0) if relu else output)) ** 2).sum(axis=-1)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """‖h‖, D_X and error over the rate."""
    settings = from_json(result.meta["settings"])
    rates = result["rates"]
    place = np.arange(len(rates))  # 0 has no place on a logarithmic axis
    panels = {
        title: [
            over_seeds("the repeated point", place, result[name]),
            over_seeds("a point never shown", place, result[f"other/{name}"]),
            Curve(
                "the repeated point in the linear model",
                place,
                np.nanmedian(result[f"linear/{name}"], axis=0),
                dashed=True,
            ),
        ]
        for title, name in (
            ("length ‖h‖", "length"),
            ("data-point dimensionality $D_X$", "share"),
            ("error $\\|x - \\hat x\\|^2$", "error"),
        )
    }
    before, after = np.nanmedian(result["error"], axis=0)[[0, -1]]
    figure = small_multiples(
        panels,
        xlabel="q, share of samples",
        ylabel="",
        columns=3,
        sharey=False,
        title=f"{TITLE}: error {before:.2f} at q = {rates[0]:g}, {after:.2f} at "
        f"q = {rates[-1]:g}",
        caption=f"{settings.caption()} · D_X among {settings.among:,} samples · "
        "median over seeds, band from lowest to highest",
    )
    for axes in figure.axes[:3]:
        axes.set_xticks(place, [f"{rate:g}".removeprefix("0") or "0" for rate in rates])
        axes.set_ylim(bottom=0.0)
    return {"rate": figure}


def claims(result: Result) -> list[Claim]:
    """Length and D_X of the point rise with the rate, its error falls."""
    settings = from_json(result.meta["settings"])
    rates = result["rates"]
    rises, falls = AtLeast(0.8), AtMost(-0.8)

    def correlations(name: str) -> np.ndarray:
        return np.array([rank_correlation(rates, row) for row in result[name]])

    return [
        judge(
            id=f"REP-7.{name}",
            experiment=ID,
            statement=f"the more often a point is shown, the {what}",
            source=SOURCE,
            statistic=f"rank correlation of {symbol} with q over {len(rates)} rates",
            expected=str(test),
            samples=correlations(name),
            test=test,
            controls=(
                control("a point never shown", correlations(f"other/{name}"), test),
            ),
            scale=settings.scale,
        )
        for name, what, symbol, test in (
            ("length", "longer its hidden vector", "‖h‖", rises),
            ("share", "larger its share of the hidden space", "D_X", rises),
            ("error", "better the model reproduces it", "its error", falls),
        )
    ]
