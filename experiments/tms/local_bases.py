"""TMS-15: correlated features form local, almost orthogonal bases.

Figure: WᵀW of a model with two sets of ten correlated features in ten dimensions, after
Elhage et al. 2022, *Toy Models of Superposition*, "Local almost-orthogonal bases".
Within a set, whose features are on together, interference would cost most, and WᵀW is
nearly diagonal; what superposition there is lies between the sets.

Claim: the mean |W_i·W_j| of features of one set is at most half of that of features of
different sets. Controls: the same weights with features put into two sets at random;
independent features of the same probability; the linear model.

The source names neither sizes nor density; n = 20, d = 10 and p = 0.05 are guesses,
made before any run. One sample of the claim is one seed. Run time at laptop scale: 6 s
on two cores.

Axis letters: `seeds`, n features.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._sets import SOURCE, correlated_sets, over_assignments
from toymodels.claims import AtMost, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.geometry import column_norms, gram
from toymodels.plotting import caption_line, gram_panels
from toymodels.result import Result

ID = "TMS-15"
TITLE = "Two correlated sets make two almost orthogonal bases of the same space"

KINDS = ("correlated", "independent", "linear")


@settings
class LocalBases:
    """Settings of TMS-15."""

    sets: int = 2
    size: int = 10  # features in a set; a guess
    d: int = 10  # one dimension for each feature of one set; a guess
    probability: float = 0.05  # a guess
    seeds: int = 5
    steps: int = 10_000
    batch: int = 256
    divisions: int = 200  # random ones, in the control
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "LocalBases":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "size": 5, "d": 5, "seeds": 3, "steps": 500, "batch": 64,
                "divisions": 20,
            },
            "laptop": {},
            "paper": {"seeds": 20, "batch": 1024},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def specs(self) -> dict[str, tm.TrainSpec]:
        """The ensembles by kind."""
        model = tm.Autoencoder(n=self.sets * self.size, d=self.d)
        correlated = correlated_sets(self.sets, self.size, self.probability)
        independent = tm.IndependentFeatures(n=model.n, probability=self.probability)
        made = (
            (model, correlated), (model, independent),
            (model.linear_control(), correlated),
        )  # fmt: skip
        return {
            kind: tm.TrainSpec(
                model=model,
                features=features,
                optimiser=tm.preset("tms").optimiser,
                seeds=self.seeds,
                steps=self.steps,
                batch=self.batch,
                seed=self.seed,
            )
            for kind, (model, features) in zip(KINDS, made, strict=True)
        }


def compute(settings: LocalBases, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """The weights of the correlated model and of its two controls."""
    arrays = {}
    for kind, spec in settings.specs().items():
        run = train(spec)
        arrays |= {f"W/{kind}": run.params["W"], f"b/{kind}": run.params["b"]}
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> Figure:
    """WᵀW of the first seed of each kind, with lengths."""
    settings = from_json(result.meta["settings"])
    W = np.stack([result[f"W/{kind}"][0] for kind in KINDS])
    ratio = [within_over_across(w, settings.sets) for w in W]
    n, p = settings.sets * settings.size, settings.probability
    caption = caption_line(
        seeds=settings.seeds,
        loss="sum",
        exponent=2.0,
        optimiser="tms",
        scale=settings.scale,
        fingerprint=content_hash(settings),
        others={
            "n": n,
            "d": settings.d,
            "p": f"{p:g}",
            "batch": settings.batch,
            "steps": f"{settings.steps:,}",
            "init": "xavier_2d",
        },
    )
    return gram_panels(
        np.asarray(gram(W)),
        titles=[
            f"{name}\nin a set / across: {r:.2f}"
            for name, r in zip(
                (f"{settings.sets} correlated sets", "independent", "linear model"),
                ratio,
                strict=True,
            )
        ],
        title=TITLE,
        caption=f"{caption} · first seed; features in the order of their sets",
        bias=np.stack([result[f"b/{kind}"][0] for kind in KINDS]),
        norms=np.asarray(column_norms(W)),
        columns=3,
    )


def claims(result: Result) -> list[Claim]:
    """Overlaps within a set are small beside those across."""
    settings = from_json(result.meta["settings"])
    sets, half = settings.sets, AtMost(0.5)
    generator = np.random.default_rng(settings.seed)
    orders = np.stack(
        [generator.permutation(sets * settings.size) for _ in range(settings.divisions)]
    )

    def ratios(kind: str) -> np.ndarray:
        return np.array([within_over_across(W, sets) for W in result[f"W/{kind}"]])

    def at_random(kind: str) -> np.ndarray:
        return np.array(
            [
                over_assignments(lambda w: within_over_across(w, sets), W, orders)
                for W in result[f"W/{kind}"]
            ]
        )

    divided = f"mean over {settings.divisions} divisions"
    return [
        judge(
            id="TMS-15.local_bases",
            experiment=ID,
            statement="WᵀW is nearly diagonal within each set of correlated features",
            source=SOURCE,
            statistic="mean |W_i·W_j| within sets, divided by that across sets",
            expected="nearly 0",
            samples=ratios("correlated"),
            test=half,
            controls=(
                control(
                    "sets at random", at_random("correlated"), half, detail=divided
                ),
                # These have no sets of their own.
                control(
                    "independent features",
                    at_random("independent"),
                    half,
                    detail=divided,
                ),
                control("linear model", ratios("linear"), half),
            ),
            scale=settings.scale,
        )
    ]


def within_over_across(W: Float[np.ndarray, "d n"], sets: int) -> float:
    """Mean |W_i·W_j| over pairs in one set, divided by that over pairs across sets."""
    size = W.shape[1] // sets
    overlap = np.abs(W.T @ W)
    same = np.kron(np.eye(sets), np.ones((size, size))).astype(bool)
    within = same & ~np.eye(W.shape[1], dtype=bool)
    return float(overlap[within].mean() / overlap[~same].mean())
