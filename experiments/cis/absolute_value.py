"""CIS-1: absolute values, feature by feature: every one is computed, or half of them.

Figure: the error of every feature, sorted, over that of an output which is always 0, in
networks ŷ = W₂ ReLU(W₁ x) + b that were trained to give |x_i| for 20 sparse features,
with 40, 20 and 10 neurons; after Elhage et al. 2022, *Toy Models of Superposition*,
"Computation in Superposition", whose neurons are looked at in TMS-21 to TMS-23. There,
|x| = ReLU(x) + ReLU(−x) takes two neurons a feature, so 40 is enough and 10 serves 5
without superposition. Here is the table that those figures lack.

Claims, fixed before the runs (the catalogue refers to TMS-21, and a feature counts as
solved below 10 % of the ignored error): with two neurons a feature at least 95 % of the
features are solved (control: the linear model, which has no use for |x|); with half a
neuron a feature, the loss is at most 0.95 of that of a naive network, which solves 5
and has 15 at their mean, p/3 − p²/4 (controls: the linear model; features that are
always on, for which there is no superposition).

M4's ReLU on the output is drawn as well. On calibration seed 1 it kept three quarters
of the sparse features at half of the ignored error, even with 40 neurons: an output
below 0 sends no gradient, so that the neuron for the second sign is never found. TMS-21
meets that with restarts; the claims here are judged without that ReLU. One sample of a
claim is one seed. Run time at laptop scale: about 10 s on two idle cores.

Axis letters: `seeds`, `widths` numbers of neurons, n features.
"""

from collections.abc import Callable

import jax
import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.plotting import caption_line, over_seeds, small_multiples
from toymodels.probes import feature_errors
from toymodels.result import Result
from toymodels.theory import absolute_moment

ID = "CIS-1"
TITLE = "Absolute values, feature by feature"
SOURCE = "Elhage et al. 2022, Computation in Superposition"
KINDS = {
    "relu": "ReLU",
    "output": "ReLU, on the output too",
    "linear": "linear model",
    "dense": "ReLU, p = 1",
}


@settings
class AbsoluteValueTable:
    """Settings of CIS-1."""

    n: int = 20
    widths: tuple[int, ...] = (10, 20, 40)  # the first and the last are judged
    probability: float = 0.05
    seeds: int = 5
    steps: int = 5_000
    batch: int = 512
    samples: int = 32_768
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "AbsoluteValueTable":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 6, "widths": (3, 12), "seeds": 2, "steps": 200, "batch": 64,
                "samples": 4_096, "probability": 0.2,
            },
            "laptop": {},
            "paper": {"n": 100, "widths": (40, 100, 200), "steps": 30_000, "seeds": 10},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def spec(self, kind: str, neurons: int) -> tm.TrainSpec:
        """One of the ensembles."""
        model = tm.ComputationModel(
            n=self.n,
            neurons=neurons,
            activation="relu" if kind == "output" else "identity",
        )
        return tm.TrainSpec(
            model=model.linear_control() if kind == "linear" else model,
            features=tm.IndependentFeatures(
                n=self.n,
                probability=self.p(kind),
                values="signed",
            ),
            objective=tm.Objective(target="abs"),
            optimiser=tm.preset("cis").optimiser,
            learning_rate=3e-3,  # a guess; the preset's 1e-2 is for larger batches
            seeds=self.seeds,
            steps=self.steps,
            batch=self.batch,
            seed=self.seed,
        )

    def p(self, kind: str) -> float:
        """Probability of a feature."""
        return 1.0 if kind == "dense" else self.probability

    def naive(self, kind: str, neurons: int) -> float:
        """Loss of solving one feature for every two neurons, over ignoring all.

        The others are at their mean: p/3 − p²/4 instead of p/3.
        """
        return max(self.n - neurons // 2, 0) / self.n * (1 - 0.75 * self.p(kind))


def compute(
    settings: AbsoluteValueTable, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """The table of every network, over the cost of an ignored feature."""
    arrays = {}
    for kind in KINDS:
        for width in settings.widths:
            spec = settings.spec(kind, width)
            run = train(spec)
            table = feature_errors(
                spec.model,
                run.params,
                spec.objective,
                spec.features,
                jax.random.key(settings.seed),
                exponents=(2.0,),
                samples=settings.samples,
            )
            ignored = float(absolute_moment(settings.p(kind), values="signed"))
            arrays |= {
                f"{kind}/{width}/errors": table.mean[:, 0] / ignored,
                f"{kind}/{width}/standard_error": table.standard_error[:, 0] / ignored,
                f"{kind}/{width}/variation": table.variation()[:, 0],
                f"{kind}/{width}/solved": table.solved()[:, 0],
                f"{kind}/{width}/active": table.active,
            }
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Every feature's error, sorted, one panel a width."""
    settings = from_json(result.meta["settings"])
    rank = np.arange(1, settings.n + 1)
    p = settings.probability
    return {
        "features": small_multiples(
            {
                f"{width} neurons for {settings.n} features": [
                    over_seeds(
                        label,
                        rank,
                        np.sort(result[f"{kind}/{width}/errors"], axis=1),
                    )
                    for kind, label in KINDS.items()
                ]
                for width in settings.widths
            },
            xlabel="features, sorted",
            ylabel="squared error over ignored",
            references={"ignored": 1.0, "at its mean": 1 - 0.75 * p},
            title=TITLE,
            caption=caption_line(
                seeds=settings.seeds,
                loss="sum",
                exponent=2.0,
                optimiser="cis, 3e-3",
                scale=settings.scale,
                fingerprint=content_hash(settings),
                others={
                    "p": p,
                    "steps": f"{settings.steps:,}",
                    "batch": settings.batch,
                    "samples": f"{settings.samples:,}",
                    "bands": "all seeds",
                },
            ),
        )
    }


def claims(result: Result) -> list[Claim]:
    """All solved with two neurons each, and better than naive with half a neuron."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    few, many = settings.widths[0], settings.widths[-1]
    all_of, below = AtLeast(0.95), AtMost(0.95)

    def solved(kind: str) -> np.ndarray:
        return result[f"{kind}/{many}/solved"]

    def over_naive(kind: str) -> np.ndarray:
        return result[f"{kind}/{few}/errors"].mean(axis=1) / settings.naive(kind, few)

    variation = np.median(result[f"relu/{few}/variation"])
    share = np.median(result[f"relu/{few}/solved"])
    return [
        judge(
            id="CIS-1.all_solved",
            statement="with two neurons a feature, every absolute value is computed",
            statistic=f"share of features solved with {many} neurons",
            expected=1.0,
            samples=solved("relu"),
            test=all_of,
            controls=(control("linear model", solved("linear"), all_of),),
            note=f"with a ReLU on the output {np.median(solved('output')):.2g}",
            **common,
        ),
        judge(
            id="CIS-1.superposition",
            statement="with half a neuron a feature, sparse ones are computed better "
            "than one by one",
            statistic=f"loss over naive with {few} neurons",
            expected="< 1",
            samples=over_naive("relu"),
            test=below,
            controls=(
                control("linear model", over_naive("linear"), below),
                control("features always on", over_naive("dense"), below),
            ),
            note=f"CV over features {variation:.3g}; solved {share:.3g}; with a ReLU "
            f"on the output {np.median(over_naive('output')):.3g}",
            **common,
        ),
    ]
